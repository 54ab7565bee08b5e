//! Helpers of the fuzz targets. Each target takes text, so that people can read and write seeds, and checks properties of
//! the result, not only that nothing panics.

mod server;

use std::ffi::OsString;

use vault_exec::args::Args;
use vault_exec::config::{Config, Error, ProjectSettings};
use vault_exec::env_block::{EnvEntry, InheritedEnv};
use vault_exec::error::Diagnostic;

pub use server::{Exchange, Request, Server, parts};

/// Replaces ␊ by a line end and ␀ by a NUL byte, which a line of a seed cannot contain.
pub fn unescape(text: &str) -> String {
    text.replace('␊', "\n").replace('␀', "\0")
}

/// An environment from lines of `NAME=value`.
pub fn inherited<'a>(lines: impl IntoIterator<Item = &'a str>) -> InheritedEnv {
    // An entry of the kernel's environment block ends at the first NUL.
    let entry = |line| EnvEntry::parse(unescape(line).split('\0').next()?.as_bytes());
    InheritedEnv::new(lines.into_iter().filter_map(entry).collect())
}

/// The configuration for this environment and project file, with no options on the command line.
pub fn resolve(inherited: &InheritedEnv, project: &ProjectSettings) -> Result<Config, Error> {
    let mut args = Args::default();
    args.command.push(OsString::from("true"));
    Config::resolve(args, inherited, project)
}

/// The message and the hint of an error, as printed on standard error.
pub fn render_error(error: &anyhow::Error) -> String {
    let Diagnostic { message, hint, .. } = Diagnostic::from(error);
    format!("{message}\n{}", hint.unwrap_or_default())
}
