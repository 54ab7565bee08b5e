//! What the targets share. Each takes text, so that a seed can be read and written by hand, and asserts what vault-exec
//! promises about whatever comes in, not only that nothing panics.

mod server;

use std::ffi::OsString;

use vault_exec::args::Args;
use vault_exec::config::{Config, Error, LogFormat, ProjectSettings};
use vault_exec::env_block::{EnvEntry, InheritedEnv};
use vault_exec::deadline::Deadline;
use vault_exec::error::{Diagnostic, Diagnostics};
use vault_exec::log::Logger;
use vault_exec::vault::{self, FetchOptions, Fetched};

pub use server::{Exchange, Request, Server, parts};

/// Stands in seeds for what a line cannot hold: ␊ for a line end, ␀ for a NUL byte.
pub fn plain(text: &str) -> String {
    text.replace('␊', "\n").replace('␀', "\0")
}

/// An environment, one `NAME=value` a line.
pub fn inherited<'a>(lines: impl IntoIterator<Item = &'a str>) -> InheritedEnv {
    // The kernel ends an entry at a NUL.
    let entry = |line| EnvEntry::parse(plain(line).split('\0').next()?.as_bytes());
    InheritedEnv::new(lines.into_iter().filter_map(entry).collect())
}

/// What a run with this environment and project file would do; no option is typed.
pub fn resolve(inherited: &InheritedEnv, project: &ProjectSettings) -> Result<Config, Error> {
    let mut args = Args::default();
    args.command.push(OsString::from("true"));
    Config::resolve(args, inherited, project)
}

/// Reads what a configuration names.
pub fn fetch(config: &Config, diagnostics: &mut Diagnostics) -> anyhow::Result<Fetched> {
    let options = FetchOptions {
        connection: &config.connection,
        credential: &config.credential,
        reads: &config.reads,
        kv: config.kv,
        mount_depth: config.mount_len,
        revoke: config.revoke,
    };
    let logger = Logger::new(0, LogFormat::Text);
    vault::fetch(&options, Deadline::new(config.connection.timeout), &logger, diagnostics)
}

/// All that a person would see of a failure.
pub fn shown(error: &anyhow::Error) -> String {
    let Diagnostic { message, hint, .. } = Diagnostic::from(error);
    format!("{message}\n{}", hint.unwrap_or_default())
}
