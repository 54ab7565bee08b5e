//! `[pure]` The table of options. The parser, `--help`, the manual, the completions, the precedence of settings and the
//! rule for project files read it: to add an option, add a row.

use Arity::{Counter, Flag, Lines, List, Value};

/// An option of the command line.
#[derive(Debug)]
pub struct OptionSpec {
    /// As typed: `--some-name`.
    pub name: &'static str,
    /// How many values it takes.
    pub arity: Arity,
    /// Whether a project file may contain it.
    pub in_project_file: InProjectFile,
    /// Variables besides `VAULT_EXEC_SOME_NAME`, in the order in which they win; `BAO_X` overrides a `VAULT_X` in it.
    pub variables: &'static [&'static str],
    /// One line for `--help`.
    pub help: &'static str,
}

/// How many values an option takes; `&str` is the placeholder for one in `--help`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// One; the last occurrence wins.
    Value(&'static str),
    /// One for each occurrence; a comma or a newline separates them in a variable.
    List(&'static str),
    /// One for each occurrence; a newline separates them in a variable, and commas belong to them.
    Lines(&'static str),
    /// None.
    Flag,
    /// None; the occurrences count.
    Counter,
}

/// Which project files may contain an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InProjectFile {
    /// None.
    Never,
    /// Only one that the user names with `--config`: the option decides where credentials and secrets go, for vault-exec
    /// or for a client that the program starts, or which code runs. Those who can put a file into a directory must not.
    NamedOnly,
    /// Also one that is found in the working directory or a parent.
    Any,
}

/// Two options are equal if their names are.
impl PartialEq for OptionSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl OptionSpec {
    /// The key in a project file: `some-name`.
    pub fn key(&self) -> &'static str {
        self.name.trim_start_matches('-')
    }

    /// Whether a word with a value follows, or `=` and a value.
    pub const fn takes_value(&self) -> bool {
        !matches!(self.arity, Flag | Counter)
    }
}

/// Defines a constant for each row and the table of them all. A row that does not say otherwise is `Never` in a project
/// file.
macro_rules! options {
    ($($heading:literal {
        $($constant:ident = $name:literal, $arity:expr, $($scope:ident,)? $([$($variable:literal),+],)? $help:literal;)*
    })*) => {
        $($(
            #[allow(missing_docs)] // `help` documents it.
            pub const $constant: &OptionSpec = &OptionSpec {
                name: $name,
                arity: $arity,
                in_project_file: [$(InProjectFile::$scope,)? InProjectFile::Never][0],
                variables: &[$($($variable),+)?],
                help: $help,
            };
        )*)*

        // Every option, under the headings of `--help`.
        #[allow(missing_docs)]
        pub const OPTIONS: &[(&str, &[&OptionSpec])] = &[$(($heading, &[$($constant),*])),*];
    };
}

options! {
    "What to read" {
        PATH = "--path", List("PATH[@N]"), Any,
            "Secret to read, as for `vault kv get`; @N pins a version, PREFIX=PATH prefixes its names";
        OPTIONAL_PATH = "--optional-path", List("PATH[@N]"), Any, "The same, but the secret may be missing";
        KV = "--kv", Value("VERSION"), Any, "Version of the KV engine: auto, 1 or 2 [default: auto]";
        MOUNT = "--mount", Value("MOUNT"), Any,
            "Mount of the paths, if it is not their first segment; makes them literal";
        WRITE = "--write", Lines("PATH?FIELD=VALUE"), NamedOnly,
            "Request that creates something, such as pki/issue/web?common_name=web.test; FIELD=@FILE reads a file";
        MIN_LEASE = "--min-lease", Value("DURATION"), Any, "Stop if a lease or a certificate expires sooner";
        ONLY = "--only", List("KEY"), Any, "Take only this key";
        SKIP = "--skip", List("KEY"), Any, "Leave this key out";
    }
    "Names and values" {
        CASE = "--case", Value("CASE"), Any, "Case of the names: upper or keep [default: upper]";
        PREFIX = "--prefix", Value("PREFIX"), Any, "Text to prepend to every name";
        ALLOW_NAME = "--allow-name", List("NAME"), NamedOnly,
            "Permit a name that is refused otherwise, such as PATH";
        SET = "--set", Lines("NAME=TEMPLATE"), Any,
            "Set one more variable; {key} or {path#key} inserts a value, {key|url} encodes it";
        FILE = "--file", Lines("NAME=TEMPLATE"), Any, "The same in an in-memory file; the variable holds its path";
        FILE_DIR = "--file-dir", Value("DIR"), NamedOnly,
            "Directory on a tmpfs for these files, for programs that close inherited descriptors";
        FILE_MODE = "--file-mode", Value("MODE"), NamedOnly,
            "Permissions of these files [default: 0400; with --file-dir 0600]";
        REFERENCES = "--references", Flag, NamedOnly,
            "Replace vault:PATH#KEY and ${vault:PATH#KEY} in inherited variables";
        EXPLICIT = "--explicit", Flag, Any, "Export only what --set, --file and --references name";
        ON_CONFLICT = "--on-conflict", Value("WHO"), Any,
            "Who wins if a variable is inherited too: vault, env or error [default: vault]";
        ON_DUPLICATE = "--on-duplicate", Value("WHO"), Any,
            "Who wins if two paths produce the same name: last or error [default: last]";
        PRISTINE = "--pristine", Flag, NamedOnly, "Start from an empty environment";
        KEEP_ENV = "--keep-env", List("NAME"), NamedOnly, "Inherited variable to keep with --pristine";
        REQUIRE = "--require", List("NAME"), Any, "Stop unless this variable is set and not empty at the end";
        KEEP_TOKEN = "--keep-token", Flag, NamedOnly, "Leave the token in VAULT_TOKEN for the program";
    }
    "Authentication" {
        AUTH = "--auth", Value("METHOD"), NamedOnly,
            "token, approle, kubernetes, jwt, userpass, ldap or cert [default: by credential]";
        AUTH_MOUNT = "--auth-mount", Value("MOUNT"), NamedOnly, "Mount of the auth method [default: the method's name]";
        AUTH_NAMESPACE = "--auth-namespace", Value("NAMESPACE"), NamedOnly,
            "Namespace of the auth method [default: --namespace]";
        ROLE = "--role", Value("ROLE"), NamedOnly, "Role to log in as, with kubernetes, jwt or cert";
        TOKEN_FILE = "--token-file", Value("FILE"), NamedOnly, ["BAO_TOKEN_PATH", "VAULT_TOKEN_FILE"],
            "File with the token [default: ~/.vault-token]";
        UNWRAP_TOKEN = "--unwrap-token", Flag, NamedOnly, "Unwrap the token first: it is a wrapping token";
        ROLE_ID = "--role-id", Value("ID"), NamedOnly, ["VAULT_ROLE_ID"], "role_id of an AppRole";
        ROLE_ID_FILE = "--role-id-file", Value("FILE"), NamedOnly, ["VAULT_ROLE_ID_FILE"],
            "File with the role_id, if --role-id is not given";
        SECRET_ID_FILE = "--secret-id-file", Value("FILE"), NamedOnly, ["VAULT_SECRET_ID_FILE"],
            "File with the secret_id, if VAULT_SECRET_ID is not set";
        SECRET_ID_WRAPPED = "--secret-id-wrapped", Flag, NamedOnly,
            "Unwrap the secret_id first: it is a wrapping token";
        WRAPPED_BY = "--wrapped-by", Value("PATH"), NamedOnly,
            "Accept only a wrapping token made by this request, such as sys/wrapping/wrap";
        JWT_FILE = "--jwt-file", Value("FILE"), NamedOnly, ["VAULT_JWT_FILE"],
            "File with the JWT, if VAULT_JWT is not set [kubernetes: the pod's]";
        JWT_AUDIENCE = "--jwt-audience", Value("AUDIENCE"), NamedOnly,
            "Audience of the ID token to request from GitHub Actions";
        USERNAME = "--username", Value("NAME"), NamedOnly, ["VAULT_USERNAME"], "User name, with userpass or ldap";
        PASSWORD_FILE = "--password-file", Value("FILE"), NamedOnly, ["VAULT_PASSWORD_FILE"],
            "File with the password, if VAULT_PASSWORD is not set";
        NO_REVOKE = "--no-revoke", Flag, NamedOnly, "Do not revoke the login token";
    }
    "Connection" {
        ADDRESS = "--address", Value("URL"), NamedOnly, ["VAULT_AGENT_ADDR", "VAULT_ADDR"],
            "https://, http:// or unix:/// [default: https://127.0.0.1:8200]";
        NAMESPACE = "--namespace", Value("NAMESPACE"), NamedOnly, ["VAULT_NAMESPACE"], "Namespace of the secrets";
        CA_CERT = "--ca-cert", Value("FILE"), NamedOnly, ["VAULT_CACERT"],
            "PEM file with the only authorities to trust";
        CA_PATH = "--ca-path", Value("DIR"), NamedOnly, ["VAULT_CAPATH"], "Directory of such PEM files";
        CLIENT_CERT = "--client-cert", Value("FILE"), NamedOnly, ["VAULT_CLIENT_CERT"], "Client certificate";
        CLIENT_KEY = "--client-key", Value("FILE"), NamedOnly, ["VAULT_CLIENT_KEY"], "Key of the client certificate";
        TLS_SERVER_NAME = "--tls-server-name", Value("NAME"), NamedOnly, ["VAULT_TLS_SERVER_NAME"],
            "Name to expect in the server's certificate [default: the host]";
        TLS_SKIP_VERIFY = "--tls-skip-verify", Flag, NamedOnly, ["VAULT_SKIP_VERIFY"],
            "Trust any certificate, and so anyone in between";
        PROXY = "--proxy", Value("URL"), NamedOnly, ["VAULT_PROXY_ADDR", "VAULT_HTTP_PROXY"],
            "HTTP proxy, never for loopback [default: HTTPS_PROXY]";
        DISABLE_REDIRECTS = "--disable-redirects", Flag, NamedOnly, ["VAULT_DISABLE_REDIRECTS"],
            "Do not follow the redirect of a standby server";
        TIMEOUT = "--timeout", Value("DURATION"), Any, "Limit for everything until the program starts [default: 60s]";
        ATTEMPTS = "--attempts", Value("N"), Any, "Limit for the attempts of each request, within --timeout";
    }
    "Behaviour" {
        CHECK = "--check", Flag, "Do everything except start the program, and report its variables and every problem";
        FORMAT = "--format", Value("FORMAT"), "Format of the report of --check: text or json [default: text]";
        CONFIG = "--config", Value("FILE"), "Project file [default: the nearest .vault-exec.toml]";
        NO_CONFIG = "--no-config", Flag, "Read no project file";
        TRUST = "--trust", Flag, "Show what the nearest .vault-exec.toml sets, and use it until it changes";
        UNTRUST = "--untrust", Flag, "Do not use it any more";
        REQUIRE_MLOCK = "--require-mlock", Flag, Any, "Stop if memory cannot be locked against swapping";
        VERBOSE = "--verbose", Counter, "Log each step, twice each request; never a value";
        LOG_FORMAT = "--log-format", Value("FORMAT"), "Format of the messages: text or json [default: text]";
    }
}

/// Every option, in the order of `--help`.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
    OPTIONS.iter().flat_map(|(_, options)| *options).copied()
}

/// The option with this name: `--some-name`.
pub fn find_long(name: &str) -> Option<&'static OptionSpec> {
    all().find(|option| option.name == name)
}

/// The options a project file may contain, some of them only if the user named it.
pub fn in_project_files() -> impl Iterator<Item = &'static OptionSpec> {
    all().filter(|option| option.in_project_file != InProjectFile::Never)
}
