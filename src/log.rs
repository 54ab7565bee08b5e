//! `[os]` What vault-exec says while it works, all of it on standard error: standard output belongs to the program.

use std::fmt;
use std::io::Write;
use std::time::Instant;

use nix::errno::Errno;
use nix::unistd::write;
use serde::Serialize;

use crate::error::{CliError, Diagnostic};
use crate::escape::printable;
use crate::output_format::OutputFormat;

/// Tells what happens, as loudly as was asked for.
#[derive(Debug)]
pub struct Logger {
    verbosity: u8,
    format: OutputFormat,
    start: Instant,
}

/// How much it matters, quietest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

/// One line of `--log-format json`.
#[derive(Serialize)]
struct Line<'a> {
    level: Level,
    /// Microseconds since vault-exec began.
    elapsed_us: u128,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Logger {
    /// A logger that begins now; `verbosity` counts the `-v`.
    #[must_use]
    pub fn new(verbosity: u8, format: OutputFormat) -> Self {
        Self { verbosity, format, start: Instant::now() }
    }

    /// The form of every message.
    #[must_use]
    pub const fn format(&self) -> OutputFormat {
        self.format
    }

    /// Why no program was started.
    pub fn failure(&self, report: &Diagnostic) {
        self.print(Level::Error, &report.message, report.hint.as_deref());
    }

    /// What was asked for, on standard output, which no program wants.
    ///
    /// # Errors
    /// When it cannot be written there.
    pub fn tell(&self, text: &str) -> Result<(), CliError> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            // Rust's own takes it for a success where standard output is closed.
            match write(std::io::stdout(), rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(CliError::file_error("standard output", &errno.into())),
            }
        }
        Ok(())
    }

    /// Something the person should know although the program starts.
    pub fn warn(&self, message: fmt::Arguments) {
        self.print(Level::Warn, &message.to_string(), None);
    }

    /// A step, told with `-v`.
    pub fn info(&self, message: fmt::Arguments) {
        if self.verbosity >= 1 {
            self.print(Level::Info, &message.to_string(), None);
        }
    }

    /// A detail, told with `-vv`.
    pub fn debug(&self, message: fmt::Arguments) {
        if self.verbosity >= 2 {
            self.print(Level::Debug, &message.to_string(), None);
        }
    }

    /// Writes one message in one `write`, so that lines of several processes do not mix. That nobody can be told is no
    /// reason to stop.
    fn print(&self, level: Level, message: &str, hint: Option<&str>) {
        let elapsed_us = self.start.elapsed().as_micros();
        let text = match self.format {
            OutputFormat::Json => {
                serde_json::to_string(&Line { level, elapsed_us, message, hint }).unwrap_or_default() + "\n"
            }
            OutputFormat::Text => {
                let time = if level == Level::Error || level == Level::Warn {
                    String::new()
                } else {
                    format!("[{}.{} ms] ", elapsed_us / 1000, elapsed_us / 100 % 10)
                };
                let hint = hint.map_or(String::new(), |hint| format!("hint: {}\n", printable(hint, true)));
                format!("vault-exec: {time}{}\n{hint}", printable(message, false))
            }
        };
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}
