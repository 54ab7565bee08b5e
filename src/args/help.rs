//! `[pure]` The options for clap, which renders the help and describes mistakes.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error, value_parser};

use super::options::{Arity, OPTIONS, OptionSpec, find_long};
use crate::error::{Diagnostic, ExitCode};

const USAGE: &str = "vault-exec [OPTIONS] [--] COMMAND [ARG]...\n       vault-exec --check [OPTIONS] [--] [COMMAND [ARG]...]\n       vault-exec --trust | --untrust";

const AFTER_HELP: &str = "\
Every option --some-name, except --trust, --untrust and --check, has the variable VAULT_EXEC_SOME_NAME and, except
those for checks, messages and project files, the key some-name in a project file. Variables in brackets apply
too; BAO_X overrides VAULT_X.
On the command line, an option takes one item and is repeated for more. In variables, newlines or commas
separate the items, those of SET and FILE newlines only. The token comes from VAULT_TOKEN or a file, never
from an option.

Examples:
  ENTRYPOINT [\"vault-exec\", \"--path\", \"secret/airflow\", \"--\"]
  vault-exec --path secret/backend --require POSTGRES_PASSWORD -- uvicorn app:app
  vault-exec --path secret/common --optional-path secret/ci --only deploy_key -- ./deploy.sh

Exit codes: the program's own; 125 vault-exec failed; 126 the program cannot be executed;
127 the program was not found; 128+n signal n ended the wait.";

/// The command for clap, as for the manual and the completions.
pub fn command() -> Command {
    let headed = |&(heading, options): &(&'static str, &'static [&OptionSpec])| {
        options.iter().map(move |option| argument(option).help_heading(heading))
    };
    let help = Arg::new("--help").long("help").short('h').action(ArgAction::HelpShort).help("Print help");
    let version = Arg::new("--version").long("version").short('V').action(ArgAction::Version).help("Print the version");
    let command = Arg::new("COMMAND").num_args(0..).trailing_var_arg(true).value_parser(value_parser!(OsString));
    Command::new("vault-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Run a program with secrets from HashiCorp Vault or OpenBao in its environment.")
        .override_usage(USAGE)
        .after_help(AFTER_HELP)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(OPTIONS.iter().flat_map(headed))
        .args([help, version].map(|argument| argument.help_heading("Behaviour")))
        .arg(command.action(ArgAction::Append).hide(true).help("Program to run, looked up in PATH, and its arguments"))
}

fn argument(option: &OptionSpec) -> Arg {
    let mut help = option.help.to_owned();
    if !option.variables.is_empty() {
        help = format!("{help} [{}]", option.variables.join(", "));
    }
    let argument = Arg::new(option.name).long(option.key()).help(help);
    match option.arity {
        Arity::Value(name) => argument.value_name(name).action(ArgAction::Set),
        Arity::List(name) | Arity::Lines(name) => argument.value_name(name).action(ArgAction::Append),
        Arity::Flag => argument.action(ArgAction::SetTrue),
        Arity::Counter => argument.short('v').action(ArgAction::Count),
    }
}

/// clap's error for a line that the parser did not understand, which is one for help or the version as well. An option
/// with one dash, as the Vault CLI has them, is named as a whole instead of its first letter.
pub(super) fn describe_mistake(line: &[OsString]) -> Error {
    let mistake = command().try_get_matches_from(line).err();
    let mut mistake = mistake.unwrap_or_else(|| Error::new(ErrorKind::UnknownArgument));
    let single_dash = line.iter().filter_map(|word| word.to_str()?.split('=').next());
    let is_known = |word: &&str| find_long(&format!("-{word}")).is_some() || file_option(word).is_some();
    let mut single_dash = single_dash.filter(|word| !word.starts_with("--") && is_known(word));
    if let (Some(ContextValue::String(argument)), Some(word)) =
        (mistake.get(ContextKind::InvalidArg), single_dash.next())
        && argument.len() == "-x".len()
    {
        mistake.insert(ContextKind::InvalidArg, ContextValue::String(word.to_owned()));
        mistake.insert(ContextKind::SuggestedArg, ContextValue::String(format!("-{word}")));
    }
    mistake
}

/// The option for a file with the credential that `argument` would be, such as `--token`.
fn file_option(argument: &str) -> Option<&'static OptionSpec> {
    find_long(&format!("--{}-file", argument.trim_start_matches('-')))
}

/// What to print about a mistake.
pub fn diagnostic(error: &Error) -> Diagnostic {
    let rendered = error.render().to_string();
    let argument = |kind| match error.get(kind) {
        Some(ContextValue::String(argument)) => Some(argument.as_str()),
        _ => None,
    };
    let invalid = argument(ContextKind::InvalidArg);
    let message = match (error.kind(), invalid) {
        // clap would quote the value, which may be a secret: some flags are named after one.
        (ErrorKind::TooManyValues, Some(flag)) => format!("{flag} takes no value"),
        _ => rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let hint = match (invalid.and_then(file_option), argument(ContextKind::SuggestedArg)) {
        (Some(file), _) => {
            let variable = file.key().trim_end_matches("-file").replace('-', "_").to_uppercase();
            format!("credentials are never options: set VAULT_{variable}, or name a file with {}", file.name)
        }
        (None, Some(similar)) => format!("did you mean {similar}? Options of the program come after --"),
        (None, None) => "vault-exec --help lists the options; those of the program come after --".to_owned(),
    };
    Diagnostic { message, hint: Some(hint), exit: ExitCode::Failed }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_is_sound() {
        super::command().debug_assert();
    }
}
