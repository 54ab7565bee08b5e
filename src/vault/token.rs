//! `[net]` The token that requests are made with.

use std::num::NonZeroU64;
use std::time::Duration;

use http::HeaderValue;

use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::response::Auth;

/// A token, and the value of the header that carries it.
pub(super) struct Token {
    pub(super) secret: Secret,
    /// Sensitive: its `Debug` does not show it.
    pub(super) header: HeaderValue,
    /// `None` for a token that was given.
    pub(super) login: Option<LoginToken>,
}

/// What the response to a login says about its token.
pub(super) struct LoginToken {
    /// Batch tokens cannot be revoked; they expire.
    pub(super) is_batch: bool,
    /// `None` for any number.
    pub(super) num_uses: Option<NonZeroU64>,
    /// `None` for a token that does not expire.
    pub(super) ttl: Option<Duration>,
    /// The namespace it was obtained in.
    pub(super) namespace: Option<String>,
}

impl Token {
    /// A token that was given: in `source`, or wrapped.
    ///
    /// # Errors
    /// If it holds anything but ASCII without control characters: no header can carry it.
    pub(super) fn given(secret: Secret, source: &str) -> Result<Self, CliError> {
        let header = HeaderValue::from_bytes(secret.expose()).ok().filter(|_| secret.expose().is_ascii());
        let mut header = header.ok_or_else(|| {
            CliError::new(format!("{source}: a character is not allowed in a token"))
                .hint("probably corrupted on its way: write it again, on one line")
        })?;
        header.set_sensitive(true);
        Ok(Self { secret, header, login: None })
    }

    /// The token that a login in `namespace` returned.
    ///
    /// # Errors
    /// If no header can carry it.
    pub(super) fn obtained(auth: Auth, namespace: Option<String>) -> Result<Self, CliError> {
        let login = LoginToken {
            is_batch: auth.token_type == "batch",
            num_uses: NonZeroU64::new(auth.num_uses),
            ttl: (auth.lease_duration > 0).then(|| Duration::from_secs(auth.lease_duration)),
            namespace,
        };
        Ok(Self { login: Some(login), ..Self::given(auth.client_token, "the server's answer")? })
    }

    /// How long a lease lives that was obtained with this token: the server revokes it when the token expires.
    pub(super) fn effective_ttl(&self, lease: Duration) -> Duration {
        self.login.as_ref().and_then(|login| login.ttl).map_or(lease, |ttl| lease.min(ttl))
    }
}
