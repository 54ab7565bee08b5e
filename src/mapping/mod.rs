//! `[pure]` Turns the keys of secrets into variables: selects and names them, and rejects ambiguous or dangerous ones.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

pub use error::Error;

use crate::env_name::{Case, EnvName};
use crate::error::CliError;
use crate::kv::{KvSecret, Origin};
use crate::secret::Secret;
use crate::secret_path::SecretPath;
use crate::suggest::hint_for_unknown;

/// How keys become names.
#[derive(Debug, Default)]
pub struct KeyMapping {
    /// The secrets to make variables of; later ones win.
    pub exports: Vec<Export>,
    /// What to do if two secrets have a key of the same name.
    pub on_duplicate: OnDuplicate,
    /// The only keys to take; empty for all.
    pub only: Vec<String>,
    /// Keys to leave out.
    pub skip: Vec<String>,
    /// What to do with letters.
    pub case: Case,
    /// Dangerous names to accept.
    pub allowed_names: Vec<EnvName>,
    /// Whether no key becomes a variable by itself.
    pub explicit: bool,
}

/// A secret whose keys become variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// The secret, which may be missing.
    pub path: SecretPath,
    /// Prepended to every name: the start of a name, or empty.
    pub prefix: String,
    /// Whether a project file that the user did not name chose the secret or the prefix.
    pub discovered: bool,
}

/// Which of two keys with the same name to take, if they are in different secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDuplicate {
    /// The later one.
    #[default]
    Last,
    /// Neither: stop.
    Error,
}

/// A variable with a value from a secret.
#[derive(Debug)]
pub struct Variable {
    /// The name of the variable.
    pub name: EnvName,
    /// Contains no NUL byte.
    pub value: Rc<Secret>,
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
    /// The inherited variable, in which `--references` replaced references.
    Reference,
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

/// Maps the keys of the secrets in the order of `naming.exports`; later ones override earlier ones, and `from_templates`
/// overrides them all. A key that cannot become a variable is left out and reported as an error; no other key is dropped
/// unless `naming` says so.
#[must_use]
pub fn map(secrets: &[KvSecret], from_templates: Vec<Variable>, naming: &KeyMapping) -> (MappedVariables, Vec<Error>) {
    let unknown = unknown(&naming.only, secrets).chain(unknown(&naming.skip, secrets));
    let lists: Vec<_> = unknown.filter(|key| key.contains(',')).cloned().collect();
    let mut errors: Vec<_> = if lists.is_empty() {
        missing("--only", &naming.only, secrets).into_iter().collect()
    } else {
        vec![Error::KeyList { keys: lists }]
    };
    let mut variables = Vec::new();
    if !naming.explicit {
        let template_names = from_templates.iter().map(|variable| variable.name.clone()).collect();
        for export in &naming.exports {
            if let Some(secret) = secrets.iter().find(|secret| secret.path == export.path) {
                map_secret(secret, export, naming, &template_names, &mut variables, &mut errors);
            }
        }
        let is_any_exported = secrets.iter().any(|secret| secret.exported);
        if is_any_exported && variables.is_empty() && from_templates.is_empty() && errors.is_empty() {
            errors.push(Error::NoKeySelected);
        }
    }
    variables.extend(from_templates);
    let mapped: MappedVariables = variables.into_iter().collect();
    let duplicates = mapped.duplicates();
    if naming.on_duplicate == OnDuplicate::Error && !duplicates.is_empty() {
        errors.push(Error::Duplicate { names: duplicates });
    }
    (mapped, errors)
}

/// The message about keys of `--skip` that no secret has, so that nothing was left out.
#[must_use]
pub fn unused_skips(secrets: &[KvSecret], naming: &KeyMapping) -> Option<CliError> {
    missing("--skip", &naming.skip, secrets).map(CliError::from)
}

/// The error for those of `names` that are [unknown].
fn missing(option: &'static str, names: &[String], secrets: &[KvSecret]) -> Option<Error> {
    let keys: Vec<_> = unknown(names, secrets).cloned().collect();
    let hint = hint_for_unknown(keys.iter().map(String::as_str), "keys", keys_of(secrets));
    (!keys.is_empty()).then_some(Error::Missing { option, keys, hint })
}

/// The names that no secret has as a key.
fn unknown<'a>(names: &'a [String], secrets: &'a [KvSecret]) -> impl Iterator<Item = &'a String> {
    names.iter().filter(|name| !keys_of(secrets).any(|key| key == *name))
}

/// The keys that become variables unless they are left out.
fn keys_of(secrets: &[KvSecret]) -> impl Iterator<Item = &str> + Clone {
    secrets.iter().filter(|secret| secret.exported).flat_map(|secret| &secret.data).map(|(key, _)| key.as_str())
}

impl FromIterator<Variable> for MappedVariables {
    fn from_iter<I: IntoIterator<Item = Variable>>(variables: I) -> Self {
        let mut mapped = Self::default();
        for variable in variables {
            if let Some(&index) = mapped.indices.get(&variable.name) {
                let winner = variable.source.clone();
                let loser = std::mem::replace(&mut mapped.variables[index], variable);
                mapped.overridden.push((loser.name, loser.source, winner));
            } else {
                mapped.indices.insert(variable.name.clone(), mapped.variables.len());
                mapped.variables.push(variable);
            }
        }
        mapped
    }
}

impl MappedVariables {
    /// The index of the variable with this name.
    pub fn index(&self, name: &[u8]) -> Option<usize> {
        str::from_utf8(name).ok().and_then(|name| self.indices.get(name)).copied()
    }

    /// The names that several secrets have and no template decides, with their sources.
    fn duplicates(&self) -> Vec<String> {
        let is_key = |source: &Source| matches!(source, Source::Key(_));
        let is_undecided =
            |name: &EnvName| self.indices.get(name).is_some_and(|&index| is_key(&self.variables[index].source));
        let overridden = self.overridden.iter().filter(|(name, ..)| is_undecided(name));
        overridden.map(|(name, loser, winner)| format!("{name} ({loser}, {winner})")).collect()
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
        Ok(Self { name, value: Rc::new(value), source })
    }
}

/// `secret/airflow#postgres_user @3`, or the option.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(origin) => origin.fmt(f),
            Self::Set => f.write_str("--set"),
            Self::File => f.write_str("--file"),
            Self::Reference => f.write_str("--references"),
        }
    }
}

fn map_secret(
    secret: &KvSecret,
    export: &Export,
    naming: &KeyMapping,
    template_names: &BTreeSet<EnvName>,
    variables: &mut Vec<Variable>,
    errors: &mut Vec<Error>,
) {
    let KvSecret { path, version, data, .. } = secret;
    let path = path.api_path();
    if data.is_empty() {
        errors.push(Error::NoKeys { path: path.clone() });
    }
    let mut keys: BTreeMap<EnvName, String> = BTreeMap::new();
    for (key, value) in data {
        let is_selected = naming.only.is_empty() || naming.only.contains(key);
        if !is_selected || naming.skip.contains(key) {
            continue;
        }
        let (path, key) = (path.clone(), key.clone());
        let name = match EnvName::from_key(&key, &export.prefix, naming.case) {
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
        match (value, name.danger(export.discovered).filter(|_| !is_permitted)) {
            (_, Some(danger)) => errors.push(Error::Dangerous { path, key, name, danger }),
            (None, None) => errors.push(Error::Null { path, key }),
            (Some(value), None) if value.expose().contains(&0) => errors.push(Error::NulByte { path, key }),
            (Some(value), None) => {
                let source = Source::Key(Origin { path, key, version: *version });
                variables.push(Variable { name, value: Rc::clone(value), source });
            }
        }
    }
}

#[cfg(test)]
mod tests;
