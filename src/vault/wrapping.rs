//! `[net]` Wrapping tokens, see <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>.

use http::StatusCode;
use serde::Deserialize;

use crate::config::Login;
use crate::error::CliError;
use crate::secret::Secret;
use crate::secret_path::SecretPath;
use crate::vault::client::Client;
use crate::vault::request;
use crate::vault::response::{Data, Envelope, Response, credential, lost};
use crate::vault::token::Token;

/// What a wrapping token is exchanged for, if it is not a login.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wrapped {
    /// Of `auth/token/create`.
    #[serde(deserialize_with = "credential")]
    token: Option<Secret>,
    #[serde(deserialize_with = "credential")]
    secret_id: Option<Secret>,
}

/// What a lost response to an unwrapping means, and what to do.
const LOST: (&str, &str) = (
    "the wrapping token may be used up",
    "get a new one and start again; the credential in this one stays valid until it expires or is revoked",
);

/// Exchanges a wrapping token for the token in it: of a login, or of `auth/token/create`. `wrapped_by` is the path of the
/// only request whose response is accepted, if it is given.
///
/// # Errors
/// If the wrapping token is not valid, or wraps something else.
pub(super) async fn unwrap_token(
    client: &Client<'_>,
    wrapping: Token,
    namespace: Option<&str>,
    wrapped_by: Option<&str>,
) -> Result<Secret, CliError> {
    let Envelope { auth, data, .. } = unwrap(client, wrapping, namespace, wrapped_by, creates_token).await?;
    let token = auth.map(|auth| auth.client_token).or_else(|| data?.token);
    require(token, "the wrapping token contains no token")
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
    let creates = |path: &str| creates_secret_id(path, &login.mount);
    let envelope = unwrap(client, wrapping, login.namespace.as_deref(), wrapped_by, creates).await?;
    let secret_id = envelope.data.and_then(|data| data.secret_id);
    require(secret_id, "the wrapping token contains no secret_id")
}

/// What was unwrapped, unless it is empty.
fn require(credential: Option<Secret>, message: &str) -> Result<Secret, CliError> {
    let credential = credential.filter(|credential| !credential.expose().is_empty());
    credential.ok_or_else(|| {
        CliError::new(message).hint("wrap the response of the request that creates it, or check --wrapped-by")
    })
}

/// Looks the wrapping token up, which does not use it, and unwraps it if the request whose response it holds is that of
/// `wrapped_by` or, without one, `creates` such a credential. A response that was unwrapped and wrapped again has another
/// path.
async fn unwrap(
    client: &Client<'_>,
    wrapping: Token,
    namespace: Option<&str>,
    wrapped_by: Option<&str>,
    creates: impl Fn(&str) -> bool,
) -> Result<Envelope<Wrapped>, CliError> {
    #[derive(Default, Deserialize)]
    struct Info {
        creation_path: String,
    }
    let fields = [("token", wrapping.secret)];
    let lookup = request::write("sys/wrapping/lookup", &fields);
    client.known.add_credentials(fields.map(|(_, secret)| secret));
    let info: Envelope<Info> = accepted(client, client.session(None, namespace).send(lookup).await?)?;
    let is_permitted = |path: &str| wrapped_by.map_or_else(|| creates(path), |wrapped_by| wrapped_by == path);
    if !info.data.is_some_and(|info| is_permitted(info.creation_path.trim_matches('/'))) {
        return Err(CliError::new("the wrapping token was not made by a request that creates such a credential").hint(
            "someone may have unwrapped it and wrapped it again: treat its content as stolen; if its wrapping is your \
             own, permit the path of that request (creation_path in sys/wrapping/lookup) with --wrapped-by",
        ));
    }
    let session = client.session(Some(&wrapping.header), namespace);
    let (effect, hint) = LOST;
    let unwrap = request::write::<Secret>("sys/wrapping/unwrap", &[]);
    let response: Response<Wrapped> = session.send_unless_sent(unwrap, effect, hint).await?;
    let is_from_vault = response.is_from_vault() && response.status != StatusCode::OK;
    let status = response.status;
    accepted(client, response)
        .map_err(|error| if is_from_vault { error } else { lost(client.address, status, effect, hint) })
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
    matches!(segments(role.unwrap_or_default())[..], [_, "secret-id" | "custom-secret-id"])
}

/// `auth/token/create`, `…/create/ROLE`, `…/create-orphan`, or a login: `auth/MOUNT/login`, `auth/MOUNT/login/NAME`
fn creates_token(path: &str) -> bool {
    match segments(path)[..] {
        ["auth", "token", ref action @ ..] => matches!(action, ["create" | "create-orphan"] | ["create", _]),
        ["auth", _, .., "login"] | ["auth", _, .., "login", _] => true,
        _ => false,
    }
}

/// The segments of a path; none if one of them is empty, `.` or `..`.
fn segments(path: &str) -> Vec<&str> {
    SecretPath::segments(path).map_or(Vec::new(), Iterator::collect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_from_the_token_store_or_a_login() {
        for path in ["token/create", "token/create-orphan", "token/create/ci", "jwt/login", "a/b/ldap/login/me"] {
            assert!(creates_token(&format!("auth/{path}")), "{path}");
        }
        for path in [
            "token/create/../x",
            "token/create/",
            "token/create/ci/x",
            "token/create-orphan/ci",
            "token/createx",
            "token/login",
            "token/x/login",
            "login",
            "login/me",
            "jwt//login",
            "jwt/../login",
            "jwt/login/",
            "jwt/login/me/x",
            "jwt/login/..",
            "jwt/mylogin",
        ] {
            assert!(!creates_token(&format!("auth/{path}")), "{path}");
        }
        assert!(!creates_token("sys/auth/jwt/login") && !creates_token("/auth/jwt/login") && !creates_token(""));
    }

    #[test]
    fn a_secret_id_comes_from_a_role_of_its_mount() {
        let creates = |path: &str| creates_secret_id(path, "team/approle");
        assert!(
            creates("auth/team/approle/role/app/secret-id") && creates("auth/team/approle/role/app/custom-secret-id")
        );
        for path in [
            "auth/team/approle/role//secret-id",
            "auth/team/approle/role/../secret-id",
            "auth/team/approle/role/app/x/secret-id",
            "auth/team/approle/role/app/secret-id/lookup",
            "auth/team/approle/role/secret-id",
            "auth/approle/role/app/secret-id",
            "team/approle/role/app/secret-id",
        ] {
            assert!(!creates(path), "{path}");
        }
    }
}
