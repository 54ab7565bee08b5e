//! `[net]` Wrapping tokens, see <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.

use http::StatusCode;
use serde::Deserialize;

use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::Session;
use crate::vault::request;
use crate::vault::response::{Envelope, Response};

/// What a wrapping token is exchanged for, if it is not a login.
#[derive(Default, Deserialize)]
struct Wrapped {
    /// Of `auth/token/create`.
    token: Option<Secret>,
    secret_id: Option<Secret>,
}

/// Exchanges the session's wrapping token for the token in it: of a login, or of `auth/token/create`.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_token(session: &Session<'_>) -> Result<Secret, CliError> {
    let Envelope { auth, data, .. } = unwrap(session).await?;
    let token = auth.map(|auth| auth.client_token).or_else(|| data?.token);
    token.ok_or_else(|| CliError::new("the wrapping token contains no token"))
}

/// Exchanges the session's wrapping token for the `secret_id` in it.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_secret_id(session: &Session<'_>) -> Result<Secret, CliError> {
    let secret_id = unwrap(session).await?.data.and_then(|data| data.secret_id);
    secret_id.ok_or_else(|| CliError::new("the wrapping token contains no secret_id"))
}

async fn unwrap(session: &Session<'_>) -> Result<Envelope<Wrapped>, CliError> {
    let response: Response<Wrapped> = session.send(request::write("sys/wrapping/unwrap", &[])).await?;
    match response.status {
        StatusCode::OK => Ok(response.body),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if response.is_from_vault() => {
            Err(CliError::new("the wrapping token is used up, expired or unknown to this server")
                .hint("get a new one; if this one should not have been used before, treat its content as stolen"))
        }
        _ => Err(response.unexpected(session.client.address)),
    }
}
