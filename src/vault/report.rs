//! `[pure]` What `--check` reports about the server and the token.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// The server, how its identity was proved, and the token.
#[derive(Debug, Default, Serialize)]
pub struct ConnectionReport {
    /// The address.
    pub server: String,
    /// Which certificates are accepted; `None` if the files that say so cannot be used.
    pub trust: Option<Trust>,
    /// The source of the token, or the login method's mount; `None` without a token.
    pub login: Option<String>,
    /// `None` without a token, or if its policies deny `auth/token/lookup-self`.
    pub token: Option<TokenInfo>,
}

/// The server's answer to `auth/token/lookup-self`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// The remaining lifetime; `None` for a token that does not expire.
    #[serde(serialize_with = "as_seconds")]
    pub ttl: Option<Duration>,
    /// The names of its policies.
    pub policies: Vec<String>,
}

#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_seconds<S: Serializer>(ttl: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    ttl.map(|ttl| ttl.as_secs()).serialize(serializer)
}

/// Which certificates are accepted from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// None is sent: `http://`.
    PlainHttp,
    /// Any: `--tls-skip-verify`.
    Unverified,
    /// Those that chain to a number of certificates, from this option or variable.
    Given(usize, String),
    /// Those that chain to a number of the system's, from these files and directories.
    System(usize, Vec<String>),
    /// Those that chain to a number of certificates in this program, on a system without a certificate store.
    Bundled(usize),
}

impl fmt::Display for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: &usize| if *count == 1 { "" } else { "s" };
        match self {
            Self::PlainHttp => f.write_str("any server, over plain HTTP"),
            Self::Unverified => f.write_str("any certificate"),
            Self::Given(count, source) => write!(f, "{count} CA certificate{} from {source}", plural(count)),
            Self::System(count, paths) => {
                write!(f, "{count} CA certificate{} of the system, from {}", plural(count), paths.join(", "))
            }
            Self::Bundled(count) => write!(f, "{count} bundled CA certificates, because the system has none"),
        }
    }
}

impl Serialize for Trust {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
