//! `[net]` The token to read with: one that was given, or one that a login returns.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use http::StatusCode;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::config::{self, Credential, GivenToken, Incomplete, Login, LoginMethod};
use crate::credential_file;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::{Client, Session};
use crate::vault::login_request::LoginRequest;
use crate::vault::report::TokenInfo;
use crate::vault::response::{Missing, Response};
use crate::vault::token::{LoginToken, Token};
use crate::vault::{request, wrapping};

/// Finds a token or logs in; `None` if an agent adds its own. `namespace` is the one of the secrets.
///
/// # Errors
/// If there is no credential, or the server rejects it.
pub(super) async fn obtain_token(
    client: &Client<'_>,
    credential: &Credential,
    namespace: Option<&str>,
) -> anyhow::Result<Option<Token>> {
    match credential {
        Credential::Token(given) => {
            let Some((secret, source)) = given_token(client, given)? else { return Ok(None) };
            let token = Token::given(secret, &source)?;
            client.logger.info(format_args!("token from {source}"));
            if !given.wrapped {
                return Ok(Some(token));
            }
            let unwrapped = wrapping::unwrap_token(client, token, namespace, given.wrapped_by.as_deref()).await;
            let token = unwrapped.and_then(|secret| Token::given(secret, "the wrapped token"));
            token.map(Some).with_context(|| format!("unwrap the token ({source})"))
        }
        Credential::Login(login) => {
            log_in(client, login).await.map(Some).with_context(|| format!("log in at auth/{}", login.mount))
        }
    }
}

/// A token from its variable or file, with the source for messages; `None` if an agent adds its own.
fn given_token(client: &Client<'_>, given: &GivenToken) -> anyhow::Result<Option<(Secret, String)>> {
    let deadline = client.retry.deadline;
    if let Some(token) = &given.token {
        return Ok(Some((credential_file::read_credential(token, deadline)?, credential_file::describe(token))));
    }
    let reason = match given.token_helper_path.as_ref().map(|path| (path, credential_file::read_file(path, deadline))) {
        None => "HOME is not set".to_owned(),
        Some((path, Ok(secret))) => return Ok(Some((credential_file::trim(&secret, path)?, path.clone()))),
        Some((path, Err(error))) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            format!("{path} does not exist")
        }
        Some((path, Err(error))) => return Err(credential_file::unreadable(path, &error).into()),
    };
    if client.address.is_agent() {
        client.logger.info(format_args!("no token: the agent adds its own"));
        return Ok(None);
    }
    if let Some(Incomplete { source, missing }) = &given.incomplete {
        return Err(CliError::from(config::Error::Requires { source: source.clone(), what: missing }).into());
    }
    let (state, remedy) = if given.has_bao_token {
        ("no token: BAO_TOKEN is empty and hides VAULT_TOKEN", "unset BAO_TOKEN or give it a value")
    } else {
        ("no token: VAULT_TOKEN is not set", "set VAULT_TOKEN")
    };
    Err(CliError::new(format!("{state}, --token-file is not given and {reason}"))
        .hint(format_args!(
            "{remedy}, give a --token-file, choose an --auth method, or log in with `{} login`",
            client.address.cli()
        ))
        .into())
}

/// Sends one request, as `vault write auth/METHOD/login …` does.
async fn log_in(client: &Client<'_>, login: &Login) -> anyhow::Result<Token> {
    let session = client.session(None, login.namespace.as_deref());
    let LoginRequest { path, fields } = LoginRequest::prepare(client, login).await?;
    let request = request::write(&path, &fields);
    let secrets = fields.into_iter().filter(|(name, _)| !matches!(*name, "role" | "role_id" | "name"));
    client.known.add_credentials(secrets.map(|(_, secret)| secret));
    let mut response: Response<IgnoredAny> = session.send(request).await?;
    let Some(auth) = response.body.auth.take().filter(|_| response.status == StatusCode::OK) else {
        return Err(rejected(client, login, &response).into());
    };
    if auth.client_token.expose().is_empty() {
        return Err(CliError::new("the login requires MFA, which vault-exec does not support")
            .hint("exempt this method from login MFA, or use another one")
            .into());
    }
    client.logger.info(format_args!("logged in at auth/{}", login.mount));
    Ok(Token::obtained(auth, login.namespace.clone())?)
}

/// The error for a login that the server did not grant.
fn rejected(client: &Client<'_>, login: &Login, response: &Response<IgnoredAny>) -> CliError {
    match response.missing() {
        Some(Missing::Mount) => {
            return CliError::new("nothing is mounted there").hint("give the mount of the method with --auth-mount");
        }
        Some(Missing::Namespace) => {
            return CliError::new("no such namespace").hint("check --auth-namespace, --namespace or VAULT_NAMESPACE");
        }
        None => {}
    }
    let status = response.status.as_u16();
    if !matches!(status, 400 | 401 | 403 | 404) || !response.is_from_vault() {
        return response.unexpected(client.address);
    }
    let hint = match &login.method {
        LoginMethod::AppRole { secret_id: None, .. } => {
            "no secret_id is given, which most roles require: VAULT_SECRET_ID, --secret-id-file or \
             VAULT_SECRET_ID_FILE; otherwise check the role_id"
        }
        LoginMethod::AppRole { .. } => {
            "check role_id and secret_id: one that was used up or has expired is rejected like a wrong one"
        }
        LoginMethod::Jwt { role: None, .. } => {
            "give a role with --role, and check that the token is valid for it and has not expired"
        }
        LoginMethod::Jwt { .. } => "check --role, and that the token has its audience and subject and has not expired",
        LoginMethod::Password { .. } => "check the user name and the password",
        LoginMethod::Cert { .. } => "check that a role trusts the CA of --client-cert, and --role if it is given",
    };
    let lost = if response.may_have_acted_before && matches!(login.method, LoginMethod::AppRole { .. }) {
        "; an earlier attempt, whose response was lost, may have used up the secret_id"
    } else {
        ""
    };
    let error = CliError::new(format!("the server rejected the credential ({status}){lost}"));
    let error = error.with_server_reason(response.reason());
    if response.status == StatusCode::FORBIDDEN {
        // A server that does not tell unauthenticated clients what is mounted answers 403, and so do a few methods.
        return error.hint(format!("check that the method is mounted there (--auth-mount); if it is, {hint}"));
    }
    error.hint(hint)
}

/// The source of the token, or the login method's mount.
pub(super) fn describe(credential: &Credential) -> String {
    match credential {
        Credential::Token(GivenToken { token: Some(token), .. }) => {
            format!("token from {}", credential_file::describe(token))
        }
        Credential::Token(GivenToken { token_helper_path: Some(path), .. }) => format!("token from {path}"),
        Credential::Token(_) => "no token: the agent adds its own".into(),
        Credential::Login(login) => format!("login at auth/{}", login.mount),
    }
}

/// What the server reports about the session's token; `None` if a policy denies it.
pub(super) async fn lookup_self(session: &Session<'_>) -> Option<TokenInfo> {
    #[derive(Default, Deserialize)]
    struct Data {
        ttl: u64,
        policies: Vec<String>,
    }
    let response = session.send_once(request::lookup_self()).await.ok()?;
    let Data { ttl, policies } = response.body.data?;
    let policies = session.client.known.names(&policies);
    Some(TokenInfo { ttl: (ttl > 0).then(|| Duration::from_secs(ttl)), policies })
}

/// Revokes the token of a login, in one attempt. A failure is a warning.
pub(super) async fn revoke(client: &Client<'_>, token: &Token, login: &LoginToken) {
    let session = client.session(Some(&token.header), login.namespace.as_deref());
    let request = request::write::<Secret>("auth/token/revoke-self", &[]);
    let reason = match session.send_once::<IgnoredAny>(request).await {
        Ok(response) if response.status.is_success() => {
            return client.logger.info(format_args!("revoked the login token"));
        }
        Ok(response) => response.status.as_u16().to_string(),
        Err(error) => client.message(&error),
    };
    client.logger.warn(format_args!("the login token could not be revoked and stays valid until it expires: {reason}"));
}
