//! `[pure]` What was meant: every choice made, every default filled in, before anything is read or asked.

mod connection;
mod credential;
mod error;
mod sources;
mod secret_path;
mod project_settings;
mod proxy;
mod variables;

use std::ffi::OsString;

pub use connection::{Address, Connection, Tls, TrustAnchors};
pub use credential::{Credential, CredentialSource, Jwt, Login, Method};
pub use error::Error;
pub use project_settings::{ProjectError, ProjectErrorKind, ProjectSettings};
pub use proxy::Proxy;
pub use secret_path::{PathError, SecretPath};
pub use sources::Setting;
pub use variables::{EnvPolicy, KeyMapping, OnConflict, Templates};

use crate::args::Args;
use crate::env_block::InheritedEnv;
use crate::error::Mode;
use sources::Given;
use variables::{naming, policy, shape};

/// What a run does.
#[derive(Debug)]
pub struct Config {
    /// The program and its arguments; at least the program, unless it is a check.
    pub command: Vec<OsString>,
    /// The secrets to read, the more important later; at least one.
    pub reads: Vec<Read>,
    /// Which kind of engine they are in.
    pub kv: KvVersion,
    /// How many leading segments of the paths are their mount.
    pub mount_len: Option<usize>,
    /// How keys become names.
    pub naming: KeyMapping,
    /// What is put together from values.
    pub shape: Templates,
    /// How names and the inherited environment become one.
    pub policy: EnvPolicy,
    /// Whether the program gets the token.
    pub keep_token: bool,
    /// Whether a token that a login obtained is revoked before the program starts.
    pub revoke: bool,
    /// How to get in.
    pub credential: Credential,
    /// How to reach the server.
    pub connection: Connection,
    /// Whether to stop when memory cannot be locked.
    pub require_mlock: bool,
    /// Whether only to tell what would be done, and in which form.
    pub check: Option<CheckFormat>,
}

/// The form of what a check tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckFormat {
    /// A table for people.
    Text,
    /// One JSON object.
    Json,
}

/// One secret to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where it is.
    pub path: SecretPath,
    /// Whether it may be absent.
    pub optional: bool,
}

/// Which kind of engine to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvVersion {
    /// Ask for version 2 and look the mount up if that fails.
    #[default]
    Auto,
    /// Version 1, or any other engine that answers a plain read.
    V1,
    /// Version 2 alone.
    V2,
}

/// The form of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Makes every choice.
    ///
    /// # Errors
    /// When a setting is missing, malformed or contradicts another.
    pub fn resolve(args: Args, inherited: &InheritedEnv, project: &ProjectSettings) -> Result<Self, Error> {
        let given = Given { args: &args, inherited, project };
        let check = check(given)?;
        if args.command.is_empty() && check.is_none() {
            return Err(Error::NoCommand);
        }
        let (kv, mount) = (kv(given)?, mount(given)?);
        let keep_token = given.switch("--keep-token", &[])?;
        let connection = Connection::resolve(given)?;
        let credential = Credential::resolve(given, connection.namespace.as_ref())?;
        if let (Credential::Login(Login { method: Method::Cert { .. }, .. }), None) =
            (&credential, &connection.tls.client)
        {
            return Err(Error::Lacks { auth: "cert", what: "--client-cert and --client-key" });
        }
        Ok(Self {
            reads: reads(given, kv, mount.as_ref())?,
            kv,
            mount_len: mount.map(|mount| mount.depth()),
            naming: naming(given)?,
            shape: shape(given)?,
            policy: policy(given)?,
            keep_token,
            revoke: !keep_token && !given.switch("--no-revoke", &[])?,
            credential,
            connection,
            require_mlock: given.switch("--require-mlock", &[])?,
            check,
            command: args.command,
        })
    }

    /// What the run is for.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        if self.check.is_some() { Mode::Check } else { Mode::Start }
    }
}

/// Which project file is meant.
#[derive(Debug, PartialEq, Eq)]
pub enum ProjectFile {
    /// None.
    Nothing,
    /// This one.
    Named(Setting),
    /// The one in the working directory or the nearest above it.
    Nearest,
}

/// Which project file is meant, which no project file can say.
///
/// # Errors
/// When `--config` and `--no-config` are both given, or a variable is malformed.
pub fn which(args: &Args, inherited: &InheritedEnv) -> Result<ProjectFile, Error> {
    let given = Given { args, inherited, project: &ProjectSettings::default() };
    match (given.one("--config", &[])?, given.switch("--no-config", &[])?) {
        (Some(setting), false) => Ok(ProjectFile::Named(setting)),
        (None, false) => Ok(ProjectFile::Nearest),
        (None, true) => Ok(ProjectFile::Nothing),
        (Some(_), true) => Err(Error::ConfigOrNot),
    }
}

/// How loud to be and in which form. Looked up on its own, so that whatever else is wrong is said that way; a project
/// file has no say in it.
///
/// # Errors
/// When either is malformed.
pub fn voice(args: &Args, inherited: &InheritedEnv) -> Result<(u8, LogFormat), Error> {
    let given = Given { args, inherited, project: &ProjectSettings::default() };
    let format = match given.one("--log-format", &[])? {
        None => LogFormat::Text,
        Some(setting) => setting.choose("text or json", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?,
    };
    let typed = args.all("--verbose").count();
    let verbosity = match given.one("--verbose", &[])? {
        _ if typed > 0 => typed.try_into().unwrap_or(u8::MAX),
        None => 0,
        Some(setting) => match setting.value.as_str() {
            "true" => 1,
            "false" | "0" => 0,
            _ => setting.number()?.try_into().unwrap_or(u8::MAX),
        },
    };
    Ok((verbosity, format))
}

fn check(given: Given) -> Result<Option<CheckFormat>, Error> {
    let format = given.one("--format", &[])?;
    match (given.switch("--check", &[])?, format) {
        (true, None) => Ok(Some(CheckFormat::Text)),
        (true, Some(format)) => {
            format.choose("text or json", &[("text", CheckFormat::Text), ("json", CheckFormat::Json)]).map(Some)
        }
        (false, Some(Setting { source, .. })) if source == "--format" => Err(Error::Alone { source, other: "--check" }),
        // A variable may say how checks are told where there are none.
        (false, _) => Ok(None),
    }
}

fn kv(given: Given) -> Result<KvVersion, Error> {
    match given.one("--kv", &[])? {
        None => Ok(KvVersion::Auto),
        Some(setting) => {
            setting.choose("auto, 1 or 2", &[("auto", KvVersion::Auto), ("1", KvVersion::V1), ("2", KvVersion::V2)])
        }
    }
}

fn mount(given: Given) -> Result<Option<SecretPath>, Error> {
    let Some(setting) = given.one("--mount", &[])? else { return Ok(None) };
    let Setting { value, source } = setting.clone();
    match setting.path()? {
        mount if mount.version.is_some() => Err(Error::NotAPath { source, value, fault: PathError::Version }),
        mount => Ok(Some(mount)),
    }
}

fn reads(given: Given, kv: KvVersion, mount: Option<&SecretPath>) -> Result<Vec<Read>, Error> {
    let mut required = given.list("--path")?.into_iter();
    let mut optional = given.list("--optional-path")?.into_iter();
    let read = |optional: bool, setting: Setting| {
        let source = setting.source.clone();
        let path = setting.path()?;
        let path = if let Some(mount) = mount { path.below(mount) } else { path };
        match path {
            path if path.version.is_some() && kv == KvVersion::V1 => {
                Err(Error::VersionInKv1 { source, path: path.plain() })
            }
            path if path.depth() < 2 => Err(Error::MountAlone { source, path: path.plain() }),
            path => Ok(Read { path, optional }),
        }
    };
    let mut typed = Vec::new();
    for is_optional in given.args.order(["--path", "--optional-path"]) {
        let next = if is_optional { optional.next() } else { required.next() };
        if let Some(setting) = next {
            typed.push(read(is_optional, setting)?);
        }
    }
    // What is left was not typed: required paths are what typed ones build upon, optional ones come on top.
    let mut reads = required.map(|setting| read(false, setting)).collect::<Result<Vec<_>, _>>()?;
    reads.append(&mut typed);
    for setting in optional {
        reads.push(read(true, setting)?);
    }
    if reads.is_empty() { Err(Error::NoPath) } else { Ok(reads) }
}

#[cfg(test)]
mod tests;
