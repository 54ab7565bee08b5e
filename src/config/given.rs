//! `[pure]` Where one setting comes from: the command line, then the environment, then the project file.

use std::fmt;

use crate::config::{Error, Project, SecretPath};
use crate::entry::Inherited;

/// A setting and the place to mend it: `--kv` or the name of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What was given, never empty.
    pub value: String,
    /// The option or variable that gave it.
    pub from: String,
}

impl Setting {
    /// One of a few words.
    ///
    /// # Errors
    /// When it is another one.
    pub(super) fn choose<T: Copy>(self, choices: &'static str, values: &[(&str, T)]) -> Result<T, Error> {
        let chosen = values.iter().find(|(name, _)| *name == self.value).map(|(_, value)| *value);
        chosen.ok_or(Error::NotAChoice { from: self.from, value: self.value, choices })
    }

    /// A number above 0.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number(self) -> Result<u32, Error> {
        match self.value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::NotANumber { from: self.from, value: self.value }),
        }
    }

    /// The path of a secret or a mount.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn path(self) -> Result<SecretPath, Error> {
        SecretPath::parse(&self.value).map_err(|fault| Error::NotAPath { from: self.from, value: self.value, fault })
    }
}

/// `--ca-cert: /etc/vault/ca.pem`
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.from, self.value)
    }
}

/// Looks settings up.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) inherited: &'a Inherited,
    pub(super) project: &'a Project,
}

impl Given<'_> {
    /// A setting that `option` (`--some-name`), `VAULT_EXEC_SOME_NAME` or, for each of `shared`, `BAO_…` or `VAULT_…`
    /// gives, in this order, or else the project file.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub(super) fn one(self, typed: Option<&str>, option: &str, shared: &[&str]) -> Result<Option<Setting>, Error> {
        if let Some(value) = typed.filter(|value| !value.is_empty()) {
            return Ok(Some(Setting { value: value.to_owned(), from: option.to_owned() }));
        }
        if let Some(own) = self.variable(&own_variable(option))? {
            return Ok(Some(own));
        }
        for name in shared {
            if let Some(setting) = self.shared(name)? {
                return Ok(Some(setting));
            }
        }
        Ok(self.project.get(option).iter().find(|setting| !setting.value.is_empty()).cloned())
    }

    /// The variable `BAO_{name}`, or `VAULT_{name}` where that is not even set.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub(super) fn shared(self, name: &str) -> Result<Option<Setting>, Error> {
        let bao = format!("BAO_{name}");
        if self.inherited.get(&bao).is_some() { self.variable(&bao) } else { self.variable(&format!("VAULT_{name}")) }
    }

    /// A list: the command line's, else the variable's, whose items a newline or a comma separates.
    ///
    /// # Errors
    /// When the variable is not UTF-8.
    pub(super) fn list(self, typed: &[String], option: &str) -> Result<Vec<Setting>, Error> {
        self.separated(typed, option, &['\n', ','])
    }

    /// A list whose items may hold commas.
    ///
    /// # Errors
    /// When the variable is not UTF-8.
    pub(super) fn lines(self, typed: &[String], option: &str) -> Result<Vec<Setting>, Error> {
        self.separated(typed, option, &['\n'])
    }

    fn separated(self, typed: &[String], option: &str, separators: &[char]) -> Result<Vec<Setting>, Error> {
        let setting = |value: &str, from: &str| Setting { value: value.to_owned(), from: from.to_owned() };
        let typed: Vec<_> =
            typed.iter().filter(|value| !value.is_empty()).map(|value| setting(value, option)).collect();
        if !typed.is_empty() {
            return Ok(typed);
        }
        let Some(Setting { value, from }) = self.variable(&own_variable(option))? else {
            return Ok(self.project.get(option).iter().filter(|setting| !setting.value.is_empty()).cloned().collect());
        };
        let items = value.split(separators).map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(|item| setting(item, &from)).collect())
    }

    /// A switch; variables follow Go's `strconv.ParseBool`, as Vault's do, and empty is false.
    ///
    /// # Errors
    /// When a variable is something else.
    pub(super) fn switch(self, typed: bool, option: &str, shared: &[&str]) -> Result<bool, Error> {
        match self.one(typed.then_some("true"), option, shared)? {
            None => Ok(false),
            Some(Setting { value, from }) => match value.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                // Some switches are named after a secret, and so somebody may write one here.
                _ => Err(Error::NotABoolean { from }),
            },
        }
    }

    /// A variable that is set and not empty.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub(super) fn variable(self, name: &str) -> Result<Option<Setting>, Error> {
        match self.inherited.get(name).map(str::from_utf8) {
            None | Some(Ok("")) => Ok(None),
            Some(Ok(value)) => Ok(Some(Setting { value: value.to_owned(), from: name.to_owned() })),
            Some(Err(_)) => Err(Error::NotUtf8 { from: name.to_owned() }),
        }
    }
}

/// `--some-name` is `VAULT_EXEC_SOME_NAME`.
fn own_variable(option: &str) -> String {
    format!("VAULT_EXEC_{}", option.trim_start_matches('-').replace('-', "_").to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Entry;

    fn inherited(variables: &[&str]) -> Inherited {
        Inherited::new(variables.iter().filter_map(|text| Entry::parse(text.as_bytes())).collect())
    }

    fn given(inherited: &Inherited) -> Given<'_> {
        static NOTHING: std::sync::LazyLock<Project> = std::sync::LazyLock::new(Project::default);
        Given { inherited, project: &NOTHING }
    }

    fn address(typed: Option<&str>, variables: &[&str]) -> Option<String> {
        let inherited = inherited(variables);
        let setting = given(&inherited).one(typed, "--address", &["ADDR"]).unwrap();
        setting.map(|Setting { value, from }| format!("{from}={value}"))
    }

    #[test]
    fn the_command_line_wins_then_our_variable_then_bao_then_vault() {
        let all = ["VAULT_ADDR=v", "BAO_ADDR=b", "VAULT_EXEC_ADDRESS=e"];
        assert_eq!(address(Some("t"), &all).unwrap(), "--address=t");
        assert_eq!(address(None, &all).unwrap(), "VAULT_EXEC_ADDRESS=e");
        assert_eq!(address(None, &all[..2]).unwrap(), "BAO_ADDR=b");
        assert_eq!(address(None, &all[..1]).unwrap(), "VAULT_ADDR=v");
    }

    #[test]
    fn empty_means_not_given_but_an_empty_bao_variable_hides_vaults() {
        assert_eq!(address(Some(""), &["VAULT_EXEC_ADDRESS=", "VAULT_ADDR=v"]).unwrap(), "VAULT_ADDR=v");
        assert_eq!(address(None, &["BAO_ADDR=", "VAULT_ADDR=v"]), None);
    }

    #[test]
    fn lists_replace_each_other_and_split_only_in_variables() {
        let inherited = inherited(&["VAULT_EXEC_ONLY=a, b\n\nc,"]);
        let list = |typed: &[&str]| -> Vec<String> {
            let typed: Vec<String> = typed.iter().map(ToString::to_string).collect();
            let list = given(&inherited).list(&typed, "--only").unwrap();
            list.into_iter().map(|setting| setting.value).collect()
        };
        assert_eq!(list(&[]), ["a", "b", "c"]);
        assert_eq!(list(&["x,y"]), ["x,y"]);
    }

    #[test]
    fn the_project_file_comes_last() {
        let project = Project::parse("only = [\"p\"]\nkv = 2\npristine = true", "p.toml", true).unwrap();
        let value = |variables: &[&str], typed| {
            let inherited = inherited(variables);
            Given { inherited: &inherited, project: &project }.one(typed, "--kv", &[]).unwrap().unwrap().value
        };
        assert_eq!(value(&[], None), "2");
        assert_eq!(value(&["VAULT_EXEC_KV=1"], None), "1");
        assert_eq!(value(&["VAULT_EXEC_KV=1"], Some("auto")), "auto");
        let inherited = inherited(&[]);
        let given = Given { inherited: &inherited, project: &project };
        assert_eq!(given.list(&[], "--only").unwrap()[0].value, "p");
        assert_eq!(given.switch(false, "--pristine", &[]), Ok(true));
    }

    #[test]
    fn switches_follow_go() {
        let skip = |value: &str| {
            let inherited = inherited(&[&format!("VAULT_SKIP_VERIFY={value}")]);
            given(&inherited).switch(false, "--tls-skip-verify", &["SKIP_VERIFY"])
        };
        assert_eq!((skip("True"), skip("1"), skip("F"), skip("")), (Ok(true), Ok(true), Ok(false), Ok(false)));
        for wrong in ["yes", "on", "tRUE", " true", "2"] {
            let error = Error::NotABoolean { from: "VAULT_SKIP_VERIFY".into() };
            assert_eq!(skip(wrong), Err(error));
        }
    }
}
