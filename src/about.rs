//! `[pure]` How the server was reached and who asked it, for whoever checks.

use std::time::Duration;

/// How the server was reached and who asked it.
#[derive(Debug)]
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
#[derive(Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// How long it lives; `None` is for ever.
    pub ttl: Option<Duration>,
    /// The names of its policies.
    pub policies: Vec<String>,
}
