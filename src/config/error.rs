//! `[pure]` What can be wrong with a setting, in words.

use std::fmt;

use crate::config::{PathFault, ProjectError};
use crate::env_name::{EnvName, NameFault};
use crate::failure::Failure;
use crate::template::Fault;

/// What was wrong with a setting; `from` is the option or variable it came from.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum Error {
    NoCommand,
    NoPath,
    NotUtf8 { from: String },
    NotABoolean { from: String },
    NotAChoice { from: String, value: String, choices: &'static str },
    NotAPath { from: String, value: String, fault: PathFault },
    NotAUser { from: String, value: String, fault: PathFault },
    NotAName { from: String, value: String, fault: NameFault },
    NotAPrefix { from: String, value: String },
    NotANumber { from: String, value: String },
    NotADuration { from: String, value: String },
    NotAnAssignment { from: String },
    NotAnAssignedName { from: String, fault: NameFault },
    NotAMode { from: String, value: String },
    Template { from: String, name: EnvName, fault: Fault },
    Twice { name: EnvName },
    NotAnAddress { from: String, value: String, fault: &'static str },
    NotANamespace { from: String },
    NotAProxy { from: String },
    NotAHostName { from: String, value: String },
    ConfigOrNot,
    Alone { from: String, other: &'static str },
    Lacks { auth: &'static str, what: &'static str },
    KeepWithoutPristine,
    KeepsCredential { name: String },
    VersionInKv1 { from: String, path: String },
    MountAlone { from: String, path: String },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand => f.write_str("no program to start"),
            Self::NoPath => f.write_str("no path to read"),
            Self::NotUtf8 { from } => write!(f, "{from}: not UTF-8"),
            Self::NotABoolean { from } => write!(f, "{from}: it is neither true nor false"),
            Self::NotAChoice { from, value, choices } => write!(f, "{from}: `{value}` is not {choices}"),
            Self::NotAPath { from, value, fault } => write!(f, "{from}: `{value}` is not a path: {fault}"),
            Self::NotAUser { from, value, fault } => write!(f, "{from}: `{value}` is not a user name: {fault}"),
            Self::NotAName { from, value, fault } => write!(f, "{from}: `{value}` is {fault}"),
            Self::NotAPrefix { from, value } => write!(f, "{from}: no name can start with `{value}`"),
            Self::NotANumber { from, value } => write!(f, "{from}: `{value}` is not a number from 1"),
            Self::NotADuration { from, value } => write!(f, "{from}: `{value}` is not a duration"),
            Self::NotAnAssignment { from } => write!(f, "{from}: there is no = in it"),
            Self::NotAnAssignedName { from, fault } => write!(f, "{from}: in front of the = stands {fault}"),
            Self::NotAMode { from, value } => write!(f, "{from}: `{value}` is not a mode its owner may read with"),
            Self::Template { from, name, fault } => write!(f, "{from} {name}: {fault}"),
            Self::Twice { name } => write!(f, "{name} is given twice by --set and --file"),
            Self::NotAnAddress { from, value, fault } => write!(f, "{from}: `{value}` is not an address: {fault}"),
            Self::NotANamespace { from } => write!(f, "{from}: a namespace has only visible ASCII characters"),
            Self::NotAProxy { from } => write!(f, "{from}: not the address of an HTTP proxy"),
            Self::NotAHostName { from, value } => write!(f, "{from}: `{value}` is not a host name"),
            Self::ConfigOrNot => f.write_str("--config and --no-config exclude each other"),
            Self::Alone { from, other } => write!(f, "{from}: it needs {other} as well"),
            Self::Lacks { auth, what } => write!(f, "--auth {auth}: it needs {what}"),
            Self::KeepWithoutPristine => f.write_str("--keep-env: everything is kept without --pristine"),
            Self::KeepsCredential { name } => write!(f, "--keep-env: {name} is for vault-exec and never passed on"),
            Self::VersionInKv1 { from, path } => write!(f, "{from}: `{path}` pins a version, but --kv 1 has none"),
            Self::MountAlone { from, path } => write!(f, "{from}: `{path}` is a mount, but no secret in it"),
        }
    }
}

impl From<Error> for Failure {
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

impl From<ProjectError> for Failure {
    fn from(error: ProjectError) -> Self {
        Self::new(&error).hint(error.fault.hint())
    }
}
