//! `[pure]` What `--check` tells: the very plan that a start executes, and everything that speaks against it.

use std::fmt;

use serde::Serialize;

use crate::config::CheckFormat;
use crate::environment::{Decision, Outcome};
use crate::error::{Diagnostic, ExitCode};
use crate::escape::{printable, printable_json};
use crate::mapping::Source;
use crate::vault::report::{ConnectionReport, TokenInfo};

/// Everything that a check found out. Names only: no values, no lengths.
#[derive(Debug)]
pub struct Check {
    /// What became of each variable.
    pub decisions: Vec<Decision>,
    /// The file that would be executed, if a command was given and it was found.
    pub program: Option<String>,
    /// How the server was reached, if it was.
    pub report: Option<ConnectionReport>,
    /// Whether memory is locked against swapping.
    pub locked: bool,
    /// Everything that keeps the program from being started.
    pub problems: Vec<Diagnostic>,
}

/// The JSON of `--format json`.
#[derive(Serialize)]
struct Json<'a> {
    ok: bool,
    variables: Vec<JsonVariable<'a>>,
    program: Option<&'a str>,
    server: Option<&'a str>,
    trust: Option<String>,
    login: Option<&'a str>,
    token: Option<JsonToken<'a>>,
    memory_locked: bool,
    problems: Vec<JsonProblem<'a>>,
}

#[derive(Serialize)]
struct JsonVariable<'a> {
    name: &'a str,
    /// `key`, `set` or `file`
    source: &'static str,
    path: Option<&'a str>,
    key: Option<&'a str>,
    version: Option<u64>,
    /// `set`, `replaces_inherited`, `kept_inherited` or `overridden`
    outcome: &'static str,
    /// What it was overridden by.
    by: Option<String>,
}

#[derive(Serialize)]
struct JsonToken<'a> {
    /// Seconds; `null` is for ever.
    ttl: Option<u64>,
    policies: &'a [String],
}

#[derive(Serialize)]
struct JsonProblem<'a> {
    message: &'a str,
    hint: Option<&'a str>,
}

impl Check {
    /// The code that a check ends with.
    #[must_use]
    pub const fn exit(&self) -> i32 {
        if self.problems.is_empty() { 0 } else { ExitCode::Failed as i32 }
    }

    /// The whole, ready to be printed.
    #[must_use]
    pub fn show(&self, format: CheckFormat) -> String {
        match format {
            CheckFormat::Text => self.to_string(),
            CheckFormat::Json => {
                printable_json(&(serde_json::to_string_pretty(&self.json()).unwrap_or_default() + "\n"))
            }
        }
    }

    fn json(&self) -> Json<'_> {
        let report = self.report.as_ref();
        let token = report.and_then(|report| report.token.as_ref());
        Json {
            ok: self.problems.is_empty(),
            variables: self.decisions.iter().map(variable).collect(),
            program: self.program.as_deref(),
            server: report.map(|report| report.server.as_str()),
            trust: report.map(|report| report.trust.to_string()),
            login: report.map(|report| report.login.as_str()),
            token: token.map(|TokenInfo { ttl, policies }| JsonToken { ttl: ttl.map(|ttl| ttl.as_secs()), policies }),
            memory_locked: self.locked,
            problems: self
                .problems
                .iter()
                .map(|report| JsonProblem { message: &report.message, hint: report.hint.as_deref() })
                .collect(),
        }
    }
}

fn variable(Decision { name, source, outcome }: &Decision) -> JsonVariable<'_> {
    let (kind, origin) = match source {
        Source::Key(origin) => ("key", Some(origin)),
        Source::Set => ("set", None),
        Source::File => ("file", None),
    };
    let (outcome, by) = match outcome {
        Outcome::Set => ("set", None),
        Outcome::ReplacedInherited => ("replaces_inherited", None),
        Outcome::KeptInherited => ("kept_inherited", None),
        Outcome::Overridden(winner) => ("overridden", Some(winner.to_string())),
    };
    JsonVariable {
        name: name.as_str(),
        source: kind,
        path: origin.map(|origin| origin.path.as_str()),
        key: origin.map(|origin| origin.key.as_str()),
        version: origin.and_then(|origin| origin.version),
        outcome,
        by,
    }
}

/// No name that somebody gave to a key can look like a line of ours.
fn line(text: impl fmt::Display) -> String {
    printable(&text.to_string(), false)
}

/// The table for people.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.decisions.iter().map(|decision| decision.name.as_str().len()).max().unwrap_or(0).max(8);
        for Decision { name, source, outcome } in &self.decisions {
            let (name, source) = (name.as_str(), line(source));
            match outcome {
                Outcome::Set => writeln!(f, "{name:width$}  {source}")?,
                Outcome::ReplacedInherited => writeln!(f, "{name:width$}  {source}, replaces the inherited one")?,
                Outcome::KeptInherited => writeln!(f, "{name:width$}  inherited, {source} is not used")?,
                Outcome::Overridden(winner) => {
                    writeln!(f, "{name:width$}  ({source} is not used: {} wins)", line(winner))?;
                }
            }
        }
        if !self.decisions.is_empty() {
            writeln!(f)?;
        }
        if let Some(program) = &self.program {
            writeln!(f, "program   {}", line(program))?;
        }
        if let Some(ConnectionReport { server, trust, login, token }) = &self.report {
            writeln!(f, "server    {}", line(server))?;
            writeln!(f, "trust     {}", line(trust))?;
            writeln!(f, "login     {}", line(login))?;
            match token {
                None => writeln!(f, "token     the server does not tell about it")?,
                Some(TokenInfo { ttl, policies }) => {
                    let life = ttl.map_or("for ever".into(), |ttl| format!("{} more", humantime::format_duration(ttl)));
                    writeln!(f, "token     lives {life}; policies {}", line(policies.join(", ")))?;
                }
            }
        }
        writeln!(f, "memory    {}", if self.locked { "locked" } else { "not locked: the limit is too low" })?;
        writeln!(
            f,
            "problems  {}",
            if self.problems.is_empty() { "none".into() } else { self.problems.len().to_string() }
        )?;
        for Diagnostic { message, hint, .. } in &self.problems {
            writeln!(f, "\n{}", line(message))?;
            if let Some(hint) = hint {
                writeln!(f, "hint: {}", printable(hint, true))?;
            }
        }
        Ok(())
    }
}
