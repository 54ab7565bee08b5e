//! Errors that end a run before the program starts: message, hint and exit code.

use std::fmt;
use std::io;

use nix::errno::Errno;
use serde::Serialize;

use crate::escape::shorten;
use crate::secret::Secret;

/// vault-exec's own exit codes, those of `env(1)`, `timeout(1)` and `docker run`.
///
/// | code | meaning |
/// |---|---|
/// | 125 | vault-exec failed before the program was started |
/// | 126 | the program was found but cannot be executed |
/// | 127 | the program was not found |
/// | 128 + n | signal n ended the wait |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "see the table above")]
pub enum ExitCode {
    Failed = 125,
    CannotExecute = 126,
    NotFound = 127,
}

/// The hint for `EMFILE`.
pub const RAISE_NOFILE_HINT: &str = "raise the limit on open files (ulimit -n, docker run --ulimit nofile=1024)";

/// An error as it is printed. Never contains a secret value, a token or a response body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// `what: why`; not escaped yet.
    pub message: String,
    /// The remedy, possibly on several lines; not escaped yet.
    pub hint: Option<String>,
    /// The exit code.
    #[serde(skip)]
    pub exit: ExitCode,
}

/// The reason why a step failed, and its remedy. The step and its object are prepended with [`anyhow::Context`].
#[derive(Debug)]
pub struct CliError {
    diagnostic: Diagnostic,
    /// The server's, which may contain a secret.
    server_reason: Option<Secret>,
    /// To be copied; they follow the hint.
    policies: Vec<String>,
    is_consequence: bool,
}

impl CliError {
    /// An error without a hint, with exit code 125.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self {
            diagnostic: Diagnostic { message: reason.to_string(), hint: None, exit: ExitCode::Failed },
            server_reason: None,
            policies: Vec::new(),
            is_consequence: false,
        }
    }

    /// `path: reason`, with the C library's text for the reason. `EMFILE` has a hint, other errors have none.
    pub fn file_error(path: &str, error: &io::Error) -> Self {
        let errno = error.raw_os_error().map(Errno::from_raw);
        let reason = errno.map_or_else(|| error.to_string(), |errno| errno.desc().to_owned());
        let failed = Self::new(format!("{path}: {reason}"));
        if errno == Some(Errno::EMFILE) { failed.hint(RAISE_NOFILE_HINT) } else { failed }
    }

    /// Sets the hint.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.diagnostic.hint = Some(hint.to_string());
        self
    }

    /// Sets the hint, unless the error already has a more specific one.
    #[must_use]
    pub fn with_hint_if_none(self, hint: impl fmt::Display) -> Self {
        if self.diagnostic.hint.is_none() { self.hint(hint) } else { self }
    }

    /// Puts a more likely remedy before the hint.
    #[must_use]
    pub fn likelier_hint(self, hint: impl fmt::Display) -> Self {
        match self.diagnostic.hint.clone() {
            Some(other) => self.hint(format_args!("{hint}; {other}")),
            None => self.hint(hint),
        }
    }

    /// Sets the policies that may be missing. Nothing follows the last one, so that each can be copied as it stands.
    #[must_use]
    pub fn with_policies(mut self, policies: Vec<String>) -> Self {
        self.policies = policies;
        self
    }

    /// Adds the policies of an error that [says the same](Self::is_same_message).
    pub fn merge(&mut self, other: Self) {
        for policy in other.policies {
            if !self.policies.contains(&policy) {
                self.policies.push(policy);
            }
        }
    }

    /// Marks an error that has its cause in an earlier one if secrets or templates are missing.
    #[must_use]
    pub const fn maybe_consequence(mut self) -> Self {
        self.is_consequence = true;
        self
    }

    /// Sets the server's reason. It is not part of the message until [`CliError::show_server_reason`] is called.
    #[must_use]
    pub fn with_server_reason(mut self, reason: Option<Secret>) -> Self {
        self.server_reason = reason;
        self
    }

    /// Whether both say the same, apart from their policies.
    pub fn is_same_message(&self, other: &Self) -> bool {
        let [one, two] = [self, other].map(|error| error.server_reason.as_ref().map(Secret::expose));
        self.diagnostic == other.diagnostic && one == two
    }

    /// Appends the server's reason to the message, if `printable` makes a text of it.
    pub fn show_server_reason(&mut self, printable: impl FnOnce(&Secret) -> Option<String>) {
        if let Some(text) = self.server_reason.take().as_ref().and_then(printable) {
            self.diagnostic.message = format!("{}; the server reports: {text}", self.diagnostic.message);
        }
    }

    /// The error as it is printed.
    fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = self.diagnostic.clone();
        if let Some(hint) = diagnostic.hint.as_mut().filter(|_| !self.policies.is_empty()) {
            *hint = format!("{hint}\n\n{}", self.policies.join("\n\n"));
        }
        diagnostic
    }

    /// Sets the exit code.
    #[must_use]
    pub const fn exit(mut self, exit: ExitCode) -> Self {
        self.diagnostic.exit = exit;
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for CliError {}

impl From<&anyhow::Error> for Diagnostic {
    fn from(error: &anyhow::Error) -> Self {
        let cause = error.chain().find_map(|cause| cause.downcast_ref::<CliError>());
        let cause = cause.map_or_else(|| CliError::new("").into(), CliError::diagnostic);
        let hint = cause.hint.map(|hint| shorten(&hint).into_owned());
        Self { message: shorten(&format!("{error:#}")).into_owned(), hint, ..cause }
    }
}

impl From<CliError> for Diagnostic {
    fn from(error: CliError) -> Self {
        error.diagnostic()
    }
}

/// What the run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To start a program: the first error ends the run.
    Start,
    /// `--check`: errors are collected and reported together.
    Check,
}

/// The end of a message that another problem may explain.
pub const AFTER_PROBLEM: &str = ", perhaps only because of a problem above";

/// The end of a message about what a write may return, which a check does not send.
pub const UNSENT_WRITE: &str = "; not known before the start, because a check sends no --write";

/// The errors of a run, handled by its [`Mode`].
#[derive(Debug)]
pub struct Diagnostics {
    /// Whether errors are returned or collected.
    pub mode: Mode,
    /// The errors so far; stays empty in start mode.
    pub collected: Vec<anyhow::Error>,
    /// Why secrets or templates are missing, if some are: [`AFTER_PROBLEM`] or [`UNSENT_WRITE`].
    pub incomplete: Option<&'static str>,
    /// The errors that are then [probably consequences](CliError::maybe_consequence), and of what.
    pub consequences: Vec<(anyhow::Error, &'static str)>,
}

impl Diagnostics {
    /// No errors so far.
    pub const fn new(mode: Mode) -> Self {
        Self { mode, collected: Vec::new(), incomplete: None, consequences: Vec::new() }
    }

    /// Collects the errors in check mode.
    ///
    /// # Errors
    /// The first one in start mode.
    pub fn capture_all(&mut self, errors: impl IntoIterator<Item = impl Into<CliError>>) -> anyhow::Result<()> {
        errors.into_iter().try_for_each(|error| self.capture(Err::<(), CliError>(error.into())).map(|_| ()))
    }

    /// Returns the value of a result; in check mode, `None` if it is an error, which is collected.
    ///
    /// # Errors
    /// The error in start mode.
    pub fn capture<T>(&mut self, result: Result<T, impl Into<anyhow::Error>>) -> anyhow::Result<Option<T>> {
        match (result.map_err(Into::into), self.mode) {
            (Ok(value), _) => Ok(Some(value)),
            (Err(error), Mode::Start) => Err(error),
            (Err(error), Mode::Check) => {
                let is_consequence = error.downcast_ref::<CliError>().is_some_and(|error| error.is_consequence);
                match self.incomplete.filter(|_| is_consequence) {
                    Some(cause) => self.consequences.push((error, cause)),
                    None => self.collected.push(error),
                }
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_diagnostic_joins_context_and_reason_and_keeps_hint_and_exit_code() {
        let error = CliError::new("no such file").hint("mount it").exit(ExitCode::NotFound);
        let error = Err::<(), _>(error).context("read x").unwrap_err();
        let expected = Diagnostic {
            message: "read x: no such file".into(),
            hint: Some("mount it".into()),
            exit: ExitCode::NotFound,
        };
        assert_eq!(Diagnostic::from(&error), expected);
    }

    #[test]
    fn an_error_of_another_type_exits_with_125() {
        assert_eq!(Diagnostic::from(&anyhow::anyhow!("x")).exit, ExitCode::Failed);
    }

    #[test]
    fn a_more_specific_hint_is_kept() {
        let error = CliError::file_error("x", &Errno::EMFILE.into()).with_hint_if_none("general");
        assert_eq!(Diagnostic::from(error).hint.as_deref(), Some(RAISE_NOFILE_HINT));
        let error = CliError::file_error("x", &Errno::ENOENT.into()).with_hint_if_none("general");
        assert_eq!(Diagnostic::from(error).hint.as_deref(), Some("general"));
    }

    #[test]
    fn errors_are_returned_at_a_start_and_collected_by_a_check() {
        let mut start = Diagnostics::new(Mode::Start);
        assert!(start.capture_all([CliError::new("a"), CliError::new("b")]).is_err() && start.collected.is_empty());
        let mut check = Diagnostics::new(Mode::Check);
        assert!(check.capture_all([CliError::new("a"), CliError::new("b")]).is_ok() && check.collected.len() == 2);
    }
}
