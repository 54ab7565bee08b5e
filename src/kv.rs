//! `[pure]` Secrets as the server returned them.

use std::rc::Rc;
use std::time::Duration;

use crate::secret::Secret;
use crate::secret_path::SecretPath;

/// The secret at one path.
#[derive(Debug)]
pub struct KvSecret {
    /// The path as the user named it.
    pub path: SecretPath,
    /// The version that was read (KV v2).
    pub version: Option<u64>,
    /// Keys and values in the order of the response; `None` is a JSON `null`. Several variables can share a value.
    pub data: Vec<(String, Option<Rc<Secret>>)>,
    /// The lease, if the server can revoke the values (`database/creds/app`).
    pub lease_duration: Option<Duration>,
}

/// The key that a value was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// See [`KvSecret::path`], without the pinned version.
    pub path: String,
    /// The name of the key in that secret.
    pub key: String,
    /// See [`KvSecret::version`].
    pub version: Option<u64>,
}

/// Characters of a key in a message.
pub const MAX_SHOWN_KEY: usize = 100;

/// Shortens a key for a message. The length of keys is under the control of those who write secrets.
#[must_use]
pub fn truncate_key(key: &str) -> String {
    match key.char_indices().nth(MAX_SHOWN_KEY) {
        Some((end, _)) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

/// `secret/airflow#postgres_user @3`
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.path, truncate_key(&self.key))?;
        self.version.map_or(Ok(()), |version| write!(f, " @{version}"))
    }
}
