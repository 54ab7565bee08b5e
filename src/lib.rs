//! `vault-exec` reads secrets from `HashiCorp` Vault or `OpenBao`, turns them into environment variables, wipes its own
//! copies and replaces itself with the real program.
//!
//! ```text
//! args ─► config ─► exec ─────► vault ───────────► mapping ─► environment ─► exec
//! parse   resolve   find the    log in, read       keys to    build the      replace this
//!                   program     (all network I/O)  variables  new block      process
//! ```
//!
//! [`run`] is this pipeline. The modules are declared in the order of the flow, after those that all steps share, and no
//! module uses a later one. `mapping` and `environment` stand before `config`, which fills in their options. Files marked
//! `[pure]` compute, `[net]` files talk to the server, `[os]` files to the kernel.

#[cfg(not(target_os = "linux"))]
compile_error!("vault-exec runs on Linux only");

pub mod escape;
pub mod secret;
pub mod env_block;
pub mod dangerous;
pub mod env_name;
pub mod secret_path;
pub mod kv;
pub mod suggest;
pub mod error;
pub mod template;
pub mod output_format;

pub mod mapping;
pub mod environment;

pub mod args;
pub mod config;

pub mod deadline;
pub mod process;
pub mod log;
pub mod credential_file;
pub mod project_trust;
pub mod project_file;

pub mod vault;

pub mod check;

pub mod secret_files;
pub mod exec;

use std::ffi::OsString;

use anyhow::Context;

use crate::args::{Args, help};
use crate::check::{CheckReport, UnsentWrite};
use crate::config::{Config, SecretRequest, Templates};
use crate::deadline::Deadline;
use crate::env_block::InheritedEnv;
use crate::environment::{Decision, Environment};
use crate::error::{AFTER_PROBLEM, CliError, Diagnostic, Diagnostics, UNSENT_WRITE};
use crate::exec::Program;
use crate::kv::KvSecret;
use crate::log::Logger;
use crate::mapping::{Source, Variable};
use crate::process::Hardened;
use crate::secret_files::SecretFiles;
use crate::secret_path::SecretPath;
use crate::template::Assignment;
use crate::vault::FetchOptions;
use crate::vault::report::ConnectionReport;

/// Runs vault-exec. Returns the exit code, and only if no program was started. `command_line` starts with the program name.
#[must_use]
pub fn run_cli(command_line: &[OsString], inherited: InheritedEnv, hardened: &Hardened) -> i32 {
    let (args, parsed) = Args::parse(command_line);
    let log_options = config::log_options(&args, &inherited);
    let (verbosity, format) = log_options.as_ref().copied().unwrap_or_default();
    let logger = Logger::new(verbosity, format);
    let mut deadline = Deadline::new(config::DEFAULT_TIMEOUT);
    let outcome = match (parsed, log_options) {
        (Ok(()), Ok(_)) => {
            run(args, inherited, hardened, &logger, &mut deadline).map_err(|error| Diagnostic::from(&error))
        }
        (Ok(()), Err(error)) => Err(CliError::from(error).into()),
        (Err(error), _) if error.use_stderr() => Err(help::diagnostic(&error)),
        (Err(help), _) => {
            // A reader that closes the pipe early ends the process.
            process::signals::restore_sigpipe();
            log::write_stdout(&help.render().to_string()).map(|()| 0).map_err(Diagnostic::from)
        }
    };
    outcome.unwrap_or_else(|diagnostic| {
        logger.error(&diagnostic, deadline);
        diagnostic.exit as i32
    })
}

/// The whole pipeline. Returns the exit code of a check or of `--trust`, or the error that kept the program from starting.
/// `deadline` is adjusted to the settings.
///
/// # Errors
/// Any error of a step, with the step as its context.
pub fn run(
    args: Args,
    inherited: InheritedEnv,
    hardened: &Hardened,
    logger: &Logger,
    deadline: &mut Deadline,
) -> anyhow::Result<i32> {
    process::signals::install_handlers(logger.format());
    deadline.set_total(config::timeout(&args, &inherited).map_err(CliError::from)?);
    if let Some(change) = config::trust_change(&args).map_err(CliError::from)? {
        return project_file::change_trust(change, &inherited, *deadline).map(|()| 0);
    }
    let choice = config::project_file(&args, &inherited).map_err(CliError::from)?;
    let project = project_file::read(choice, &inherited, *deadline)?;
    if let Some(file) = &project.file {
        logger.info(format_args!("project file {file}"));
    }
    let mut config = Config::resolve(args, &inherited, &project).map_err(CliError::from)?;
    deadline.set_total(config.timeout);
    let mut diagnostics = Diagnostics::new(config.mode());
    let command = std::mem::take(&mut config.command);
    let program = diagnostics.capture(Program::find(command, inherited.get("PATH")))?.flatten();
    diagnostics.capture(require_hardened(&config, hardened, logger))?;

    let options = FetchOptions::from(&config);
    let is_unsent = |request: &&SecretRequest| config.check.is_some() && request.fields.is_some();
    let unsent: Vec<_> = config.secret_requests.iter().filter(is_unsent).map(|request| &request.path).collect();
    let mut connection =
        ConnectionReport { server: config.connection.address.to_string(), ..ConnectionReport::default() };
    let earlier = diagnostics.collected.len();
    let fetched = vault::fetch(&options, *deadline, logger, &mut diagnostics, &mut connection);
    let mut warnings: Vec<_> = config.templates.assignments().flat_map(Assignment::warnings).collect();
    let mut environment = Environment::default();
    let mut files =
        SecretFiles::new(config.templates.file_dir.as_deref(), config.templates.file_mode, diagnostics.mode);
    if let Some(fetched) = diagnostics.capture(fetched)? {
        diagnostics.incomplete = (diagnostics.collected.len() > earlier).then_some(AFTER_PROBLEM);
        let rendered = render_templates(&config.templates, &fetched.secrets, &unsent, &mut files, &mut diagnostics)?;
        diagnostics.incomplete = match unsent[..] {
            [] => (diagnostics.collected.len() > earlier).then_some(AFTER_PROBLEM),
            _ => Some(UNSENT_WRITE),
        };
        let unused = mapping::unused_skips(&fetched.secrets, &config.key_mapping);
        if let Some(unused) = unused.filter(|_| unsent.is_empty()) {
            logger.info(format_args!("{unused}"));
            warnings.push(unused);
        }
        let (mapped, errors) = mapping::map(&fetched.secrets, rendered, &config.key_mapping);
        diagnostics.capture_all(errors)?;
        let token = fetched.token.as_ref().filter(|_| config.keep_token);
        let (built, errors) = Environment::build(inherited, mapped, token, &config.env_policy);
        diagnostics.capture_all(errors)?;
        let argv_bytes = program.as_ref().map_or(0, Program::argv_bytes);
        diagnostics.capture(built.check_size(argv_bytes, exec::arg_max()).map_err(CliError::from))?;
        environment = built;
    }

    if let Some(format) = config.check {
        let report = CheckReport {
            ok: diagnostics.collected.is_empty(),
            variables: environment.decisions,
            program: program.map(|program| program.path().display().to_string()),
            project_file: project.file,
            writes: config.secret_requests.iter().filter_map(unsent_write).collect(),
            connection,
            memory_locked: hardened.locked,
            problems: diagnostics.collected.iter().map(Diagnostic::from).collect(),
            warnings: consequences(&diagnostics).chain(warnings.into_iter().map(Diagnostic::from)).collect(),
        };
        log::write_stdout(&report.render(format))?;
        return Ok(report.exit());
    }
    let Some(program) = program else { return Err(CliError::from(config::Error::NoCommand).into()) };
    drop(config);
    log_decisions(&environment, logger);
    logger.info(format_args!("start {}", program.path().display()));
    files.publish()?;
    Err(program.exec(&environment, hardened).into())
}

fn unsent_write(SecretRequest { path, fields, .. }: &SecretRequest) -> Option<UnsentWrite> {
    let fields = fields.as_ref()?.iter().map(|field| field.name.clone()).collect();
    Some(UnsentWrite { path: path.api_path(), fields })
}

fn consequences(diagnostics: &Diagnostics) -> impl Iterator<Item = Diagnostic> {
    diagnostics.consequences.iter().map(|(error, cause)| {
        let error = Diagnostic::from(error);
        // Nothing is to be done about a write that is not sent.
        let hint = error.hint.filter(|_| *cause != UNSENT_WRITE);
        Diagnostic { message: format!("{}{cause}", error.message), hint, ..error }
    })
}

fn require_hardened(config: &Config, hardened: &Hardened, logger: &Logger) -> Result<(), CliError> {
    if !hardened.private {
        let exposed = "other processes of this user can read the memory of vault-exec: prctl is not permitted";
        if config.require_mlock {
            return Err(CliError::new(format!("--require-mlock: {exposed}"))
                .hint("permit prctl with PR_SET_DUMPABLE in the seccomp profile"));
        }
        logger.warn(format_args!("{exposed}"));
    }
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

/// Renders the templates, references last: they override a key, and those that `--set` overrides were left out. A variable
/// of `--file` holds the path of the file with the value. Values of `unsent` writes are not known.
fn render_templates(
    templates: &Templates,
    secrets: &[KvSecret],
    unsent: &[&SecretPath],
    files: &mut SecretFiles,
    diagnostics: &mut Diagnostics,
) -> anyhow::Result<Vec<Variable>> {
    let Templates { set, files: in_files, references, .. } = templates;
    let mut variables = Vec::with_capacity(set.len() + in_files.len() + references.len());
    let all = [(set, Source::Set), (in_files, Source::File), (references, Source::Reference)];
    for (assignment, source) in all.iter().flat_map(|(list, source)| list.iter().map(move |item| (item, source))) {
        let incomplete = diagnostics.incomplete;
        diagnostics.incomplete = if assignment.may_use(unsent, secrets) { Some(UNSENT_WRITE) } else { incomplete };
        let value = diagnostics.capture(assignment.render(secrets));
        diagnostics.incomplete = incomplete;
        let Some(mut value) = value? else { continue };
        let Assignment { name, source: option, .. } = assignment;
        if *source == Source::File {
            let path = files.create(name, &value).with_context(|| format!("{option} {name}"));
            let Some(path) = diagnostics.capture(path)? else { continue };
            value = path;
        }
        variables.extend(diagnostics.capture(Variable::from_template(name.clone(), value, source.clone()))?);
    }
    Ok(variables)
}

fn log_decisions(environment: &Environment, logger: &Logger) {
    for Decision { name, source, outcome } in &environment.decisions {
        logger.info(format_args!("{name} from {source}{outcome}"));
    }
}
