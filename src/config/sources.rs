//! `[pure]` The precedence of settings: the command line, then the environment, then the project file.

use super::error::Error;
use super::project_settings::ProjectSettings;
use super::setting::{CredentialSource, FromSetting, Setting};
use crate::args::Args;
use crate::args::options::{Arity, OptionSpec};
use crate::env_block::{EnvEntry, InheritedEnv};
use crate::secret::Secret;

/// Everything that settings come from.
#[derive(Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) args: &'a Args,
    pub(super) inherited: &'a InheritedEnv,
    pub(super) project: &'a ProjectSettings,
}

impl Sources<'_> {
    /// The value of an option: on the command line, else of `VAULT_EXEC_SOME_NAME`, else of one of its other variables, else of the
    /// project file. Empty values do not count.
    ///
    /// # Errors
    /// [`Error::NotUtf8`], or [`Error::Invalid`] if it is not a `T`.
    pub(super) fn get<T: FromSetting>(self, option: &OptionSpec) -> Result<Option<T>, Error> {
        let typed = self.args.value_of(option).map(|value| Setting::new(value, option.name));
        let mut setting = if typed.is_some() { typed } else { self.vault_exec_env(option)? };
        for name in option.variables {
            setting = if setting.is_some() { setting } else { self.vault_env(name)? };
        }
        setting.or_else(|| self.in_project_file(option).next()).map(T::from_setting).transpose()
    }

    /// The values of a list: those on the command line, else [`Self::env_or_file_list`].
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(super) fn get_list<T: FromSetting>(self, option: &OptionSpec) -> Result<Vec<T>, Error> {
        let typed = self.args.values_of(option).map(|value| Setting::new(value, option.name));
        typed.chain(self.env_or_file_list(option)?).map(T::from_setting).collect()
    }

    /// The values of a list that is not on the command line: those of `VAULT_EXEC_SOME_NAME`, else of the project file.
    ///
    /// # Errors
    /// [`Error::NotUtf8`]
    pub(super) fn env_or_file_list(self, option: &OptionSpec) -> Result<Vec<Setting>, Error> {
        if self.args.values_of(option).next().is_some() {
            return Ok(Vec::new());
        }
        let Some(Setting { value, source, .. }) = self.vault_exec_env(option)? else {
            return Ok(self.in_project_file(option).collect());
        };
        let separators: &[char] = if let Arity::Lines(_) = option.arity { &['\n'] } else { &['\n', ','] };
        let items = value.split(separators).map(str::trim).filter(|item| !item.is_empty());
        Ok(items.map(|item| Setting::new(item, &source)).collect())
    }

    /// Whether a flag is given; an empty variable is false.
    ///
    /// # Errors
    /// As for [`Self::get`].
    pub(super) fn get_flag(self, option: &OptionSpec) -> Result<bool, Error> {
        Ok(self.get(option)?.unwrap_or(false))
    }

    /// The variable `VAULT_X`, or `BAO_X` if that is set, even to nothing. Of any other name, that variable.
    ///
    /// # Errors
    /// [`Error::NotUtf8`]
    pub(super) fn vault_env(self, name: &str) -> Result<Option<Setting>, Error> {
        setting(self.vault_entry(name))
    }

    /// The credential in `VAULT_X` or `BAO_X`, which is found as [`Self::vault_env`] does.
    ///
    /// # Errors
    /// [`Error::NotUtf8`]
    pub(super) fn credential(self, name: &str) -> Result<Option<CredentialSource>, Error> {
        let Some((value, source)) = text(self.vault_entry(name))? else { return Ok(None) };
        Ok(Some(CredentialSource::Value { secret: Secret::new(value.as_bytes().to_vec()), source }))
    }

    /// A variable that is set and not empty.
    ///
    /// # Errors
    /// [`Error::NotUtf8`]
    pub(super) fn env(self, name: &str) -> Result<Option<Setting>, Error> {
        setting(self.inherited.entry(name))
    }

    fn vault_exec_env(self, option: &OptionSpec) -> Result<Option<Setting>, Error> {
        let as_variable = |letter: u8| if letter == b'-' { b'_' } else { letter.to_ascii_uppercase() };
        let name = option.key().bytes().map(as_variable);
        setting(self.inherited.find_prefixed("VAULT_EXEC_", |rest| name.clone().eq(rest.iter().copied())))
    }

    fn vault_entry(&self, name: &str) -> Option<&EnvEntry> {
        let Some(rest) = name.strip_prefix("VAULT_") else { return self.inherited.entry(name) };
        let with = |prefix| self.inherited.find_prefixed(prefix, |found| found == rest.as_bytes());
        with("BAO_").or_else(|| with("VAULT_"))
    }

    fn in_project_file(&self, option: &OptionSpec) -> impl Iterator<Item = Setting> {
        self.project.get(option).iter().filter(|setting| !setting.value.is_empty()).cloned()
    }
}

fn setting(variable: Option<&EnvEntry>) -> Result<Option<Setting>, Error> {
    Ok(text(variable)?.map(|(value, source)| Setting::new(value, &source)))
}

/// The value and the name of a variable that is set and not empty.
fn text(variable: Option<&EnvEntry>) -> Result<Option<(&str, String)>, Error> {
    let Some(variable) = variable.filter(|variable| !variable.value().is_empty()) else { return Ok(None) };
    let source = String::from_utf8_lossy(variable.name()).into_owned();
    match str::from_utf8(variable.value()) {
        Ok(value) => Ok(Some((value, source))),
        Err(_) => Err(Error::NotUtf8 { source }),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::options;

    /// Looks something up for a command line, an environment and a project file.
    fn look<T>(typed: &[&str], variables: &[&str], project: &str, up: impl FnOnce(Sources) -> T) -> T {
        let line: Vec<_> = ["vault-exec"].iter().chain(typed).map(OsString::from).collect();
        let variables = variables.iter().map(|text| EnvEntry::parse(text.as_bytes())).collect();
        up(Sources {
            args: &Args::parse(&line).0,
            inherited: &InheritedEnv::new(variables),
            project: &ProjectSettings::parse(project, "p.toml", true).unwrap(),
        })
    }

    fn address(typed: &[&str], variables: &[&str]) -> Option<String> {
        let setting = look(typed, variables, "", |sources| sources.get(options::ADDRESS)).unwrap();
        setting.map(|Setting { value, source, .. }| format!("{source}={value}"))
    }

    #[test]
    fn the_order_is_option_vault_exec_variable_bao_vault() {
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
            look(typed, &["VAULT_EXEC_ONLY=a, b\n\nc,"], "", |sources| sources.get_list(options::ONLY)).unwrap()
        };
        assert_eq!(list(&[]), ["a", "b", "c"]);
        assert_eq!(list(&["--only", "x,y"]), ["x,y"]);
    }

    #[test]
    fn the_project_file_comes_last() {
        let project = "only = [\"p\"]\nkv = 2\nexplicit = true";
        let value = |typed: &[&str], variables: &[&str]| -> String {
            look(typed, variables, project, |sources| sources.get(options::KV)).unwrap().unwrap()
        };
        assert_eq!(value(&[], &[]), "2");
        assert_eq!(value(&[], &["VAULT_EXEC_KV=1"]), "1");
        assert_eq!(value(&["--kv=auto"], &["VAULT_EXEC_KV=1"]), "auto");
        assert_eq!(look(&[], &[], project, |sources| sources.get_list::<String>(options::ONLY)).unwrap(), ["p"]);
        assert_eq!(look(&[], &[], project, |sources| sources.get_flag(options::EXPLICIT)), Ok(true));
    }

    #[test]
    fn flags_follow_go() {
        let skip = |value: &str| {
            let variable = format!("VAULT_SKIP_VERIFY={value}");
            look(&[], &[&variable], "", |sources| sources.get_flag(options::TLS_SKIP_VERIFY))
        };
        assert_eq!((skip("True"), skip("1"), skip("F"), skip("")), (Ok(true), Ok(true), Ok(false), Ok(false)));
        for wrong in ["yes", "on", "tRUE", " true", "2"] {
            assert!(matches!(skip(wrong), Err(Error::Invalid { value: None, .. })), "{wrong}");
        }
    }
}
