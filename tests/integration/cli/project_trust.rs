//! What a project file may set, and who may have written it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::project::{APP, NAME, NO_PATH, Projects, vault};
use crate::support::openbao::ROOT;
use crate::support::process::requires_root;
use crate::support::vault::TestVault;

/// Keys that say where credentials go, what is proven with them or what runs, with a value each.
const REFUSED: [(&str, &str); 28] = [
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
];

#[test]
fn a_found_project_file_cannot_set_where_credentials_go() {
    let vault = vault().recorded();
    for (key, value) in REFUSED {
        let text = format!("path = \"{{kv}}/app\"\n{key} = {value}\n");
        let vault = vault.clone().project(&text);
        vault.project_fails(
            ":2:1",
            &format!(
                "`{key}` is refused in a project file that --config did not name\n\
                 hint: if you trust the file, name it with --config; otherwise give the option yourself, or --no-config"
            ),
        );
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

#[test]
fn a_found_project_file_sets_no_dangerous_name() {
    let hint = "hint: if you trust the file, name it with --config; otherwise give the option yourself, or --no-config";
    let message = |name: &str| {
        format!(
            "{name}, which can make a program run code, is refused in a project file that --config did not name\n{hint}"
        )
    };
    for (text, place, name) in [
        ("[set]\nA = \"x\"\nLD_PRELOAD = \"./evil.so\"", ":3:1", "LD_PRELOAD"),
        ("[file]\nBASH_ENV = \"id\"", ":2:1", "BASH_ENV"),
        ("set.PATH = \".\"", ":1:5", "PATH"),
        ("set = [\"A=x\", \"LD_PRELOAD=./evil.so\"]", ":1:16", "LD_PRELOAD"),
        ("set = \"PATH=.:/bin\"", ":1:8", "PATH"),
        ("file = [\"BASH_ENV=id\"]", ":1:10", "BASH_ENV"),
        ("file = \"ENV=id\"", ":1:9", "ENV"),
    ] {
        vault().path("app").project(text).project_fails(place, &message(name));
    }
    let named = vault().path("app").project("[set]\nGIT_PAGER = 'x'\nPS1 = 'y'").args(["--config", NAME]);
    named.environ().has("GIT_PAGER", "x").has("PS1", "y");
}

#[test]
fn a_project_file_that_others_may_write_is_refused() {
    let vault = vault().project(APP);
    let path = vault.fill("{home}/.vault-exec.toml");
    let mode = |mode| fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let hint = ", or name it with --config if you trust it";
    for open in [0o664, 0o646, 0o666, 0o620] {
        mode(open);
        vault.project_fails("", &format!("writable by other users\nhint: chmod go-w it{hint}"));
        vault.clone().args(["--config", NAME]).environ().has("USER", "me");
    }
    mode(0o644);
    vault.environ().has("USER", "me");
}

#[test]
#[ignore = "root: changes the owner of a file"]
fn a_project_file_of_another_user_is_refused() {
    requires_root("this test changes the owner of a file");
    let vault = vault().project(APP);
    let path = vault.fill("{home}/.vault-exec.toml");
    let hint = ", or name it with --config if you trust it";
    chown(&path, Some(65534), None).unwrap();
    vault.project_fails("", &format!("owned by another user\nhint: chown it{hint}"));
    vault.clone().at("{home}/below").project_fails("", &format!("owned by another user\nhint: chown it{hint}"));
    vault.clone().args(["--config", NAME]).environ().has("USER", "me");
    // A link is as good as what it leads to.
    let link = vault.clone().at("{home}/linked");
    fs::create_dir_all(vault.fill("{home}/linked")).unwrap();
    symlink(&path, vault.fill("{home}/linked/.vault-exec.toml")).unwrap();
    link.fails(&format!("vault-exec: {{home}}/linked/.vault-exec.toml: owned by another user\nhint: chown it{hint}\n"));
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
fn a_project_file_may_be_owned_by_root_or_the_user() {
    let vault = vault().project(APP);
    let path = vault.fill("{home}/.vault-exec.toml");
    as_somebody(vault.clone(), 65534, ".").environ().has("USER", "me");
    chown(&path, Some(65534), None).unwrap();
    as_somebody(vault.clone(), 65534, ".").environ().has("USER", "me");
    let hint = "hint: chown it, or name it with --config if you trust it";
    as_somebody(vault.clone(), 65533, ".").project_fails("", &format!("owned by another user\n{hint}"));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let readable =
        "hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none";
    as_somebody(vault.clone(), 65533, ".").project_fails("", &format!("Permission denied\n{readable}"));
    as_somebody(vault.args(["--no-config"]), 65533, ".").fails(NO_PATH);
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
