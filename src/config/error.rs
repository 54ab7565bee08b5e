//! `[pure]` What can be wrong with the settings.

use std::fmt;

use crate::env_name::EnvName;
use crate::error::CliError;
use crate::escape::truncate;
use crate::template::TemplateError;

/// What is wrong with the settings. `source` is the option, the variable, or in a project file the line or the place
/// (`.vault-exec.toml:3:1`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the messages below")]
pub enum Error {
    NoCommand,
    NoPath,
    NotUtf8 {
        source: String,
    },
    /// A malformed value, which is `None` if it may be a secret.
    Invalid {
        source: String,
        value: Option<String>,
        expected: &'static str,
    },
    /// `what` is an option, or lists every way to give what is missing.
    Requires {
        source: String,
        what: &'static str,
    },
    ConfigConflict,
    /// An option that stands for the whole command line.
    NotAlone {
        source: &'static str,
    },
    DuplicateName {
        name: EnvName,
    },
    Template {
        source: String,
        name: EnvName,
        fault: TemplateError,
    },
    Toml {
        source: String,
        message: String,
    },
    UnknownKey {
        source: String,
        key: String,
        similar: Option<String>,
    },
    /// A key or a name that a project file must not contain unless the user named the file.
    Refused {
        source: String,
        what: String,
    },
}

impl Error {
    /// The message and, unless the message says it, the remedy.
    fn describe(&self) -> (String, Option<String>) {
        let hinted = |message: String, hint: &str| (message, Some(hint.to_owned()));
        match self {
            Self::NoCommand => hinted("no program to start".into(), "vault-exec [OPTIONS] [--] COMMAND [ARG]..."),
            Self::NoPath => hinted(
                "no path to read".into(),
                "give --path secret/app, set VAULT_EXEC_PATH, or write it into .vault-exec.toml",
            ),
            Self::NotUtf8 { source } => (format!("{source}: not UTF-8"), None),
            Self::Invalid { source, value: Some(value), expected } => {
                (format!("{source}: `{value}`: expected {expected}"), None)
            }
            Self::Invalid { source, value: None, expected } => (format!("{source}: expected {expected}"), None),
            Self::Requires { source, what } => {
                let hint = || format!("give both, or leave {source} out");
                (format!("{source} requires {what}"), what.starts_with("--").then(hint))
            }
            Self::ConfigConflict => {
                hinted("--config and --no-config exclude each other".into(), "leave one of them out")
            }
            Self::NotAlone { source } => hinted(
                format!("{source} takes no program and no other option"),
                "run it alone, in the directory of the project file",
            ),
            Self::DuplicateName { name } => {
                hinted(format!("{name} is given twice by --set and --file"), "leave one of them out")
            }
            Self::Template { source, name, fault } => (format!("{source} {name}: {fault}"), Some(fault.kind.hint())),
            Self::Toml { source, message } => hinted(format!("{source}: {message}"), "see https://toml.io"),
            Self::UnknownKey { source, key, similar } => {
                let options = || "the keys are the options of vault-exec --help, without the --".into();
                let hint = similar.as_ref().map_or_else(options, |similar| format!("did you mean `{similar}`?"));
                (format!("{source}: unknown key `{}`", truncate(key)), Some(hint))
            }
            Self::Refused { source, what } => hinted(
                format!("{source}: {what} is refused in a project file that --config did not name"),
                "if you trust the file, name it with --config; otherwise give the option yourself, or --no-config",
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe().0)
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        match error.describe() {
            (message, Some(hint)) => Self::new(message).hint(hint),
            (message, None) => Self::new(message),
        }
    }
}
