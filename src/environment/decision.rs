//! `[pure]` What became of each mapped variable: as text for `-v` and `--check`, and as JSON.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::env_name::EnvName;
use crate::escape::{shorten, truncate};
use crate::mapping::Source;

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
            Source::Reference => ("reference", None),
        };
        let (outcome, by) = match &self.outcome {
            Outcome::Set => ("set", None),
            Outcome::ReplacesInherited => ("replaces_inherited", None),
            Outcome::KeptInherited => ("kept_inherited", None),
            Outcome::Overridden(winner) => ("overridden", Some(winner.to_string())),
        };
        let mut json = serializer.serialize_struct("Decision", 7)?;
        json.serialize_field("name", &truncate(self.name.as_str()))?;
        json.serialize_field("source", source)?;
        json.serialize_field("path", &origin.map(|origin| shorten(&origin.path)))?;
        json.serialize_field("key", &origin.map(|origin| truncate(&origin.key)))?;
        json.serialize_field("version", &origin.and_then(|origin| origin.version))?;
        json.serialize_field("outcome", outcome)?;
        json.serialize_field("by", &by)?;
        json.end()
    }
}
