//! `[pure]` What can be wrong with a setting, in words.

use std::fmt;

use crate::config::{PathError, ProjectError};
use crate::env_name::{EnvName, NameError};
use crate::error::CliError;
use crate::template::TemplateError;

/// What was wrong with a setting; `from` is the option or variable it came from.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum Error {
    NoCommand,
    NoPath,
    NotUtf8 { source: String },
    NotABoolean { source: String },
    NotAChoice { source: String, value: String, choices: &'static str },
    NotAPath { source: String, value: String, fault: PathError },
    NotAUser { source: String, value: String, fault: PathError },
    NotAName { source: String, value: String, fault: NameError },
    NotAPrefix { source: String, value: String },
    NotANumber { source: String, value: String },
    NotADuration { source: String, value: String },
    NotAnAssignment { source: String },
    NotAnAssignedName { source: String, fault: NameError },
    NotAMode { source: String, value: String },
    Template { source: String, name: EnvName, fault: TemplateError },
    Twice { name: EnvName },
    NotAnAddress { source: String, value: String, fault: &'static str },
    NotANamespace { source: String },
    NotAProxy { source: String },
    NotAHostName { source: String, value: String },
    ConfigOrNot,
    Alone { source: String, other: &'static str },
    Lacks { auth: &'static str, what: &'static str },
    KeepWithoutPristine,
    KeepsCredential { name: String },
    VersionInKv1 { source: String, path: String },
    MountAlone { source: String, path: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => f.write_str("no program to start"),
            Self::NoPath => f.write_str("no path to read"),
            Self::NotUtf8 { source } => write!(f, "{source}: not UTF-8"),
            Self::NotABoolean { source } => write!(f, "{source}: it is neither true nor false"),
            Self::NotAChoice { source, value, choices } => write!(f, "{source}: `{value}` is not {choices}"),
            Self::NotAPath { source, value, fault } => write!(f, "{source}: `{value}` is not a path: {fault}"),
            Self::NotAUser { source, value, fault } => write!(f, "{source}: `{value}` is not a user name: {fault}"),
            Self::NotAName { source, value, fault } => write!(f, "{source}: `{value}` is {fault}"),
            Self::NotAPrefix { source, value } => write!(f, "{source}: no name can start with `{value}`"),
            Self::NotANumber { source, value } => write!(f, "{source}: `{value}` is not a number from 1"),
            Self::NotADuration { source, value } => write!(f, "{source}: `{value}` is not a duration"),
            Self::NotAnAssignment { source } => write!(f, "{source}: there is no = in it"),
            Self::NotAnAssignedName { source, fault } => write!(f, "{source}: in front of the = stands {fault}"),
            Self::NotAMode { source, value } => write!(f, "{source}: `{value}` is not a mode its owner may read with"),
            Self::Template { source, name, fault } => write!(f, "{source} {name}: {fault}"),
            Self::Twice { name } => write!(f, "{name} is given twice by --set and --file"),
            Self::NotAnAddress { source, value, fault } => write!(f, "{source}: `{value}` is not an address: {fault}"),
            Self::NotANamespace { source } => write!(f, "{source}: a namespace has only visible ASCII characters"),
            Self::NotAProxy { source } => write!(f, "{source}: not the address of an HTTP proxy"),
            Self::NotAHostName { source, value } => write!(f, "{source}: `{value}` is not a host name"),
            Self::ConfigOrNot => f.write_str("--config and --no-config exclude each other"),
            Self::Alone { source, other } => write!(f, "{source}: it needs {other} as well"),
            Self::Lacks { auth, what } => write!(f, "--auth {auth}: it needs {what}"),
            Self::KeepWithoutPristine => f.write_str("--keep-env: everything is kept without --pristine"),
            Self::KeepsCredential { name } => write!(f, "--keep-env: {name} is for vault-exec and never passed on"),
            Self::VersionInKv1 { source, path } => write!(f, "{source}: `{path}` pins a version, but --kv 1 has none"),
            Self::MountAlone { source, path } => write!(f, "{source}: `{path}` is a mount, but no secret in it"),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::NoCommand => "vault-exec [OPTIONS] [--] COMMAND [ARG]...",
            Error::NoPath => "give --path secret/app, set VAULT_EXEC_PATH, or write it into .vault-exec.toml",
            Error::NotABoolean { .. } => "1, t, true or 0, f, false; empty is false",
            Error::NotADuration { .. } => "for example 60s, 1m30s or 500ms",
            Error::NotAnAddress { .. } => "for example https://vault.example.com:8200",
            Error::NotAnAssignment { .. } => "for example PGPASSWORD={postgres_password}",
            Error::NotAMode { .. } => "for example 0400 or 0444",
            Error::Template { fault, .. } => return Self::new(&error).hint(fault.kind.hint()),
            Error::NotAProxy { .. } => "for example http://proxy.example.com:3128",
            Error::ConfigOrNot => "leave one of the two out",
            Error::KeepWithoutPristine => "add --pristine, or leave --keep-env out",
            Error::KeepsCredential { .. } => "--keep-token leaves the token in VAULT_TOKEN",
            Error::VersionInKv1 { .. } => "leave the @ and the version out, or --kv 1",
            Error::MountAlone { .. } => "name a secret below it, for example secret/app",
            _ => return Self::new(error),
        };
        Self::new(&error).hint(hint)
    }
}

impl From<ProjectError> for CliError {
    fn from(error: ProjectError) -> Self {
        Self::new(&error).hint(error.fault.hint())
    }
}
