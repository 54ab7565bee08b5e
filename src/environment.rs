//! `[pure]` The environment the program gets: the inherited one and the mapped variables, by policy.

use std::fmt;

use crate::config::{EnvPolicy, OnConflict};
use crate::env_block::{EnvEntry, InheritedEnv, is_withheld};
use crate::env_name::EnvName;
use crate::error::CliError;
use crate::mapping::{MappedVariables, Source};
use crate::secret::Secret;

/// The whole environment of the program, each name once.
#[derive(Debug, Default)]
pub struct Environment {
    /// The block, as `execve` takes it.
    pub entries: Vec<EnvEntry>,
    /// Which of it came from a secret, and what each replaced, for whoever asks with `-v`.
    pub decisions: Vec<Decision>,
}

/// What became of one mapped variable.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// The variable.
    pub name: EnvName,
    /// Where its value came from.
    pub source: Source,
    /// How it stands to other sources of the same name.
    pub outcome: Outcome,
}

/// See [`Decision::outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing else had the name.
    Set,
    /// It replaced an inherited variable.
    ReplacedInherited,
    /// An inherited variable was kept instead.
    KeptInherited,
    /// Something later had the name too.
    Overridden(Source),
}

/// Why there is no environment to start a program with.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum Error {
    Conflict { names: Vec<String> },
    Missing { names: Vec<String> },
    TooLong { offenders: Vec<(String, usize)> },
    BlockTooLarge { total: usize, limit: usize, largest: Vec<(String, usize)> },
}

/// Bytes of one string, its NUL included, that Linux takes: `MAX_ARG_STRLEN`, 32 pages, see `execve(2)`.
pub const MAX_STRING: usize = 128 * 1024;

impl Environment {
    /// Puts the program's environment together, and tells what the policy has against it. What was meant for vault-exec
    /// is left out; `token` goes into `VAULT_TOKEN`.
    #[must_use]
    pub fn compose(
        inherited: InheritedEnv,
        mapped: MappedVariables,
        token: Option<&Secret>,
        policy: &EnvPolicy,
    ) -> (Self, Vec<Error>) {
        let mut entries = inherited.into_entries();
        entries.retain(|entry| !is_withheld(entry.name()) && keeps(policy, entry.name()));
        entries.extend(token.map(|token| EnvEntry::new(b"VAULT_TOKEN", token.expose())));

        let mut environment = Self { entries, decisions: Vec::new() };
        // Where the inherited variable of the same name is. Mapped names differ from each other.
        let mut met = vec![None; mapped.variables.len()];
        for (place, entry) in environment.entries.iter().enumerate() {
            if let Some(number) = mapped.place(entry.name()) {
                met[number] = Some(place);
            }
        }
        let mut conflicts = Vec::new();
        for (variable, place) in mapped.variables.into_iter().zip(met) {
            let entry = EnvEntry::new(variable.name.as_str().as_bytes(), variable.value.expose());
            let earlier = place.map(|place| &mut environment.entries[place]);
            let outcome = match (earlier, policy.on_conflict) {
                (None, _) => {
                    environment.entries.push(entry);
                    Outcome::Set
                }
                (Some(earlier), OnConflict::Vault) => {
                    *earlier = entry;
                    Outcome::ReplacedInherited
                }
                (Some(_), OnConflict::Env) => Outcome::KeptInherited,
                (Some(_), OnConflict::Error) => {
                    conflicts.push(variable.name.to_string());
                    Outcome::KeptInherited
                }
            };
            environment.decisions.push(Decision { name: variable.name, source: variable.source, outcome });
        }
        let lost = |(name, source, winner)| Decision { name, source, outcome: Outcome::Overridden(winner) };
        environment.decisions.extend(mapped.overridden.into_iter().map(lost));
        let missing = environment.missing(&policy.require);
        let mut errors = Vec::new();
        if !conflicts.is_empty() {
            errors.push(Error::Conflict { names: conflicts });
        }
        if !missing.is_empty() {
            errors.push(Error::Missing { names: missing });
        }
        (environment, errors)
    }

    fn missing(&self, names: &[String]) -> Vec<String> {
        let present = |name: &&String| {
            self.entries.iter().any(|entry| entry.name() == name.as_bytes() && !entry.value().is_empty())
        };
        names.iter().filter(|name| !present(name)).cloned().collect()
    }

    /// Whether the kernel will take it: no string over [`MAX_STRING`], and all strings and pointers together, the
    /// `arguments` bytes of the command line included, within `limit`.
    ///
    /// # Errors
    /// When it will not, with the largest offenders first.
    pub fn check_size(&self, arguments: usize, limit: usize) -> Result<(), Error> {
        let length = |entry: &EnvEntry| entry.with_nul().len();
        let total = arguments + self.entries.iter().map(|entry| length(entry) + size_of::<usize>()).sum::<usize>();
        let fits = |entry: &EnvEntry| length(entry) <= MAX_STRING;
        if total <= limit && self.entries.iter().all(fits) {
            return Ok(());
        }
        let mut largest: Vec<&EnvEntry> = self.entries.iter().collect();
        largest.sort_by_key(|entry| std::cmp::Reverse(length(entry)));
        let sizes = |entries: &mut dyn Iterator<Item = &&EnvEntry>| -> Vec<(String, usize)> {
            entries.take(3).map(|entry| (String::from_utf8_lossy(entry.name()).into_owned(), length(entry))).collect()
        };
        let offenders = sizes(&mut largest.iter().filter(|entry| !fits(entry)));
        if offenders.is_empty() {
            Err(Error::BlockTooLarge { total, limit, largest: sizes(&mut largest.iter()) })
        } else {
            Err(Error::TooLong { offenders })
        }
    }
}

fn keeps(policy: &EnvPolicy, name: &[u8]) -> bool {
    policy.keep.as_ref().is_none_or(|keep| keep.iter().any(|kept| kept.as_bytes() == name))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |sizes: &[(String, usize)]| {
            sizes
                .iter()
                .map(|(name, size)| format!("{name} ({} KiB)", size.div_ceil(1024)))
                .collect::<Vec<_>>()
                .join(", ")
        };
        match self {
            Self::Conflict { names } => {
                write!(f, "--on-conflict error: {} already in the environment", names.join(", "))
            }
            Self::Missing { names } => write!(f, "--require: not set or empty: {}", names.join(", ")),
            Self::TooLong { offenders } => {
                write!(f, "longer than the {} KiB the kernel takes: {}", MAX_STRING / 1024, list(offenders))
            }
            Self::BlockTooLarge { total, limit, largest } => {
                let kib = |bytes: usize| bytes.div_ceil(1024);
                write!(
                    f,
                    "{} KiB in all, the kernel takes {} KiB; the largest: {}",
                    kib(*total),
                    kib(*limit),
                    list(largest)
                )
            }
        }
    }
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let hint = match &error {
            Error::Conflict { .. } => "unset them, --skip their keys, or choose --on-conflict vault or env",
            Error::Missing { .. } => "add the keys to a secret that --path names, or set the variables",
            Error::TooLong { .. } => "leave it out with --skip, or make it a file with --file",
            Error::BlockTooLarge { .. } => "leave keys out with --skip, or start from --pristine",
        };
        Self::new(&error).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::mapping::Variable;

    fn checked(
        inherited: InheritedEnv,
        mapped: MappedVariables,
        token: Option<&Secret>,
        policy: &EnvPolicy,
    ) -> Result<Environment, Error> {
        let (environment, errors) = Environment::compose(inherited, mapped, token, policy);
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
            value: Secret::new(value.as_bytes().to_vec()),
            source: Source::Set,
        };
        variables.iter().map(variable).collect()
    }

    fn shown(environment: &Environment) -> Vec<String> {
        let text = |entry: &EnvEntry| String::from_utf8_lossy(entry.with_nul()).trim_end_matches('\0').to_owned();
        environment.entries.iter().map(text).collect()
    }

    #[test]
    fn the_secret_wins_unless_told_otherwise() {
        let compose = |on_conflict| {
            let policy = EnvPolicy { on_conflict, ..EnvPolicy::default() };
            checked(inherited(&[("A", "env"), ("B", "env")]), mapped(&[("A", "vault")]), None, &policy)
        };
        assert_eq!(shown(&compose(OnConflict::Vault).unwrap()), ["A=vault", "B=env"]);
        assert_eq!(shown(&compose(OnConflict::Env).unwrap()), ["A=env", "B=env"]);
        assert_eq!(compose(OnConflict::Error).unwrap_err(), Error::Conflict { names: vec!["A".into()] });
    }

    #[test]
    fn what_was_for_us_stays_with_us() {
        let before = [("VAULT_TOKEN", "t"), ("BAO_SECRET_ID", "s"), ("VAULT_EXEC_PATH", "p"), ("VAULT_ADDR", "a")];
        let policy = EnvPolicy::default();
        let compose = |mapped, token| shown(&checked(inherited(&before), mapped, token, &policy).unwrap());
        assert_eq!(compose(MappedVariables::default(), None), ["VAULT_ADDR=a"]);
        assert_eq!(compose(mapped(&[("VAULT_TOKEN", "own")]), None), ["VAULT_ADDR=a", "VAULT_TOKEN=own"]);
        let token = Secret::new(b"kept".to_vec());
        assert_eq!(compose(MappedVariables::default(), Some(&token)), ["VAULT_ADDR=a", "VAULT_TOKEN=kept"]);
    }

    #[test]
    fn pristine_keeps_what_is_named() {
        let policy = EnvPolicy { keep: Some(vec!["B".into()]), ..EnvPolicy::default() };
        let before = inherited(&[("A", "1"), ("B", "2")]);
        assert_eq!(shown(&checked(before, mapped(&[("C", "3")]), None, &policy).unwrap()), ["B=2", "C=3"]);
    }

    #[test]
    fn all_missing_names_are_told_at_once() {
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
        let value = "x".repeat(MAX_STRING - "A=\0".len());
        let compose = |value: &str| {
            checked(inherited(&[("A", value)]), MappedVariables::default(), None, &EnvPolicy::default()).unwrap()
        };
        let fits = compose(&value);
        assert_eq!(fits.check_size(10, 10 + MAX_STRING + 8), Ok(()));
        assert_eq!(
            fits.check_size(11, 10 + MAX_STRING + 8),
            Err(Error::BlockTooLarge {
                total: MAX_STRING + 19,
                limit: MAX_STRING + 18,
                largest: vec![("A".into(), MAX_STRING)]
            })
        );
        let too_long = Err(Error::TooLong { offenders: vec![("A".into(), MAX_STRING + 1)] });
        assert_eq!(compose(&(value + "x")).check_size(0, usize::MAX), too_long);
    }

    proptest! {
        /// Each name once; what nobody replaced is there byte for byte; what a secret set is what it said.
        #[test]
        fn every_variable_is_accounted_for(
            before in prop::collection::vec(("[A-D]{1,2}|VAULT_TOKEN", prop::collection::vec(1_u8.., 0..9)), 0..9),
            after in prop::collection::btree_map("[A-D]{1,2}", prop::collection::vec(1_u8.., 0..9), 0..9),
        ) {
            let inherited = InheritedEnv::new(before.iter().map(|(name, value)| EnvEntry::new(name.as_bytes(), value)).collect());
            let variables = after.iter().map(|(name, value)| Variable {
                name: EnvName::parse(name).unwrap(),
                value: Secret::new(value.clone()),
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
