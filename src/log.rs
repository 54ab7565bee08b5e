//! `[os]` The logger. All messages go to standard error: standard output belongs to the program.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::stdout;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::write;
use serde::Serialize;

use crate::deadline::Deadline;
use crate::error::{CliError, Diagnostic};
use crate::escape::{escape_json, escape_line, escape_text, shorten};
use crate::output_format::OutputFormat;
use crate::process::write_stderr;

/// How long all error messages together wait for a reader of standard error.
const ERROR_PATIENCE: Duration = Duration::from_secs(1);

/// Writes messages of the requested levels in the requested format.
#[derive(Debug)]
pub struct Logger {
    verbosity: u8,
    format: OutputFormat,
    start: Instant,
    /// What is left of [`ERROR_PATIENCE`].
    patience: Cell<Duration>,
}

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
struct JsonRecord<'a> {
    level: Level,
    /// Microseconds since the logger was made.
    elapsed_us: u128,
    message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'a, str>>,
}

impl Logger {
    /// A logger whose clock starts now. `verbosity` is the number of `-v`: 0 logs errors and warnings, 1 each step, 2 each
    /// request.
    pub fn new(verbosity: u8, format: OutputFormat) -> Self {
        Self { verbosity, format, start: Instant::now(), patience: Cell::new(ERROR_PATIENCE) }
    }

    /// The format of all messages.
    pub const fn format(&self) -> OutputFormat {
        self.format
    }

    /// Logs the error that kept the program from starting.
    pub fn error(&self, diagnostic: &Diagnostic, deadline: Deadline) {
        let (start, patience) = (Instant::now(), self.patience.get());
        let patience_now = deadline.remaining().min(patience);
        self.print(Level::Error, &diagnostic.message, diagnostic.hint.as_deref(), patience_now);
        self.patience.set(patience.saturating_sub(start.elapsed()));
    }

    /// Logs what the user should know although the program starts.
    pub fn warn(&self, message: fmt::Arguments) {
        self.print(Level::Warn, &message.to_string(), None, Duration::ZERO);
    }

    /// Logs a step (`-v`).
    pub fn info(&self, message: fmt::Arguments) {
        if self.verbosity >= 1 {
            self.print(Level::Info, &message.to_string(), None, Duration::ZERO);
        }
    }

    /// Logs a detail (`-vv`).
    pub fn debug(&self, message: fmt::Arguments) {
        if self.verbosity >= 2 {
            self.print(Level::Debug, &message.to_string(), None, Duration::ZERO);
        }
    }

    /// One message is one `write`, so that lines of several processes do not mix. A failed write is ignored.
    fn print(&self, level: Level, message: &str, hint: Option<&str>, patience: Duration) {
        let elapsed_us = self.start.elapsed().as_micros();
        let text = match self.format {
            OutputFormat::Json => {
                let (message, hint) = (shorten(message), hint.map(shorten));
                let record = serde_json::to_string(&JsonRecord { level, elapsed_us, message, hint });
                escape_json(&record.unwrap_or_default()) + "\n"
            }
            OutputFormat::Text => {
                let time = match level {
                    Level::Error | Level::Warn => String::new(),
                    Level::Info | Level::Debug => format!("[{}.{} ms] ", elapsed_us / 1000, elapsed_us / 100 % 10),
                };
                let hint = hint.map_or(String::new(), |hint| format!("hint: {}\n", escape_text(hint)));
                format!("vault-exec: {time}{}\n{hint}", escape_line(message))
            }
        };
        write_stderr(text.as_bytes(), patience);
    }
}

/// Writes the output of `--help`, `--version` or `--check` to standard output.
///
/// # Errors
/// If standard output is closed or cannot be written to.
pub fn write_stdout(text: &str) -> Result<(), CliError> {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // The standard library reports success if standard output is closed.
        match write(stdout(), rest) {
            Ok(written) => rest = &rest[written..],
            Err(Errno::EINTR) => {}
            // Whoever shares standard output may have set `O_NONBLOCK`.
            Err(Errno::EAGAIN) => _ = poll(&mut [PollFd::new(stdout().as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE),
            Err(errno) => return Err(CliError::file_error("standard output", &errno.into())),
        }
    }
    Ok(())
}
