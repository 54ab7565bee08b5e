//! What a call of vault-exec did.

use std::fmt;
use std::process::{Command, ExitStatus};

use super::vault::TestVault;

/// Exit status and output of a call.
pub(crate) struct Outcome {
    vault: TestVault,
    command: Command,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    pub(crate) fn new(vault: TestVault, command: Command, status: ExitStatus, stdout: Vec<u8>, stderr: String) -> Self {
        Self { vault, command, status, stdout, stderr }
    }

    /// Ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "exit code of {self}");
        self
    }

    /// Standard error is this text and nothing else.
    #[track_caller]
    pub(crate) fn stderr_is(self, text: &str) -> Self {
        assert_eq!(self.stderr, self.vault.fill(text), "standard error of {self}");
        self
    }

    /// Standard output is these bytes and nothing else.
    #[track_caller]
    pub(crate) fn stdout_is(self, bytes: impl AsRef<[u8]>) -> Self {
        assert!(self.stdout == bytes.as_ref(), "standard output of {self}");
        self
    }

    /// The program was started with this variable, once.
    #[track_caller]
    pub(crate) fn has(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        assert_eq!(self.values(name.as_ref()), [value.as_ref()], "{self}");
        self
    }

    /// The program was started without this variable.
    #[track_caller]
    pub(crate) fn lacks(self, name: &str) -> Self {
        assert!(self.values(name.as_ref()).is_empty(), "{name} in {self}");
        self
    }

    /// The program was started with these variables and no others, in any order.
    #[track_caller]
    pub(crate) fn has_only<const N: usize>(self, mut variables: [&str; N]) -> Self {
        let block = String::from_utf8(self.stdout.clone()).unwrap();
        let mut entries: Vec<_> = block.split_terminator('\0').collect();
        entries.sort_unstable();
        variables.sort_unstable();
        assert_eq!(entries, variables.map(|text| self.vault.fill(text)), "{self}");
        self
    }

    fn values(&self, name: &[u8]) -> Vec<&[u8]> {
        let entries = self.stdout.split(|&byte| byte == 0);
        entries.filter_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"=")).collect()
    }

    /// The recording proxy received these GET requests and no others, in any order.
    #[track_caller]
    pub(crate) fn asked<const N: usize>(self, paths: [&str; N]) -> Self {
        let mut requests = self.vault.requests();
        requests.sort_unstable();
        let mut expected = paths.map(|path| format!("GET {}", self.vault.fill(path)));
        expected.sort_unstable();
        assert_eq!(requests, expected, "{self}");
        self
    }

    /// Standard error without the times of `-v`.
    pub(crate) fn untimed_stderr(&self) -> String {
        let line = |line: &str| match line.strip_prefix("vault-exec: [").and_then(|rest| rest.split_once(" ms] ")) {
            Some((_, message)) => format!("vault-exec: {message}\n"),
            None => format!("{line}\n"),
        };
        self.stderr.lines().map(line).collect()
    }

    /// See [`TestVault::fill`].
    pub(crate) fn fill(&self, text: &str) -> String {
        self.vault.fill(text)
    }
}

/// Everything that helps to find out why a test failed.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = self.stdout.escape_ascii().to_string();
        let shown = stdout.get(..4000).unwrap_or(&stdout);
        write!(f, "{:?}\n{}\nstdout: {shown}\nstderr: {}", self.command, self.status, self.stderr)
    }
}
