//! `[pure]` Builds the environment of the program from the inherited one and the mapped variables.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::env_block::{EnvEntry, InheritedEnv, is_withheld};
use crate::env_name::EnvName;
use crate::error::CliError;
use crate::mapping::{MappedVariables, Source};
use crate::secret::Secret;

/// How to combine the variables of the secrets with the inherited environment.
#[derive(Debug, Default)]
pub struct EnvPolicy {
    /// Which of two variables with the same name to take.
    pub on_conflict: OnConflict,
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

/// Whether a mapped variable was set, and what it replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Decision {
    /// The variable.
    pub name: EnvName,
    /// What its value was made from.
    pub source: Source,
    /// Which of the sources with this name was used.
    pub outcome: Outcome,
}

/// See [`Decision::outcome`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// No other source had the name.
    Set,
    /// The value replaces an inherited variable.
    ReplacesInherited,
    /// The inherited variable was kept instead.
    KeptInherited,
    /// This later source has the same name.
    Overridden(Source),
}

/// Follows the source of a value in messages.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set => Ok(()),
            Self::ReplacesInherited => f.write_str(", replaces the inherited variable"),
            Self::KeptInherited => f.write_str(", not used: the inherited variable is kept"),
            Self::Overridden(winner) => write!(f, ", not used: overridden by {winner}"),
        }
    }
}

/// The format of `--check --format json`: all fields are present, `null` if they do not apply.
impl Serialize for Decision {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (source, origin) = match &self.source {
            Source::Key(origin) => ("key", Some(origin)),
            Source::Set => ("set", None),
            Source::File => ("file", None),
        };
        let (outcome, by) = match &self.outcome {
            Outcome::Set => ("set", None),
            Outcome::ReplacesInherited => ("replaces_inherited", None),
            Outcome::KeptInherited => ("kept_inherited", None),
            Outcome::Overridden(winner) => ("overridden", Some(winner.to_string())),
        };
        let mut json = serializer.serialize_struct("Decision", 7)?;
        json.serialize_field("name", self.name.as_str())?;
        json.serialize_field("source", source)?;
        json.serialize_field("path", &origin.map(|origin| &origin.path))?;
        json.serialize_field("key", &origin.map(|origin| &origin.key))?;
        json.serialize_field("version", &origin.and_then(|origin| origin.version))?;
        json.serialize_field("outcome", outcome)?;
        json.serialize_field("by", &by)?;
        json.end()
    }
}

/// Why the program cannot be started with this environment. Sizes are in bytes.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "see the messages below")]
pub enum Error {
    Conflict { names: Vec<String> },
    Missing { names: Vec<String> },
    EntryTooLong { offenders: Vec<(String, usize)> },
    BlockTooLarge { total: usize, limit: usize, largest: Vec<(String, usize)> },
}

/// The longest entry that Linux accepts, including its NUL: `MAX_ARG_STRLEN`, 32 pages, see `execve(2)`.
pub const MAX_ENTRY_BYTES: usize = 128 * 1024;

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
        entries.retain(|entry| !is_withheld(entry.name()) && is_kept(policy, entry.name()));
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
            let outcome = match (inherited, policy.on_conflict) {
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
        let top = |entries: &[&EnvEntry]| {
            let name = |entry: &EnvEntry| String::from_utf8_lossy(entry.name()).into_owned();
            entries.iter().take(3).map(|entry| (name(entry), length(entry))).collect()
        };
        match largest.partition_point(|entry| length(entry) > MAX_ENTRY_BYTES) {
            0 if total <= limit => Ok(()),
            0 => Err(Error::BlockTooLarge { total, limit, largest: top(&largest) }),
            too_long => Err(Error::EntryTooLong { offenders: top(&largest[..too_long]) }),
        }
    }
}

fn is_kept(policy: &EnvPolicy, name: &[u8]) -> bool {
    policy.keep_only.as_ref().is_none_or(|keep| keep.iter().any(|kept| kept.as_bytes() == name))
}

impl From<Error> for CliError {
    fn from(error: Error) -> Self {
        let kib = |bytes: usize| bytes.div_ceil(1024);
        let list = |sizes: &[(String, usize)]| {
            sizes.iter().map(|(name, size)| format!("{name} ({} KiB)", kib(*size))).collect::<Vec<_>>().join(", ")
        };
        let (reason, hint) = match &error {
            Error::Conflict { names } => (
                format!("--on-conflict error: {} already in the environment", names.join(", ")),
                "unset them, --skip their keys, or choose --on-conflict vault or env",
            ),
            Error::Missing { names } => (
                format!("--require: not set or empty: {}", names.join(", ")),
                "add the keys to a secret that --path names, or set the variables",
            ),
            Error::EntryTooLong { offenders } => (
                format!("longer than the kernel limit of {} KiB: {}", kib(MAX_ENTRY_BYTES), list(offenders)),
                "leave it out with --skip, or make it a file with --file",
            ),
            Error::BlockTooLarge { total, limit, largest } => {
                let (total, limit, largest) = (kib(*total), kib(*limit), list(largest));
                (
                    format!("{total} KiB in all, the kernel limit is {limit} KiB; the largest: {largest}"),
                    "leave keys out with --skip, or start from --pristine",
                )
            }
        };
        Self::new(reason).hint(hint)
    }
}

#[cfg(test)]
mod tests;
