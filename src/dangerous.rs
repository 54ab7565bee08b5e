//! `[pure]` Names of variables that make a widespread program run code or a command, or load a file that can.

/// Whether some program that is listed here obeys a variable of this name.
#[must_use]
pub fn is_dangerous(name: &str) -> bool {
    let first = |text: &str| text.bytes().next();
    DANGEROUS.iter().copied().flatten().filter(|pattern| first(pattern) == first(name)).any(|pattern| {
        match pattern.split_once('*') {
            Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
            None => name == *pattern,
        }
    })
}

/// Names by the program that obeys them, each group below its source. `*` matches any text, and no text.
#[rustfmt::skip]
const DANGEROUS: &[&[&str]] = &[
    // The loader and libc of GNU: ld.so(8), and the "unsecure" variables that glibc removes for setuid programs,
    // https://sourceware.org/git/?p=glibc.git;a=blob;f=sysdeps/generic/unsecvars.h
    &["LD_*", "GCONV_PATH", "GETCONF_DIR", "GLIBC_TUNABLES", "LOCALDOMAIN", "LOCPATH", "MALLOC_*", "NIS_PATH",
        "NLSPATH", "HOSTALIASES", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR"],
    // Loaders of other systems, in the table of sudo: macOS dyld(1), IRIX rld(1),
    // https://github.com/sudo-project/sudo/blob/main/plugins/sudoers/env.c
    &["DYLD_*", "_RLD*"],
    // POSIX shells, `execvp` and login: sh(1p), execvp(3), environ(7)
    &["PATH", "HOME", "SHELL", "IFS", "ENV", "CDPATH", "PS1", "PS2", "PS4"],
    // bash(1)
    &["BASH_ENV", "BASH_FUNC_*", "BASHOPTS", "SHELLOPTS", "GLOBIGNORE", "PROMPT_COMMAND", "PS0"],
    // zsh: zshparam(1)
    &["FPATH", "ZDOTDIR"],
    // Programs that other programs start: environ(7), man(1), ssh(1), sudo(8)
    &["EDITOR", "VISUAL", "PAGER", "MANPAGER", "BROWSER", "SSH_ASKPASS", "SUDO_ASKPASS"],
    // less(1), lesskey(1)
    &["LESS", "LESSOPEN", "LESSCLOSE", "LESSEDIT", "LESSKEY*"],
    // psql(1)
    &["PSQL_PAGER", "PSQLRC"],
    // Vim and ex: https://vimhelp.org/starting.txt.html#initialization
    &["VIMINIT", "EXINIT"],
    // GNU make: https://www.gnu.org/software/make/manual/html_node/Quick-Reference.html
    &["MAKEFLAGS", "MAKEFILES"],
    // systemctl(1)
    &["SYSTEMD_PAGER", "SYSTEMD_EDITOR"],
    // Readline and terminals: readline(3), terminfo(5)
    &["INPUTRC", "TERMINFO", "TERMINFO_DIRS"],
    // Configuration of desktop programs and others: https://specifications.freedesktop.org/basedir-spec/latest/
    &["XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_DATA_HOME", "XDG_DATA_DIRS"],
    // git(1), gitconfig: https://git-scm.com/docs/git#_environment_variables
    &["GIT_SSH", "GIT_SSH_COMMAND", "GIT_EXTERNAL_DIFF", "GIT_PROXY_COMMAND", "GIT_ASKPASS", "GIT_EDITOR",
        "GIT_SEQUENCE_EDITOR", "GIT_PAGER", "GIT_EXEC_PATH", "GIT_TEMPLATE_DIR", "GIT_CONFIG*"],
    // Python: https://docs.python.org/3/using/cmdline.html#environment-variables
    &["PYTHONSTARTUP", "PYTHONPATH", "PYTHONHOME", "PYTHONINSPECT", "PYTHONUSERBASE", "PYTHONBREAKPOINT",
        "PYTHONWARNINGS", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "PYTHONPYCACHEPREFIX"],
    // Gunicorn: https://docs.gunicorn.org/en/stable/settings.html
    // Django: https://docs.djangoproject.com/en/stable/topics/settings/
    &["GUNICORN_CMD_ARGS", "DJANGO_SETTINGS_MODULE"],
    // Airflow: https://airflow.apache.org/docs/apache-airflow/stable/howto/set-config.html
    &["AIRFLOW__*_CMD", "AIRFLOW_HOME", "AIRFLOW_CONFIG"],
    // Node.js: https://nodejs.org/api/cli.html#environment-variables
    &["NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE"],
    // npm: https://docs.npmjs.com/cli/using-npm/config
    &["NPM_CONFIG_NODE_OPTIONS", "NPM_CONFIG_SCRIPT_SHELL", "NPM_CONFIG_USERCONFIG", "NPM_CONFIG_GLOBALCONFIG",
        "npm_config_node_options", "npm_config_script_shell", "npm_config_userconfig", "npm_config_globalconfig"],
    // Perl: perlrun(1)
    &["PERLLIB", "PERL5LIB", "PERL5OPT", "PERL5DB", "PERL5SHELL", "PERLIO_DEBUG"],
    // Ruby: ruby(1); RubyGems: https://guides.rubygems.org/command-reference/#gem-environment;
    // Bundler: https://bundler.io/man/bundle-config.1.html
    &["RUBYOPT", "RUBYLIB", "RUBYSHELL", "GEM_HOME", "GEM_PATH", "BUNDLE_GEMFILE"],
    // Java: java(1), https://docs.oracle.com/en/java/javase/21/docs/specs/jvmti.html#tooloptions
    &["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"],
    // Launchers of Java programs. Tomcat: https://tomcat.apache.org/tomcat-10.1-doc/RUNNING.txt;
    // Maven: https://maven.apache.org/configure.html;
    // Gradle: https://docs.gradle.org/current/userguide/build_environment.html
    &["JAVA_HOME", "JAVA_OPTS", "CATALINA_OPTS", "MAVEN_OPTS", "GRADLE_OPTS"],
    // PHP: https://www.php.net/manual/en/configuration.file.php
    &["PHPRC", "PHP_INI_SCAN_DIR"],
    // Lua: lua(1), https://www.lua.org/manual/5.4/manual.html#7
    &["LUA_INIT*", "LUA_PATH*", "LUA_CPATH*"],
    // Tcl: https://www.tcl-lang.org/man/tcl8.6/TclCmd/library.htm
    &["TCLLIBPATH"],
    // R: https://stat.ethz.ch/R-manual/R-devel/library/base/html/Startup.html
    &["R_PROFILE*", "R_ENVIRON*", "R_HOME"],
    // Julia: https://docs.julialang.org/en/v1/manual/environment-variables/
    &["JULIA_LOAD_PATH", "JULIA_PROJECT"],
    // .NET: https://learn.microsoft.com/en-us/dotnet/core/tools/dotnet-environment-variables, and its profilers:
    // https://learn.microsoft.com/en-us/dotnet/framework/unmanaged-api/profiling/setting-up-a-profiling-environment
    &["DOTNET_STARTUP_HOOKS", "DOTNET_ADDITIONAL_DEPS", "CORECLR_*", "COR_PROFILER*", "COR_ENABLE_PROFILING"],
    // Erlang: https://www.erlang.org/doc/apps/erts/erl_cmd.html; Elixir: elixir(1)
    &["ERL_FLAGS", "ERL_AFLAGS", "ERL_ZFLAGS", "ELIXIR_ERL_OPTIONS"],
    // Guile: https://www.gnu.org/software/guile/manual/html_node/Environment-Variables.html
    &["GUILE_LOAD_*"],
    // Cargo: https://doc.rust-lang.org/cargo/reference/environment-variables.html
    &["CARGO_HOME", "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTFLAGS"],
    // Go: https://pkg.go.dev/cmd/go#hdr-Environment_variables
    &["GOFLAGS"],
    // Clients whose configuration can name a command. AWS: https://docs.aws.amazon.com/cli/latest/topic/config-vars.html;
    // kubectl: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    &["AWS_CONFIG_FILE", "KUBECONFIG"],
    // OpenSSL: openssl-env(7)
    &["OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES"],
    // Kerberos: kerberos(7), krb5.conf(5); Cyrus SASL: https://www.cyrusimap.org/sasl/sasl/options.html
    &["KRB5_CONFIG", "SASL_PATH"],
    // GLib: https://docs.gtk.org/gio/overview.html; GTK: https://docs.gtk.org/gtk3/running.html;
    // Qt: https://doc.qt.io/qt-6/deployment-plugins.html
    &["GIO_EXTRA_MODULES", "GTK_MODULES", "QT_PLUGIN_PATH"],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_names_are_dangerous() {
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
            assert!(is_dangerous(name), "{name}");
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
            assert!(!is_dangerous(name), "{name}");
        }
    }
}
