//! `[net]` The ID token of a job on GitHub Actions, see
//! <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.

use serde::Deserialize;

use crate::config::Connection;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::Client;
use crate::vault::response::{credential, parse_object};

/// Requests a token from the service, within the deadline of the Vault client.
///
/// # Errors
/// If the service cannot be reached or returns no token.
pub(super) async fn id_token(vault: &Client<'_>, service: &Connection, bearer: &Secret) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(deserialize_with = "credential")]
        value: Secret,
    }
    let response = Client::new(service, vault.retry, vault.logger)?.get_with_bearer(bearer).await?;
    match parse_object(response.body()) {
        Some(Body { value }) if response.status().is_success() && !value.expose().is_empty() => Ok(value),
        _ => Err(CliError::new(format!("the response ({}) contains no token", response.status().as_u16()))
            .hint("the job needs `permissions: id-token: write`")
            .into()),
    }
}
