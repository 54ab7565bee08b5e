//! `[pure]` Names of environment variables: how a key becomes one, and which are too dangerous to take from a secret.

use std::borrow::Borrow;
use std::fmt;

/// A name every shell and language accepts: `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvName(String);

/// Why a text is not a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    /// Nothing is left to be a name.
    Empty,
    /// A digit stands first.
    StartsWithDigit,
    /// A byte outside `[A-Za-z0-9_]`.
    ForbiddenCharacter,
}

/// What happens to the letters of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// `postgres_user` becomes `POSTGRES_USER`.
    #[default]
    Upper,
    /// Letters stay as they are.
    Keep,
}

impl EnvName {
    /// Takes a name as somebody wrote it.
    ///
    /// # Errors
    /// When it is not a valid name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.as_bytes() {
            [] => Err(NameError::Empty),
            [b'0'..=b'9', ..] => Err(NameError::StartsWithDigit),
            bytes if !bytes.iter().all(|&byte| is_name_byte(byte)) => Err(NameError::ForbiddenCharacter),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// Makes a name of a key: every byte outside `[A-Za-z0-9_]` becomes `_`, then the case, then `prefix` in front.
    ///
    /// # Errors
    /// When nothing is left or a digit stands first.
    pub fn from_key(key: &str, prefix: &str, case: Case) -> Result<Self, NameError> {
        let letter = |byte: u8| match (is_name_byte(byte), case) {
            (false, _) => '_',
            (true, Case::Upper) => byte.to_ascii_uppercase().into(),
            (true, Case::Keep) => byte.into(),
        };
        let mut name = String::with_capacity(prefix.len() + key.len());
        name.push_str(prefix);
        name.extend(key.bytes().map(letter));
        Self::parse(&name)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a variable of this name makes a loader, a shell or an interpreter run code: whoever may write a secret
    /// must not thereby run a program.
    #[must_use]
    pub fn is_dangerous(&self) -> bool {
        let mut candidates = DANGEROUS.iter().filter(|pattern| self.0.as_bytes().first() == pattern.as_bytes().first());
        candidates.any(|pattern| match pattern.split_once('*') {
            Some((start, end)) => self.0.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
            None => self.0 == *pattern,
        })
    }
}

/// Names are found by their text.
impl Borrow<str> for EnvName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EnvName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty name",
            Self::StartsWithDigit => "a name that starts with a digit",
            Self::ForbiddenCharacter => "a name with a character outside A-Z, a-z, 0-9 and _",
        })
    }
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Names (a `*` stands for anything) that some widespread program takes code, a file of code or a command
/// from. Sources: ld.so(8), the "unsecure" list of glibc, the table of sudo, and the manuals of the programs.
#[rustfmt::skip]
const DANGEROUS: &[&str] = &[
    // The loader and libc.
    "LD_*", "DYLD_*", "_RLD*", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCPATH", "MALLOC_*", "NLSPATH",
    "HOSTALIASES", "LOCALDOMAIN", "RESOLV_HOST_CONF", "RES_OPTIONS", "NIS_PATH", "TZDIR",
    // Shells, and what a shell or `execvp` looks up.
    "PATH", "HOME", "SHELL", "IFS", "ENV", "CDPATH", "FPATH", "ZDOTDIR", "BASH_ENV", "BASH_FUNC_*", "BASHOPTS",
    "SHELLOPTS", "GLOBIGNORE", "PROMPT_COMMAND", "PS0", "PS1", "PS2", "PS4",
    // Programs that other programs start.
    "EDITOR", "VISUAL", "PAGER", "MANPAGER", "BROWSER", "LESSOPEN", "LESSCLOSE", "PSQL_PAGER", "PSQLRC",
    "SSH_ASKPASS", "SUDO_ASKPASS", "VIMINIT", "EXINIT", "MAKEFLAGS", "MAKEFILES",
    // Interpreters and virtual machines.
    "PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONBREAKPOINT",
    "PYTHONWARNINGS", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX", "NODE_OPTIONS", "NODE_PATH",
    "NODE_REPL_EXTERNAL_MODULE", "PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "PERL5SHELL", "PERLIO_DEBUG",
    "RUBYOPT", "RUBYLIB", "RUBYSHELL", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE", "JAVA_TOOL_OPTIONS",
    "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH", "LUA_INIT*", "LUA_PATH*", "LUA_CPATH*", "PHPRC",
    "PHP_INI_SCAN_DIR", "TCLLIBPATH", "R_PROFILE*", "R_ENVIRON*", "R_HOME", "JULIA_LOAD_PATH", "JULIA_PROJECT",
    "DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "CORECLR_*", "COR_PROFILER*", "COR_ENABLE_PROFILING",
    "ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ELIXIR_ERL_OPTIONS", "GUILE_LOAD_*", "RUSTC_WRAPPER",
    // Launchers and frameworks that take options, modules or commands.
    "JAVA_HOME", "JAVA_OPTS", "CATALINA_OPTS", "MAVEN_OPTS", "GRADLE_OPTS", "GOFLAGS", "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS", "CARGO_HOME", "NPM_CONFIG_NODE_OPTIONS", "NPM_CONFIG_SCRIPT_SHELL",
    "NPM_CONFIG_USERCONFIG", "NPM_CONFIG_GLOBALCONFIG", "npm_config_node_options", "npm_config_script_shell",
    "npm_config_userconfig", "npm_config_globalconfig", "GUNICORN_CMD_ARGS", "DJANGO_SETTINGS_MODULE",
    "AIRFLOW__*_CMD", "AIRFLOW_HOME", "AIRFLOW_CONFIG", "AWS_CONFIG_FILE", "KUBECONFIG", "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS", "TERMINFO", "TERMINFO_DIRS", "INPUTRC", "LESS", "LESSKEY*",
    "LESSEDIT", "SYSTEMD_PAGER", "SYSTEMD_EDITOR",
    // Git runs what these name.
    "GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_ASKPASS", "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_CONFIG*",
    // Libraries that load modules.
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "KRB5_CONFIG", "SASL_PATH", "GIO_EXTRA_MODULES",
    "GTK_MODULES", "QT_PLUGIN_PATH",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(key: &str) -> Result<String, NameError> {
        EnvName::from_key(key, "", Case::Upper).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn keys_become_names() {
        assert_eq!(upper("postgres_password").unwrap(), "POSTGRES_PASSWORD");
        assert_eq!(upper("foo-bar.baz qux").unwrap(), "FOO_BAR_BAZ_QUX");
        assert_eq!(upper("é").unwrap(), "__", "bytes, not characters");
        assert_eq!(upper("_1").unwrap(), "_1");
    }

    #[test]
    fn the_case_can_stay_and_a_prefix_goes_in_front_as_written() {
        assert_eq!(EnvName::from_key("dbUser", "App_", Case::Keep).unwrap().as_str(), "App_dbUser");
        assert_eq!(EnvName::from_key("dbUser", "app_", Case::Upper).unwrap().as_str(), "app_DBUSER");
        assert_eq!(EnvName::from_key("1st", "N", Case::Upper).unwrap().as_str(), "N1ST");
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        assert_eq!(upper(""), Err(NameError::Empty));
        assert_eq!(upper("1st"), Err(NameError::StartsWithDigit));
        assert_eq!(EnvName::parse("A-B"), Err(NameError::ForbiddenCharacter));
        assert_eq!(EnvName::parse("A=B"), Err(NameError::ForbiddenCharacter));
    }

    #[test]
    fn names_that_run_code_are_known() {
        for name in [
            "LD_PRELOAD",
            "DYLD_INSERT_LIBRARIES",
            "GCONV_PATH",
            "PATH",
            "HOME",
            "IFS",
            "ENV",
            "BASH_ENV",
            "BASH_FUNC_ls",
            "SHELLOPTS",
            "PS4",
            "PROMPT_COMMAND",
            "NODE_OPTIONS",
            "PYTHONSTARTUP",
            "PYTHONPATH",
            "PYTHONHOME",
            "PERL5OPT",
            "PERL5LIB",
            "RUBYOPT",
            "RUBYLIB",
            "JAVA_TOOL_OPTIONS",
            "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "MALLOC_PERTURB_",
            "GLIBC_TUNABLES",
            "GUNICORN_CMD_ARGS",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD",
        ] {
            assert!(EnvName::parse(name).unwrap().is_dangerous(), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD",
            "PATHS",
            "OLD_PATH",
            "HOMEPAGE",
            "ld_preload",
            "PGPASSWORD",
            "ENVIRONMENT",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        ] {
            assert!(!EnvName::parse(name).unwrap().is_dangerous(), "{name}");
        }
    }
}
