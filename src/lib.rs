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

pub mod secret;
pub mod entry;
pub mod env_name;
pub mod kv;
pub mod failure;

pub mod args;
pub mod config;
pub mod story;

pub mod hygiene;
pub mod signals;

pub mod vault;

pub mod mapping;

pub mod environment;

pub mod exec;

use std::convert::Infallible;
use std::ffi::OsString;

use crate::args::Args;
use crate::config::{Config, LogFormat};
use crate::entry::Inherited;
use crate::environment::{Decision, Environment, Outcome};
use crate::exec::Program;
use crate::failure::{Failure, Report};
use crate::hygiene::Hardened;
use crate::story::Story;

/// Runs with the given command line and environment, and returns only when no program was started: the exit code.
#[must_use]
pub fn main(line: Vec<OsString>, inherited: Inherited, hardened: &Hardened) -> i32 {
    let args = match Args::parse_line(line) {
        Ok(args) => args,
        Err(wish) if !wish.use_stderr() => {
            let _ = wish.print();
            return 0;
        }
        Err(error) => {
            let (verbosity, format) = config::voice(&Args::default(), &inherited).unwrap_or_default();
            let report = args::report(&error);
            Story::new(verbosity, format).failure(&report);
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
    let Err(error) = outcome;
    let report = Report::from(&error);
    story.failure(&report);
    report.exit as i32
}

/// The whole way, top to bottom. Comes back only with the reason why no program was started.
///
/// # Errors
/// Whatever went wrong, with what was being done in front of it.
pub fn run(args: Args, inherited: Inherited, hardened: &Hardened, story: &Story) -> anyhow::Result<Infallible> {
    let mut config = Config::resolve(args, &inherited).map_err(Failure::from)?;
    let program = Program::find(std::mem::take(&mut config.command), inherited.get("PATH"))?;
    require_lock(&config, hardened, story)?;
    signals::arm(story.format());

    let answer = vault::fetch(&config, story)?;

    let mapped = mapping::map(answer.secrets, &config.naming).map_err(Failure::from)?;
    let token = answer.token.as_ref().filter(|_| config.keep_token);
    let environment = Environment::compose(inherited, mapped, token, &config.policy).map_err(Failure::from)?;
    environment.check_size(program.size(), exec::size_limit()).map_err(Failure::from)?;
    drop((config, answer.token));

    tell(&environment, story);
    story.info(format_args!("start {}", program.file().display()));
    Err(program.start(&environment, hardened).into())
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
    for Decision { name, origin, outcome } in &environment.decisions {
        let outcome = match outcome {
            Outcome::Set => "",
            Outcome::ReplacedInherited => ", which replaces the inherited variable",
            Outcome::LostToInherited => ", but the inherited variable is kept",
            Outcome::LostToLaterPath => ", but a later path has it too",
        };
        story.info(format_args!("{name} from {origin}{outcome}"));
    }
}
