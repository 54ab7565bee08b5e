//! `[pure]` The project file: the same keys as the options, one kind of them refused where nobody named the file.

use std::collections::BTreeMap;
use std::fmt;

use toml_span::value::{Table, Value, ValueInner};

use crate::args::options::{self, Kind, OptionSpec};
use crate::config::sources::Setting;
use crate::env_name::EnvName;
use crate::suggest::suggest;

/// Settings of a project file; empty where there is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ProjectSettings(BTreeMap<String, Vec<Setting>>);

/// What is wrong with a project file, and where: `.vault-exec.toml:3:1`.
#[derive(Debug, PartialEq, Eq)]
pub struct ProjectError {
    /// File, line and column, each from 1.
    pub place: String,
    /// What is wrong there.
    pub fault: ProjectErrorKind,
}

/// See [`ProjectError::fault`].
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum ProjectErrorKind {
    Toml { message: String },
    UnknownKey { key: String, near: Option<String> },
    Refused { key: String },
    DangerousName { name: String },
    WrongType { key: String, wanted: &'static str },
}

/// Keys that would say where credentials and secrets go, or which code runs. Whoever may put a file into a directory, in which
/// somebody else then calls vault-exec, must not decide that.
const REFUSED: [&str; 27] = [
    "address",
    "namespace",
    "ca-cert",
    "ca-path",
    "client-cert",
    "client-key",
    "tls-server-name",
    "tls-skip-verify",
    "proxy",
    "disable-redirects",
    "auth",
    "auth-mount",
    "auth-namespace",
    "role",
    "token-file",
    "unwrap-token",
    "role-id",
    "secret-id-file",
    "secret-id-wrapped",
    "jwt-file",
    "jwt-audience",
    "username",
    "password-file",
    "no-revoke",
    "file-dir",
    "allow-name",
    "keep-token",
];

impl ProjectSettings {
    /// Reads the text of the file called `name`; `found` tells that it was found rather than named.
    ///
    /// # Errors
    /// At the first thing in it that means nothing or is refused.
    pub fn parse(text: &str, name: &str, found: bool) -> Result<Self, ProjectError> {
        let reader = Reader { text, name, found };
        let mut root = toml_span::parse(text)
            .map_err(|error| reader.error(error.span.start, ProjectErrorKind::Toml { message: error.to_string() }))?;
        let ValueInner::Table(table) = root.take() else { return Ok(Self::default()) };
        let mut settings = BTreeMap::new();
        for (key, value) in table {
            let at = key.span.start;
            let key = key.name.into_owned();
            let Some(option) = options::of_projects().find(|option| option.key() == key) else {
                let near = suggest(&key, options::of_projects().map(OptionSpec::key));
                return Err(reader.error(at, ProjectErrorKind::UnknownKey { key, near }));
            };
            if found && REFUSED.contains(&key.as_str()) {
                return Err(reader.error(at, ProjectErrorKind::Refused { key }));
            }
            let values = reader.values(&key, option.kind, value)?;
            settings.insert(key, values);
        }
        Ok(Self(settings))
    }

    /// The values of an option (`--some-name`).
    pub(super) fn get(&self, option: &str) -> &[Setting] {
        self.0.get(option.trim_start_matches('-')).map_or(&[], Vec::as_slice)
    }
}

/// Whether the option takes `NAME=TEMPLATE`.
fn is_assignment(key: &str) -> bool {
    matches!(key, "set" | "file")
}

struct Reader<'a> {
    text: &'a str,
    name: &'a str,
    found: bool,
}

impl Reader<'_> {
    fn values(&self, key: &str, kind: Kind, mut value: Value) -> Result<Vec<Setting>, ProjectError> {
        let at = value.span.start;
        let wrong = |wanted| Err(self.error(at, ProjectErrorKind::WrongType { key: key.to_owned(), wanted }));
        match (kind, value.take()) {
            (Kind::Switch | Kind::Count, ValueInner::Boolean(on)) => Ok(vec![self.setting(at, key, on.to_string())]),
            (Kind::Switch | Kind::Count, _) => wrong("true or false"),
            (Kind::One(_), ValueInner::Integer(number)) => Ok(vec![self.setting(at, key, number.to_string())]),
            (Kind::One(_), ValueInner::String(text)) => Ok(vec![self.setting(at, key, text.into_owned())]),
            (Kind::Many(_), ValueInner::String(text)) => Ok(vec![self.item(at, key, text.into_owned())?]),
            (Kind::Many(_), ValueInner::Array(items)) => {
                let item = |item: Value| self.text(key, item).and_then(|(at, text)| self.item(at, key, text));
                items.into_iter().map(item).collect()
            }
            (Kind::Many(_), ValueInner::Table(table)) if is_assignment(key) => self.assignments(key, table),
            (Kind::Many(_), _) => wrong("a string or a list of strings"),
            (Kind::One(_), _) => wrong("a string or a number"),
        }
    }

    fn text(&self, key: &str, mut item: Value) -> Result<(usize, String), ProjectError> {
        let at = item.span.start;
        match item.take() {
            ValueInner::String(text) => Ok((at, text.into_owned())),
            _ => Err(self.error(at, ProjectErrorKind::WrongType { key: key.to_owned(), wanted: "a list of strings" })),
        }
    }

    /// One of a list, which may be `NAME=TEMPLATE`.
    fn item(&self, at: usize, key: &str, text: String) -> Result<Setting, ProjectError> {
        if let (true, Some((name, _))) = (is_assignment(key), text.split_once('=')) {
            self.judge(at, name)?;
        }
        Ok(self.setting(at, key, text))
    }

    /// `[set]` and `[file]`: names and templates.
    fn assignments(&self, key: &str, table: Table) -> Result<Vec<Setting>, ProjectError> {
        let mut settings = Vec::new();
        for (name, value) in table {
            self.judge(name.span.start, &name.name)?;
            let (_, text) = self.text(key, value)?;
            settings.push(self.setting(name.span.start, key, format!("{}={text}", name.name)));
        }
        Ok(settings)
    }

    /// Whether the file may give this name a value.
    fn judge(&self, at: usize, name: &str) -> Result<(), ProjectError> {
        if self.found && EnvName::parse(name).is_ok_and(|name| name.is_dangerous()) {
            return Err(self.error(at, ProjectErrorKind::DangerousName { name: name.to_owned() }));
        }
        Ok(())
    }

    fn setting(&self, at: usize, key: &str, value: String) -> Setting {
        let (line, _) = self.line_and_column(at);
        Setting { value, source: format!("{}:{line}: {key}", self.name) }
    }

    fn error(&self, at: usize, fault: ProjectErrorKind) -> ProjectError {
        let (line, column) = self.line_and_column(at);
        ProjectError { place: format!("{}:{line}:{column}", self.name), fault }
    }

    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for ProjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        match &self.fault {
            ProjectErrorKind::Toml { message } => f.write_str(message),
            ProjectErrorKind::UnknownKey { key, .. } => write!(f, "no option is called `{key}`"),
            ProjectErrorKind::Refused { key } => write!(f, "`{key}` is refused in a file that was found, not named"),
            ProjectErrorKind::DangerousName { name } => {
                write!(f, "{name} can make a program run code, which a file that was found, not named, must not")
            }
            ProjectErrorKind::WrongType { key, wanted } => write!(f, "`{key}` wants {wanted}"),
        }
    }
}

impl ProjectErrorKind {
    /// The way out.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Toml { .. } => "see https://toml.io".into(),
            Self::UnknownKey { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::UnknownKey { near: None, .. } => "vault-exec --help lists them; keys are without the --".into(),
            Self::Refused { .. } | Self::DangerousName { .. } => {
                "if you trust the file, name it with --config; else give the option yourself, or --no-config".into()
            }
            Self::WrongType { .. } => "for example path = [\"secret/app\"]".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, found: bool) -> String {
        match ProjectSettings::parse(text, "p.toml", found) {
            Err(error) => error.to_string(),
            Ok(ProjectSettings(settings)) => {
                let setting = |Setting { value, source }: &Setting| format!("{source} = {value}");
                settings.values().flatten().map(setting).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn keys_are_the_options() {
        let text = "path = [\"secret/a\",\n \"secret/b\"]\nkv = 2\npristine = true\n[set]\nPGUSER = \"{user}\"\n";
        assert_eq!(
            shown(text, true),
            "p.toml:3: kv = 2; p.toml:1: path = secret/a; p.toml:2: path = secret/b; \
             p.toml:4: pristine = true; p.toml:6: set = PGUSER={user}"
        );
        assert_eq!(shown("", true), "");
    }

    #[test]
    fn faults_have_a_line_and_a_column() {
        assert_eq!(shown("path = \"a/b\"\npth = \"c\"", true), "p.toml:2:1: no option is called `pth`");
        assert_eq!(shown("\n  pristine = \"yes\"", true), "p.toml:2:15: `pristine` wants true or false");
        assert_eq!(shown("path = [1]", true), "p.toml:1:9: `path` wants a list of strings");
        assert!(shown("path = ", true).starts_with("p.toml:1:"));
    }

    #[test]
    fn a_file_that_was_found_decides_nothing_of_weight() {
        for key in &REFUSED {
            let option = options::of_projects().find(|option| option.key() == *key).unwrap();
            let value = if option.kind == Kind::Switch { "true" } else { "\"x\"" };
            let text = format!("{key} = {value}");
            assert_eq!(
                shown(&text, true),
                format!("p.toml:1:1: `{key}` is refused in a file that was found, not named")
            );
            assert!(shown(&text, false).starts_with("p.toml:1: "), "{key}");
        }
        assert!(shown("[set]\nLD_PRELOAD = \"./x.so\"", true).starts_with("p.toml:2:1: LD_PRELOAD can make"));
        assert_eq!(shown("[set]\nPATH = \"/bin\"", false), "p.toml:2: set = PATH=/bin");
        for key in ["set", "file"] {
            let list = |found| shown(&format!("{key} = [\"A=x\",\n \"PATH=.\"]"), found);
            assert!(list(true).starts_with("p.toml:2:3: PATH can make"), "{}", list(true));
            assert!(list(false).ends_with("= PATH=."));
            assert!(shown(&format!("{key} = \"PATH=.\""), true).starts_with("p.toml:1:"));
        }
    }
}
