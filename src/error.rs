//! The one way a run ends without a program: what failed, why, and the way out.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// The exit codes that are vault-exec's own, as `env(1)`, `timeout(1)` and `docker run` have them.
///
/// | code | meaning |
/// |---|---|
/// | 125 | vault-exec failed before the program was started |
/// | 126 | the program was found but cannot be executed |
/// | 127 | the program was not found |
/// | 128 + n | signal n ended the wait |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// vault-exec itself failed.
    Failed = 125,
    /// The program was found but cannot be executed.
    CannotExecute = 126,
    /// The program was not found.
    NotFound = 127,
}

/// What to do where no descriptor is left.
pub const RAISE_NOFILE_HINT: &str = "raise the limit on open files (ulimit -n, docker run --ulimit nofile=1024)";

/// What went wrong, in words for the person who has to mend it. Never holds a value, a token or a response body.
///
/// What was being done when it went wrong is added in front with [`anyhow::Context`].
#[derive(Debug)]
pub struct CliError {
    why: String,
    hint: Option<String>,
    exit: ExitCode,
}

impl CliError {
    /// A failure with exit code 125 and no hint yet.
    #[must_use]
    pub fn new(why: impl fmt::Display) -> Self {
        Self { why: why.to_string(), hint: None, exit: ExitCode::Failed }
    }

    /// A file that cannot be read or written, in the words of the C library.
    #[must_use]
    pub fn file_error(path: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw);
        let why = errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned());
        let failure = Self::new(format!("{path}: {why}"));
        if errno == Some(Errno::EMFILE) { failure.hint(RAISE_NOFILE_HINT) } else { failure }
    }

    /// Adds the way out, unless a nearer one is known.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint.get_or_insert_with(|| hint.to_string());
        self
    }

    /// Ends the process with another code.
    #[must_use]
    pub const fn exit(mut self, exit: ExitCode) -> Self {
        self.exit = exit;
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for CliError {}

/// A failure as it is printed: the parts a person reads and the code the process ends with.
#[derive(Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What failed and why, on one line.
    pub message: String,
    /// What to do about it, perhaps on several lines.
    pub hint: Option<String>,
    /// The code the process ends with.
    pub exit: ExitCode,
}

impl From<&anyhow::Error> for Diagnostic {
    fn from(error: &anyhow::Error) -> Self {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<CliError>());
        Self {
            message: format!("{error:#}"),
            hint: failure.and_then(|failure| failure.hint.clone()),
            exit: failure.map_or(ExitCode::Failed, |failure| failure.exit),
        }
    }
}

/// What has gone wrong so far. A start ends at the first problem; a check goes on, to tell all of them at once.
#[derive(Debug, Default)]
pub struct Diagnostics {
    collect: bool,
    /// Those that a check has met.
    pub met: Vec<anyhow::Error>,
}

impl Diagnostics {
    /// For a check where `collect`, else for a start.
    #[must_use]
    pub const fn new(collect: bool) -> Self {
        Self { collect, met: Vec::new() }
    }

    /// Whether they are collected.
    #[must_use]
    pub const fn collects(&self) -> bool {
        self.collect
    }

    /// Takes what a step has to say against going on.
    ///
    /// # Errors
    /// The first of it, where this is a start.
    pub fn meet_all(&mut self, problems: impl IntoIterator<Item = impl Into<CliError>>) -> anyhow::Result<()> {
        problems.into_iter().try_for_each(|problem| self.meet(Err::<(), CliError>(problem.into())).map(|_| ()))
    }

    /// Takes a step's result: what it brought, or nothing where it went wrong and that is only noted.
    ///
    /// # Errors
    /// Where it went wrong and this is a start.
    pub fn meet<T>(&mut self, result: Result<T, impl Into<anyhow::Error>>) -> anyhow::Result<Option<T>> {
        match result.map_err(Into::into) {
            Ok(brought) => Ok(Some(brought)),
            Err(problem) if self.collect => {
                self.met.push(problem);
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_report_joins_what_and_why_and_keeps_the_hint_and_the_code() {
        let failure = CliError::new("no such file").hint("mount it").exit(ExitCode::NotFound);
        let error = Err::<(), _>(failure).context("read x").unwrap_err();
        let report = Diagnostic {
            message: "read x: no such file".into(),
            hint: Some("mount it".into()),
            exit: ExitCode::NotFound,
        };
        assert_eq!(Diagnostic::from(&error), report);
    }

    #[test]
    fn any_other_error_is_a_failure_of_ours() {
        assert_eq!(Diagnostic::from(&anyhow::anyhow!("x")).exit, ExitCode::Failed);
    }
}
