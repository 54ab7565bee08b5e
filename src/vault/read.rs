//! `[net]` Reads one path, whatever the type and the mount of its engine.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use http::StatusCode;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::{KvVersion, OutsideLoginNamespace, SecretRequest};
use crate::error::CliError;
use crate::kv::KvSecret;
use crate::secret_path::SecretPath;
use crate::vault::client::Session;
use crate::vault::read_error::{Absence, Denial, ReadError};
use crate::vault::request;
use crate::vault::response::{Fields, Missing, Response, if_fitting};
use crate::vault::token::Token;

/// See [`require_permitted`].
const RESERVED_SEGMENTS: [&str; 4] = ["auth", "sys", "identity", "cubbyhole"];

const KV1: &str = "KV version 1";

pub(super) const OTHER_ENGINE: &str = "another engine than KV";

const SERVER: &str = "a mount of the server itself";

/// Reads paths with one token.
pub(super) struct Reader<'a> {
    /// By the first segment of their paths. While a mount is looked up, other paths of that segment wait for it.
    pub(super) mounts: RefCell<BTreeMap<String, Rc<Mutex<KnownMounts>>>>,
    /// The secrets of KV v2, by their API paths and pinned versions: `secret/app` and `secret/data/app` are read once.
    pub(super) reads: RefCell<BTreeMap<(String, Option<u64>), SharedRead>>,
    pub(super) session: &'a Session<'a>,
    pub(super) kv: KvVersion,
    /// See [`Credential::policy_prefix`](crate::config::Credential::policy_prefix).
    pub(super) policy_prefix: Result<String, OutsideLoginNamespace>,
    /// `--min-lease`
    pub(super) min_lease: Option<Duration>,
    /// `None` if an agent adds it.
    pub(super) token: Option<&'a Token>,
}

/// What the server answers for one path.
enum Reply {
    Found(KvSecret),
    Absent(Absence),
    Denied(Denial),
    Unexpected(CliError),
}

/// The mounts that were looked up, by their paths.
type KnownMounts = Vec<(String, Mount)>;

/// A secret of KV v2, once it was read.
type SharedRead = Rc<Mutex<Option<KvSecret>>>;

/// What the server answers for the mount of a path.
#[derive(Clone)]
pub(super) enum Mount {
    /// KV v2, and the number of segments of the mount.
    Kv2(usize),
    /// KV v1 or any other engine, in words.
    Logical(&'static str),
    /// The server does not tell: the mount may exist.
    Unknown,
}

/// The data of a read in KV v2.
#[derive(Default, Deserialize)]
struct Kv2 {
    data: Option<Fields>,
    #[serde(default, deserialize_with = "if_fitting")]
    metadata: Option<Metadata>,
}

/// The version that was read. A secret of KV v1 can have the same form, but then has a lease duration as well.
#[derive(Deserialize)]
struct Metadata {
    version: u64,
    #[serde(default)]
    destroyed: bool,
}

impl Reader<'_> {
    /// Reads one path; `None` if it is optional and absent.
    ///
    /// # Errors
    /// If it is denied, unreachable, or absent without being optional.
    pub(super) async fn read(&self, request: &SecretRequest) -> Result<Option<KvSecret>, CliError> {
        let SecretRequest { path, optional, .. } = request;
        let mount_depth = path.mount_depth();
        let (reply, mount_unknown) = match self.kv {
            KvVersion::V1 => (self.require_kv(path, self.read_logical(request).await?).await?, false),
            KvVersion::V2 => (self.require_kv(path, self.read_kv2(request, mount_depth).await?).await?, false),
            KvVersion::Auto => self.detect(request, mount_depth).await?,
        };
        let may_be_optional = request.exported;
        let error = ReadError { mount_unknown, may_be_optional, ..self.error(path, "read") };
        match reply {
            Reply::Found(secret) => self.accept("read", &secret, None).await.map(|()| Some(secret)),
            Reply::Absent(Absence::Secret | Absence::Deleted(_) | Absence::Destroyed(_))
                if *optional && !mount_unknown =>
            {
                self.session.client.logger.info(format_args!("read {path}: missing, but optional"));
                Ok(None)
            }
            Reply::Absent(Absence::Mount) if mount_unknown => {
                Err(error.with_slip(error.mount_not_found(&self.policy_prefix)))
            }
            Reply::Absent(absence @ (Absence::Secret | Absence::Mount)) => {
                Err(error.with_slip(error.not_found(&absence)))
            }
            Reply::Absent(absence) => Err(error.not_found(&absence)),
            Reply::Denied(denial) => {
                Err(error.with_slip(error.permission_denied(self.session, &self.policy_prefix, denial).await))
            }
            Reply::Unexpected(error) => Err(error),
        }
    }

    pub(super) fn error<'b>(&self, path: &'b SecretPath, capability: &'static str) -> ReadError<'b> {
        let cli = self.session.client.address.cli();
        ReadError { path, kv: self.kv, mount_unknown: false, may_be_optional: false, capability, cli }
    }

    /// Asks for KV v2 and, if that returns no secret, for the mount. Also returns whether the reply is a guess because
    /// the server does not tell the mount.
    async fn detect(&self, request: &SecretRequest, mount_depth: usize) -> Result<(Reply, bool), CliError> {
        let path = &request.path;
        let first = self.read_kv2(request, mount_depth).await?;
        if let Reply::Found(_) | Reply::Absent(Absence::Deleted(_) | Absence::Destroyed(_) | Absence::Namespace) = first
        {
            return Ok((first, false));
        }
        let reply = match self.mount(path).await? {
            Mount::Kv2(depth) if depth == mount_depth => first,
            Mount::Kv2(depth) => self.read_kv2(request, depth).await?,
            Mount::Logical(engine) if path.version.is_some() => return Err(ReadError::no_versions(engine)),
            Mount::Logical(_) => self.read_logical(request).await?,
            Mount::Unknown => return Ok((first, true)),
        };
        Ok((reply, false))
    }

    /// Has the mount confirm an absence that may only mean that the engine has another version than `--kv`.
    async fn require_kv(&self, path: &SecretPath, reply: Reply) -> Result<Reply, CliError> {
        let Reply::Absent(Absence::Secret) = reply else { return Ok(reply) };
        match (self.kv, self.mount(path).await?) {
            (KvVersion::V1, Mount::Kv2(_)) => Err(ReadError::wrong_kv("2")),
            (KvVersion::V2, Mount::Logical(_)) => Err(ReadError::wrong_kv("1, or another engine")),
            _ => Ok(reply),
        }
    }

    async fn read_kv2(&self, request: &SecretRequest, mount_depth: usize) -> Result<Reply, CliError> {
        let path = &request.path;
        let Some((mount, secret)) = path.split_kv2(mount_depth) else { return Ok(Reply::Absent(Absence::Secret)) };
        require_permitted(request, &mount)?;
        // Unless the mount is KV v2, a namespace may be called `data`.
        if let Err(refused) = require_permitted(request, &secret)
            && !matches!(self.mount(path).await?, Mount::Kv2(depth) if depth == mount_depth)
        {
            return Err(refused);
        }
        let policy_path = format!("{mount}/data/{secret}");
        let read = Rc::clone(self.reads.borrow_mut().entry((policy_path.clone(), path.version)).or_default());
        let mut read = read.lock().await;
        if let Some(secret) = &*read {
            let (path, exported) = (path.clone(), request.exported);
            return Ok(Reply::Found(KvSecret { path, exported, ..secret.clone() }));
        }
        let mut response: Response<Kv2> = self.session.send(request::read_kv2(mount, secret, path.version)).await?;
        let data = response.body.data.take().filter(|_| response.body.lease_duration == 0);
        Ok(match (response.status, data) {
            (_, Some(Kv2 { metadata: Some(Metadata { version, .. }), .. }))
                if path.version.unwrap_or(version) != version =>
            {
                return Err(ReadError::other_version(version));
            }
            (StatusCode::OK, Some(Kv2 { data: Some(data), metadata: Some(metadata) })) => {
                let (path, version) = (path.clone(), Some(metadata.version));
                let secret = KvSecret { path, version, data: data.0, lease_duration: None, exported: request.exported };
                Reply::Found(read.insert(secret).clone())
            }
            (StatusCode::NOT_FOUND, Some(Kv2 { data: None, metadata: Some(metadata) })) => {
                Reply::Absent(if metadata.destroyed {
                    Absence::Destroyed(metadata.version)
                } else {
                    Absence::Deleted(metadata.version)
                })
            }
            _ => self.classify(&response, policy_path),
        })
    }

    /// KV v1, `cubbyhole`, `database/creds/app` and the like.
    async fn read_logical(&self, request: &SecretRequest) -> Result<Reply, CliError> {
        let path = &request.path;
        require_permitted(request, &path.api_path())?;
        let mut response: Response<Fields> = self.session.send(request::read(&path.api_path())).await?;
        let lease_duration = response.lease();
        Ok(match (response.status, response.body.data.take()) {
            // The API path of a secret in KV v2. One of KV v1 with these keys has a lease duration.
            (StatusCode::OK, Some(Fields(data)))
                if self.kv == KvVersion::V1
                    && response.body.lease_duration == 0
                    && ["data", "metadata"].iter().all(|name| data.iter().any(|(key, _)| key == name)) =>
            {
                return Err(ReadError::wrong_kv("2"));
            }
            (StatusCode::OK, Some(Fields(data))) => Reply::Found(KvSecret {
                path: path.clone(),
                version: None,
                data,
                lease_duration,
                exported: request.exported,
            }),
            _ if response.is_of_kv2_mount() => return Err(ReadError::wrong_kv("2")),
            _ => self.classify(&response, path.api_path()),
        })
    }

    /// What a response without a secret means.
    fn classify<T>(&self, response: &Response<T>, policy_path: String) -> Reply {
        match (response.status, response.missing()) {
            (StatusCode::FORBIDDEN, _) if response.is_from_vault() => Reply::Denied(Denial {
                policy_path,
                is_token_invalid: response.is_token_invalid(),
                server_reason: response.reason(),
                unsent: false,
            }),
            (StatusCode::NOT_FOUND, missing) if response.is_from_vault() => Reply::Absent(match missing {
                Some(Missing::Mount) => Absence::Mount,
                Some(Missing::Namespace) => Absence::Namespace,
                None => Absence::Secret,
            }),
            (StatusCode::METHOD_NOT_ALLOWED, _) if response.is_from_vault() => Reply::Unexpected(
                response
                    .unexpected(self.session.client.address)
                    .hint("nothing can be read there: if the engine creates something, such as pki/issue, use --write"),
            ),
            _ => Reply::Unexpected(response.unexpected(self.session.client.address)),
        }
    }

    /// Looks a mount up once for all paths in it. One that the server does not tell is looked up once for each directory.
    pub(super) async fn mount(&self, path: &SecretPath) -> Result<Mount, CliError> {
        let (text, parent) = (path.api_path(), path.parent());
        let first = text.split('/').next().unwrap_or_default().to_owned();
        let mounts = Rc::clone(self.mounts.borrow_mut().entry(first).or_default());
        let mut mounts = mounts.lock().await;
        let is_of_path = |(of, mount): &&(String, Mount)| match mount {
            Mount::Unknown => *of == parent,
            _ => text.starts_with(of),
        };
        if let Some((_, mount)) = mounts.iter().find(is_of_path) {
            return Ok(mount.clone());
        }
        let (of, mount) = self.lookup_mount(path).await?.unwrap_or((parent, Mount::Unknown));
        mounts.push((of, mount.clone()));
        Ok(mount)
    }

    /// The request with which the Vault CLI tells KV v1 from v2. Returns the path of the mount, with a slash at its end. The
    /// server denies it if no policy of the token names anything in the mount, and if the mount does not exist.
    async fn lookup_mount(&self, path: &SecretPath) -> Result<Option<(String, Mount)>, CliError> {
        #[derive(Default, Deserialize)]
        struct Info {
            path: String,
            r#type: String,
            #[serde(default, deserialize_with = "if_fitting")]
            options: Option<Options>,
        }
        #[derive(Deserialize)]
        struct Options {
            version: Option<String>,
        }
        let response: Response<Info> =
            self.session.send(request::read(&format!("sys/internal/ui/mounts/{path}"))).await?;
        let Some(info) = response.body.data else { return Ok(None) };
        let version = info.options.and_then(|options| options.version);
        let text = path.api_path();
        // Below a namespace, or of an auth method, the server reports only a part of the mount.
        let mount = if text.starts_with(&info.path) { &info.path } else { &text };
        let (mount, engine) = match (info.r#type.as_str(), version.as_deref()) {
            ("kv", Some("2")) => (Mount::Kv2(info.path.trim_matches('/').split('/').count()), "KV version 2"),
            ("kv" | "generic", _) => (Mount::Logical(KV1), KV1),
            _ if reserved_segment(mount).is_some() => (Mount::Logical(SERVER), SERVER),
            _ => (Mount::Logical(OTHER_ENGINE), OTHER_ENGINE),
        };
        self.session.client.logger.info(format_args!("{path} is in {engine}"));
        Ok(Some((info.path, mount)))
    }
}

/// Refuses a request that a discovered project file chose if `path`, a part of its API path, may belong to something else
/// than secrets: tokens, identities, the server's configuration. Namespaces can precede such a segment. It is compared
/// decoded, for a proxy that decodes what the server would not.
fn require_permitted(request: &SecretRequest, path: &str) -> Result<(), CliError> {
    match reserved_segment(path) {
        Some(segment) if request.discovered => {
            let reason =
                format!("`{segment}` is refused in a path or mount of a project file that --config did not name");
            Err(CliError::new(reason)
                .hint("if you trust the file, name it with --config; otherwise give --path yourself"))
        }
        _ => Ok(()),
    }
}

fn reserved_segment(path: &str) -> Option<&'static str> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    RESERVED_SEGMENTS.into_iter().find(|reserved| decoded.split(['/', '\\']).any(|segment| segment == *reserved))
}
