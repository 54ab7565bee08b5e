//! `[pure]` The report of `--check`: the decisions that a start would execute, and the errors that prevent it.

use std::fmt;

use serde::Serialize;

use crate::environment::Decision;
use crate::error::{Diagnostic, ExitCode};
use crate::escape::{MAX_SHOWN_CHARS, escape_json, escape_line, escape_text};
use crate::output_format::OutputFormat;
use crate::vault::report::{self, ConnectionReport, TokenInfo};

/// The result of a check, with its fields as in the JSON of `--format json`. Contains no values and no lengths.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// Whether the program would be started: whether there are no problems.
    pub ok: bool,
    /// The outcome for each variable.
    pub variables: Vec<Decision>,
    /// The path of the program, if a command was given and found.
    pub program: Option<String>,
    /// The path of the project file in use.
    pub project_file: Option<String>,
    /// The requests of `--write`, which a check does not send.
    pub writes: Vec<UnsentWrite>,
    /// The connection.
    #[serde(flatten)]
    pub connection: ConnectionReport,
    /// Whether memory is locked against swapping.
    pub memory_locked: bool,
    /// The errors that keep the program from being started.
    pub problems: Vec<Diagnostic>,
    /// What is probably a mistake and does not keep the program from being started, or a consequence of the problems.
    pub warnings: Vec<Diagnostic>,
}

/// A request of `--write`.
#[derive(Debug, Serialize)]
pub struct UnsentWrite {
    /// Its path.
    pub path: String,
    /// The names of its fields.
    pub fields: Vec<String>,
}

impl CheckReport {
    /// The exit code of the check.
    #[must_use]
    pub const fn exit(&self) -> i32 {
        if self.ok { 0 } else { ExitCode::Failed as i32 }
    }

    /// The report as text, escaped for printing.
    #[must_use]
    pub fn render(&self, format: OutputFormat) -> String {
        match format {
            OutputFormat::Text => self.to_string(),
            OutputFormat::Json => escape_json(&(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")),
        }
    }
}

/// The format of `--format text`.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.variables.iter().map(|decision| escape_line(&decision.name)).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0).clamp(8, MAX_SHOWN_CHARS);
        for (name, Decision { source, outcome, .. }) in names.iter().zip(&self.variables) {
            writeln!(f, "{name:width$}  {}{}", escape_line(source), escape_line(outcome))?;
        }
        if !self.variables.is_empty() {
            writeln!(f)?;
        }
        if let Some(program) = &self.program {
            writeln!(f, "program   {}", escape_line(program))?;
        }
        if let Some(file) = &self.project_file {
            writeln!(f, "project   {}", escape_line(file))?;
        }
        for UnsentWrite { path, fields } in &self.writes {
            let fields = if fields.is_empty() { String::new() } else { format!(", fields {}", fields.join(", ")) };
            writeln!(f, "not sent  {}{}", escape_line(path), escape_line(fields))?;
        }
        let ConnectionReport { server, trust, login, token } = &self.connection;
        writeln!(f, "server    {}", escape_line(server))?;
        if let Some(trust) = trust {
            writeln!(f, "trust     {}", escape_line(trust))?;
        }
        if let Some(login) = login {
            writeln!(f, "login     {}", escape_line(login))?;
            match token {
                None => writeln!(f, "token     unknown: the server does not report it")?,
                Some(TokenInfo { ttl, policies }) => {
                    let life =
                        ttl.map_or("does not expire".into(), |ttl| format!("expires in {}", report::lifetime(ttl)));
                    writeln!(f, "token     {life}; policies {}", escape_line(policies.join(", ")))?;
                }
            }
        }
        writeln!(f, "memory    {}", if self.memory_locked { "locked" } else { "not locked: the limit is too low" })?;
        let count = if self.ok { "none".into() } else { self.problems.len().to_string() };
        writeln!(f, "problems  {count}")?;
        if !self.warnings.is_empty() {
            writeln!(f, "warnings  {}", self.warnings.len())?;
        }
        let problems = self.problems.iter().map(|problem| ("problem", problem));
        let warnings = self.warnings.iter().map(|warning| ("warning", warning));
        for (label, Diagnostic { message, hint, .. }) in problems.chain(warnings) {
            writeln!(f, "\n{label}: {}", escape_line(message))?;
            if let Some(hint) = hint {
                writeln!(f, "hint: {}", escape_text(hint))?;
            }
        }
        Ok(())
    }
}
