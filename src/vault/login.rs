//! `[net]` The token to read with: one that was given, or one that a login brings.

use std::io::ErrorKind;
use std::time::Duration;

use anyhow::Context;
use http::{Response, StatusCode};
use serde::Deserialize;

use crate::about::TokenInfo;
use crate::config::{Config, Credential, CredentialSource, JwtSource, Login, LoginMethod};
use crate::credential_file;
use crate::error::CliError;
use crate::secret::Secret;
use crate::vault::client::{Client, Session, get, is_vaults, parse, post, says};
use crate::vault::github;

/// A token and whose it is.
pub(super) enum Token {
    /// An agent adds its own.
    Agents,
    /// Somebody else's, which is never revoked.
    Given(Secret),
    /// Ours.
    Obtained(Obtained),
}

/// A token that a login brought.
pub(super) struct Obtained {
    secret: Secret,
    /// Batch tokens cannot be revoked; the server forgets them by itself.
    pub(super) batch: bool,
    /// How many requests it is good for, 0 for any number.
    uses: u64,
    /// How long it lives unless somebody renews it.
    life: Duration,
    namespace: Option<String>,
}

impl Token {
    pub(super) const fn secret(&self) -> Option<&Secret> {
        match self {
            Self::Agents => None,
            Self::Given(secret) | Self::Obtained(Obtained { secret, .. }) => Some(secret),
        }
    }

    /// How long a lease lives that hangs on this token: the server ends it with the token, which nobody renews.
    pub(super) fn limit(&self, lease: Duration) -> Duration {
        match self {
            Self::Obtained(Obtained { life, .. }) if !life.is_zero() => lease.min(*life),
            _ => lease,
        }
    }

    /// How many requests it is good for, 0 for any number as far as is known.
    pub(super) const fn uses(&self) -> u64 {
        match self {
            Self::Obtained(Obtained { uses, .. }) => *uses,
            _ => 0,
        }
    }

    pub(super) fn into_secret(self) -> Option<Secret> {
        match self {
            Self::Agents => None,
            Self::Given(secret) | Self::Obtained(Obtained { secret, .. }) => Some(secret),
        }
    }
}

/// Finds the token or logs in for one.
///
/// # Errors
/// When there is no credential, or the server does not want it.
pub(super) async fn token(client: &Client<'_>, config: &Config) -> anyhow::Result<Token> {
    match &config.credential {
        Credential::Token { token, token_helper_path, wrapped } => {
            let Some((secret, source)) = given(client, token.as_ref(), token_helper_path.as_deref())? else {
                return Ok(Token::Agents);
            };
            header(&secret, &source)?;
            client.logger.info(format_args!("token from {source}"));
            if !wrapped {
                return Ok(Token::Given(secret));
            }
            let session = client.session(Some(&secret), config.connection.namespace.clone());
            unwrap_token(&session).await.map(Token::Given).with_context(|| format!("unwrap the token ({source})"))
        }
        Credential::Login(login) => {
            log_in(client, login).await.map(Token::Obtained).with_context(|| format!("log in at auth/{}", login.mount))
        }
    }
}

fn given(
    client: &Client<'_>,
    token: Option<&CredentialSource>,
    home: Option<&str>,
) -> anyhow::Result<Option<(Secret, String)>> {
    if let Some(token) = token {
        return Ok(Some((credential_file::credential(token, &client.deadline)?, credential_file::source(token))));
    }
    let why = match home.map(|home| (home, credential_file::read_file(home, &client.deadline))) {
        None => "HOME is not set".to_owned(),
        Some((home, Ok(secret))) => return Ok(Some((credential_file::checked(&secret, home)?, home.to_owned()))),
        Some((home, Err(error))) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            format!("there is no {home}")
        }
        Some((home, Err(error))) => return Err(credential_file::unreadable(home, &error).into()),
    };
    if client.address.is_agent() {
        client.logger.info(format_args!("no token: the agent adds its own"));
        return Ok(None);
    }
    Err(CliError::new(format!("no token: VAULT_TOKEN is not set, --token-file is not given and {why}"))
        .hint("set VAULT_TOKEN, name a --token-file, choose an --auth method, or log in with `bao login` or `vault login`")
        .into())
}

/// A token travels in a header, where only ASCII is safe.
fn header(token: &Secret, source: &str) -> anyhow::Result<()> {
    if token.expose().is_ascii() {
        return Ok(());
    }
    Err(CliError::new(format!("{source}: it holds a character that no token has"))
        .hint("it was damaged on its way: write it anew, on one line")
        .into())
}

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: Secret,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    num_uses: u64,
    #[serde(default)]
    lease_duration: u64,
}

/// One request, as `vault write auth/METHOD/login …` sends it.
async fn log_in(client: &Client<'_>, login: &Login) -> anyhow::Result<Obtained> {
    let session = client.session(None, login.namespace.clone());
    let mut path = format!("auth/{}/login", login.mount);
    let mut role_name: Option<(&str, &String)> = None;
    let mut proofs: Vec<(&str, Secret)> = Vec::new();
    match &login.method {
        LoginMethod::AppRole { role_id, secret_id, wrapped } => {
            proofs.push(("role_id", credential_file::credential(role_id, &client.deadline)?));
            match secret_id {
                Some(secret_id) if *wrapped => {
                    let token = credential_file::credential(secret_id, &client.deadline)?;
                    header(&token, &credential_file::source(secret_id))?;
                    let wrapping = client.session(Some(&token), login.namespace.clone());
                    let secret_id = unwrap_secret_id(&wrapping).await.context("unwrap the secret_id")?;
                    proofs.push(("secret_id", secret_id));
                }
                Some(secret_id) => {
                    proofs.push(("secret_id", credential_file::credential(secret_id, &client.deadline)?));
                }
                None => {}
            }
        }
        LoginMethod::Jwt { role, jwt } => {
            role_name = role.as_ref().map(|role| ("role", role));
            let jwt = match jwt {
                JwtSource::Given(jwt) => credential_file::credential(jwt, &client.deadline)?,
                JwtSource::GitHub { service, bearer } => {
                    github::id_token(client, service, bearer).await.context("ask GitHub Actions for a token")?
                }
            };
            proofs.push(("jwt", jwt));
        }
        LoginMethod::Password { username, password } => {
            path = format!("{path}/{username}");
            proofs.push(("password", credential_file::credential(password, &client.deadline)?));
        }
        LoginMethod::Cert { role } => role_name = role.as_ref().map(|role| ("name", role)),
    }
    let proofs = proofs.iter().map(|(field, proof)| (*field, str::from_utf8(proof.expose()).unwrap_or_default()));
    let fields = proofs.chain(role_name.map(|(field, role)| (field, role.as_str())));
    let answer = session.send(post(&path, fields)).await?;

    match (answer.status(), parse::<LoggedIn>(&answer)) {
        (StatusCode::OK, Some(LoggedIn { auth })) if auth.client_token.expose().is_empty() => {
            Err(CliError::new("the server wants a second factor, which nobody is here to give")
                .hint("exempt this method from login MFA, or choose another one")
                .into())
        }
        (StatusCode::OK, Some(LoggedIn { auth })) => {
            client.logger.info(format_args!("logged in at auth/{}", login.mount));
            header(&auth.client_token, "the server's answer")?;
            Ok(Obtained {
                secret: auth.client_token,
                batch: auth.token_type == "batch",
                uses: auth.num_uses,
                life: Duration::from_secs(auth.lease_duration),
                namespace: login.namespace.clone(),
            })
        }
        _ => Err(refused(client, login, &answer).into()),
    }
}

fn refused(client: &Client<'_>, login: &Login, answer: &Response<Vec<u8>>) -> CliError {
    let status = answer.status().as_u16();
    if says(answer, "no handler for route") {
        return CliError::new("nothing is mounted there").hint("name the mount of the method with --auth-mount");
    }
    if says(answer, "namespace not found") {
        return CliError::new("no such namespace").hint("check --auth-namespace, --namespace or VAULT_NAMESPACE");
    }
    if !matches!(
        answer.status(),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND
    ) || !is_vaults(answer)
    {
        return client.unexpected(answer);
    }
    let hint = match &login.method {
        LoginMethod::AppRole { .. } => {
            "check role_id and secret_id: one that was used up or has expired is refused like a wrong one"
        }
        LoginMethod::Jwt { role: None, .. } => {
            "name a role with --role, and check that the token is for it and has not expired"
        }
        LoginMethod::Jwt { .. } => {
            "check --role, and that the token is for its audience and subject and has not expired"
        }
        LoginMethod::Password { .. } => "check the user name and the password",
        LoginMethod::Cert { .. } => {
            "check that a role trusts the authority of --client-cert, and --role if it is given"
        }
    };
    let failure = CliError::new(format!("the server refused the credential ({status})"));
    if answer.status() == StatusCode::FORBIDDEN {
        // The answer of a server that will not tell strangers what is mounted, and of a few methods themselves.
        return failure.hint(format!("check that the method is mounted there (--auth-mount) and, if it is, {hint}"));
    }
    failure.hint(hint)
}

/// <https://developer.hashicorp.com/vault/docs/concepts/response-wrapping>
async fn unwrap(session: &Session<'_>) -> anyhow::Result<Response<Vec<u8>>> {
    let answer = session.send(post("sys/wrapping/unwrap", [])).await?;
    match answer.status() {
        StatusCode::OK => Ok(answer),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN if is_vaults(&answer) => {
            Err(CliError::new("the wrapping token is used up, expired or unknown to this server")
                .hint("get a new one; if nobody should have used this one, treat what it held as stolen")
                .into())
        }
        _ => Err(session.client().unexpected(&answer).into()),
    }
}

async fn unwrap_token(session: &Session<'_>) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Body {
        auth: Option<Auth>,
        data: Option<Data>,
    }
    #[derive(Deserialize)]
    struct Data {
        token: Secret,
    }
    let answer = unwrap(session).await?;
    let token = match parse::<Body>(&answer) {
        Some(Body { auth: Some(auth), .. }) => auth.client_token,
        Some(Body { data: Some(data), .. }) => data.token,
        _ => return Err(CliError::new("no token was wrapped in it").into()),
    };
    header(&token, "the wrapped token")?;
    Ok(token)
}

async fn unwrap_secret_id(session: &Session<'_>) -> anyhow::Result<Secret> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        secret_id: Secret,
    }
    let answer = unwrap(session).await?;
    let body: Option<Body> = parse(&answer);
    Ok(body.ok_or_else(|| CliError::new("no secret_id was wrapped in it"))?.data.secret_id)
}

/// How we get in, in words.
pub(super) fn describe(credential: &Credential) -> String {
    match credential {
        Credential::Token { token: Some(token), .. } => format!("token from {}", credential_file::source(token)),
        Credential::Token { token_helper_path: Some(home), .. } => format!("token from {home}"),
        Credential::Token { .. } => "no token: the agent adds its own".into(),
        Credential::Login(login) => format!("login at auth/{}", login.mount),
    }
}

/// What the server says of the token, which a policy may forbid it to say.
pub(super) async fn look_up(session: &Session<'_>) -> Option<TokenInfo> {
    #[derive(Deserialize)]
    struct Body {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        ttl: u64,
        policies: Vec<String>,
    }
    let answer = session.once(get("auth/token/lookup-self")).await.ok()?;
    let Body { data: Data { ttl, policies } } = parse(&answer)?;
    Some(TokenInfo { ttl: (ttl > 0).then(|| Duration::from_secs(ttl)), policies })
}

/// What a last request gets when nothing is left of the deadline.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Gives the token back. One try: the program has waited long enough.
pub(super) async fn revoke(client: &Client<'_>, obtained: &Obtained) {
    let session = client.session(Some(&obtained.secret), obtained.namespace.clone());
    // Also where the deadline is over: a token that lives on is worse than a second.
    let why = match session.within(client.deadline.request().max(LAST_WORD), post("auth/token/revoke-self", [])).await {
        Ok(answer) if answer.status().is_success() => {
            return client.logger.info(format_args!("revoked the token of the login"));
        }
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(trouble) => trouble.to_string(),
    };
    client
        .logger
        .warn(format_args!("the token of the login could not be revoked and lives on until it expires: {why}"));
}
