//! What the targets share. Each takes text, so that a seed can be read and written by hand, and asserts what vault-exec
//! promises about whatever comes in, not only that nothing panics.

mod server;

use std::ffi::OsString;

use vault_exec::args::Args;
use vault_exec::config::{Config, Error, ProjectSettings};
use vault_exec::env_block::{EnvEntry, InheritedEnv};
use vault_exec::error::Diagnostic;

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

/// All that a person would see of a failure.
pub fn shown(error: &anyhow::Error) -> String {
    let Diagnostic { message, hint, .. } = Diagnostic::from(error);
    format!("{message}\n{}", hint.unwrap_or_default())
}
