//! `[pure]` Keys become variables: selected, named, and refused where a name or a value would surprise.

use std::fmt;

use crate::config::Naming;
use crate::env_name::{Case, EnvName, NameFault};
use crate::failure::Failure;
use crate::kv::{KvSecret, Origin};
use crate::secret::Secret;

/// A variable made of one value of one secret.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: EnvName,
    /// Its value, free of NUL bytes.
    pub value: Secret,
    /// Where the value came from.
    pub origin: Origin,
}

/// What the keys of all paths became.
#[derive(Debug, Default)]
pub struct Mapped {
    /// Each name once, in the order in which it was first met.
    pub variables: Vec<Variable>,
    /// Values that a later path replaced, in the order in which they lost.
    pub overridden: Vec<(EnvName, Origin)>,
}

/// Why the keys cannot become variables. Holds names of paths, keys and variables, never a value.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum Error {
    NoKeys { path: String },
    NotAName { path: String, key: String, fault: NameFault },
    SameName { path: String, keys: [String; 2], name: EnvName },
    Null { path: String, key: String },
    NulByte { path: String, key: String },
    Dangerous { path: String, key: String, name: EnvName },
    Missing { keys: Vec<String> },
}

/// Maps the secrets of all paths, the more important later.
///
/// # Errors
/// At the first thing that has no unsurprising meaning; nothing is dropped in silence.
pub fn map(secrets: Vec<KvSecret>, naming: &Naming) -> Result<Mapped, Error> {
    let held = |key: &String| secrets.iter().any(|secret| secret.data.iter().any(|(held, _)| held == key));
    let missing: Vec<_> = naming.only.iter().filter(|key| !held(key)).cloned().collect();
    if !missing.is_empty() {
        return Err(Error::Missing { keys: missing });
    }
    let mut mapped = Mapped::default();
    for secret in secrets {
        for variable in one_path(secret, naming)? {
            match mapped.variables.iter_mut().find(|earlier| earlier.name == variable.name) {
                None => mapped.variables.push(variable),
                Some(earlier) => {
                    let loser = std::mem::replace(earlier, variable);
                    mapped.overridden.push((loser.name, loser.origin));
                }
            }
        }
    }
    Ok(mapped)
}

fn one_path(secret: KvSecret, naming: &Naming) -> Result<Vec<Variable>, Error> {
    let KvSecret { path, version, data, .. } = secret;
    if data.is_empty() {
        return Err(Error::NoKeys { path });
    }
    let mut variables: Vec<Variable> = Vec::with_capacity(data.len());
    for (key, value) in data {
        if naming.skip.contains(&key) || !(naming.only.is_empty() || naming.only.contains(&key)) {
            continue;
        }
        let name = match EnvName::from_key(&key, &naming.prefix, naming.case) {
            Ok(name) => name,
            Err(fault) => return Err(Error::NotAName { path, key, fault }),
        };
        if let Some(twin) = variables.iter().find(|variable| variable.name == name) {
            let keys = [twin.origin.key.clone(), key];
            return Err(Error::SameName { path, keys, name });
        }
        if name.is_dangerous() && !naming.allow.contains(&name) {
            return Err(Error::Dangerous { path, key, name });
        }
        let Some(value) = value else { return Err(Error::Null { path, key }) };
        if value.expose().contains(&0) {
            return Err(Error::NulByte { path, key });
        }
        variables.push(Variable { name, value, origin: Origin { path: path.clone(), key, version } });
    }
    Ok(variables)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKeys { path } => write!(f, "{path}: the secret has no keys"),
            Self::NotAName { path, key, fault } => write!(f, "{path}: key `{key}` would become {fault}"),
            Self::SameName { path, keys: [one, other], name } => {
                write!(f, "{path}: keys `{one}` and `{other}` would both become {name}")
            }
            Self::Null { path, key } => write!(f, "{path}: key `{key}` is null"),
            Self::NulByte { path, key } => write!(f, "{path}: key `{key}` holds a NUL byte, which no variable can"),
            Self::Dangerous { path, key, name } => {
                write!(f, "{path}: key `{key}` would become {name}, which can make a program run code")
            }
            Self::Missing { keys } => write!(f, "--only {}: no path has such a key", keys.join(", ")),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::NoKeys { .. } => "put a key into it, or leave the path out".to_owned(),
            Error::NotAName { key, .. } if key.is_empty() => "give --prefix, or the key a name".to_owned(),
            Error::NotAName { key, .. } => format!("give --prefix, or leave it out with --skip '{key}'"),
            Error::SameName { keys: [one, other], .. } if !differ_in_case_alone(one, other) => {
                format!("leave one out with --skip '{one}'")
            }
            Error::SameName { keys, .. } => {
                format!("leave one out with --skip '{}', or keep both with --case keep", keys[0])
            }
            Error::Null { key, .. } => format!("give it a value (\"\" is one), or leave it out with --skip '{key}'"),
            Error::NulByte { key, .. } => format!("store it base64-encoded, or leave it out with --skip '{key}'"),
            Error::Dangerous { key, name, .. } => {
                format!(
                    "leave it out with --skip '{key}'; if whoever writes the secret may run code, --allow-name {name}"
                )
            }
            Error::Missing { .. } => "keys are named as the secret has them, before they become variables".to_owned(),
        };
        Self::new(&error).hint(hint)
    }
}

/// Whether `--case keep` gives the two keys different names.
fn differ_in_case_alone(one: &str, other: &str) -> bool {
    let keep = |key| EnvName::from_key(key, "_", Case::Keep);
    keep(one) != keep(other)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret(path: &str, data: &[(&str, Option<&str>)]) -> KvSecret {
        let own = |(key, value): &(&str, Option<&str>)| {
            (key.to_string(), value.map(|value| Secret::new(value.as_bytes().to_vec())))
        };
        KvSecret { path: path.into(), version: Some(1), data: data.iter().map(own).collect(), lease: None }
    }

    fn map_one(data: &[(&str, Option<&str>)], naming: &Naming) -> Result<Mapped, Error> {
        map(vec![secret("s/a", data)], naming)
    }

    fn shown(mapped: &Mapped) -> Vec<String> {
        let value = |variable: &Variable| String::from_utf8_lossy(variable.value.expose()).into_owned();
        mapped.variables.iter().map(|variable| format!("{}={}", variable.name, value(variable))).collect()
    }

    #[test]
    fn keys_become_variables_in_their_order() {
        let mapped = map_one(&[("b-c", Some("2")), ("a", Some(""))], &Naming::default()).unwrap();
        assert_eq!(shown(&mapped), ["B_C=2", "A="]);
    }

    #[test]
    fn the_later_path_wins_and_the_loser_is_told() {
        let secrets = vec![secret("s/a", &[("k", Some("1")), ("x", Some("2"))]), secret("s/b", &[("K", Some("3"))])];
        let mapped = map(secrets, &Naming::default()).unwrap();
        assert_eq!(shown(&mapped), ["K=3", "X=2"]);
        assert_eq!(mapped.overridden.iter().map(|(_, o)| o.to_string()).collect::<Vec<_>>(), ["s/a#k @1"]);
    }

    #[test]
    fn only_and_skip_choose_before_anything_is_judged() {
        let data = [("a", Some("1")), ("1", Some("2")), ("PATH", None)];
        let skip = Naming { skip: vec!["1".into(), "PATH".into(), "absent".into()], ..Naming::default() };
        assert_eq!(shown(&map_one(&data, &skip).unwrap()), ["A=1"]);
        let only = Naming { only: vec!["a".into()], ..Naming::default() };
        assert_eq!(shown(&map_one(&data, &only).unwrap()), ["A=1"]);
        let missing = Naming { only: vec!["A".into(), "a".into(), "z".into()], ..Naming::default() };
        assert_eq!(map_one(&data, &missing).unwrap_err(), Error::Missing { keys: vec!["A".into(), "z".into()] });
    }

    #[test]
    fn what_would_surprise_is_refused() {
        let error = |data: &[(&str, Option<&str>)]| map_one(data, &Naming::default()).unwrap_err();
        let (path, key) = (|| "s/a".to_owned(), |key: &str| key.to_owned());
        let name = |text: &str| EnvName::parse(text).unwrap();
        assert_eq!(error(&[]), Error::NoKeys { path: path() });
        assert_eq!(error(&[("a", None)]), Error::Null { path: path(), key: key("a") });
        assert_eq!(error(&[("a", Some("x\0y"))]), Error::NulByte { path: path(), key: key("a") });
        assert_eq!(error(&[("", Some("x"))]), Error::NotAName { path: path(), key: key(""), fault: NameFault::Empty });
        assert_eq!(
            error(&[("1a", Some("x"))]),
            Error::NotAName { path: path(), key: key("1a"), fault: NameFault::StartsWithDigit }
        );
        assert_eq!(
            error(&[("Foo", Some("1")), ("foo", Some("2"))]),
            Error::SameName { path: path(), keys: [key("Foo"), key("foo")], name: name("FOO") }
        );
        assert_eq!(
            error(&[("ld_preload", Some("/x.so"))]),
            Error::Dangerous { path: path(), key: key("ld_preload"), name: name("LD_PRELOAD") }
        );
    }

    #[test]
    fn a_dangerous_name_can_be_allowed_and_only_that_one() {
        let naming = Naming { allow: vec![EnvName::parse("PATH").unwrap()], ..Naming::default() };
        assert_eq!(shown(&map_one(&[("path", Some("/x"))], &naming).unwrap()), ["PATH=/x"]);
        assert!(map_one(&[("home", Some("/x"))], &naming).is_err());
        let prefix = Naming { prefix: "APP_".into(), ..Naming::default() };
        assert_eq!(shown(&map_one(&[("path", Some("/x"))], &prefix).unwrap()), ["APP_PATH=/x"]);
    }

    proptest! {
        /// Whatever the keys and values are: either an error, or every selected key is there under a valid name, no
        /// name twice, each value byte for byte.
        #[test]
        fn nothing_is_lost_in_silence(
            data in prop::collection::vec(("[ -~é]{0,6}", prop::option::of("\\PC{0,12}")), 0..8),
            keep in any::<bool>(),
        ) {
            let naming = Naming { case: if keep { Case::Keep } else { Case::Upper }, ..Naming::default() };
            let borrowed: Vec<_> = data.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
            if let Ok(mapped) = map_one(&borrowed, &naming) {
                prop_assert_eq!(mapped.variables.len(), data.len());
                for (variable, (key, value)) in mapped.variables.iter().zip(&data) {
                    prop_assert_eq!(Some(variable.value.expose()), value.as_ref().map(String::as_bytes));
                    prop_assert_eq!(&variable.origin.key, key);
                    prop_assert!(EnvName::parse(variable.name.as_str()).is_ok());
                    prop_assert_eq!(mapped.variables.iter().filter(|other| other.name == variable.name).count(), 1);
                }
            }
        }
    }
}
