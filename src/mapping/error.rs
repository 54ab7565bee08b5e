//! `[pure]` Why keys cannot become variables, and the way out.

use std::fmt;

use crate::env_name::{Case, EnvName, NameError};
use crate::error::CliError;
use crate::kv::{LONGEST_SHOWN, shown};

/// Why the keys cannot become variables. Holds names of paths, keys and variables, never a value.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum Error {
    NoKeys { path: String },
    NotAName { path: String, key: String, fault: NameError },
    NameCollision { path: String, keys: [String; 2], name: EnvName },
    Null { path: String, key: String },
    NulByte { path: String, key: String },
    Dangerous { path: String, key: String, name: EnvName },
    Missing { keys: Vec<String> },
    NoKeySelected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys { path } => write!(f, "{path}: the secret has no keys"),
            Self::NotAName { path, key, fault } => write!(f, "{path}: key `{}` would become {fault}", shown(key)),
            Self::NameCollision { path, keys: [one, other], name } => {
                write!(
                    f,
                    "{path}: keys `{}` and `{}` would both become {}",
                    shown(one),
                    shown(other),
                    shown(name.as_str())
                )
            }
            Self::Null { path, key } => write!(f, "{path}: key `{}` is null", shown(key)),
            Self::NulByte { path, key } => {
                write!(f, "{path}: key `{}` holds a NUL byte, which no variable can", shown(key))
            }
            Self::Dangerous { path, key, name } => {
                write!(f, "{path}: key `{}` would become {name}, which can make a program run code", shown(key))
            }
            Self::Missing { keys } => write!(f, "--only {}: no path has such a key", keys.join(", ")),
            Self::NoKeySelected => f.write_str("no key is left of what was read"),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::NoKeys { .. } => "put a key into it, or leave the path out".to_owned(),
            Error::NotAName { key, .. } if key.is_empty() => "give --prefix, or the key a name".to_owned(),
            Error::NotAName { key, .. } => format!("give --prefix, or leave it out with {}", skip(key)),
            Error::NameCollision { keys: [one, other], .. } if !differ_in_case_alone(one, other) => {
                format!("leave one out with {}", skip(one))
            }
            Error::NameCollision { keys, .. } => {
                format!("leave one out with {}, or keep both with --case keep", skip(&keys[0]))
            }
            Error::Null { key, .. } => format!("give it a value (\"\" is one), or leave it out with {}", skip(key)),
            Error::NulByte { key, .. } => format!("store it base64-encoded, or leave it out with {}", skip(key)),
            Error::Dangerous { key, name, .. } => {
                let skip = skip(key);
                format!("leave it out with {skip}; if whoever writes the secret may run code, --allow-name {name}")
            }
            Error::Missing { .. } => "keys are named as the secret has them, before they become variables".to_owned(),
            Error::NoKeySelected => "--only and --skip leave nothing: check them".to_owned(),
        };
        Self::new(&error).hint(hint)
    }
}

/// The option that leaves a key out, ready to be pasted into a shell: only with a key that a shell takes as it is.
/// Whoever writes a secret must not write the operator's commands.
fn skip(key: &str) -> String {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/@+".contains(&byte);
    if key.len() <= LONGEST_SHOWN && key.bytes().all(harmless) {
        format!("--skip '{key}'")
    } else {
        "--skip".to_owned()
    }
}

/// Whether `--case keep` gives the two keys different names.
fn differ_in_case_alone(one: &str, other: &str) -> bool {
    let keep = |key| EnvName::from_key(key, "_", Case::Keep);
    keep(one) != keep(other)
}
