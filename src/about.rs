//! `[pure]` How the server was reached and who asked it, for whoever checks.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// How the server was reached and who asked it.
#[derive(Debug, Serialize)]
pub struct ConnectionReport {
    /// Where it is.
    pub server: String,
    /// Whom its certificate must be from, in words.
    pub trust: String,
    /// How we got in, in words.
    pub login: String,
    /// What the server says of the token, if it says anything.
    pub token: Option<TokenInfo>,
}

/// What a token may do, and for how long.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TokenInfo {
    /// How long it lives; `None` is for ever.
    #[serde(serialize_with = "as_seconds")]
    pub ttl: Option<Duration>,
    /// The names of its policies.
    pub policies: Vec<String>,
}

#[allow(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_seconds<S: Serializer>(ttl: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    ttl.map(|ttl| ttl.as_secs()).serialize(serializer)
}
