//! `[pure]` What a path of the server held.

use std::time::Duration;

use crate::secret::Secret;

/// The secret at one path.
#[derive(Debug)]
pub struct KvSecret {
    /// The path as the user named it, without the version.
    pub path: String,
    /// The version the server answered with, for KV v2.
    pub version: Option<u64>,
    /// Keys and values in the order they were sent; `None` is a JSON `null`.
    pub data: Vec<(String, Option<Secret>)>,
    /// How long the values live, where the server can take them back (`database/creds/app`).
    pub lease: Option<Duration>,
}

/// Where one value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// See [`KvSecret::path`].
    pub path: String,
    /// The key in the secret at that path.
    pub key: String,
    /// See [`KvSecret::version`].
    pub version: Option<u64>,
}

/// How much of a key is shown.
pub const LONGEST_SHOWN: usize = 100;

/// A key in a message: whoever writes a secret decides how long it is.
#[must_use]
pub fn shown(key: &str) -> String {
    match key.char_indices().nth(LONGEST_SHOWN) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// `secret/airflow#postgres_user @3`
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.path, shown(&self.key))?;
        self.version.map_or(Ok(()), |version| write!(f, " @{version}"))
    }
}
