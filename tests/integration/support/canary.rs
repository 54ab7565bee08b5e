//! What no output may contain.

use super::vault::{Outcome, TestVault};

/// The token of every call of a fake server.
pub(crate) const TOKEN: &str = "hvs.canary-of-the-token";

/// The `secret_id` of every login at a fake server.
pub(crate) const SECRET_ID: &str = "canary-secret-id";

/// A part of every response of a fake server, and of every value in one.
pub(crate) const CANARY: &str = "canary";

impl Outcome {
    /// Standard error contains neither the token, nor a value, nor a part of a response of a fake server.
    #[track_caller]
    pub(crate) fn assert_no_canary(self) -> Self {
        assert!(!self.stderr.to_lowercase().contains(CANARY), "a canary is on standard error: {self}");
        self
    }
}

/// Standard error contains none of the secrets.
#[track_caller]
pub(crate) fn assert_no_secrets(vault: &TestVault, outcome: &Outcome) {
    for secret in vault.secrets() {
        assert!(!outcome.stderr.contains(&secret), "standard error contains {secret}: {outcome}");
    }
}
