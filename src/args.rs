//! `[pure]` What was typed: the options and their help. Nothing is resolved here; that is [`crate::config`]'s work.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};

use crate::failure::{Exit, Report};

/// What was typed.
#[derive(Debug, Default, Parser)]
#[command(
    name = "vault-exec",
    version,
    about = "Start a program with secrets from HashiCorp Vault or OpenBao in its environment.",
    override_usage = "vault-exec [OPTIONS] [--] COMMAND [ARG]...\n       vault-exec --check [OPTIONS] [--] [COMMAND [ARG]...]",
    disable_help_flag = true,
    disable_version_flag = true,
    args_override_self = true,
    max_term_width = 100,
    after_help = AFTER_HELP
)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    reason = "these comments are the help, which is no Markdown"
)]
pub struct Args {
    /// Secret to read, as `vault kv get` takes it; @N pins a version
    #[arg(long, value_name = "PATH[@N]", help_heading = "What to read")]
    pub path: Vec<String>,

    /// The same, but the secret may be absent
    #[arg(long, value_name = "PATH[@N]", help_heading = "What to read")]
    pub optional_path: Vec<String>,

    /// Version of the key/value engine: auto, 1 or 2 [default: auto]
    #[arg(long, value_name = "VERSION", help_heading = "What to read")]
    pub kv: Option<String>,

    /// Mount of the paths, when it is not their first segment
    #[arg(long, value_name = "MOUNT", help_heading = "What to read")]
    pub mount: Option<String>,

    /// Take only this key
    #[arg(long, value_name = "KEY", help_heading = "What to read")]
    pub only: Vec<String>,

    /// Leave this key out
    #[arg(long, value_name = "KEY", help_heading = "What to read")]
    pub skip: Vec<String>,

    /// Case of the names: upper or keep [default: upper]
    #[arg(long, value_name = "CASE", help_heading = "Names and values")]
    pub case: Option<String>,

    /// Text in front of every name
    #[arg(long, value_name = "PREFIX", help_heading = "Names and values")]
    pub prefix: Option<String>,

    /// Take a name that can make programs run code, such as PATH
    #[arg(long, value_name = "NAME", help_heading = "Names and values")]
    pub allow_name: Vec<String>,

    /// One more variable: {key} is a value, {path#key|url} one of many, encoded
    #[arg(long, value_name = "NAME=TEMPLATE", help_heading = "Names and values")]
    pub set: Vec<String>,

    /// The same in a file in memory; the variable holds its name
    #[arg(long, value_name = "NAME=TEMPLATE", help_heading = "Names and values")]
    pub file: Vec<String>,

    /// Directory on tmpfs for these files, for programs that close what they inherit
    #[arg(long, value_name = "DIR", help_heading = "Names and values")]
    pub file_dir: Option<String>,

    /// Permissions of these files [default: 0400; with --file-dir 0600]
    #[arg(long, value_name = "MODE", help_heading = "Names and values")]
    pub file_mode: Option<String>,

    /// Export only what --set and --file name
    #[arg(long, help_heading = "Names and values")]
    pub explicit: bool,

    /// Who wins if a variable exists: vault, env or error [default: vault]
    #[arg(long, value_name = "WHO", help_heading = "Names and values")]
    pub on_conflict: Option<String>,

    /// Start from an empty environment
    #[arg(long, help_heading = "Names and values")]
    pub pristine: bool,

    /// With --pristine: keep this variable all the same
    #[arg(long, value_name = "NAME", help_heading = "Names and values")]
    pub keep_env: Vec<String>,

    /// Stop unless this variable is set and not empty in the end
    #[arg(long, value_name = "NAME", help_heading = "Names and values")]
    pub require: Vec<String>,

    /// Leave the token in VAULT_TOKEN for the program
    #[arg(long, help_heading = "Names and values")]
    pub keep_token: bool,

    /// token, approle, kubernetes, jwt, userpass, ldap or cert [default: what is there]
    #[arg(long, value_name = "METHOD", help_heading = "Getting in")]
    pub auth: Option<String>,

    /// Mount of the auth method [default: the method's name]
    #[arg(long, value_name = "MOUNT", help_heading = "Getting in")]
    pub auth_mount: Option<String>,

    /// Namespace of the auth method [default: --namespace]
    #[arg(long, value_name = "NAMESPACE", help_heading = "Getting in")]
    pub auth_namespace: Option<String>,

    /// Role to log in as, with kubernetes, jwt or cert
    #[arg(long, value_name = "ROLE", help_heading = "Getting in")]
    pub role: Option<String>,

    /// File that holds the token [VAULT_TOKEN_FILE; last: ~/.vault-token]
    #[arg(long, value_name = "FILE", help_heading = "Getting in")]
    pub token_file: Option<String>,

    /// The token is a wrapping token: unwrap it first
    #[arg(long, help_heading = "Getting in")]
    pub unwrap_token: bool,

    /// AppRole's role_id [VAULT_ROLE_ID or VAULT_ROLE_ID_FILE]
    #[arg(long, value_name = "ID", help_heading = "Getting in")]
    pub role_id: Option<String>,

    /// File that holds AppRole's secret_id [or VAULT_SECRET_ID]
    #[arg(long, value_name = "FILE", help_heading = "Getting in")]
    pub secret_id_file: Option<String>,

    /// The secret_id is a wrapping token: unwrap it first
    #[arg(long, help_heading = "Getting in")]
    pub secret_id_wrapped: bool,

    /// File that holds the JWT [or VAULT_JWT; kubernetes: the pod's own]
    #[arg(long, value_name = "FILE", help_heading = "Getting in")]
    pub jwt_file: Option<String>,

    /// Audience of the token that GitHub Actions is asked for
    #[arg(long, value_name = "AUDIENCE", help_heading = "Getting in")]
    pub jwt_audience: Option<String>,

    /// User name, with userpass or ldap [VAULT_USERNAME]
    #[arg(long, value_name = "NAME", help_heading = "Getting in")]
    pub username: Option<String>,

    /// File that holds the password [or VAULT_PASSWORD]
    #[arg(long, value_name = "FILE", help_heading = "Getting in")]
    pub password_file: Option<String>,

    /// Leave the token that a login obtained alive
    #[arg(long, help_heading = "Getting in")]
    pub no_revoke: bool,

    /// https://, http:// or unix:/// [VAULT_ADDR; default: https://127.0.0.1:8200]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub address: Option<String>,

    /// Namespace of the secrets [VAULT_NAMESPACE]
    #[arg(long, value_name = "NAMESPACE", help_heading = "Connection")]
    pub namespace: Option<String>,

    /// PEM file with the only authorities to trust [VAULT_CACERT]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub ca_cert: Option<String>,

    /// Directory of such PEM files [VAULT_CAPATH]
    #[arg(long, value_name = "DIR", help_heading = "Connection")]
    pub ca_path: Option<String>,

    /// Certificate to show to the server [VAULT_CLIENT_CERT]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub client_cert: Option<String>,

    /// Key of that certificate [VAULT_CLIENT_KEY]
    #[arg(long, value_name = "FILE", help_heading = "Connection")]
    pub client_key: Option<String>,

    /// Name the server's certificate must be for [VAULT_TLS_SERVER_NAME]
    #[arg(long, value_name = "NAME", help_heading = "Connection")]
    pub tls_server_name: Option<String>,

    /// Trust any certificate, and so anyone in between [VAULT_SKIP_VERIFY]
    #[arg(long, help_heading = "Connection")]
    pub tls_skip_verify: bool,

    /// HTTP proxy, never for loopback [VAULT_PROXY_ADDR; HTTPS_PROXY, NO_PROXY]
    #[arg(long, value_name = "URL", help_heading = "Connection")]
    pub proxy: Option<String>,

    /// Do not follow a standby's redirect [VAULT_DISABLE_REDIRECTS]
    #[arg(long, help_heading = "Connection")]
    pub disable_redirects: bool,

    /// Time for everything until the program starts [default: 60s]
    #[arg(long, value_name = "DURATION", help_heading = "Connection")]
    pub timeout: Option<String>,

    /// Give up after this many tries, if the time is not over before
    #[arg(long, value_name = "N", help_heading = "Connection")]
    pub attempts: Option<String>,

    /// Do everything but start the program: tell what it would get, and every problem
    #[arg(long, help_heading = "Process")]
    pub check: bool,

    /// Form of what --check tells: text or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Process")]
    pub format: Option<String>,

    /// Project file [default: the nearest .vault-exec.toml]
    #[arg(long, value_name = "FILE", help_heading = "Process")]
    pub config: Option<String>,

    /// Read no project file
    #[arg(long, help_heading = "Process")]
    pub no_config: bool,

    /// Stop if memory cannot be locked against swapping
    #[arg(long, help_heading = "Process")]
    pub require_mlock: bool,

    /// Tell what is done, twice for details; never a value
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Process")]
    pub verbose: u8,

    /// Messages as text or json [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Process")]
    pub log_format: Option<String>,

    /// Print help
    #[arg(short, long, action = clap::ArgAction::HelpShort, help_heading = "Process")]
    help: Option<bool>,

    /// Print the version
    #[arg(short = 'V', long, action = clap::ArgAction::Version, help_heading = "Process")]
    version: Option<bool>,

    /// Program to start, looked up in PATH, and its arguments
    #[arg(value_name = "COMMAND", trailing_var_arg = true, hide = true)]
    pub command: Vec<OsString>,

    /// For each of `--path` and `--optional-path` in the order they were typed, whether it is optional.
    #[arg(skip)]
    pub path_order: Vec<bool>,
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

impl Args {
    /// Reads a command line, program name first.
    ///
    /// # Errors
    /// What clap found wrong with it, or the wish for help or the version.
    pub fn parse_line(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(line)?;
        let mut args = Self::from_arg_matches(&matches)?;
        let typed = |id, optional| matches.indices_of(id).into_iter().flatten().map(move |index| (index, optional));
        let mut order: Vec<_> = typed("path", false).chain(typed("optional_path", true)).collect();
        order.sort_unstable();
        args.path_order = order.into_iter().map(|(_, optional)| optional).collect();
        Ok(args)
    }
}

/// How an option is used, and so what a project file may give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has a value.
    One,
    /// It has a value and can be repeated.
    Many,
    /// It is there or not.
    Switch,
}

/// The options that a project file can give, without the dashes.
#[must_use]
pub fn options() -> Vec<(String, Kind)> {
    let typed_only = ["help", "version", "verbose", "log-format", "config", "no-config", "check", "format"];
    let option = |argument: &clap::Arg| {
        let kind = match argument.get_action() {
            clap::ArgAction::Append => Kind::Many,
            clap::ArgAction::SetTrue => Kind::Switch,
            _ => Kind::One,
        };
        Some((argument.get_long().filter(|long| !typed_only.contains(long))?.to_owned(), kind))
    };
    Args::command().get_arguments().filter_map(option).collect()
}

/// The form of messages that a command line asks for, also where something else in it is wrong.
#[must_use]
pub fn voice(line: &[OsString]) -> Args {
    let ours = line.iter().take_while(|word| *word != "--").filter_map(|word| word.to_str());
    let words: Vec<&str> = ours.collect();
    let apart = words.windows(2).find(|pair| pair[0] == "--log-format").map(|pair| pair[1]);
    let joined = words.iter().find_map(|word| word.strip_prefix("--log-format="));
    Args { log_format: apart.or(joined).map(str::to_owned), ..Args::default() }
}

/// What was wrong with a command line, in the words of every other failure.
#[must_use]
pub fn report(error: &clap::Error) -> Report {
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
    Report { message, hint: Some(hint), exit: Exit::Failed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &[&str]) -> Args {
        Args::parse_line(line.iter().map(OsString::from)).unwrap()
    }

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn everything_behind_the_command_is_its_own() {
        let args = parse(&["vault-exec", "--path", "a/b", "psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(args.path, ["a/b"]);
        assert_eq!(args.command, ["psql", "-v", "--path", "x", "--", "y"]);
        assert_eq!(parse(&["vault-exec", "--", "--odd", "--"]).command, ["--odd", "--"]);
    }

    #[test]
    fn the_order_of_paths_is_kept() {
        let args = parse(&["vault-exec", "--optional-path", "a", "--path=b", "--optional-path", "c"]);
        assert_eq!(args.path_order, [true, false, true]);
    }
}
