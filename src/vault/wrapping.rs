//! `[net]` Wrapping tokens, see <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::Session;
use crate::vault::request;
use crate::vault::response::Response;

/// Exchanges the session's wrapping token for the token in it: of a login, or of `auth/token/create`.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_token(session: &Session<'_>) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Data {
        token: Secret,
    }
    let mut response = unwrap::<Data>(session).await?;
    let token = response.take_auth().map(|auth| auth.client_token);
    let token = token.or_else(|| Some(response.into_data()?.token));
    Ok(token.ok_or_else(|| CliError::new("no token was wrapped in it"))?)
}

/// Exchanges the session's wrapping token for the `secret_id` in it.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_secret_id(session: &Session<'_>) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Data {
        secret_id: Secret,
    }
    let data = unwrap::<Data>(session).await?.into_data();
    Ok(data.ok_or_else(|| CliError::new("no secret_id was wrapped in it"))?.secret_id)
}

async fn unwrap<T: DeserializeOwned>(session: &Session<'_>) -> anyhow::Result<Response<T>> {
    let response: Response<T> = session.send(request::write("sys/wrapping/unwrap", &[])).await?;
    match response.status {
        StatusCode::OK => Ok(response),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if response.is_from_vault() => {
            Err(CliError::new("the wrapping token is used up, expired or unknown to this server")
                .hint("get a new one; if nobody should have used this one, treat what it held as stolen")
                .into())
        }
        _ => Err(response.unexpected(session.client.address).into()),
    }
}
