//! What a project file may set and read.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::project::{NAME, Projects, vault};
use crate::support::api::Api;
use crate::support::openbao::ROOT;
use crate::support::process::requires_root;
use crate::support::vault::TestVault;

/// Keys that say where credentials go, what is proven with them or what runs, with a value each.
const REFUSED: [(&str, &str); 34] = [
    ("address", "'http://127.0.0.1:1'"),
    ("namespace", "'evil'"),
    ("ca-cert", "'{home}/none'"),
    ("ca-path", "'{home}/none'"),
    ("client-cert", "'{home}/none'"),
    ("client-key", "'{home}/none'"),
    ("tls-server-name", "'evil.example.com'"),
    ("tls-skip-verify", "true"),
    ("proxy", "'http://127.0.0.1:1'"),
    ("disable-redirects", "true"),
    ("auth", "'approle'"),
    ("auth-mount", "'evil'"),
    ("auth-namespace", "'evil'"),
    ("role", "'evil'"),
    ("token-file", "'{home}/none'"),
    ("unwrap-token", "true"),
    ("role-id", "'evil'"),
    ("role-id-file", "'{home}/none'"),
    ("secret-id-file", "'{home}/none'"),
    ("secret-id-wrapped", "true"),
    ("wrapped-by", "'sys/wrapping/wrap'"),
    ("jwt-file", "'{home}/none'"),
    ("jwt-audience", "'evil'"),
    ("username", "'evil'"),
    ("password-file", "'{home}/none'"),
    ("no-revoke", "true"),
    ("allow-name", "['PATH']"),
    ("keep-token", "true"),
    ("pristine", "true"),
    ("keep-env", "'A'"),
    ("write", "'pki/issue/web?a=b'"),
    ("file-dir", "'/dev/shm'"),
    ("file-mode", "'0666'"),
    ("references", "true"),
];

#[test]
fn a_found_project_file_cannot_set_where_credentials_go() {
    let vault = vault().recorded();
    for (key, value) in REFUSED {
        let text = format!("path = \"{{kv}}/app\"\n{key} = {value}\n");
        let text = vault.fill(&text);
        let vault = vault.clone().file(NAME, text);
        vault.trust_fails(":2:1", &format!("`{key}` is {REFUSAL}"));
        let named = vault.args(["--config", NAME]).run(["true"]);
        assert!(!named.stderr.contains("refused in a project file"), "{named}");
    }
}

#[test]
fn a_named_project_file_may_set_everything() {
    let vault = vault().args(["--config", "p.toml"]);
    let with = |vault: &TestVault, text: &str| {
        let text = vault.fill(&format!("path = '{{kv}}/app'\n{text}"));
        vault.clone().file("p.toml", text)
    };
    let address = vault.fill("address = '{addr}'");
    with(&vault.clone().without("VAULT_ADDR"), &address).environ().has("USER", "me");
    with(&vault.clone().without("VAULT_TOKEN").file("token", ROOT), "token-file = '{home}/token'")
        .environ()
        .has("USER", "me");
    with(&vault, "keep-token = true").environ().has("VAULT_TOKEN", ROOT);
    let vault = vault.secret("app", [("path", "/bin:/usr/bin")]);
    with(&vault, "allow-name = 'PATH'").environ().has("PATH", "/bin:/usr/bin");
}

/// Of a message that refuses a part of a found file.
const REFUSAL: &str = "refused in a project file that --config did not name\n\
    hint: if you trust the file, name it with --config; otherwise give the option yourself, or --no-config";

#[test]
fn a_found_project_file_sets_no_dangerous_name() {
    let message = |name: &str| {
        let danger = match name {
            "VAULT_ADDR" | "VAULT_TOKEN" | "BAO_TOKEN_PATH" | "https_proxy" | "ACTIONS_ID_TOKEN_REQUEST_TOKEN" => {
                "which steers a Vault client"
            }
            "SSL_CERT_FILE" => "which can change whom a program trusts",
            _ => "which can make a program run code",
        };
        format!("{name}, {danger}, is {REFUSAL}")
    };
    for (text, place, name) in [
        ("[set]\nA = \"x\"\nLD_PRELOAD = \"./evil.so\"", ":3: set", "LD_PRELOAD"),
        ("[file]\nBASH_ENV = \"id\"", ":2: file", "BASH_ENV"),
        ("set.PATH = \".\"", ":1: set", "PATH"),
        ("set = [\"A=x\", \"LD_PRELOAD=./evil.so\"]", ":1: set", "LD_PRELOAD"),
        ("set = \"PATH=.:/bin\"", ":1: set", "PATH"),
        ("file = [\"BASH_ENV=id\"]", ":1: file", "BASH_ENV"),
        ("file = \"ENV=id\"", ":1: file", "ENV"),
        ("set = \"BASH_ENV=/tmp/$(id)=\"", ":1: set", "BASH_ENV"),
        ("set.VAULT_ADDR = \"http://127.0.0.1:1\"", ":1: set", "VAULT_ADDR"),
        ("set.SSL_CERT_FILE = \"ca\"", ":1: set", "SSL_CERT_FILE"),
        ("set.VAULT_TOKEN = \"{user}\"", ":1: set", "VAULT_TOKEN"),
        ("set.BAO_TOKEN_PATH = \"x\"", ":1: set", "BAO_TOKEN_PATH"),
        ("file.ACTIONS_ID_TOKEN_REQUEST_TOKEN = \"x\"", ":1: file", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        ("set.https_proxy = \"http://127.0.0.1:1\"", ":1: set", "https_proxy"),
    ] {
        vault().path("app").project(text).project_fails(place, &message(name));
    }
    let named = vault().path("app").file(NAME, "[set]\nGIT_PAGER = 'x'\nPS1 = 'y'").args(["--config", NAME]);
    named.environ().has("GIT_PAGER", "x").has("PS1", "y");
}

/// A key of a secret that the file chose, or with a prefix of the file, is judged as a name of the file.
#[test]
fn a_found_project_file_makes_no_dangerous_name_of_a_key() {
    let vault = vault().secret("corp", [("proxy", "http://127.0.0.1:1"), ("token", "t"), ("http_proxy", "http://p")]);
    let typed = &["--path", "{kv}/corp"][..];
    for (text, args, key, name) in [
        ("path = 'HTTP_={kv}/corp'", &[][..], "proxy", "HTTP_PROXY"),
        ("optional-path = 'HTTP_={kv}/corp'", typed, "proxy", "HTTP_PROXY"),
        ("path = 'VAULT_={kv}/corp'", &[], "token", "VAULT_TOKEN"),
        ("path = '{kv}/corp'\nprefix = 'BAO_'", &[], "token", "BAO_TOKEN"),
        ("prefix = 'VAULT_'", typed, "token", "VAULT_TOKEN"),
        ("path = '{kv}/corp'", &["--prefix", "VAULT_"], "token", "VAULT_TOKEN"),
        ("path = 'corp'\nmount = '{kv}'", &[], "http_proxy", "HTTP_PROXY"),
        ("mount = '{kv}'", &["--path", "corp"], "http_proxy", "HTTP_PROXY"),
        ("optional-path = '{kv}/corp'", &["--path", "OWN_={kv}/corp"], "http_proxy", "HTTP_PROXY"),
    ] {
        let vault = vault.clone().project(text).args(["--only", key]).args(args.iter().copied());
        vault.fails(&format!(
            "vault-exec: {{kv}}/corp: key `{key}` would become {name}, which steers a Vault client\n\
             hint: leave it out with --skip '{key}'; --allow-name {name}, or --set on the command line, permits it\n"
        ));
        vault.args(["--allow-name", name]).run(["true"]).exits(0);
    }
    // What the user names is data, also beside a found file.
    let own = vault.clone().project("kv = 'auto'\noptional-path = '{kv}/corp'").args(typed.iter().copied());
    own.environ().has("HTTP_PROXY", "http://p");
    let own = vault.project("path = '{kv}/app'").args(["--only", "token", "--path", "VAULT_={kv}/corp"]);
    own.environ().has("VAULT_TOKEN", "t");
}

#[test]
fn a_found_project_file_sets_no_variable_but_the_ones_it_names() {
    let table = "expected a variable name without `=`";
    for table_name in ["set", "file"] {
        for key in ["BASH_ENV=/tmp/$(id)", "LD_PRELOAD=/x.so:", "A=", "="] {
            let text = format!("[{table_name}]\n\"{key}\" = \"\"");
            vault().path("app").file(NAME, text).trust_fails(&format!(":2:2: {table_name}"), table);
        }
    }
    // Neither a NUL nor a line end begins another entry.
    for key in ["BASH_FUNC_ls%%", "", "A\\u0000LD_PRELOAD", "A\\nLD_PRELOAD"] {
        let outcome = vault().path("app").project(&format!("[set]\n\"{key}\" = \"() {{{{ id; }}}}\"")).run(["env"]);
        outcome.exits(125).stdout_is("");
    }
    let nul = vault().path("app").project("[set]\nA = \"x\\u0000LD_PRELOAD=./evil.so\"").run(["env"]);
    nul.exits(125).stdout_is("");
    let lines = vault().path("app").project("[set]\nA = \"x\\nLD_PRELOAD=./evil.so\"");
    lines.environ().has("A", "x\nLD_PRELOAD=./evil.so").lacks("LD_PRELOAD");
    let list = vault().path("app").project("set = \"A=x\\nLD_PRELOAD=./evil.so\"");
    list.environ().has("A", "x\nLD_PRELOAD=./evil.so").lacks("LD_PRELOAD");
    // The name of a key is judged with its prefix.
    let prefixed = vault().secret("keys", [("preload", "./evil.so")]);
    let prefixed = prefixed.project("path = \"{kv}/keys\"\nprefix = \"LD_\"").run(["env"]).exits(125);
    assert!(prefixed.stderr.contains("LD_PRELOAD"), "{prefixed}");
}

/// Requests that a found file must not make, with the segment that they are refused for.
#[test]
fn a_found_project_file_reads_nothing_but_secrets() {
    let hint = "hint: if you trust the file, name it with --config; otherwise give --path yourself";
    let vault = vault().recorded();
    for (text, path, segment) in [
        ("path = 'auth/token/lookup-self'\nkv = 1", "auth/token/lookup-self", "auth"),
        ("path = 'auth/token/lookup-self'", "auth/token/lookup-self", "auth"),
        ("path = 'auth/token/lookup-self'\nkv = 2", "auth/token/lookup-self", "auth"),
        ("optional-path = 'auth/token/lookup-self'", "auth/token/lookup-self", "auth"),
        ("path = '/v1/auth/token/lookup-self'\nkv = 1", "auth/token/lookup-self", "auth"),
        ("path = 'team/auth/token/lookup-self'\nkv = 1", "team/auth/token/lookup-self", "auth"),
        ("path = 'token/lookup-self'\nmount = 'auth'", "auth/token/lookup-self", "auth"),
        ("path = 'token/lookup-self'\nmount = 'team/auth'", "team/auth/token/lookup-self", "auth"),
        ("path = 'token/lookup-self'\nmount = 'team/auth'\nkv = 1", "team/auth/token/lookup-self", "auth"),
        ("path = 'team/data/auth/token/lookup-self'\nkv = 1", "team/data/auth/token/lookup-self", "auth"),
        ("path = 'sys/mounts'", "sys/mounts", "sys"),
        ("path = 'identity/oidc/token/r'\nkv = 1", "identity/oidc/token/r", "identity"),
        ("path = 'cubbyhole/mine'", "cubbyhole/mine", "cubbyhole"),
        ("path = 'au%74h/token/lookup-self'\nkv = 1", "au%74h/token/lookup-self", "auth"),
        ("path = 'x%2Fauth/token/lookup-self'\nkv = 1", "x%2Fauth/token/lookup-self", "auth"),
        ("path = 'x\\auth/token/lookup-self'\nkv = 1", "x\\auth/token/lookup-self", "auth"),
    ] {
        let vault = vault.clone().project(&format!("{text}\n[set]\nPGPASSWORD = '{{id}}'"));
        vault.fails(&format!(
            "vault-exec: read {path}: `{segment}` is refused in a path or mount of a project file that --config did \
             not name\n{hint}\n"
        ));
    }
    for (text, path) in [
        ("set = ['A={auth/token/lookup-self#id}']", "auth/token/lookup-self"),
        ("file = ['A={/v1/auth/token/lookup-self@1#id}']", "auth/token/lookup-self"),
        ("set = ['A={token/lookup-self#id}']\nmount = 'auth'", "auth/token/lookup-self"),
        ("set = ['A={x/auth/token/lookup-self#id}']\nkv = 1", "x/auth/token/lookup-self"),
    ] {
        vault.clone().project(text).fails(&format!(
            "vault-exec: read {path}: `auth` is refused in a path or mount of a project file that --config did not \
             name\n{hint}\n"
        ));
    }
    let mount = vault.clone().project("mount = 'auth'").args(["--set", "A={token/lookup-self#id}"]);
    mount.run(["env"]).exits(125).stdout_is("");
    assert_eq!(vault.requests(), [""; 0]);
    let dots = vault.clone().project("path = 'x/../auth/token/lookup-self'\nkv = 1");
    dots.project_fails(
        ":1: path",
        "`x/../auth/token/lookup-self`: expected a path without empty, `.` or `..` segments",
    );
    // The mount that the server reports decides about a nested path.
    vault.clone().project("path = 'team/auth/token/lookup-self'").run(["env"]).exits(125).stdout_is("");
    assert!(vault.requests().iter().all(|request| !request.contains(" team/auth/")), "{:?}", vault.requests());
    // The path is the user's, the mount is not.
    let mount = vault.clone().project("mount = 'auth'\nkv = 1").args(["--path", "token/lookup-self"]);
    mount.fails(&format!(
        "vault-exec: read auth/token/lookup-self: `auth` is refused in a path or mount of a project file that --config \
         did not name\n{hint}\n"
    ));
    // What the user asks for is read, also beside a found file, and so is what a named file asks for.
    let own = vault.clone().project("kv = 1\nonly = 'display_name'").args(["--path", "auth/token/lookup-self"]);
    own.environ().has("DISPLAY_NAME", "token");
    let own = vault.clone().project("kv = 1\nset = ['A={auth/token/lookup-self#display_name}']\nexplicit = true");
    own.run(["env"]).exits(125).stdout_is("");
    own.args(["--set", "B={auth/token/lookup-self#path}"]).environ().has("B", "auth/token/create").lacks("A");
    let named = vault.file(NAME, "path = 'auth/token/lookup-self'\nkv = 1\nonly = 'display_name'");
    named.args(["--config", NAME]).environ().has("DISPLAY_NAME", "token");
}

#[test]
fn any_segment_may_follow_the_data_of_kv_v2() {
    for name in ["auth", "sys/app", "team/identity", "cubbyhole"] {
        let vault = TestVault::kv2().secret(name, [("user", "me")]);
        vault.clone().project(&format!("path = '{{kv}}/{name}'\n")).environ().has("USER", "me");
        vault.project(&format!("path = '{name}'\nmount = '{{kv}}'\nkv = 2")).environ().has("USER", "me");
    }
    let vault = TestVault::kv1().secret("auth", [("user", "me")]).project("path = '{kv}/auth'");
    vault.run(["env"]).exits(125).stdout_is("");
    // A token that may read the secret may also look its mount up.
    let vault = TestVault::kv2().secret("app/auth", [("user", "me")]).project("path = '{kv}/app/auth'");
    let vault = vault.token_with_policy(r#"path "{kv}/data/app/auth" { capabilities = ["read"] }"#);
    vault.environ().has("USER", "me");
    let other = vault.token_with_policy(r#"path "elsewhere" { capabilities = ["read"] }"#);
    assert!(other.run(["env"]).exits(125).stdout_is("").stderr.contains(": `auth` is refused in a path"));
}

/// In a namespace of this name, what follows it is a mount.
#[test]
fn a_namespace_called_data_is_not_the_data_of_kv_v2() {
    let namespace = Api::shared().in_namespace("of-data").in_namespace("data");
    namespace.post("sys/mounts/secret", &json!({"type": "kv", "options": {"version": "2"}}));
    let vault = vault().recorded();
    for text in [
        "path = 'of-data/cubbyhole/x'",
        "path = 'of-data/data/cubbyhole/x'",
        "path = 'of-data/cubbyhole/x'\nkv = 2",
        "optional-path = 'of-data/sys/mounts'",
        "path = 'cubbyhole/x'\nmount = 'of-data'",
        "path = 'cubbyhole/x'\nmount = 'of-data'\nkv = 2",
        "path = 'cubbyhole/x'\nmount = 'of-data/data'",
        "path = '{kv}/app'\n[set]\nA = '{of-data/cubbyhole/x#a}'",
    ] {
        let outcome = vault.clone().project(text).run(["env"]).exits(125).stdout_is("");
        assert!(text.contains("[set]") || outcome.stderr.contains("` is refused in a path or mount"), "{outcome}");
    }
    let is_harmless =
        |request: &String| ["GET sys/internal/ui/mounts/", "GET kv2-"].iter().any(|own| request.starts_with(own));
    assert!(vault.requests().iter().all(is_harmless), "{:?}", vault.requests());
}

/// Starts a copy of vault-exec as another user, in a directory of the home.
pub(crate) fn as_somebody(vault: TestVault, uid: u32, directory: &str) -> TestVault {
    requires_root("this test starts vault-exec as another user");
    let script = format!(
        r#"set -e; cp "$1" "$HOME/vault-exec-copy"; chmod 755 "$HOME/vault-exec-copy"; shift
           cd {directory}; exec setpriv --reuid={uid} --clear-groups "$HOME/vault-exec-copy" "$@""#
    );
    vault.under_sh(&script)
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn a_directory_without_search_permission_has_no_project_file() {
    let vault = vault().path("app");
    fs::create_dir(vault.fill("{home}/closed")).unwrap();
    fs::write(vault.fill("{home}/closed/.vault-exec.toml"), "path = \"other\"").unwrap();
    fs::set_permissions(vault.fill("{home}/closed"), fs::Permissions::from_mode(0o700)).unwrap();
    as_somebody(vault, 65534, "closed").environ().has("USER", "me");
}
