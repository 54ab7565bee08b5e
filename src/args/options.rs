//! `[pure]` The options: the one definition that the command line, its help, the manual, the completions, variables and
//! project files follow.

use Kind::{Count, Many, One, Switch};

/// An option.
#[derive(Debug, PartialEq, Eq)]
pub struct OptionSpec {
    /// As it is typed: `--some-name`.
    pub name: &'static str,
    /// How it is used.
    pub kind: Kind,
    /// What it does, in a line.
    pub help: &'static str,
}

/// How an option is used, and so what a project file may give it; with what stands for its value in the help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has a value.
    One(&'static str),
    /// It has a value and can be repeated.
    Many(&'static str),
    /// It is there or not.
    Switch,
    /// It counts how often it is there.
    Count,
}

/// What can be typed in front of the program, under the headings of the help.
pub const OPTIONS: [(&str, &[OptionSpec]); 5] = [
    (
        "What to read",
        &[
            opt("--path", Many("PATH[@N]"), "Secret to read, as `vault kv get` takes it; @N pins a version"),
            opt("--optional-path", Many("PATH[@N]"), "The same, but the secret may be absent"),
            opt("--kv", One("VERSION"), "Version of the key/value engine: auto, 1 or 2 [default: auto]"),
            opt("--mount", One("MOUNT"), "Mount of the paths, when it is not their first segment"),
            opt("--only", Many("KEY"), "Take only this key"),
            opt("--skip", Many("KEY"), "Leave this key out"),
        ],
    ),
    (
        "Names and values",
        &[
            opt("--case", One("CASE"), "Case of the names: upper or keep [default: upper]"),
            opt("--prefix", One("PREFIX"), "Text in front of every name"),
            opt("--allow-name", Many("NAME"), "Take a name that can make programs run code, such as PATH"),
            opt(
                "--set",
                Many("NAME=TEMPLATE"),
                "One more variable: {key} is a value, {path#key|url} one of many, encoded",
            ),
            opt("--file", Many("NAME=TEMPLATE"), "The same in a file in memory; the variable holds its name"),
            opt(
                "--file-dir",
                One("DIR"),
                "Directory on tmpfs for these files, for programs that close what they inherit",
            ),
            opt("--file-mode", One("MODE"), "Permissions of these files [default: 0400; with --file-dir 0600]"),
            opt("--explicit", Switch, "Export only what --set and --file name"),
            opt("--on-conflict", One("WHO"), "Who wins if a variable exists: vault, env or error [default: vault]"),
            opt("--pristine", Switch, "Start from an empty environment"),
            opt("--keep-env", Many("NAME"), "With --pristine: keep this variable all the same"),
            opt("--require", Many("NAME"), "Stop unless this variable is set and not empty in the end"),
            opt("--keep-token", Switch, "Leave the token in VAULT_TOKEN for the program"),
        ],
    ),
    (
        "Getting in",
        &[
            opt(
                "--auth",
                One("METHOD"),
                "token, approle, kubernetes, jwt, userpass, ldap or cert [default: what is there]",
            ),
            opt("--auth-mount", One("MOUNT"), "Mount of the auth method [default: the method's name]"),
            opt("--auth-namespace", One("NAMESPACE"), "Namespace of the auth method [default: --namespace]"),
            opt("--role", One("ROLE"), "Role to log in as, with kubernetes, jwt or cert"),
            opt("--token-file", One("FILE"), "File that holds the token [VAULT_TOKEN_FILE; last: ~/.vault-token]"),
            opt("--unwrap-token", Switch, "The token is a wrapping token: unwrap it first"),
            opt("--role-id", One("ID"), "AppRole's role_id [VAULT_ROLE_ID or VAULT_ROLE_ID_FILE]"),
            opt("--secret-id-file", One("FILE"), "File that holds AppRole's secret_id [or VAULT_SECRET_ID]"),
            opt("--secret-id-wrapped", Switch, "The secret_id is a wrapping token: unwrap it first"),
            opt("--jwt-file", One("FILE"), "File that holds the JWT [or VAULT_JWT; kubernetes: the pod's own]"),
            opt("--jwt-audience", One("AUDIENCE"), "Audience of the token that GitHub Actions is asked for"),
            opt("--username", One("NAME"), "User name, with userpass or ldap [VAULT_USERNAME]"),
            opt("--password-file", One("FILE"), "File that holds the password [or VAULT_PASSWORD]"),
            opt("--no-revoke", Switch, "Leave the token that a login obtained alive"),
        ],
    ),
    (
        "Connection",
        &[
            opt("--address", One("URL"), "https://, http:// or unix:/// [VAULT_ADDR; default: https://127.0.0.1:8200]"),
            opt("--namespace", One("NAMESPACE"), "Namespace of the secrets [VAULT_NAMESPACE]"),
            opt("--ca-cert", One("FILE"), "PEM file with the only authorities to trust [VAULT_CACERT]"),
            opt("--ca-path", One("DIR"), "Directory of such PEM files [VAULT_CAPATH]"),
            opt("--client-cert", One("FILE"), "Certificate to show to the server [VAULT_CLIENT_CERT]"),
            opt("--client-key", One("FILE"), "Key of that certificate [VAULT_CLIENT_KEY]"),
            opt("--tls-server-name", One("NAME"), "Name the server's certificate must be for [VAULT_TLS_SERVER_NAME]"),
            opt("--tls-skip-verify", Switch, "Trust any certificate, and so anyone in between [VAULT_SKIP_VERIFY]"),
            opt("--proxy", One("URL"), "HTTP proxy, never for loopback [VAULT_PROXY_ADDR; HTTPS_PROXY, NO_PROXY]"),
            opt("--disable-redirects", Switch, "Do not follow a standby's redirect [VAULT_DISABLE_REDIRECTS]"),
            opt("--timeout", One("DURATION"), "Time for everything until the program starts [default: 60s]"),
            opt("--attempts", One("N"), "Give up after this many tries, if the time is not over before"),
        ],
    ),
    (
        "Process",
        &[
            opt("--check", Switch, "Do everything but start the program: tell what it would get, and every problem"),
            opt("--format", One("FORMAT"), "Form of what --check tells: text or json [default: text]"),
            opt("--config", One("FILE"), "Project file [default: the nearest .vault-exec.toml]"),
            opt("--no-config", Switch, "Read no project file"),
            opt("--require-mlock", Switch, "Stop if memory cannot be locked against swapping"),
            opt("--verbose", Count, "Tell what is done, twice for details; never a value"),
            opt("--log-format", One("FORMAT"), "Messages as text or json [default: text]"),
        ],
    ),
];

const fn opt(name: &'static str, kind: Kind, help: &'static str) -> OptionSpec {
    OptionSpec { name, kind, help }
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().flat_map(|(_, options)| *options)
}

/// The one that is typed like this.
#[must_use]
pub fn named(name: &str) -> Option<&'static OptionSpec> {
    all().find(|option| option.name == name)
}

/// Those a project file can give.
pub fn of_projects() -> impl Iterator<Item = &'static OptionSpec> {
    const TYPED: [&str; 6] = ["--check", "--format", "--config", "--no-config", "--verbose", "--log-format"];
    all().filter(|option| !TYPED.contains(&option.name))
}

impl OptionSpec {
    /// As a project file calls it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }
}
