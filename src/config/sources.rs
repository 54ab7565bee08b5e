//! `[pure]` Where one setting comes from: the command line, then the environment, then the project file.

use std::fmt;

use crate::args::Args;
use crate::config::{Error, ProjectSettings, SecretPath};
use crate::env_block::{EnvEntry, InheritedEnv};

/// A setting and the place to mend it: `--kv` or the name of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What was given, never empty.
    pub value: String,
    /// The option or variable that gave it.
    pub source: String,
}

impl Setting {
    /// One of a few words.
    ///
    /// # Errors
    /// When it is another one.
    pub(super) fn choose<T: Copy>(self, choices: &'static str, values: &[(&str, T)]) -> Result<T, Error> {
        let chosen = values.iter().find(|(name, _)| *name == self.value).map(|(_, value)| *value);
        chosen.ok_or(Error::NotAChoice { source: self.source, value: self.value, choices })
    }

    /// A number above 0.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn number(self) -> Result<u32, Error> {
        match self.value.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(Error::NotANumber { source: self.source, value: self.value }),
        }
    }

    /// The path of a secret or a mount.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn path(self) -> Result<SecretPath, Error> {
        SecretPath::parse(&self.value).map_err(|fault| Error::NotAPath {
            source: self.source,
            value: self.value,
            fault,
        })
    }
}

/// `--ca-cert: /etc/vault/ca.pem`
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.value)
    }
}

/// Looks settings up.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) args: &'a Args,
    pub(super) inherited: &'a InheritedEnv,
    pub(super) project: &'a ProjectSettings,
}

impl Given<'_> {
    /// A setting that `option` (`--some-name`), `VAULT_EXEC_SOME_NAME` or, for each of `shared`, `BAO_…` or `VAULT_…`
    /// gives, in this order, or else the project file.
    ///
    /// # Errors
    /// When a variable is not UTF-8.
    pub(super) fn one(self, option: &str, shared: &[&str]) -> Result<Option<Setting>, Error> {
        if let Some(value) = self.args.last(option) {
            return Ok(Some(Setting { value: value.to_owned(), source: option.to_owned() }));
        }
        if let Some(own) = self.own(option)? {
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
        let of = |product| self.inherited.find_prefixed(product, |rest| rest == name.as_bytes());
        setting(of("BAO_").or_else(|| of("VAULT_")))
    }

    /// The variable `VAULT_EXEC_SOME_NAME` for the option `--some-name`.
    ///
    /// # Errors
    /// When it is not UTF-8.
    fn own(self, option: &str) -> Result<Option<Setting>, Error> {
        let as_variable = |letter: u8| if letter == b'-' { b'_' } else { letter.to_ascii_uppercase() };
        let name = option.trim_start_matches('-').bytes().map(as_variable);
        let is_it = |rest: &[u8]| name.clone().eq(rest.iter().copied());
        setting(self.inherited.find_prefixed("VAULT_EXEC_", is_it))
    }

    /// A list: the command line's, else the variable's, whose items a newline or a comma separates.
    ///
    /// # Errors
    /// When the variable is not UTF-8.
    pub(super) fn list(self, option: &str) -> Result<Vec<Setting>, Error> {
        self.separated(option, &['\n', ','])
    }

    /// A list whose items may hold commas.
    ///
    /// # Errors
    /// When the variable is not UTF-8.
    pub(super) fn lines(self, option: &str) -> Result<Vec<Setting>, Error> {
        self.separated(option, &['\n'])
    }

    fn separated(self, option: &str, separators: &[char]) -> Result<Vec<Setting>, Error> {
        let setting = |value: &str, source: &str| Setting { value: value.to_owned(), source: source.to_owned() };
        let typed: Vec<_> = self.args.all(option).map(|value| setting(value, option)).collect();
        if !typed.is_empty() {
            return Ok(typed);
        }
        let Some(Setting { value, source }) = self.own(option)? else {
            return Ok(self.project.get(option).iter().filter(|setting| !setting.value.is_empty()).cloned().collect());
        };
        let items = value.split(separators).map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(|item| setting(item, &source)).collect())
    }

    /// A switch; variables follow Go's `strconv.ParseBool`, as Vault's do, and empty is false.
    ///
    /// # Errors
    /// When a variable is something else.
    pub(super) fn switch(self, option: &str, shared: &[&str]) -> Result<bool, Error> {
        match self.one(option, shared)? {
            None => Ok(false),
            Some(Setting { value, source }) => match value.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
                // Some switches are named after a secret, and so somebody may write one here.
                _ => Err(Error::NotABoolean { source }),
            },
        }
    }

    /// A variable that is set and not empty.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub(super) fn variable(self, name: &str) -> Result<Option<Setting>, Error> {
        setting(self.inherited.entry(name))
    }
}

fn setting(variable: Option<&EnvEntry>) -> Result<Option<Setting>, Error> {
    let Some(variable) = variable else { return Ok(None) };
    let source = String::from_utf8_lossy(variable.name()).into_owned();
    match str::from_utf8(variable.value()) {
        Ok("") => Ok(None),
        Ok(value) => Ok(Some(Setting { value: value.to_owned(), source })),
        Err(_) => Err(Error::NotUtf8 { source }),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    /// Looks something up for a command line, an environment and a project file.
    fn look<T>(typed: &[&str], variables: &[&str], project: &str, up: impl FnOnce(Given) -> T) -> T {
        let line: Vec<_> = ["vault-exec"].iter().chain(typed).map(OsString::from).collect();
        let variables = variables.iter().filter_map(|text| EnvEntry::parse(text.as_bytes())).collect();
        up(Given {
            args: &Args::parse_line(&line).unwrap(),
            inherited: &InheritedEnv::new(variables),
            project: &ProjectSettings::parse(project, "p.toml", true).unwrap(),
        })
    }

    fn address(typed: &[&str], variables: &[&str]) -> Option<String> {
        let setting = look(typed, variables, "", |given| given.one("--address", &["ADDR"])).unwrap();
        setting.map(|Setting { value, source }| format!("{source}={value}"))
    }

    #[test]
    fn the_command_line_wins_then_our_variable_then_bao_then_vault() {
        let all = ["VAULT_ADDR=v", "BAO_ADDR=b", "VAULT_EXEC_ADDRESS=e"];
        assert_eq!(address(&["--address=t"], &all).unwrap(), "--address=t");
        assert_eq!(address(&[], &all).unwrap(), "VAULT_EXEC_ADDRESS=e");
        assert_eq!(address(&[], &all[..2]).unwrap(), "BAO_ADDR=b");
        assert_eq!(address(&[], &all[..1]).unwrap(), "VAULT_ADDR=v");
    }

    #[test]
    fn empty_means_not_given_but_an_empty_bao_variable_hides_vaults() {
        assert_eq!(address(&["--address="], &["VAULT_EXEC_ADDRESS=", "VAULT_ADDR=v"]).unwrap(), "VAULT_ADDR=v");
        assert_eq!(address(&[], &["BAO_ADDR=", "VAULT_ADDR=v"]), None);
    }

    #[test]
    fn lists_replace_each_other_and_split_only_in_variables() {
        let list = |typed: &[&str]| -> Vec<String> {
            let list = look(typed, &["VAULT_EXEC_ONLY=a, b\n\nc,"], "", |given| given.list("--only")).unwrap();
            list.into_iter().map(|setting| setting.value).collect()
        };
        assert_eq!(list(&[]), ["a", "b", "c"]);
        assert_eq!(list(&["--only", "x,y"]), ["x,y"]);
    }

    #[test]
    fn the_project_file_comes_last() {
        let project = "only = [\"p\"]\nkv = 2\npristine = true";
        let value = |typed: &[&str], variables: &[&str]| {
            look(typed, variables, project, |given| given.one("--kv", &[])).unwrap().unwrap().value
        };
        assert_eq!(value(&[], &[]), "2");
        assert_eq!(value(&[], &["VAULT_EXEC_KV=1"]), "1");
        assert_eq!(value(&["--kv=auto"], &["VAULT_EXEC_KV=1"]), "auto");
        assert_eq!(look(&[], &[], project, |given| given.list("--only")).unwrap()[0].value, "p");
        assert_eq!(look(&[], &[], project, |given| given.switch("--pristine", &[])), Ok(true));
    }

    #[test]
    fn switches_follow_go() {
        let skip = |value: &str| {
            let variable = format!("VAULT_SKIP_VERIFY={value}");
            look(&[], &[&variable], "", |given| given.switch("--tls-skip-verify", &["SKIP_VERIFY"]))
        };
        assert_eq!((skip("True"), skip("1"), skip("F"), skip("")), (Ok(true), Ok(true), Ok(false), Ok(false)));
        for wrong in ["yes", "on", "tRUE", " true", "2"] {
            let error = Error::NotABoolean { source: "VAULT_SKIP_VERIFY".into() };
            assert_eq!(skip(wrong), Err(error));
        }
    }
}
