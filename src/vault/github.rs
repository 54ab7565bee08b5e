//! `[net]` The ID token of a job on GitHub Actions.

use serde::Deserialize;

use crate::config::Connection;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::Client;

/// Asks for a token, see
/// <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.
///
/// # Errors
/// When the service cannot be reached or does not answer with a token.
pub(super) async fn id_token(vault: &Client<'_>, service: &Connection, bearer: &Secret) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Body {
        value: Secret,
    }
    let answer = Client::new(service, vault.deadline, vault.logger)?.get_with_bearer(bearer).await?;
    match serde_json::from_slice(answer.body()) {
        Ok(Body { value }) if answer.status().is_success() => Ok(value),
        _ => Err(CliError::new(format!("it answered {} and no token", answer.status().as_u16()))
            .hint("the job needs `permissions: id-token: write`")
            .into()),
    }
}
