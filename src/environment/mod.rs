//! `[pure]` Builds the environment of the program from the inherited one and the mapped variables.

mod decision;

pub use decision::{Decision, Outcome};

use crate::env_block::{EnvEntry, GITHUB_TOKEN, InheritedEnv, is_withheld};
use crate::error::CliError;
use crate::escape::truncate;
use crate::mapping::{MappedVariables, Source};
use crate::secret::Secret;

/// How to combine the variables of the secrets with the inherited environment.
#[derive(Debug, Default)]
pub struct EnvPolicy {
    /// Which of two variables with the same name to take.
    pub on_conflict: OnConflict,
    /// Whether to withhold [`GITHUB_TOKEN`] as well.
    pub withhold_github_token: bool,
    /// The only inherited variables to keep; `None` keeps all.
    pub keep_only: Option<Vec<String>>,
    /// Variables that must be set and not empty at the end.
    pub require: Vec<String>,
}

/// Which variable to take if an inherited one has the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// That of the secret.
    #[default]
    Vault,
    /// The inherited one.
    Env,
    /// Neither: stop.
    Error,
}

/// The environment of the program. Each name occurs once.
#[derive(Debug, Default)]
pub struct Environment {
    /// The entries of the block.
    pub entries: Vec<EnvEntry>,
    /// The outcome for each mapped variable, for `-v` and `--check`.
    pub decisions: Vec<Decision>,
}

/// Why the program cannot be started with this environment. Contains no length of a value: `--check` prints none.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the messages below")]
pub enum Error {
    Conflict { names: Vec<String> },
    Missing { names: Vec<String> },
    EntryTooLong { names: Vec<String> },
    BlockTooLarge { limit: usize, largest: Vec<String> },
}

/// The longest entry that Linux accepts, including its NUL: `MAX_ARG_STRLEN`, 32 pages, see `execve(2)`.
pub const MAX_ENTRY_BYTES: usize = 128 * 1024;

impl EnvPolicy {
    /// Whether the program inherits a variable, unless it is replaced.
    #[must_use]
    pub fn is_kept(&self, name: &[u8]) -> bool {
        let is_credential = is_withheld(name) || (self.withhold_github_token && name == GITHUB_TOKEN);
        let is_named = |keep: &Vec<String>| keep.iter().any(|kept| kept.as_bytes() == name);
        !is_credential && self.keep_only.as_ref().is_none_or(is_named)
    }
}

impl Environment {
    /// Builds the environment, and returns the violations of `policy`. [Withheld](is_withheld) variables are left out;
    /// `token` is put into `VAULT_TOKEN`.
    #[must_use]
    pub fn build(
        inherited: InheritedEnv,
        mapped: MappedVariables,
        token: Option<&Secret>,
        policy: &EnvPolicy,
    ) -> (Self, Vec<Error>) {
        let mut entries = inherited.into_entries();
        entries.retain(|entry| policy.is_kept(entry.name()));
        entries.extend(token.map(|token| EnvEntry::new(b"VAULT_TOKEN", token.expose())));

        let mut environment = Self { entries, decisions: Vec::new() };
        // For each mapped variable, the index of the inherited one with the same name.
        let mut inherited_indices = vec![None; mapped.variables.len()];
        for (inherited_index, entry) in environment.entries.iter().enumerate() {
            if let Some(index) = mapped.index(entry.name()) {
                inherited_indices[index] = Some(inherited_index);
            }
        }
        let mut conflicts = Vec::new();
        for (variable, inherited_index) in mapped.variables.into_iter().zip(inherited_indices) {
            let entry = EnvEntry::new(variable.name.as_str().as_bytes(), variable.value.expose());
            let inherited = inherited_index.map(|index| &mut environment.entries[index]);
            // A reference belongs to the inherited variable, whose value it is.
            let is_reference = variable.source == Source::Reference;
            let on_conflict = if is_reference { OnConflict::Vault } else { policy.on_conflict };
            let outcome = match (inherited, on_conflict) {
                (None, _) => {
                    environment.entries.push(entry);
                    Outcome::Set
                }
                (Some(inherited), OnConflict::Vault) => {
                    *inherited = entry;
                    Outcome::ReplacesInherited
                }
                (Some(_), OnConflict::Env) => Outcome::KeptInherited,
                (Some(_), OnConflict::Error) => {
                    conflicts.push(variable.name.to_string());
                    Outcome::KeptInherited
                }
            };
            environment.decisions.push(Decision { name: variable.name, source: variable.source, outcome });
        }
        let overridden = |(name, source, winner)| Decision { name, source, outcome: Outcome::Overridden(winner) };
        environment.decisions.extend(mapped.overridden.into_iter().map(overridden));
        let is_set = |name: &&String| {
            environment.entries.iter().any(|entry| entry.name() == name.as_bytes() && !entry.value().is_empty())
        };
        let missing: Vec<String> = policy.require.iter().filter(|name| !is_set(name)).cloned().collect();
        let mut errors = Vec::new();
        if !conflicts.is_empty() {
            errors.push(Error::Conflict { names: conflicts });
        }
        if !missing.is_empty() {
            errors.push(Error::Missing { names: missing });
        }
        (environment, errors)
    }

    /// Checks that `execve` will accept the environment together with `argv_bytes` of arguments. `limit` bounds the bytes of
    /// all strings and pointers together.
    ///
    /// # Errors
    /// [`Error::EntryTooLong`] or [`Error::BlockTooLarge`], each with the three largest entries.
    pub fn check_size(&self, argv_bytes: usize, limit: usize) -> Result<(), Error> {
        let length = |entry: &&EnvEntry| entry.with_nul().len();
        let total = argv_bytes + self.entries.iter().map(|entry| length(&entry) + size_of::<usize>()).sum::<usize>();
        let mut largest: Vec<&EnvEntry> = self.entries.iter().collect();
        largest.sort_by_key(|entry| std::cmp::Reverse(length(entry)));
        let name = |entry: &&EnvEntry| truncate(&String::from_utf8_lossy(entry.name())).into_owned();
        let top = |entries: &[&EnvEntry]| entries.iter().take(3).map(name).collect();
        match largest.partition_point(|entry| length(entry) > MAX_ENTRY_BYTES) {
            0 if total <= limit => Ok(()),
            0 => Err(Error::BlockTooLarge { limit, largest: top(&largest) }),
            too_long => Err(Error::EntryTooLong { names: top(&largest[..too_long]) }),
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let kib = |bytes: usize| bytes.div_ceil(1024);
        let (reason, hint) = match &error {
            Error::Conflict { names } => (
                format!("--on-conflict error: {} already in the environment", names.join(", ")),
                "unset them, --skip their keys, or choose --on-conflict vault or env",
            ),
            Error::Missing { names } => (
                format!("--require: not set or empty: {}", names.join(", ")),
                "add the keys to a secret that --path names, or set the variables",
            ),
            Error::EntryTooLong { names } => (
                format!("longer than the kernel limit of {} KiB: {}", kib(MAX_ENTRY_BYTES), names.join(", ")),
                "leave it out with --skip, or make it a file with --file",
            ),
            Error::BlockTooLarge { limit, largest } => (
                format!(
                    "arguments and environment exceed the kernel limit of {} KiB; the largest: {}",
                    kib(*limit),
                    largest.join(", ")
                ),
                "leave keys out with --skip, or start from --pristine",
            ),
        };
        let message = Self::new(reason).hint(hint);
        if matches!(error, Error::Missing { .. }) { message.maybe_consequence() } else { message }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use proptest::prelude::*;

    use super::*;
    use crate::env_name::EnvName;
    use crate::mapping::Variable;

    fn checked(
        inherited: InheritedEnv,
        mapped: MappedVariables,
        token: Option<&Secret>,
        policy: &EnvPolicy,
    ) -> Result<Environment, Error> {
        let (environment, errors) = Environment::build(inherited, mapped, token, policy);
        errors.into_iter().next().map_or(Ok(environment), Err)
    }

    fn inherited(variables: &[(&str, &str)]) -> InheritedEnv {
        InheritedEnv::new(
            variables.iter().map(|(name, value)| EnvEntry::new(name.as_bytes(), value.as_bytes())).collect(),
        )
    }

    fn mapped(variables: &[(&str, &str)]) -> MappedVariables {
        let variable = |(name, value): &(&str, &str)| Variable {
            name: EnvName::parse(name).unwrap(),
            value: Rc::new(Secret::new(value.as_bytes().to_vec())),
            source: Source::Set,
        };
        variables.iter().map(variable).collect()
    }

    fn shown(environment: &Environment) -> Vec<String> {
        let text = |entry: &EnvEntry| String::from_utf8_lossy(entry.with_nul()).trim_end_matches('\0').to_owned();
        environment.entries.iter().map(text).collect()
    }

    #[test]
    fn on_conflict_decides_between_secret_and_inherited_variable() {
        let build = |on_conflict| {
            let policy = EnvPolicy { on_conflict, ..EnvPolicy::default() };
            checked(inherited(&[("A", "env"), ("B", "env")]), mapped(&[("A", "vault")]), None, &policy)
        };
        assert_eq!(shown(&build(OnConflict::Vault).unwrap()), ["A=vault", "B=env"]);
        assert_eq!(shown(&build(OnConflict::Env).unwrap()), ["A=env", "B=env"]);
        assert_eq!(build(OnConflict::Error).unwrap_err(), Error::Conflict { names: vec!["A".into()] });
    }

    #[test]
    fn own_credentials_are_withheld() {
        let before = [("VAULT_TOKEN", "t"), ("BAO_SECRET_ID", "s"), ("VAULT_EXEC_PATH", "p"), ("VAULT_ADDR", "a")];
        let policy = EnvPolicy::default();
        let build = |mapped, token| shown(&checked(inherited(&before), mapped, token, &policy).unwrap());
        assert_eq!(build(MappedVariables::default(), None), ["VAULT_ADDR=a"]);
        assert_eq!(build(mapped(&[("VAULT_TOKEN", "own")]), None), ["VAULT_ADDR=a", "VAULT_TOKEN=own"]);
        let token = Secret::new(b"kept".to_vec());
        assert_eq!(build(MappedVariables::default(), Some(&token)), ["VAULT_ADDR=a", "VAULT_TOKEN=kept"]);
    }

    #[test]
    fn pristine_keeps_only_named_variables() {
        let policy = EnvPolicy { keep_only: Some(vec!["B".into()]), ..EnvPolicy::default() };
        let before = inherited(&[("A", "1"), ("B", "2")]);
        assert_eq!(shown(&checked(before, mapped(&[("C", "3")]), None, &policy).unwrap()), ["B=2", "C=3"]);
    }

    #[test]
    fn all_missing_names_are_reported_at_once() {
        let policy = EnvPolicy { require: ["A", "B", "C", "D"].map(String::from).to_vec(), ..EnvPolicy::default() };
        let before = inherited(&[("A", "1"), ("B", "")]);
        let error = checked(before, mapped(&[("C", "3")]), None, &policy).unwrap_err();
        assert_eq!(error, Error::Missing { names: vec!["B".into(), "D".into()] });
    }

    #[test]
    fn a_required_name_with_an_equals_sign_is_missing() {
        let policy = EnvPolicy { require: vec!["A=B".into()], ..EnvPolicy::default() };
        let error = checked(inherited(&[("A", "B=C")]), MappedVariables::default(), None, &policy).unwrap_err();
        assert_eq!(error, Error::Missing { names: vec!["A=B".into()] });
    }

    #[test]
    fn sizes_are_checked_to_the_byte() {
        let value = "x".repeat(MAX_ENTRY_BYTES - "A=\0".len());
        let build = |value: &str| {
            checked(inherited(&[("A", value)]), MappedVariables::default(), None, &EnvPolicy::default()).unwrap()
        };
        let fits = build(&value);
        assert_eq!(fits.check_size(10, 10 + MAX_ENTRY_BYTES + 8), Ok(()));
        assert_eq!(
            fits.check_size(11, 10 + MAX_ENTRY_BYTES + 8),
            Err(Error::BlockTooLarge { limit: MAX_ENTRY_BYTES + 18, largest: vec!["A".into()] })
        );
        let too_long = Err(Error::EntryTooLong { names: vec!["A".into()] });
        assert_eq!(build(&(value + "x")).check_size(0, usize::MAX), too_long);
    }

    proptest! {
        /// Each name occurs once, replaced variables have the secret's value, and all others pass byte for byte.
        #[test]
        fn every_variable_is_accounted_for(
            before in prop::collection::vec(("[A-D]{1,2}|VAULT_TOKEN", prop::collection::vec(1_u8.., 0..9)), 0..9),
            after in prop::collection::btree_map("[A-D]{1,2}", prop::collection::vec(1_u8.., 0..9), 0..9),
        ) {
            let inherited = InheritedEnv::new(before.iter().map(|(name, value)| EnvEntry::new(name.as_bytes(), value)).collect());
            let variables = after.iter().map(|(name, value)| Variable {
                name: EnvName::parse(name).unwrap(),
                value: Rc::new(Secret::new(value.clone())),
                source: Source::Set,
            });
            let mapped: MappedVariables = variables.collect();
            let environment = checked(inherited, mapped, None, &EnvPolicy::default()).unwrap();

            let mut expected = BTreeMap::new();
            for (name, value) in before.iter().filter(|(name, _)| name != "VAULT_TOKEN") {
                expected.entry(name.clone()).or_insert_with(|| value.clone());
            }
            expected.extend(after);
            let own = |entry: &EnvEntry| (String::from_utf8(entry.name().to_vec()).unwrap(), entry.value().to_vec());
            let mut got: Vec<_> = environment.entries.iter().map(own).collect();
            got.sort();
            prop_assert_eq!(got, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
