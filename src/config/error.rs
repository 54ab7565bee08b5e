//! `[pure]` What can be wrong with the settings.

use crate::dangerous::Danger;
use crate::env_name::EnvName;
use crate::error::CliError;
use crate::escape::truncate;
use crate::template::{ReferenceError, TemplateError};

/// What is wrong with the settings. `source` is the option, the variable, or in a project file the line or the location
/// (`.vault-exec.toml:3:1`).
///
/// `value` is `None` if it may be a secret. `what` is required: an option, or a list of every way to give it; or it is
/// refused, unless the user named the project file. `NotAlone` is for an option that stands for the whole command line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the messages below")]
pub enum Error {
    NoCommand,
    NoPath,
    NotUtf8 { source: String },
    Invalid { source: String, value: Option<String>, expected: &'static str },
    Requires { source: String, what: &'static str },
    ConfigConflict,
    NotAlone { source: &'static str },
    DuplicateName { name: EnvName },
    Template { source: String, name: EnvName, fault: TemplateError },
    Reference { name: String, fault: ReferenceError },
    Dangerous { source: &'static str, name: EnvName, danger: Danger },
    Toml { source: String, message: String },
    UnknownKey { source: String, key: String, similar: Option<String> },
    Refused { source: String, what: String },
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error {
            Error::NoCommand => Self::new("no program to start").hint("vault-exec [OPTIONS] [--] COMMAND [ARG]..."),
            Error::NoPath => Self::new("no path to read").hint(
                "give --path secret/app, set VAULT_EXEC_PATH, write it into .vault-exec.toml, or name it in a template",
            ),
            Error::NotUtf8 { source } => Self::new(format!("{source}: not UTF-8")),
            Error::Invalid { source, value: Some(value), expected } => {
                Self::new(format!("{source}: `{value}`: expected {expected}"))
            }
            Error::Invalid { source, value: None, expected } => Self::new(format!("{source}: expected {expected}")),
            Error::Requires { source, what } => {
                let error = Self::new(format!("{source} requires {what}"));
                if what.starts_with("--") { error.hint(format!("give both, or leave {source} out")) } else { error }
            }
            Error::ConfigConflict => {
                Self::new("--config and --no-config exclude each other").hint("leave one of them out")
            }
            Error::NotAlone { source } => Self::new(format!("{source} takes no program and no other option"))
                .hint("run it alone, in the directory of the project file"),
            Error::DuplicateName { name } => {
                Self::new(format!("{name} is given twice by --set and --file")).hint("leave one of them out")
            }
            Error::Template { source, name, fault } => fault.in_assignment(&source, &name),
            Error::Reference { name, fault } => fault.in_variable(&truncate(&name)),
            Error::Dangerous { source, name, danger } => {
                Self::new(format!("{source}: a secret would become a part of {name}, {danger}"))
                    .hint("permit the name with --allow-name, or set it with --set on the command line")
            }
            Error::Toml { source, message } => Self::new(format!("{source}: {message}")).hint("see https://toml.io"),
            Error::UnknownKey { source, key, similar } => {
                Self::new(format!("{source}: unknown key `{}`", truncate(&key))).hint(match similar {
                    Some(similar) => format!("did you mean `{similar}`?"),
                    None => "the keys are the options of vault-exec --help, without the --".into(),
                })
            }
            Error::Refused { source, what } => Self::new(format!(
                "{source}: {what} is refused in a project file that --config did not name"
            ))
            .hint("if you trust the file, name it with --config; otherwise give the option yourself, or --no-config"),
        }
    }
}
