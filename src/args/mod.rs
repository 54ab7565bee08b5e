//! `[pure]` The command line as typed. [`crate::config`] gives it a meaning.

pub mod help;
pub mod options;
mod parse;

use std::ffi::OsString;

use crate::args::options::OptionSpec;

/// A command line.
#[derive(Debug, Default)]
pub struct Args {
    /// The options in the order in which they were typed, a flag with `true`.
    occurrences: Vec<(&'static OptionSpec, String)>,
    /// The program and its arguments.
    pub command: Vec<OsString>,
}

impl Args {
    /// The values of some options in the order in which they were typed. An empty value counts as not given.
    pub fn occurrences_of(&self, options: &[&OptionSpec]) -> impl Iterator<Item = (&'static OptionSpec, &str)> {
        let given = self.occurrences.iter().filter(|(option, value)| options.contains(option) && !value.is_empty());
        given.map(|(option, value)| (*option, &**value))
    }

    /// The values of an option that are not empty.
    pub fn values_of(&self, option: &OptionSpec) -> impl Iterator<Item = &str> {
        let given = self.occurrences.iter().filter(move |(typed, value)| *typed == option && !value.is_empty());
        given.map(|(_, value)| &**value)
    }

    /// Whether no other options are given.
    pub fn has_only(&self, options: &[&OptionSpec]) -> bool {
        self.occurrences.iter().all(|(option, _)| options.contains(option))
    }

    /// The last value of an option, unless it is empty.
    pub fn value_of(&self, option: &OptionSpec) -> Option<&str> {
        let (_, value) = self.occurrences.iter().rfind(|(typed, _)| *typed == option)?;
        Some(&**value).filter(|value| !value.is_empty())
    }
}
