//! `[pure]` Why keys cannot become variables: the messages and their hints.

use std::fmt;

use crate::dangerous::Danger;
use crate::env_name::{Case, EnvName, NameError};
use crate::error::CliError;
use crate::escape::{MAX_SHOWN_CHARS, is_pastable, truncate};

/// Why the keys cannot become variables. Contains names of paths, keys and variables, never a value.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the messages below")]
pub enum Error {
    NoKeys { path: String },
    NotAName { path: String, key: String, error: NameError },
    NameCollision { path: String, keys: [String; 2], name: EnvName },
    Null { path: String, key: String },
    NulByte { path: String, key: String },
    Dangerous { path: String, key: String, name: EnvName, danger: Danger },
    Duplicate { names: Vec<String> },
    Missing { option: &'static str, keys: Vec<String>, hint: String },
    KeyList { keys: Vec<String> },
    NoKeySelected,
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let about = |path: &str, key: &str, why: fmt::Arguments| format!("{path}: key `{}` {why}", truncate(key));
        let (reason, hint) = match &error {
            Error::NoKeys { path } => {
                (format!("{path}: the secret has no keys"), "add a key to it, or leave the path out".to_owned())
            }
            Error::NotAName { path, key, error } => (
                about(path, key, format_args!("would become {error}")),
                match key.as_str() {
                    "" => "give --prefix, or rename the key".to_owned(),
                    key => format!("give --prefix, or leave it out with {}", skip(key)),
                },
            ),
            Error::NameCollision { path, keys: [first, second], name } => {
                let [one, other, name] = [first, second, name.as_str()].map(truncate);
                let keep = if differ_in_case_alone(first, second) { ", or keep both with --case keep" } else { "" };
                (
                    format!("{path}: keys `{one}` and `{other}` would both become {name}"),
                    format!("leave one out with {}{keep}", skip(first)),
                )
            }
            Error::Null { path, key } => (
                format!("{path}: key `{}` is null", truncate(key)),
                format!("give it a value (\"\" is one), or leave it out with {}", skip(key)),
            ),
            Error::NulByte { path, key } => (
                about(path, key, format_args!("contains a NUL byte, which no variable can")),
                format!("store it base64-encoded, or leave it out with {}", skip(key)),
            ),
            Error::Dangerous { path, key, name, danger } => (
                about(path, key, format_args!("would become {name}, {danger}")),
                format!(
                    "leave it out with {}; --allow-name {name}, or --set on the command line, permits it",
                    skip(key)
                ),
            ),
            Error::Duplicate { names } => (
                format!("--on-duplicate error: {}", names.join(", ")),
                "give the names of one path a prefix: --path DB_=secret/db".to_owned(),
            ),
            Error::Missing { option, keys, hint } => {
                (format!("{option} {}: not found in any secret", keys.join(", ")), hint.clone())
            }
            Error::KeyList { keys } => (
                format!("not a key of any secret: {}", keys.join(" ")),
                "--only and --skip take one key; repeat them for more".to_owned(),
            ),
            Error::NoKeySelected => (
                "--only and --skip exclude every key".to_owned(),
                "select at least one key, or set variables with --set".to_owned(),
            ),
        };
        let message = Self::new(reason).hint(hint);
        match error {
            Error::Missing { .. } | Error::NoKeySelected => message.maybe_consequence(),
            _ => message,
        }
    }
}

/// The option that leaves a key out. Those who write secrets must not write the operator's commands.
fn skip(key: &str) -> String {
    if key.len() <= MAX_SHOWN_CHARS && is_pastable(key) { format!("--skip '{key}'") } else { "--skip".to_owned() }
}

/// Whether `--case keep` gives the two keys different names.
fn differ_in_case_alone(one: &str, other: &str) -> bool {
    let keep = |key| EnvName::from_key(key, "_", Case::Keep);
    keep(one) != keep(other)
}
