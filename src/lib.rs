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

pub mod escape;
pub mod secret;
pub mod env_block;
pub mod env_name;
pub mod kv;
pub mod error;
pub mod template;

pub mod args;
pub mod config;
pub mod project_file;
pub mod log;

pub mod deadline;
pub mod process;
pub mod credential_file;

pub mod vault;

pub mod mapping;

pub mod environment;
pub mod check;

pub mod secret_files;
pub mod exec;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use anyhow::Context;

use crate::args::Args;
use crate::check::Check;
use crate::config::{Config, LogFormat, Templates};
use crate::deadline::Deadline;
use crate::env_block::InheritedEnv;
use crate::environment::{Decision, Environment, Outcome};
use crate::error::{CliError, Diagnostic, Diagnostics};
use crate::exec::Program;
use crate::kv::KvSecret;
use crate::log::Logger;
use crate::mapping::{Source, Variable};
use crate::process::Hardened;
use crate::secret_files::SecretFiles;
use crate::template::Assignment;
use crate::vault::FetchOptions;

/// Runs with the given command line and environment, and returns only when no program was started: the exit code.
#[must_use]
pub fn main(line: &[OsString], inherited: InheritedEnv, hardened: &Hardened) -> i32 {
    let args = match Args::parse_line(line) {
        Ok(args) => args,
        Err(error) => {
            let (verbosity, format) = config::voice(&args::voice(line), &inherited).unwrap_or_default();
            let logger = Logger::new(verbosity, format);
            if !error.use_stderr() {
                return tell_help(&error.render().to_string(), &logger);
            }
            let report = args::report(&error);
            logger.failure(&report);
            return report.exit as i32;
        }
    };
    let (logger, outcome) = match config::voice(&args, &inherited) {
        Ok((verbosity, format)) => {
            let logger = Logger::new(verbosity, format);
            let outcome = run(args, inherited, hardened, &logger);
            (logger, outcome)
        }
        Err(error) => (Logger::new(0, LogFormat::Text), Err(CliError::from(error).into())),
    };
    match outcome {
        Ok(checked) => checked,
        Err(error) => {
            let report = Diagnostic::from(&error);
            logger.failure(&report);
            report.exit as i32
        }
    }
}

/// Help and version, which a reader may stop reading.
fn tell_help(text: &str, logger: &Logger) -> i32 {
    process::signals::disarm();
    match logger.tell(text) {
        Ok(()) => 0,
        Err(error) => {
            let report = Diagnostic::from(&error.into());
            logger.failure(&report);
            report.exit as i32
        }
    }
}

/// The whole way, top to bottom. Comes back with the exit code of a check, or with the reason why no program was started.
///
/// # Errors
/// Whatever went wrong, with what was being done in front of it.
pub fn run(args: Args, inherited: InheritedEnv, hardened: &Hardened, logger: &Logger) -> anyhow::Result<i32> {
    process::signals::arm(logger.format());
    let which = config::which(&args, &inherited).map_err(CliError::from)?;
    let home = inherited.get("HOME").map(|home| Path::new(OsStr::from_bytes(home)));
    let project = project_file::read(which, home)?;
    let mut config = Config::resolve(args, &inherited, &project).map_err(CliError::from)?;
    let mut problems = Diagnostics::new(config.check.is_some());
    let program = find(&mut config, &inherited, &mut problems)?;
    problems.meet(require_lock(&config, hardened, logger))?;

    let options = FetchOptions {
        connection: &config.connection,
        credential: &config.credential,
        reads: &config.reads,
        kv: config.kv,
        mount_depth: config.mount_len,
        revoke: config.revoke,
    };
    let fetched = vault::fetch(&options, Deadline::new(config.connection.timeout), logger, &mut problems);
    let mut report = None;
    let mut environment = Environment::default();
    let mut files = SecretFiles::new(config.shape.file_dir.as_deref(), config.shape.file_mode, problems.collects());
    if let Some(fetched) = problems.meet(fetched)? {
        let composed = compose(&config.shape, &fetched.secrets, &mut files, &mut problems)?;
        let (mapped, errors) = mapping::map(fetched.secrets, composed, &config.naming);
        problems.meet_all(errors)?;
        let token = fetched.token.as_ref().filter(|_| config.keep_token);
        let (composed, errors) = Environment::compose(inherited, mapped, token, &config.policy);
        problems.meet_all(errors)?;
        let line = program.as_ref().map_or(0, Program::size);
        problems.meet(composed.check_size(line, exec::size_limit()).map_err(CliError::from))?;
        (environment, report) = (composed, fetched.report);
    }

    if let Some(format) = config.check {
        let check = Check {
            decisions: environment.decisions,
            program: program.map(|program| program.file().display().to_string()),
            report,
            locked: hardened.locked,
            problems: problems.met.iter().map(Diagnostic::from).collect(),
        };
        logger.tell(&check.show(format))?;
        return Ok(check.exit());
    }
    let Some(program) = program else { return Err(CliError::from(config::Error::NoCommand).into()) };
    drop(config);
    tell(&environment, logger);
    logger.info(format_args!("start {}", program.file().display()));
    Err(program.start(&environment, hardened).into())
}

fn find(config: &mut Config, inherited: &InheritedEnv, problems: &mut Diagnostics) -> anyhow::Result<Option<Program>> {
    if config.command.is_empty() {
        return Ok(None);
    }
    problems.meet(Program::find(std::mem::take(&mut config.command), inherited.get("PATH")))
}

/// The variables of `--set`, and of `--file` the names of the files that hold their values.
fn compose(
    shape: &Templates,
    secrets: &[KvSecret],
    files: &mut SecretFiles,
    problems: &mut Diagnostics,
) -> anyhow::Result<Vec<Variable>> {
    let mut composed = Vec::with_capacity(shape.set.len() + shape.files.len());
    for assignment in &shape.set {
        let value = assignment.value(secrets);
        let variable = value.and_then(|value| Variable::composed(assignment.name.clone(), value, Source::Set));
        composed.extend(problems.meet(variable)?);
    }
    for assignment in &shape.files {
        let Some(value) = problems.meet(assignment.value(secrets))? else { continue };
        let Assignment { name, source, .. } = assignment;
        let file = files.put(name, &value).with_context(|| format!("{source} {name}"));
        let Some(file) = problems.meet(file)? else { continue };
        composed.extend(problems.meet(Variable::composed(name.clone(), file, Source::File))?);
    }
    Ok(composed)
}

fn require_lock(config: &Config, hardened: &Hardened, logger: &Logger) -> Result<(), CliError> {
    if hardened.locked {
        logger.debug(format_args!("memory is locked against swapping"));
    } else if config.require_mlock {
        return Err(CliError::new("--require-mlock: memory cannot be locked")
            .hint("raise the limit (ulimit -l unlimited, docker run --ulimit memlock=-1) or grant CAP_IPC_LOCK"));
    } else {
        logger.debug(format_args!("memory is not locked against swapping: the limit is too low"));
    }
    Ok(())
}

fn tell(environment: &Environment, logger: &Logger) {
    for Decision { name, source, outcome } in &environment.decisions {
        match outcome {
            Outcome::Set => logger.info(format_args!("{name} from {source}")),
            Outcome::ReplacedInherited => {
                logger.info(format_args!("{name} from {source}, which replaces the inherited variable"));
            }
            Outcome::KeptInherited => {
                logger.info(format_args!("{name} from {source}, but the inherited variable is kept"));
            }
            Outcome::Overridden(winner) => logger.info(format_args!("{name} from {source}, but {winner} wins")),
        }
    }
}
