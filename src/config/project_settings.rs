//! `[pure]` The project file: its keys are options, some of them only in a file that the user named.

use std::collections::BTreeMap;
use std::fmt;

use toml_span::value::{Key, Value, ValueInner};

use super::error::Error;
use super::setting::Setting;
use crate::args::options::{self, Arity, InProjectFile, OptionSpec};
use crate::escape::escape_whole_line;
use crate::suggest::suggest;

/// The settings of a project file; empty without one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProjectSettings {
    /// The name of the file; `None` without one.
    pub file: Option<String>,
    /// By the name of the option.
    settings: BTreeMap<&'static str, Vec<Setting>>,
}

impl ProjectSettings {
    /// Parses the text of the file `name`; `discovered` if the user did not name it.
    ///
    /// # Errors
    /// The first key or value that is unknown, malformed or refused.
    pub fn parse(text: &str, name: &str, discovered: bool) -> Result<Self, Error> {
        let reader = TomlReader { text, name, discovered };
        let mut root = toml_span::parse(text).map_err(|error| {
            let source = reader.location(error.span.start);
            Error::Toml { source, message: error.to_string() }
        })?;
        let mut settings = BTreeMap::new();
        let ValueInner::Table(table) = root.take() else { return Ok(Self::default()) };
        for (key, value) in table {
            let source = reader.location(key.span.start);
            let Some(option) = options::in_project_files().find(|option| option.key() == key.name) else {
                let similar = suggest(&key.name, options::in_project_files().map(OptionSpec::key));
                return Err(Error::UnknownKey { source, key: key.name.into_owned(), similar });
            };
            if discovered && option.in_project_file != InProjectFile::Any {
                return Err(Error::Refused { source, what: format!("`{}`", option.key()) });
            }
            settings.insert(option.name, reader.values(option, value)?);
        }
        Ok(Self { file: Some(name.to_owned()), settings })
    }

    pub(super) fn get(&self, option: &OptionSpec) -> &[Setting] {
        self.settings.get(option.name).map_or(&[], Vec::as_slice)
    }
}

/// One setting per line: `path = secret/app`, whole, since it is shown to be trusted, and escaped for printing.
impl fmt::Display for ProjectSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, settings) in &self.settings {
            let key = name.trim_start_matches('-');
            settings.iter().try_for_each(|setting| writeln!(f, "{key} = {}", escape_whole_line(&setting.value)))?;
        }
        Ok(())
    }
}

struct TomlReader<'a> {
    text: &'a str,
    name: &'a str,
    discovered: bool,
}

impl TomlReader<'_> {
    fn values(&self, option: &OptionSpec, mut value: Value) -> Result<Vec<Setting>, Error> {
        let offset = value.span.start;
        let texts = match (option.arity, value.take()) {
            (Arity::Flag | Arity::Counter, ValueInner::Boolean(on)) => vec![(offset, on.to_string())],
            (Arity::Flag | Arity::Counter, _) => return Err(self.wrong_type(offset, option, "true or false")),
            (_, ValueInner::String(text)) => vec![(offset, text.into_owned())],
            (Arity::Value(_), ValueInner::Integer(number)) => vec![(offset, number.to_string())],
            (Arity::Value(_), _) => return Err(self.wrong_type(offset, option, "a string or a number")),
            (_, ValueInner::Array(items)) => {
                items.into_iter().map(|item| self.text(option, item)).collect::<Result<_, _>>()?
            }
            (Arity::Lines("NAME=TEMPLATE"), ValueInner::Table(table)) => {
                let assignment = |(name, value): (Key, Value)| {
                    let (_, text) = self.text(option, value)?;
                    if name.name.contains('=') {
                        return Err(self.wrong_type(name.span.start, option, "a variable name without `=`"));
                    }
                    Ok((name.span.start, format!("{}={text}", name.name)))
                };
                table.into_iter().map(assignment).collect::<Result<_, _>>()?
            }
            _ => return Err(self.wrong_type(offset, option, "a string or a list of strings")),
        };
        Ok(texts.into_iter().map(|(offset, text)| self.setting(offset, option, &text)).collect())
    }

    fn text(&self, option: &OptionSpec, mut item: Value) -> Result<(usize, String), Error> {
        let offset = item.span.start;
        match item.take() {
            ValueInner::String(text) => Ok((offset, text.into_owned())),
            _ => Err(self.wrong_type(offset, option, "a list of strings")),
        }
    }

    fn setting(&self, offset: usize, option: &OptionSpec, text: &str) -> Setting {
        let (line, _) = self.line_and_column(offset);
        let source = format!("{}:{line}: {}", self.name, option.key());
        Setting { discovered: self.discovered, ..Setting::new(text, &source) }
    }

    fn wrong_type(&self, offset: usize, option: &OptionSpec, expected: &'static str) -> Error {
        Error::Invalid { source: format!("{}: {}", self.location(offset), option.key()), value: None, expected }
    }

    /// `.vault-exec.toml:3:1`: file, line and column, both from 1.
    fn location(&self, offset: usize) -> String {
        let (line, column) = self.line_and_column(offset);
        format!("{}:{line}:{column}", self.name)
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, discovered: bool) -> String {
        match ProjectSettings::parse(text, "p.toml", discovered) {
            Err(error) => crate::config::tests::shown(error),
            Ok(ProjectSettings { settings, .. }) => {
                let setting = |Setting { value, source, .. }: &Setting| format!("{source} = {value}");
                settings.values().flatten().map(setting).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn keys_are_the_options() {
        let text = "path = [\"secret/a\",\n \"secret/b\"]\nkv = 2\nexplicit = true\n[set]\nPGUSER = \"{user}\"\n";
        assert_eq!(
            shown(text, true),
            "p.toml:4: explicit = true; p.toml:3: kv = 2; p.toml:1: path = secret/a; p.toml:2: path = secret/b; \
             p.toml:6: set = PGUSER={user}"
        );
        assert_eq!(shown("", true), "");
    }

    #[test]
    fn errors_have_a_line_and_a_column() {
        assert_eq!(shown("path = \"a/b\"\npth = \"c\"", true), "p.toml:2:1: unknown key `pth`");
        assert_eq!(shown("\n  explicit = \"yes\"", true), "p.toml:2:15: explicit: expected true or false");
        assert_eq!(shown("path = [1]", true), "p.toml:1:9: path: expected a list of strings");
        assert!(shown("path = ", true).starts_with("p.toml:1:"));
    }

    #[test]
    fn a_discovered_file_must_not_contain_options_that_decide_about_credentials_or_code() {
        for option in options::all().filter(|option| option.in_project_file == InProjectFile::NamedOnly) {
            let key = option.key();
            let value = if option.arity == Arity::Flag { "true" } else { "\"x\"" };
            let text = format!("{key} = {value}");
            assert_eq!(
                shown(&text, true),
                format!("p.toml:1:1: `{key}` is refused in a project file that --config did not name")
            );
            assert!(shown(&text, false).starts_with("p.toml:1: "), "{key}");
        }
    }

    #[test]
    fn a_key_of_a_table_of_variables_is_a_name() {
        for table in ["set", "file"] {
            let text = format!("[{table}]\n\"A=b\" = \"\"");
            assert_eq!(shown(&text, true), format!("p.toml:2:2: {table}: expected a variable name without `=`"));
            assert_eq!(shown(&text, true), shown(&text, false));
        }
    }

    #[test]
    fn a_file_is_shown_by_its_settings() {
        let text = "explicit = true\npath = [\"secret/a\", \"secret/b\\u001b\"]\n[set]\nA = \"x\\n{y}\"";
        let settings = ProjectSettings::parse(text, "p.toml", true).unwrap();
        let lines = "explicit = true\npath = secret/a\npath = secret/b\\u{1b}\nset = A=x\\n{y}\n";
        assert_eq!(settings.to_string(), lines);
    }
}
