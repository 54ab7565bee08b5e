//! `vault-exec` reads secrets from `HashiCorp` Vault or `OpenBao`, turns them into environment variables, wipes what it
//! held and replaces itself with the real program.
//!
//! ```text
//! args ─► config ─► exec ─────► vault ───────────► mapping ─► environment ─► exec
//! typed   meant     find the    log in, read       keys to    the one block  start it in
//!                   program     (all the network)  variables  it will get    our place
//! ```
//!
//! The modules stand in the order of that flow, and none knows a later one; [`run`] alone knows the order. Files marked
//! `[pure]` compute, `[net]` talk to the server, `[os]` to the kernel. Before them stand the words the steps share.

pub mod printable;
pub mod secret;
pub mod entry;
pub mod env_name;
pub mod kv;
pub mod about;
pub mod failure;
pub mod template;

pub mod args;
pub mod config;
pub mod project;
pub mod story;

pub mod hygiene;
pub mod signals;

pub mod vault;

pub mod mapping;

pub mod environment;
pub mod check;

pub mod files;
pub mod exec;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;

use crate::args::Args;
use crate::check::Check;
use crate::config::{Config, LogFormat, Shape};
use crate::entry::Inherited;
use crate::environment::{Decision, Environment, Outcome};
use crate::exec::Program;
use crate::failure::{Failure, Problems, Report};
use crate::files::Files;
use crate::hygiene::Hardened;
use crate::kv::KvSecret;
use crate::mapping::{Source, Variable};
use crate::story::Story;
use crate::template::Assignment;

/// Runs with the given command line and environment, and returns only when no program was started: the exit code.
#[must_use]
pub fn main(line: &[OsString], inherited: Inherited, hardened: &Hardened) -> i32 {
    let args = match Args::parse_line(line) {
        Ok(args) => args,
        Err(error) => {
            let (verbosity, format) = config::voice(&args::voice(line), &inherited).unwrap_or_default();
            let story = Story::new(verbosity, format);
            if !error.use_stderr() {
                return tell_help(&error.render().to_string(), &story);
            }
            let report = args::report(&error);
            story.failure(&report);
            return report.exit as i32;
        }
    };
    let (story, outcome) = match config::voice(&args, &inherited) {
        Ok((verbosity, format)) => {
            let story = Story::new(verbosity, format);
            let outcome = run(args, inherited, hardened, &story);
            (story, outcome)
        }
        Err(error) => (Story::new(0, LogFormat::Text), Err(Failure::from(error).into())),
    };
    match outcome {
        Ok(checked) => checked,
        Err(error) => {
            let report = Report::from(&error);
            story.failure(&report);
            report.exit as i32
        }
    }
}

/// Help and version, which a reader may stop reading.
fn tell_help(text: &str, story: &Story) -> i32 {
    signals::disarm();
    match story.tell(text) {
        Ok(()) => 0,
        Err(error) => {
            let report = Report::from(&error.into());
            story.failure(&report);
            report.exit as i32
        }
    }
}

/// The whole way, top to bottom. Comes back with the exit code of a check, or with the reason why no program was started.
///
/// # Errors
/// Whatever went wrong, with what was being done in front of it.
pub fn run(args: Args, inherited: Inherited, hardened: &Hardened, story: &Story) -> anyhow::Result<i32> {
    signals::arm(story.format());
    let which = config::which(&args, &inherited).map_err(Failure::from)?;
    let home = inherited.get("HOME").map(|home| Path::new(OsStr::from_bytes(home)));
    let project = project::read(which, home)?;
    let mut config = Config::resolve(args, &inherited, &project).map_err(Failure::from)?;
    let mut problems = Problems::new(config.check.is_some());
    let program = find(&mut config, &inherited, &mut problems)?;
    problems.meet(require_lock(&config, hardened, story))?;

    let answer = vault::fetch(&config, story, &mut problems);
    let mut about = None;
    let mut environment = Environment::default();
    let mut files = Files::new(config.shape.file_dir.as_deref(), config.shape.file_mode, problems.collects());
    if let Some(answer) = problems.meet(answer)? {
        let composed = compose(&config.shape, &answer.secrets, &mut files, &mut problems)?;
        let (mapped, errors) = mapping::map(answer.secrets, composed, &config.naming);
        problems.meet_all(errors)?;
        let token = answer.token.as_ref().filter(|_| config.keep_token);
        let (composed, errors) = Environment::compose(inherited, mapped, token, &config.policy);
        problems.meet_all(errors)?;
        let line = program.as_ref().map_or(0, Program::size);
        problems.meet(composed.check_size(line, exec::size_limit()).map_err(Failure::from))?;
        (environment, about) = (composed, answer.about);
    }

    if let Some(format) = config.check {
        let check = Check {
            decisions: environment.decisions,
            program: program.map(|program| program.file().display().to_string()),
            about,
            locked: hardened.locked,
            problems: problems.met.iter().map(Report::from).collect(),
        };
        story.tell(&check.show(format))?;
        return Ok(check.exit());
    }
    let Some(program) = program else { return Err(Failure::from(config::Error::NoCommand).into()) };
    drop(config);
    tell(&environment, story);
    story.info(format_args!("start {}", program.file().display()));
    Err(program.start(&environment, hardened).into())
}

fn find(config: &mut Config, inherited: &Inherited, problems: &mut Problems) -> anyhow::Result<Option<Program>> {
    if config.command.is_empty() {
        return Ok(None);
    }
    problems.meet(Program::find(std::mem::take(&mut config.command), inherited.get("PATH")))
}

/// The variables of `--set`, and of `--file` the names of the files that hold their values.
fn compose(
    shape: &Shape,
    secrets: &[KvSecret],
    files: &mut Files,
    problems: &mut Problems,
) -> anyhow::Result<Vec<Variable>> {
    let mut composed = Vec::with_capacity(shape.set.len() + shape.files.len());
    for assignment in &shape.set {
        let value = assignment.value(secrets);
        let variable = value.and_then(|value| Variable::composed(assignment.name.clone(), value, Source::Set));
        composed.extend(problems.meet(variable)?);
    }
    for assignment in &shape.files {
        let Some(value) = problems.meet(assignment.value(secrets))? else { continue };
        let Assignment { name, from, .. } = assignment;
        let file = files.put(name, &value).with_context(|| format!("{from} {name}"));
        let Some(file) = problems.meet(file)? else { continue };
        composed.extend(problems.meet(Variable::composed(name.clone(), file, Source::File))?);
    }
    Ok(composed)
}

fn require_lock(config: &Config, hardened: &Hardened, story: &Story) -> Result<(), Failure> {
    if hardened.locked {
        story.debug(format_args!("memory is locked against swapping"));
    } else if config.require_mlock {
        return Err(Failure::new("--require-mlock: memory cannot be locked")
            .hint("raise the limit (ulimit -l unlimited, docker run --ulimit memlock=-1) or grant CAP_IPC_LOCK"));
    } else {
        story.debug(format_args!("memory is not locked against swapping: the limit is too low"));
    }
    Ok(())
}

fn tell(environment: &Environment, story: &Story) {
    for Decision { name, source, outcome } in &environment.decisions {
        match outcome {
            Outcome::Set => story.info(format_args!("{name} from {source}")),
            Outcome::ReplacedInherited => {
                story.info(format_args!("{name} from {source}, which replaces the inherited variable"));
            }
            Outcome::LostToInherited => {
                story.info(format_args!("{name} from {source}, but the inherited variable is kept"));
            }
            Outcome::LostTo(winner) => story.info(format_args!("{name} from {source}, but {winner} wins")),
        }
    }
}
