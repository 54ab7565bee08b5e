//! `[net]` Wrapping tokens, see <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.

use http::StatusCode;
use serde::Deserialize;

use crate::config::Login;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::Client;
use crate::vault::request;
use crate::vault::response::{Data, Envelope, Response};
use crate::vault::token::Token;

/// What a wrapping token is exchanged for, if it is not a login.
#[derive(Default, Deserialize)]
struct Wrapped {
    /// Of `auth/token/create`.
    token: Option<Secret>,
    secret_id: Option<Secret>,
}

/// Exchanges a wrapping token for the token in it: of a login, or of `auth/token/create`. `wrapped_by` is the path of one
/// more request whose response is accepted.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_token(
    client: &Client<'_>,
    wrapping: Token,
    namespace: Option<&str>,
    wrapped_by: Option<&str>,
) -> Result<Secret, CliError> {
    let is_permitted = |path: &str| creates_token(path) || wrapped_by == Some(path);
    let Envelope { auth, data, .. } = unwrap(client, wrapping, namespace, is_permitted).await?;
    let token = auth.map(|auth| auth.client_token).or_else(|| data?.token);
    token.ok_or_else(|| CliError::new("the wrapping token contains no token"))
}

/// Exchanges a wrapping token for the `secret_id` in it, see [`unwrap_token`].
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_secret_id(
    client: &Client<'_>,
    wrapping: Token,
    login: &Login,
    wrapped_by: Option<&str>,
) -> Result<Secret, CliError> {
    let is_permitted = |path: &str| creates_secret_id(path, &login.mount) || wrapped_by == Some(path);
    let envelope = unwrap(client, wrapping, login.namespace.as_deref(), is_permitted).await?;
    let secret_id = envelope.data.and_then(|data| data.secret_id);
    secret_id.ok_or_else(|| CliError::new("the wrapping token contains no secret_id"))
}

/// Looks the wrapping token up, which does not use it, and unwraps it if `is_permitted` accepts the path of the request
/// whose response it holds. A response that was unwrapped and wrapped again has another path.
async fn unwrap(
    client: &Client<'_>,
    wrapping: Token,
    namespace: Option<&str>,
    is_permitted: impl Fn(&str) -> bool,
) -> Result<Envelope<Wrapped>, CliError> {
    #[derive(Default, Deserialize)]
    struct Info {
        creation_path: String,
    }
    let fields = [("token", wrapping.secret)];
    let lookup = request::write("sys/wrapping/lookup", &fields);
    client.used.borrow_mut().extend(fields.map(|(_, secret)| secret));
    let info: Envelope<Info> = accepted(client, client.session(None, namespace).send(lookup).await?)?;
    if !info.data.is_some_and(|info| is_permitted(info.creation_path.trim_matches('/'))) {
        return Err(CliError::new("the wrapping token was not made by a request that creates such a credential").hint(
            "someone may have unwrapped it and wrapped it again: treat its content as stolen; if its wrapping is your \
             own, permit the path of that request (creation_path in sys/wrapping/lookup) with --wrapped-by",
        ));
    }
    let session = client.session(Some(&wrapping.header), namespace);
    let response = session.send_unless_sent(
        request::write("sys/wrapping/unwrap", &[]),
        "the wrapping token may be used up",
        "get a new one and start again; the credential in this one stays valid until it expires or is revoked",
    );
    accepted(client, response.await?)
}

/// The body of a response with status 200.
fn accepted<T: Data>(client: &Client<'_>, response: Response<T>) -> Result<Envelope<T>, CliError> {
    match response.status {
        StatusCode::OK if response.body.data.is_some() || response.body.auth.is_some() => Ok(response.body),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if response.is_from_vault() => {
            Err(CliError::new("the wrapping token is used up, expired or unknown to this server")
                .hint("get a new one; if this one should not have been used before, treat its content as stolen"))
        }
        _ => Err(response.unexpected(client.address)),
    }
}

/// `auth/MOUNT/role/ROLE/secret-id` or `…/custom-secret-id`
fn creates_secret_id(path: &str, mount: &str) -> bool {
    let role = path.strip_prefix("auth/").and_then(|path| path.strip_prefix(mount)?.strip_prefix("/role/"));
    matches!(role.and_then(|role| role.split_once('/')), Some((_, "secret-id" | "custom-secret-id")))
}

/// `auth/token/create`, `…/create/ROLE`, `…/create-orphan`, or a login: `auth/MOUNT/login`, `auth/MOUNT/login/NAME`
fn creates_token(path: &str) -> bool {
    let Some((mount, action)) = path.strip_prefix("auth/").and_then(|path| path.split_once('/')) else { return false };
    if mount == "token" {
        return matches!(action, "create" | "create-orphan") || action.starts_with("create/");
    }
    action.rsplit('/').take(2).any(|segment| segment == "login")
}
