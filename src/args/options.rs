//! `[pure]` The options: the one definition that the command line, its help, the manual, the completions, variables and
//! project files follow.

/// An option.
#[derive(Debug, PartialEq, Eq)]
pub struct Opt {
    /// As it is typed: `--some-name`.
    pub name: &'static str,
    /// How it is used.
    pub kind: Kind,
    /// What stands for its value in the help, empty where it has none.
    pub value: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
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
    /// It counts how often it is there.
    Count,
}

/// What can be typed in front of the program, under the headings of the help.
pub const OPTIONS: [(&str, &[Opt]); 5] = [
    (
        "What to read",
        &[
            many("--path", "PATH[@N]", "Secret to read, as `vault kv get` takes it; @N pins a version"),
            many("--optional-path", "PATH[@N]", "The same, but the secret may be absent"),
            one("--kv", "VERSION", "Version of the key/value engine: auto, 1 or 2 [default: auto]"),
            one("--mount", "MOUNT", "Mount of the paths, when it is not their first segment"),
            many("--only", "KEY", "Take only this key"),
            many("--skip", "KEY", "Leave this key out"),
        ],
    ),
    (
        "Names and values",
        &[
            one("--case", "CASE", "Case of the names: upper or keep [default: upper]"),
            one("--prefix", "PREFIX", "Text in front of every name"),
            many("--allow-name", "NAME", "Take a name that can make programs run code, such as PATH"),
            many("--set", "NAME=TEMPLATE", "One more variable: {key} is a value, {path#key|url} one of many, encoded"),
            many("--file", "NAME=TEMPLATE", "The same in a file in memory; the variable holds its name"),
            one("--file-dir", "DIR", "Directory on tmpfs for these files, for programs that close what they inherit"),
            one("--file-mode", "MODE", "Permissions of these files [default: 0400; with --file-dir 0600]"),
            switch("--explicit", "Export only what --set and --file name"),
            one("--on-conflict", "WHO", "Who wins if a variable exists: vault, env or error [default: vault]"),
            switch("--pristine", "Start from an empty environment"),
            many("--keep-env", "NAME", "With --pristine: keep this variable all the same"),
            many("--require", "NAME", "Stop unless this variable is set and not empty in the end"),
            switch("--keep-token", "Leave the token in VAULT_TOKEN for the program"),
        ],
    ),
    (
        "Getting in",
        &[
            one("--auth", "METHOD", "token, approle, kubernetes, jwt, userpass, ldap or cert [default: what is there]"),
            one("--auth-mount", "MOUNT", "Mount of the auth method [default: the method's name]"),
            one("--auth-namespace", "NAMESPACE", "Namespace of the auth method [default: --namespace]"),
            one("--role", "ROLE", "Role to log in as, with kubernetes, jwt or cert"),
            one("--token-file", "FILE", "File that holds the token [VAULT_TOKEN_FILE; last: ~/.vault-token]"),
            switch("--unwrap-token", "The token is a wrapping token: unwrap it first"),
            one("--role-id", "ID", "AppRole's role_id [VAULT_ROLE_ID or VAULT_ROLE_ID_FILE]"),
            one("--secret-id-file", "FILE", "File that holds AppRole's secret_id [or VAULT_SECRET_ID]"),
            switch("--secret-id-wrapped", "The secret_id is a wrapping token: unwrap it first"),
            one("--jwt-file", "FILE", "File that holds the JWT [or VAULT_JWT; kubernetes: the pod's own]"),
            one("--jwt-audience", "AUDIENCE", "Audience of the token that GitHub Actions is asked for"),
            one("--username", "NAME", "User name, with userpass or ldap [VAULT_USERNAME]"),
            one("--password-file", "FILE", "File that holds the password [or VAULT_PASSWORD]"),
            switch("--no-revoke", "Leave the token that a login obtained alive"),
        ],
    ),
    (
        "Connection",
        &[
            one("--address", "URL", "https://, http:// or unix:/// [VAULT_ADDR; default: https://127.0.0.1:8200]"),
            one("--namespace", "NAMESPACE", "Namespace of the secrets [VAULT_NAMESPACE]"),
            one("--ca-cert", "FILE", "PEM file with the only authorities to trust [VAULT_CACERT]"),
            one("--ca-path", "DIR", "Directory of such PEM files [VAULT_CAPATH]"),
            one("--client-cert", "FILE", "Certificate to show to the server [VAULT_CLIENT_CERT]"),
            one("--client-key", "FILE", "Key of that certificate [VAULT_CLIENT_KEY]"),
            one("--tls-server-name", "NAME", "Name the server's certificate must be for [VAULT_TLS_SERVER_NAME]"),
            switch("--tls-skip-verify", "Trust any certificate, and so anyone in between [VAULT_SKIP_VERIFY]"),
            one("--proxy", "URL", "HTTP proxy, never for loopback [VAULT_PROXY_ADDR; HTTPS_PROXY, NO_PROXY]"),
            switch("--disable-redirects", "Do not follow a standby's redirect [VAULT_DISABLE_REDIRECTS]"),
            one("--timeout", "DURATION", "Time for everything until the program starts [default: 60s]"),
            one("--attempts", "N", "Give up after this many tries, if the time is not over before"),
        ],
    ),
    (
        "Process",
        &[
            switch("--check", "Do everything but start the program: tell what it would get, and every problem"),
            one("--format", "FORMAT", "Form of what --check tells: text or json [default: text]"),
            one("--config", "FILE", "Project file [default: the nearest .vault-exec.toml]"),
            switch("--no-config", "Read no project file"),
            switch("--require-mlock", "Stop if memory cannot be locked against swapping"),
            count("--verbose", "Tell what is done, twice for details; never a value"),
            one("--log-format", "FORMAT", "Messages as text or json [default: text]"),
        ],
    ),
];

const fn one(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, kind: Kind::One, value, help }
}

const fn many(name: &'static str, value: &'static str, help: &'static str) -> Opt {
    Opt { name, kind: Kind::Many, value, help }
}

const fn switch(name: &'static str, help: &'static str) -> Opt {
    Opt { name, kind: Kind::Switch, value: "", help }
}

const fn count(name: &'static str, help: &'static str) -> Opt {
    Opt { name, kind: Kind::Count, value: "", help }
}

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Opt> {
    OPTIONS.iter().flat_map(|(_, options)| *options)
}

/// Those a project file can give.
pub fn of_projects() -> impl Iterator<Item = &'static Opt> {
    const TYPED: [&str; 6] = ["--check", "--format", "--config", "--no-config", "--verbose", "--log-format"];
    all().filter(|option| !TYPED.contains(&option.name))
}

impl Opt {
    /// As a project file calls it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }
}
