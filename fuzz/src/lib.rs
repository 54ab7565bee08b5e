//! Helpers of the fuzz targets. Each target takes text, so that seeds can be read and written by hand, and asserts the
//! promises of vault-exec, not only that nothing panics.

mod server;

use std::ffi::OsString;

use vault_exec::args::Args;
use vault_exec::config::{Config, Error, ProjectSettings};
use vault_exec::output_format::OutputFormat;
use vault_exec::env_block::{EnvEntry, InheritedEnv};
use vault_exec::deadline::Deadline;
use vault_exec::error::{Diagnostic, Diagnostics};
use vault_exec::log::Logger;
use vault_exec::vault::report::ConnectionReport;
use vault_exec::vault::{self, FetchOptions, Fetched};

pub use server::{Exchange, Request, Server, parts};

/// Seeds contain ␊ instead of a line end within a line, and ␀ instead of a NUL byte.
pub fn unescape(text: &str) -> String {
    text.replace('␊', "\n").replace('␀', "\0")
}

/// An inherited environment, one `NAME=value` per line.
pub fn inherited<'a>(lines: impl IntoIterator<Item = &'a str>) -> InheritedEnv {
    // The kernel ends an entry at a NUL.
    let entry = |line| EnvEntry::parse(unescape(line).split('\0').next().unwrap_or_default().as_bytes());
    InheritedEnv::new(lines.into_iter().map(entry).collect())
}

/// The configuration for this environment and project file. The variable `CHECK` stands for `--check`, which has none;
/// there are no other command-line options.
pub fn resolve(inherited: &InheritedEnv, project: &ProjectSettings) -> Result<Config, Error> {
    let check = inherited.get("CHECK").map(|_| "--check");
    let line: Vec<OsString> = ["vault-exec"].into_iter().chain(check).chain(["--", "true"]).map(OsString::from).collect();
    Config::resolve(Args::parse(&line).0, inherited, project)
}

/// Reads what a configuration names.
pub fn fetch(config: &Config, diagnostics: &mut Diagnostics) -> anyhow::Result<Fetched> {
    let options = FetchOptions::from(config);
    let logger = Logger::new(0, OutputFormat::Text);
    let deadline = Deadline::new(config.timeout);
    vault::fetch(&options, deadline, &logger, diagnostics, &mut ConnectionReport::default())
}

/// An error as it is printed: message and hint.
pub fn printed(error: &anyhow::Error) -> String {
    let Diagnostic { message, hint, .. } = Diagnostic::from(error);
    format!("{message}\n{}", hint.unwrap_or_default())
}
