//! `[net]` One path becomes one secret, whatever kind of engine holds it.

use std::fmt;
use std::time::Duration;

use anyhow::Context;
use http::{Response, StatusCode};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use vaultrs::api::kv2::requests::ReadSecretRequest;

use crate::config::{Config, KvVersion, OutsideLoginNamespace, SecretPath, SecretRequest};
use crate::error::CliError;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::vault::client::{Session, get, is_vaults, parse, says};

/// What the server says of one path.
enum Reply {
    Found(KvSecret),
    Absent(Absence),
    /// 403, and the path that a policy would have to name.
    Refused(String),
    /// Anything else.
    Odd(Response<Vec<u8>>),
}

/// The ways a secret can be absent.
enum Absence {
    /// Nothing was ever written there, or not this version.
    Nothing,
    Deleted(u64),
    Destroyed(u64),
    /// Nothing is mounted there: a mistake, never just an absent secret.
    Mount,
    /// The namespace does not exist: a mistake too.
    Namespace,
}

/// What the server says of the mount of a path.
enum Mount {
    /// KV v2, mounted at so many segments.
    Kv2(usize),
    /// KV v1 or any other engine, by its type.
    Plain(String),
    /// It may exist, but we are not told.
    Unknown,
}

/// Reads one path; `None` when it is optional and absent.
///
/// # Errors
/// When it is refused, unreachable, or absent without being optional.
pub(super) async fn read(
    session: &Session<'_>,
    config: &Config,
    read: &SecretRequest,
) -> anyhow::Result<Option<KvSecret>> {
    let path = &read.path;
    one(session, config, read).await.with_context(|| format!("read {path}"))
}

async fn one(session: &Session<'_>, config: &Config, read: &SecretRequest) -> Result<Option<KvSecret>, CliError> {
    let path = &read.path;
    let mount_len = config.mount_depth.unwrap_or(1);
    let (reply, unsure) = match config.kv {
        KvVersion::V1 => (plain(session, path).await?, false),
        KvVersion::V2 => (versioned(session, path, mount_len).await?, false),
        KvVersion::Auto => detect(session, path, mount_len).await?,
    };
    match reply {
        Reply::Found(secret) => {
            let version = secret.version.map_or(String::new(), |version| format!(" version {version}"));
            session.client().logger.info(format_args!("read {path}{version}, keys: {}", secret.data.len()));
            Ok(Some(secret))
        }
        Reply::Absent(Absence::Nothing | Absence::Deleted(_) | Absence::Destroyed(_)) if read.optional && !unsure => {
            session.client().logger.info(format_args!("read {path}: absent, which is allowed"));
            Ok(None)
        }
        Reply::Absent(absence) => Err(absent(path, &absence, config.kv, unsure)),
        Reply::Refused(policy_path) => Err(refused(session, config, &policy_path, unsure).await),
        Reply::Odd(answer) => Err(session.client().unexpected(&answer)),
    }
}

/// Asks for KV v2 and, only if that brings no secret, for the kind of the mount. Also tells whether the reply is a
/// guess because the server would not say.
async fn detect(session: &Session<'_>, path: &SecretPath, mount_len: usize) -> Result<(Reply, bool), CliError> {
    let first = versioned(session, path, mount_len).await?;
    if let Reply::Found(_) | Reply::Absent(Absence::Deleted(_) | Absence::Destroyed(_) | Absence::Namespace) = first {
        return Ok((first, false));
    }
    let reply = match mount(session, path).await? {
        Mount::Kv2(len) if len == mount_len => first,
        Mount::Kv2(len) => versioned(session, path, len).await?,
        Mount::Plain(kind) if path.version.is_some() => return Err(no_versions(&kind)),
        Mount::Plain(_) => plain(session, path).await?,
        Mount::Unknown => return Ok((first, true)),
    };
    Ok((reply, false))
}

/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>
async fn versioned(session: &Session<'_>, path: &SecretPath, mount_len: usize) -> Result<Reply, CliError> {
    let Some((mount, secret)) = path.split_kv2(mount_len) else { return Ok(Reply::Absent(Absence::Nothing)) };
    let policy_path = format!("{mount}/data/{secret}");
    let request = ReadSecretRequest { mount, path: secret, version: path.version };
    let answer = session.send(request).await?;
    let body: Option<Body<Kv2>> = parse(&answer);
    let body = body.filter(|body| body.lease_duration == 0);
    Ok(match (answer.status(), body.and_then(|body| body.data)) {
        (StatusCode::OK, Some(Kv2 { data: Some(data), metadata })) => Reply::Found(KvSecret {
            path: path.api_path(),
            version: Some(metadata.version),
            data: data.0,
            lease_duration: None,
        }),
        (StatusCode::NOT_FOUND, Some(Kv2 { data: None, metadata })) if metadata.destroyed => {
            Reply::Absent(Absence::Destroyed(metadata.version))
        }
        (StatusCode::NOT_FOUND, Some(Kv2 { data: None, metadata })) => {
            Reply::Absent(Absence::Deleted(metadata.version))
        }
        _ => neither(answer, policy_path),
    })
}

/// A plain logical read: KV v1, `cubbyhole`, `database/creds/app` and the like.
async fn plain(session: &Session<'_>, path: &SecretPath) -> Result<Reply, CliError> {
    let answer = session.send(get(&path.api_path())).await?;
    let body: Option<Body<Data>> = parse(&answer);
    Ok(match (answer.status(), body) {
        (StatusCode::OK, Some(Body { data: Some(data), lease_id, lease_duration })) => {
            let lease = (!lease_id.is_empty()).then(|| Duration::from_secs(lease_duration));
            Reply::Found(KvSecret { path: path.api_path(), version: None, data: data.0, lease_duration: lease })
        }
        _ => neither(answer, path.api_path()),
    })
}

/// What an answer without a secret means.
fn neither(answer: Response<Vec<u8>>, policy_path: String) -> Reply {
    match answer.status() {
        _ if !is_vaults(&answer) => Reply::Odd(answer),
        StatusCode::FORBIDDEN => Reply::Refused(policy_path),
        StatusCode::NOT_FOUND if says(&answer, "no handler for route") => Reply::Absent(Absence::Mount),
        StatusCode::NOT_FOUND if says(&answer, "namespace not found") => Reply::Absent(Absence::Namespace),
        StatusCode::NOT_FOUND => Reply::Absent(Absence::Nothing),
        _ => Reply::Odd(answer),
    }
}

/// The request that the Vault CLI sends to tell KV v1 from v2. It is refused to a token that may do nothing at all in
/// the mount, and for a mount that does not exist.
async fn mount(session: &Session<'_>, path: &SecretPath) -> Result<Mount, CliError> {
    #[derive(Deserialize)]
    struct Info {
        path: String,
        r#type: String,
        options: Option<Options>,
    }
    #[derive(Deserialize)]
    struct Options {
        version: Option<String>,
    }
    let answer = session.send(get(&format!("sys/internal/ui/mounts/{path}"))).await?;
    let body: Option<Body<Info>> = parse(&answer);
    let Some(info) = body.and_then(|body| body.data) else { return Ok(Mount::Unknown) };
    session.client().logger.info(format_args!("{path} is in {} of type {}", info.path, info.r#type));
    let version = info.options.and_then(|options| options.version);
    Ok(match (info.r#type.as_str(), version.as_deref()) {
        ("kv", Some("2")) => Mount::Kv2(info.path.trim_matches('/').split('/').count()),
        _ => Mount::Plain(info.r#type),
    })
}

fn no_versions(kind: &str) -> CliError {
    CliError::new(format!("a version is pinned, but its engine ({kind}) has none"))
        .hint("leave the @ and the version out")
}

fn absent(path: &SecretPath, absence: &Absence, kv: KvVersion, unsure: bool) -> CliError {
    let forced = if kv == KvVersion::Auto { "" } else { "; --kv auto finds out which engine it is" };
    let (why, hint) = match (absence, path.version) {
        (Absence::Nothing, _) if unsure => ("no such secret".into(), UNSURE.into()),
        (Absence::Nothing, Some(version)) => (
            format!("no version {version} of it"),
            format!("`bao kv metadata get {path}` shows which there are{forced}"),
        ),
        (Absence::Nothing, None) => (
            "no such secret".into(),
            format!("`bao kv list {}` shows what is there; --optional-path lets it be absent{forced}", path.parent()),
        ),
        (Absence::Deleted(version), _) => (
            format!("version {version} is deleted"),
            format!("`bao kv undelete -versions={version} {path}` brings it back; @N pins another version"),
        ),
        (Absence::Destroyed(version), _) => {
            (format!("version {version} is destroyed"), "write a new version, or pin another one with @N".into())
        }
        (Absence::Mount, _) => ("nothing is mounted there".into(), "`bao secrets list` shows the mounts".into()),
        (Absence::Namespace, _) => ("no such namespace".into(), "check --namespace or VAULT_NAMESPACE".into()),
    };
    CliError::new(why).hint(hint)
}

const UNSURE: &str = "check --kv and --mount: the server did not say which engine holds the path";

/// Says what a policy lacks, or that the token may be worth nothing at all. The server answers 403 to both; the token is
/// asked to look itself up, once, which the default policy lets every valid one do.
async fn refused(session: &Session<'_>, config: &Config, policy_path: &str, unsure: bool) -> CliError {
    let left = session.left();
    if left.is_some_and(|left| left < 0) {
        return CliError::new(
            "permission denied (403): the token of the login was good for fewer requests than this takes",
        )
        .hint("raise token_num_uses of the role, or save requests with --kv and --mount");
    }
    let looked_up = async || session.once(get("auth/token/lookup-self")).await;
    let doubtful = left != Some(0) && looked_up().await.is_ok_and(|answer| answer.status() == StatusCode::FORBIDDEN);
    if doubtful && session.is_anonymous() {
        return CliError::new("permission denied (403): the agent has no valid token")
            .hint("look into its log: it could not log in, or it does not add its token (use_auto_auth_token)");
    }
    let below = match config.credential.policy_prefix(config.connection.namespace.as_deref()) {
        Ok(below) => below,
        Err(OutsideLoginNamespace { login: namespace }) => {
            let why = format!("the token is of namespace `{namespace}`, and the secret is outside of it");
            return CliError::new(format!("permission denied (403): {why}"))
                .hint("log in in the namespace of the secret, or in one above it, with --auth-namespace");
        }
    };
    let stanza =
        format!("a policy of the token must hold\npath \"{below}{policy_path}\" {{\n  capabilities = [\"read\"]\n}}");
    let mut hint = if doubtful { format!("log in again if it should be valid; else {stanza}") } else { stanza };
    if unsure {
        hint = format!("{hint}\n{UNSURE}");
    }
    CliError::new(if doubtful {
        "permission denied (403): the token may not read it, or is expired, revoked or unknown to this server"
    } else {
        "permission denied (403)"
    })
    .hint(hint)
}

/// The envelope of every answer.
#[derive(Deserialize)]
struct Body<T> {
    data: Option<T>,
    #[serde(default)]
    lease_id: String,
    #[serde(default)]
    lease_duration: u64,
}

#[derive(Deserialize)]
struct Kv2 {
    data: Option<Data>,
    metadata: Metadata,
}

/// What KV v2 says of a version. A secret of KV v1 that was made to look like this has a lease as well.
#[derive(Deserialize)]
struct Metadata {
    version: u64,
    #[serde(default)]
    destroyed: bool,
}

/// Keys and values in the order they were sent, where a map would lose one of two equal keys in silence.
struct Data(Vec<(String, Option<Secret>)>);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Data;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Data, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Data(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
