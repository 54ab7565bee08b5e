//! `[pure]` The parser. clap is slower: to build its definition of a command takes 0.55 million instructions and 0.1 ms.
//! It is asked only for help and for the words to describe a mistake, and a property test holds both to the same meaning.

use std::ffi::OsString;

use super::options;
use super::{Args, help};

impl Args {
    /// Reads a command line, program name first. If there is a mistake in it, returns the part that is understood, which
    /// may say how to log that mistake.
    pub fn parse(line: &[OsString]) -> (Self, Result<(), clap::Error>) {
        let mut args = Self::default();
        let mut rest = line.get(1..).unwrap_or_default();
        let mut is_valid = true;
        while let [word, after @ ..] = rest {
            if word == "--" {
                args.command.extend_from_slice(after);
                break;
            }
            if word == "-" || !word.as_encoded_bytes().starts_with(b"-") {
                args.command.extend_from_slice(rest);
                break;
            }
            rest = after;
            is_valid &= word.to_str().and_then(|word| args.parse_option(word, &mut rest)).is_some();
        }
        let result = if is_valid { Ok(()) } else { Err(help::describe_mistake(line)) };
        (args, result)
    }

    /// Reads `--name`, `--name=value`, `-v` or `-vv`, and takes a value that is a word of its own from `rest`. `None` if
    /// it is a mistake, or a wish for help.
    fn parse_option(&mut self, word: &str, rest: &mut &[OsString]) -> Option<()> {
        if let Some(letters) = word.strip_prefix('-').filter(|letters| letters.bytes().all(|letter| letter == b'v')) {
            self.occurrences.extend(letters.chars().map(|_| (options::VERBOSE, "true".to_owned())));
            return Some(());
        }
        let (name, attached) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let option = options::find_long(name)?;
        let value = match (option.takes_value(), attached) {
            (true, Some(value)) => value,
            (true, None) => {
                let (value, after) = rest.split_first()?;
                let value = value.to_str().filter(|value| *value == "-" || !value.starts_with('-'))?;
                *rest = after;
                value
            }
            (false, None) => "true",
            (false, Some(_)) => return None,
        };
        self.occurrences.push((option, value.to_owned()));
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use clap::ArgMatches;
    use clap::parser::ValueSource;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::options::{Arity, OptionSpec};
    use super::*;

    fn line(words: impl IntoIterator<Item = impl Into<OsString>>) -> Vec<OsString> {
        ["vault-exec".into()].into_iter().chain(words.into_iter().map(Into::into)).collect()
    }

    fn parse(words: &[&str]) -> Args {
        let (args, result) = Args::parse(&line(words));
        result.unwrap();
        args
    }

    /// Every option in every spelling, and the words around them.
    fn words() -> Vec<String> {
        let of_each = options::all().flat_map(|option| {
            let name = option.name;
            [name.to_owned(), format!("{name}=a/b"), format!("{name}="), format!("{name}=--"), format!("{name}x")]
        });
        let others = [
            "-v",
            "-vv",
            "-vh",
            "-v=1",
            "-h",
            "--help",
            "-V",
            "--version",
            "--",
            "-",
            "-x",
            "-path",
            "--=",
            "",
            "a/b",
            "a=b",
        ];
        of_each.chain(others.map(str::to_owned)).collect()
    }

    /// What clap makes of a line.
    fn by_clap(mut matches: ArgMatches) -> Args {
        let mut occurrences = Vec::new();
        for option in options::all() {
            if matches.value_source(option.name) != Some(ValueSource::CommandLine) {
                continue;
            }
            let indices: Vec<usize> = matches.indices_of(option.name).into_iter().flatten().collect();
            let values: Vec<String> = match option.arity {
                Arity::Value(_) | Arity::List(_) | Arity::Lines(_) => {
                    matches.remove_many(option.name).into_iter().flatten().collect()
                }
                Arity::Flag => vec!["true".to_owned()],
                Arity::Counter => vec!["true".to_owned(); matches.get_count(option.name).into()],
            };
            let indices = indices.into_iter().chain(std::iter::repeat(0));
            occurrences.extend(indices.zip(values).map(|(index, value)| (index, option, value)));
        }
        occurrences.sort_by_key(|(index, ..)| *index);
        let command = matches.remove_many("COMMAND").into_iter().flatten().collect();
        Args { occurrences: occurrences.into_iter().map(|(_, option, value)| (option, value)).collect(), command }
    }

    /// All that a caller can ask for.
    fn meaning(args: &Args) -> impl PartialEq + std::fmt::Debug + use<> {
        let option = |option: &'static OptionSpec| match option.arity {
            Arity::Value(_) | Arity::Flag => args.value_of(option).map(str::to_owned).into_iter().collect(),
            Arity::List(_) | Arity::Lines(_) | Arity::Counter => {
                args.values_of(option).map(str::to_owned).collect::<Vec<_>>()
            }
        };
        let order: Vec<_> = args
            .occurrences_of(&[options::PATH, options::OPTIONAL_PATH])
            .map(|(option, value)| (option.name, value.to_owned()))
            .collect();
        (options::all().map(option).collect::<Vec<_>>(), order, args.command.clone())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn a_line_means_what_it_means_to_clap(words in vec(select(words()), 0..6)) {
            let line = line(words);
            let (args, result) = Args::parse(&line);
            match help::command().try_get_matches_from(&line) {
                Ok(matches) => prop_assert_eq!(Some(meaning(&args)), result.ok().map(|()| meaning(&by_clap(matches)))),
                Err(_) => prop_assert!(result.is_err()),
            }
        }
    }

    #[test]
    fn every_option_means_the_same_in_every_spelling() {
        for option in options::all() {
            let spellings = match option.arity {
                Arity::Value(_) | Arity::List(_) | Arity::Lines(_) => {
                    vec![vec![format!("{}=x", option.name)], vec![option.name.into(), "x".into()]]
                }
                Arity::Flag | Arity::Counter => vec![vec![option.name.to_owned()]],
            };
            for spelling in spellings {
                let line = line(&spelling);
                let (args, result) = Args::parse(&line);
                let matches = help::command().try_get_matches_from(&line).unwrap();
                assert!(result.is_ok() && meaning(&args) == meaning(&by_clap(matches)), "{spelling:?}");
            }
        }
    }

    #[test]
    fn words_after_the_program_are_its_own() {
        let args = parse(&["--path", "a/b", "psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(args.value_of(options::PATH), Some("a/b"));
        assert_eq!(args.command, ["psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(parse(&["--", "--odd", "--"]).command, ["--odd", "--"]);
    }

    #[test]
    fn the_order_of_paths_is_kept() {
        let args = parse(&["--optional-path", "a", "--path=b", "--optional-path", "c"]);
        let order = args.occurrences_of(&[options::PATH, options::OPTIONAL_PATH]).map(|(_, value)| value);
        assert_eq!(order.collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn a_mistake_does_not_hide_how_to_log_it() {
        for mistake in [&["--odd"][..], &["--kv"], &["--check=x"], &["-x"], &["--help"]] {
            let words = [&["--log-format", "text"], mistake, &["--log-format=json", "-v"]].concat();
            let (args, result) = Args::parse(&line(words));
            assert_eq!(args.value_of(options::LOG_FORMAT), Some("json"), "{mistake:?}");
            assert!(result.is_err() && args.values_of(options::VERBOSE).count() == 1);
        }
    }
}
