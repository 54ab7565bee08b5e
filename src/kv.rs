//! `[pure]` Secrets as the server returned them.

use std::rc::Rc;
use std::time::Duration;

use crate::escape::truncate;
use crate::secret::Secret;
use crate::secret_path::SecretPath;

/// The secret at one path.
#[derive(Clone, Debug)]
pub struct KvSecret {
    /// The path as the user named it.
    pub path: SecretPath,
    /// The version that was read (KV v2).
    pub version: Option<u64>,
    /// Keys and values in the order of the response; `None` is a JSON `null`. Several variables can share a value.
    pub data: Vec<(String, Option<Rc<Secret>>)>,
    /// The lease, if the server can revoke the values (`database/creds/app`).
    pub lease_duration: Option<Duration>,
    /// Whether its keys become variables; otherwise only templates that name the path use them.
    pub exported: bool,
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

/// `secret/airflow#postgres_user @3`
impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.path, truncate(&self.key))?;
        self.version.map_or(Ok(()), |version| write!(f, " @{version}"))
    }
}
