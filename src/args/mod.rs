//! `[pure]` What was typed. Nothing is resolved here; that is [`crate::config`]'s work.

pub mod options;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::args::options::{Kind, OPTIONS, OptionSpec};
use crate::error::{Diagnostic, ExitCode};

/// A command line.
#[derive(Debug, Default)]
pub struct Args {
    /// The options in the order in which they were typed, a switch with `true`.
    typed: Vec<(&'static OptionSpec, String)>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

const AFTER_HELP: &str = "\
Every option --some-name can be given as VAULT_EXEC_SOME_NAME, lists separated by comma or newline,
and as some-name in the project file. VAULT_X can be given as BAO_X, which wins. The token comes from VAULT_TOKEN or a file, never from an option.

Examples:
  ENTRYPOINT [\"vault-exec\", \"--path\", \"secret/airflow\", \"--\"]
  vault-exec --path secret/backend --require POSTGRES_PASSWORD -- uvicorn app:app
  vault-exec --path secret/common --optional-path secret/ci --only deploy_key -- ./deploy.sh

Exit codes: the program's own; 125 vault-exec failed; 126 the program cannot be executed;
127 the program was not found; 128+n signal n ended the wait.";

/// The definition for clap, which takes longer to be made than all else before the server is asked.
#[must_use]
pub fn definition() -> Command {
    let usage =
        "vault-exec [OPTIONS] [--] COMMAND [ARG]...\n       vault-exec --check [OPTIONS] [--] [COMMAND [ARG]...]";
    let headed = |(heading, options): (&'static str, &'static [OptionSpec])| {
        options.iter().map(move |option| argument(option).help_heading(heading))
    };
    let help = Arg::new("--help").long("help").short('h').action(ArgAction::HelpShort).help("Print help");
    let version = Arg::new("--version").long("version").short('V').action(ArgAction::Version).help("Print the version");
    let command = Arg::new("COMMAND").num_args(0..).trailing_var_arg(true).value_parser(value_parser!(OsString));
    Command::new("vault-exec")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Start a program with secrets from HashiCorp Vault or OpenBao in its environment.")
        .override_usage(usage)
        .after_help(AFTER_HELP)
        .max_term_width(100)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .args(OPTIONS.into_iter().flat_map(headed))
        .args([help, version].map(|argument| argument.help_heading("Process")))
        .arg(
            command.action(ArgAction::Append).hide(true).help("Program to start, looked up in PATH, and its arguments"),
        )
}

fn argument(option: &'static OptionSpec) -> Arg {
    let argument = Arg::new(option.name).long(option.key()).help(option.help);
    match option.kind {
        Kind::One(value) => argument.value_name(value).action(ArgAction::Set),
        Kind::Many(value) => argument.value_name(value).action(ArgAction::Append),
        Kind::Switch => argument.action(ArgAction::SetTrue),
        Kind::Count => argument.short('v').action(ArgAction::Count),
    }
}

impl Args {
    /// Reads a command line, program name first.
    ///
    /// # Errors
    /// What clap found wrong with it, or the wish for help or the version.
    pub fn parse_line(line: &[OsString]) -> Result<Self, clap::Error> {
        match Self::plain(line) {
            Some(args) => Ok(args),
            None => Ok(Self::from(definition().try_get_matches_from(line)?)),
        }
    }

    /// Reads what nearly every line consists of: long options and a program. What else it may be, and what is wrong with
    /// it, clap knows.
    fn plain(line: &[OsString]) -> Option<Self> {
        let mut args = Self::default();
        let mut words = line.iter().skip(1);
        while let Some(word) = words.next() {
            if word == "--" {
                args.command.extend(words.cloned());
                break;
            }
            if !word.as_encoded_bytes().starts_with(b"-") {
                args.command.push(word.clone());
                args.command.extend(words.cloned());
                break;
            }
            let (name, value) = match word.to_str()?.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word.to_str()?, None),
            };
            let option = options::named(name)?;
            let value = match (option.kind, value) {
                (Kind::One(_) | Kind::Many(_), Some(value)) => value,
                (Kind::One(_) | Kind::Many(_), None) => {
                    words.next()?.to_str().filter(|value| !value.starts_with('-'))?
                }
                (Kind::Switch | Kind::Count, None) => "true",
                (Kind::Switch | Kind::Count, Some(_)) => return None,
            };
            args.typed.push((option, value.to_owned()));
        }
        Some(args)
    }

    /// What was typed behind an option, each time, unless it is empty.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.typed
            .iter()
            .filter(move |(option, value)| option.name == name && !value.is_empty())
            .map(|(_, value)| &**value)
    }

    /// What was typed behind an option the last time, unless it is empty.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        let (_, value) = self.typed.iter().rfind(|(option, _)| option.name == name)?;
        Some(&**value).filter(|value| !value.is_empty())
    }

    /// For each time one of two options was typed with a value, whether it was the second.
    pub fn order(&self, [first, second]: [&'static str; 2]) -> impl Iterator<Item = bool> {
        let of_both = self
            .typed
            .iter()
            .filter(move |(option, value)| !value.is_empty() && (option.name == first || option.name == second));
        of_both.map(move |(option, _)| option.name == second)
    }
}

impl From<ArgMatches> for Args {
    fn from(mut matches: ArgMatches) -> Self {
        let mut typed = Vec::new();
        for option in options::all() {
            if matches.value_source(option.name) != Some(ValueSource::CommandLine) {
                continue;
            }
            let places: Vec<usize> = matches.indices_of(option.name).into_iter().flatten().collect();
            let values: Vec<String> = match option.kind {
                Kind::One(_) | Kind::Many(_) => matches.remove_many(option.name).into_iter().flatten().collect(),
                Kind::Switch => vec!["true".to_owned()],
                Kind::Count => vec!["true".to_owned(); matches.get_count(option.name).into()],
            };
            typed.extend(
                places.into_iter().chain(std::iter::repeat(0)).zip(values).map(|(place, value)| (place, option, value)),
            );
        }
        typed.sort_by_key(|(place, ..)| *place);
        let command = matches.remove_many("COMMAND").into_iter().flatten().collect();
        Self { typed: typed.into_iter().map(|(_, option, value)| (option, value)).collect(), command }
    }
}

/// The form of messages that a command line asks for, also where something else in it is wrong.
#[must_use]
pub fn voice(line: &[OsString]) -> Args {
    let ours = line.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let words: Vec<&str> = ours.collect();
    let apart = words.windows(2).find(|pair| pair[0] == "--log-format").map(|pair| pair[1]);
    let joined = words.iter().find_map(|word| word.strip_prefix("--log-format="));
    Args {
        typed: options::named("--log-format").zip(apart.or(joined).map(str::to_owned)).into_iter().collect(),
        command: Vec::new(),
    }
}

/// What was wrong with a command line, in the words of every other failure.
#[must_use]
pub fn report(error: &clap::Error) -> Diagnostic {
    let rendered = error.render().to_string();
    let message = match (error.kind(), error.get(ContextKind::InvalidArg)) {
        // What was given may be a secret: some switches are named after one.
        (ErrorKind::TooManyValues, Some(ContextValue::String(switch))) => format!("{switch}: it takes no value"),
        _ => rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    };
    let hint = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(similar)) => {
            format!("did you mean {similar}? A program's own options stand behind --")
        }
        _ => "vault-exec --help lists the options; a program's own stand behind --".to_owned(),
    };
    Diagnostic { message, hint: Some(hint), exit: ExitCode::Failed }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn parse(line: &[&str]) -> Args {
        Args::parse_line(&line.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    proptest! {
        /// What is read without clap is what clap would have read.
        #[test]
        fn the_short_way_leads_where_the_long_one_does(words in vec(select(WORDS.to_vec()), 0..9)) {
            let line: Vec<_> = ["vault-exec"].into_iter().chain(words).map(OsString::from).collect();
            if let Some(plain) = Args::plain(&line) {
                let by_clap = Args::from(definition().try_get_matches_from(&line).unwrap());
                let meaning = |args: &Args| {
                    let option = |option: &'static OptionSpec| match option.kind {
                        Kind::One(_) | Kind::Switch => args.last(option.name).map(str::to_owned).into_iter().collect(),
                        Kind::Many(_) | Kind::Count => args.all(option.name).map(str::to_owned).collect::<Vec<_>>(),
                    };
                    let order: Vec<_> = args.order(["--path", "--optional-path"]).collect();
                    (options::all().map(option).collect::<Vec<_>>(), order, args.command.clone())
                };
                prop_assert_eq!(meaning(&plain), meaning(&by_clap));
            }
        }
    }

    const WORDS: [&str; 21] = [
        "--path",
        "--path=a/b",
        "--path=",
        "--optional-path",
        "--optional-path=c",
        "--kv",
        "--kv=2",
        "--pristine",
        "--pristine=true",
        "--verbose",
        "-v",
        "-vv",
        "--check",
        "--help",
        "--",
        "-",
        "-x",
        "--kv=--",
        "",
        "a/b",
        "a=b",
    ];

    #[test]
    fn the_short_way_is_taken() {
        let line = ["vault-exec", "--path", "a/b", "--pristine", "--kv=2", "--verbose", "--", "psql", "-v"];
        assert!(Args::plain(&line.map(OsString::from)).is_some());
    }

    #[test]
    fn everything_behind_the_command_is_its_own() {
        let args = parse(&["vault-exec", "--path", "a/b", "psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(args.last("--path"), Some("a/b"));
        assert_eq!(args.command, ["psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(parse(&["vault-exec", "--", "--odd", "--"]).command, ["--odd", "--"]);
    }

    #[test]
    fn the_order_of_paths_is_kept() {
        let args = parse(&["vault-exec", "--optional-path", "a", "--path=b", "--optional-path", "c"]);
        assert_eq!(args.order(["--path", "--optional-path"]).collect::<Vec<_>>(), [true, false, true]);
    }
}
