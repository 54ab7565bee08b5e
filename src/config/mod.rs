//! `[pure]` The settings of a run: every choice made and every default filled in, before anything is read or requested.

mod address;
mod connection;
mod credential;
mod error;
mod project_settings;
mod proxy;
mod secret_requests;
mod setting;
mod sources;
mod tls;
mod variables;
mod write_fields;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::time::Duration;

pub use address::Address;
pub use connection::Connection;
pub use credential::{Credential, GivenToken, Incomplete, JwtSource, Login, LoginMethod, OutsideLoginNamespace};
pub use error::Error;
pub use project_settings::ProjectSettings;
pub use proxy::{Proxies, Proxy};
pub use secret_requests::{KvVersion, SecretRequest};
pub use setting::{CredentialSource, Setting};
pub use tls::{Tls, TrustAnchors};
pub use variables::Templates;
pub use write_fields::WriteField;

use crate::args::{Args, options};
use crate::env_block::InheritedEnv;
use crate::environment::EnvPolicy;
use crate::error::Mode;
use crate::mapping::KeyMapping;
use crate::output_format::OutputFormat;
use secret_requests::SecretRequests;
use setting::FromSetting;
use sources::Sources;

/// `--timeout`
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// The settings of a run.
#[derive(Debug)]
pub struct Config {
    /// The program and its arguments; empty only for a check.
    pub command: Vec<OsString>,
    /// The secrets to read and to create, at least one, each once; later ones win in templates.
    pub secret_requests: Vec<SecretRequest>,
    /// The engine they are in.
    pub kv: KvVersion,
    /// The shortest time that a value with a lease, or a certificate, must be valid.
    pub min_lease: Option<Duration>,
    /// How keys become names.
    pub key_mapping: KeyMapping,
    /// What to make from templates.
    pub templates: Templates,
    /// How to combine names with the inherited environment.
    pub env_policy: EnvPolicy,
    /// Whether the program gets the token.
    pub keep_token: bool,
    /// Whether to revoke a login token before the program starts.
    pub revoke: bool,
    /// How to authenticate.
    pub credential: Credential,
    /// How to reach the server.
    pub connection: Connection,
    /// The limit for everything until the program starts.
    pub timeout: Duration,
    /// Whether to stop if memory cannot be locked.
    pub require_mlock: bool,
    /// The format of the report, if this is a check.
    pub check: Option<OutputFormat>,
}

impl Config {
    /// Makes every choice.
    ///
    /// # Errors
    /// If a setting is missing, malformed or contradicts another.
    pub fn resolve(args: Args, inherited: &InheritedEnv, project: &ProjectSettings) -> Result<Self, Error> {
        let sources = Sources { args: &args, inherited, project };
        let check = check(sources)?;
        if args.command.is_empty() && check.is_none() {
            return Err(Error::NoCommand);
        }
        let kv = sources.get(options::KV)?.unwrap_or_default();
        let keep_token = sources.get_flag(options::KEEP_TOKEN)?;
        let connection = Connection::resolve(sources)?;
        let credential = Credential::resolve(sources, &connection)?;
        let mut secrets = SecretRequests::of_paths(sources, kv)?;
        let env_policy = variables::env_policy(sources, &credential)?;
        let templates = variables::templates(sources, &env_policy, &mut secrets)?;
        if secrets.requests.is_empty() {
            return Err(Error::NoPath);
        }
        Ok(Self {
            secret_requests: secrets.requests,
            kv,
            min_lease: sources.get(options::MIN_LEASE)?,
            key_mapping: variables::key_mapping(sources, secrets.exports)?,
            templates,
            env_policy,
            credential,
            keep_token,
            revoke: !keep_token && !sources.get_flag(options::NO_REVOKE)?,
            connection,
            timeout: sources.get(options::TIMEOUT)?.unwrap_or(DEFAULT_TIMEOUT),
            require_mlock: sources.get_flag(options::REQUIRE_MLOCK)?,
            check,
            command: args.command,
        })
    }

    /// What the run is for.
    pub const fn mode(&self) -> Mode {
        if self.check.is_some() { Mode::Check } else { Mode::Start }
    }
}

/// The project file to read.
#[derive(Debug, PartialEq, Eq)]
pub enum ProjectFile {
    /// `--no-config`
    None,
    /// `--config`
    Named(Setting),
    /// The one in the working directory or its nearest parent.
    Nearest,
}

/// The project file to read, which no project file can choose.
///
/// # Errors
/// [`Error::ConfigConflict`], or if a variable is malformed.
pub fn project_file(args: &Args, inherited: &InheritedEnv) -> Result<ProjectFile, Error> {
    let sources = Sources { args, inherited, project: &ProjectSettings::default() };
    match (sources.get(options::CONFIG)?, sources.get_flag(options::NO_CONFIG)?) {
        (Some(setting), false) => Ok(ProjectFile::Named(setting)),
        (None, false) => Ok(ProjectFile::Nearest),
        (None, true) => Ok(ProjectFile::None),
        (Some(_), true) => Err(Error::ConfigConflict),
    }
}

/// What to do about the trust in the nearest project file, instead of starting a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustChange {
    /// `--trust`
    Add,
    /// `--untrust`
    Remove,
}

/// The wish to change the trust in the nearest project file, which no variable can express.
///
/// # Errors
/// [`Error::NotAlone`]
pub fn trust_change(args: &Args) -> Result<Option<TrustChange>, Error> {
    let changes = [(options::TRUST, TrustChange::Add), (options::UNTRUST, TrustChange::Remove)];
    let Some((option, change)) = changes.into_iter().find(|(option, _)| args.value_of(option).is_some()) else {
        return Ok(None);
    };
    if !args.command.is_empty() || !args.has_only(&[option, options::VERBOSE, options::LOG_FORMAT]) {
        return Err(Error::NotAlone { source: option.name });
    }
    Ok(Some(change))
}

/// The verbosity and the format of messages, which no project file can choose. They are resolved first, so that every
/// other error is logged as they say.
///
/// # Errors
/// If either is malformed.
pub fn log_options(args: &Args, inherited: &InheritedEnv) -> Result<(u8, OutputFormat), Error> {
    let sources = Sources { args, inherited, project: &ProjectSettings::default() };
    let format = sources.get(options::LOG_FORMAT)?.unwrap_or_default();
    let verbosity = match (args.values_of(options::VERBOSE).count(), sources.get::<Setting>(options::VERBOSE)?) {
        (0, None) => 0,
        (0, Some(setting)) => match setting.value.as_str() {
            "true" => 1,
            "false" | "0" => 0,
            _ => NonZeroU32::from_setting(setting)?.get().try_into().unwrap_or(u8::MAX),
        },
        (typed, _) => typed.try_into().unwrap_or(u8::MAX),
    };
    Ok((verbosity, format))
}

/// The limit that applies until the project file was read.
///
/// # Errors
/// If it is malformed.
pub fn timeout(args: &Args, inherited: &InheritedEnv) -> Result<Duration, Error> {
    let sources = Sources { args, inherited, project: &ProjectSettings::default() };
    Ok(sources.get(options::TIMEOUT)?.unwrap_or(DEFAULT_TIMEOUT))
}

fn check(sources: Sources) -> Result<Option<OutputFormat>, Error> {
    let format = sources.get::<Setting>(options::FORMAT)?;
    if sources.args.value_of(options::CHECK).is_some() {
        return format.map_or(Ok(OutputFormat::Text), OutputFormat::from_setting).map(Some);
    }
    match format {
        // A variable may choose the format for checks in advance.
        Some(Setting { source, .. }) if source == options::FORMAT.name => {
            Err(Error::Requires { source, what: options::CHECK.name })
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
