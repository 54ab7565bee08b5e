//! The project file: where it is found, its syntax and its values.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::auth::lease::POSTGRES;
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

pub(super) const NAME: &str = ".vault-exec.toml";
pub(super) const NO_PATH: &str = "vault-exec: no path to read\n\
                       hint: give --path secret/app, set VAULT_EXEC_PATH, write it into .vault-exec.toml, or \
                       name it in a template\n";

/// With a secret `app`, and one `other`.
pub(super) fn vault() -> TestVault {
    TestVault::kv2().secret("app", [("user", "me"), ("password", "p")]).secret("other", [("k", "v")])
}

pub(super) trait Projects {
    fn project(self, text: &str) -> Self;
    fn at(self, directory: &str) -> Self;
    #[track_caller]
    fn project_fails(&self, place: &str, message: &str);
    #[track_caller]
    fn trust_fails(&self, place: &str, message: &str);
}

impl Projects for TestVault {
    /// Has a trusted project file at home, where vault-exec is called.
    fn project(self, text: &str) -> Self {
        let text = self.fill(text);
        self.file(NAME, text).trusted()
    }

    /// Calls vault-exec in a directory, made if it is not there yet.
    fn at(self, directory: &str) -> Self {
        let directory = self.fill(directory);
        self.under_sh(&format!(r#"mkdir -p '{directory}' && cd '{directory}' && exec "$@""#))
    }

    /// Fails with a message about the file at home.
    fn project_fails(&self, place: &str, message: &str) {
        self.fails(&format!("vault-exec: {{home}}/{NAME}{place}: {message}\n"));
    }

    /// The same of `--trust`.
    fn trust_fails(&self, place: &str, message: &str) {
        self.with_only("--trust").alone_fails(&format!("vault-exec: {{home}}/{NAME}{place}: {message}\n"));
    }
}

pub(super) const APP: &str = "path = \"{kv}/app\"\n";

#[test]
fn a_project_file_is_found_in_the_working_directory_or_a_parent() {
    let vault = vault().project(APP);
    vault.environ().has("USER", "me").stderr_is("");
    vault.clone().at("{home}/a/b/c").environ().has("USER", "me");
    let outcome = vault.clone().at("{home}/a/b/c").args(["-v"]).environ();
    assert!(outcome.stderr.contains(&vault.fill("] project file {home}/.vault-exec.toml\n")), "{outcome}");
    // The nearest alone counts.
    fs::write(vault.fill("{home}/a/.vault-exec.toml"), vault.fill("path = \"{kv}/other\"")).unwrap();
    vault.clone().at("{home}/a/b/c").trusted().environ().has("K", "v").lacks("USER");
    // An empty file is used, too.
    fs::write(vault.fill("{home}/a/b/.vault-exec.toml"), "").unwrap();
    vault.at("{home}/a/b/c").trusted().fails(NO_PATH);
}

#[test]
fn the_search_for_a_project_file_ends_at_the_home_directory() {
    let vault = vault().env("XDG_STATE_HOME", "{home}/state").project(APP);
    vault.clone().env("HOME", "{home}/user").at("{home}/user/a").fails(NO_PATH);
    vault.clone().env("HOME", "{home}/user/").at("{home}/user").fails(NO_PATH);
    vault.clone().env("HOME", "{home}/user/a").at("{home}/user").environ().has("USER", "me");
    vault.clone().env("HOME", "").at("{home}/user").environ().has("USER", "me");
    vault.clone().without("HOME").at("{home}/user").environ().has("USER", "me");
    // The working directory has no links in its name, a home may.
    symlink(vault.fill("{home}/user"), vault.fill("{home}/link")).unwrap();
    vault.env("HOME", "{home}/link").at("{home}/user/a").fails(NO_PATH);
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn the_search_for_a_project_file_ends_at_a_mount() {
    let vault = vault().env("XDG_STATE_HOME", "{home}/state").project(APP).env("HOME", "/nowhere");
    fs::create_dir(vault.fill("{home}/mount")).unwrap();
    let mount = vault.fill("{home}/mount");
    let script = format!("mount -t tmpfs none {mount} && mkdir {mount}/a && cd {mount}/a");
    vault.clone().with_mounts(&script).fails(NO_PATH);
    let with_file = script.replace("cd", &format!("cp {mount}/../.vault-exec.toml {mount} && cd"));
    vault.with_mounts(&with_file).trusted().environ().has("USER", "me");
}

#[test]
fn a_deleted_working_directory_has_no_project_file() {
    let gone = vault().project(APP).under_sh(r#"mkdir gone && cd gone && rmdir ../gone && exec "$@""#);
    gone.clone().path("other").environ().has("K", "v");
    gone.fails(NO_PATH);
}

#[test]
fn config_names_a_project_file_and_no_config_ignores_it() {
    let vault = vault().project(APP);
    let other = vault.fill("path = \"{kv}/other\"");
    let vault = vault.file("other.toml", other);
    vault.clone().args(["--config", "other.toml"]).environ().has("K", "v").lacks("USER");
    vault
        .clone()
        .env("VAULT_EXEC_CONFIG", "{home}/other.toml")
        .at("/")
        .environ()
        .has("K", "v")
        .lacks("VAULT_EXEC_CONFIG");
    vault.clone().env("VAULT_EXEC_CONFIG", "none").args(["--config", "other.toml"]).environ().has("K", "v");
    vault.clone().args(["--no-config"]).fails(NO_PATH);
    vault.clone().env("VAULT_EXEC_NO_CONFIG", "1").fails(NO_PATH);
    vault
        .clone()
        .args(["--config", "other.toml", "--no-config"])
        .fails("vault-exec: --config and --no-config exclude each other\nhint: leave one of them out\n");
    vault.clone().args(["--config", "none.toml"]).fails(
        "vault-exec: --config: none.toml: No such file or directory\n\
         hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none\n",
    );
    vault.clone().args(["--config", "/dev/zero"]).fails(
        "vault-exec: --config: /dev/zero: larger than 1 MiB\n\
         hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none\n",
    );
    // As a shell's <(...) gives it.
    let piped = vault.clone().under_sh(r#"cat other.toml | "$@""#).args(["--config", "/dev/stdin"]);
    piped.environ().has("K", "v");
}

#[test]
fn options_win_over_variables_and_variables_over_the_project_file() {
    let vault = vault().project(
        "path = [\"{kv}/app\", \"{kv}/other\"]\nprefix = \"FILE_\"\nonly = [\"user\", \"k\"]\n\
         explicit = true\n[set]\nA = \"{user}\"\n",
    );
    vault.environ().has("A", "me").lacks("FILE_USER");
    let vault = vault.env("VAULT_EXEC_EXPLICIT", "false");
    vault.environ().has("FILE_USER", "me").has("FILE_K", "v");
    let variable = vault.env("VAULT_EXEC_PREFIX", "VARIABLE_").env("VAULT_EXEC_ONLY", "password");
    variable.environ().has("VARIABLE_PASSWORD", "p").lacks("VARIABLE_K");
    let typed = variable.clone().args(["--prefix", "TYPED_", "--only", "user", "--only", "password"]);
    typed.environ().has("TYPED_USER", "me").has("TYPED_PASSWORD", "p").lacks("TYPED_K");
}

#[test]
fn paths_of_the_command_line_win_over_those_of_the_project_file() {
    let vault = vault().secret("mine", [("user", "typed")]).project("path = \"{kv}/app\"");
    vault.args(["--optional-path", "{kv}/mine"]).environ().has("USER", "typed").has("PASSWORD", "p");
}

#[test]
fn set_and_file_may_be_tables_or_lists() {
    let table = "\u{feff}# Windows\r\npath = '''{kv}/app'''\r\nexplicit = true\r\ncase = \"upper\"\r\n\
                 [set]\r\nPGUSER = \"{user}\"\r\nPGHOST = \"db\"\r\n[file]\r\nF = '{password}'\r\n";
    let list = "path = [\"{kv}/app\"]\nexplicit = true\ncase = \"upper\"\n\
                set = [\"PGUSER={user}\", \"PGHOST=db\"]\nfile = \"F={password}\"\n";
    for text in [table, list] {
        let vault = vault();
        // The templates have braces of their own.
        let text = text.replace("{kv}", &vault.fill("{kv}"));
        let script = r#"printf '%s ' "$PGUSER" "$PGHOST" "$(cat "$F")" "$(stat -Lc %a "$F")" "${PASSWORD-unset}""#;
        let vault = vault.file(NAME, text).trusted();
        vault.run(["sh", "-c", script]).exits(0).stdout_is("me db p 400 unset ").stderr_is("");
    }
}

#[test]
fn syntax_errors_have_line_and_column() {
    let fails = |text: &str, place: &str, message: &str| vault().file(NAME, text).trust_fails(place, message);
    let lists = "hint: the keys are the options of vault-exec --help, without the --";
    fails("\n  pth = 1", ":2:3", "unknown key `pth`\nhint: did you mean `path`?");
    fails("zzzzzz = 1", ":1:1", &format!("unknown key `zzzzzz`\n{lists}"));
    fails("[database]\nuser = 1", ":1:2", &format!("unknown key `database`\n{lists}"));
    fails("no_revoke = true", ":1:1", "unknown key `no_revoke`\nhint: did you mean `no-revoke`?");
    fails("path = 1", ":1:8", "path: expected a string or a list of strings");
    fails("'é' = 1", ":1:2", &format!("unknown key `é`\n{lists}"));
    fails("path = [\"é/b\", 1]", ":1:16", "path: expected a list of strings");
    fails("kv = true", ":1:6", "kv: expected a string or a number");
    fails("explicit = 1", ":1:12", "explicit: expected true or false");
    fails("[set]\nA = 1", ":2:5", "set: expected a list of strings");
    let toml =
        |text: &str, place: &str, message: &str| fails(text, place, &format!("{message}\nhint: see https://toml.io"));
    toml("path = ", ":1:8", "unexpected eof encountered");
    toml("path = \"a/b\"\npath = \"c/d\"", ":2:1", "duplicate key: `path`");
    toml("path = \"a/b\" \u{1}", ":1:14", "unexpected character found: `\\u{1}`");
    toml("path = \"a/b", ":1:8", "unterminated string");
    toml("path = a/b", ":1:8", "invalid TOML value, did you mean to use a quoted string?");
    toml("é = 1", ":1:1", "unexpected character found: `é`");
}

#[test]
fn invalid_values_have_their_line() {
    let fails = |text: &str, place: &str, message: &str| {
        let vault = vault();
        let text = text.replace("{kv}", &vault.fill("{kv}"));
        vault.file(NAME, text).trusted().project_fails(place, message);
    };
    fails(
        "path = [\n  \"{kv}/app\",\n  \"x\"]",
        ":3: path",
        "`x`: expected a mount and a secret in it, such as secret/app",
    );
    fails("path = \"a/b\"\nkv = 3", ":2: kv", "`3`: expected auto, 1 or 2");
    fails(
        "path = \"a/b\"\ntimeout = \"soon\"",
        ":2: timeout",
        "`soon`: expected a duration such as 60s, 1m30s or 500ms",
    );
    fails(
        "path = \"a/b\"\n[set]\nA = \"x{k\"",
        ":3: set A",
        "column 2: unclosed {\nhint: {key} inserts a value; {{ and }} are literal braces",
    );
    fails(
        "path = \"{kv}/app\"\n[set]\nA = \"{usr}\"",
        ":3: set A",
        "column 1: unknown key `usr`\nhint: did you mean `user`?",
    );
    fails(
        "path = \"a/b\"\n[set]\n1A = \"x\"",
        ":3: set",
        "expected a variable name before the `=`: letters, digits and `_`, no digit first",
    );
    fails("path = \"a/b\"\nset = [\"A\"]", ":2: set", "expected NAME=TEMPLATE such as PGPASSWORD={postgres_password}");
}

#[test]
fn a_project_file_must_be_a_regular_file() {
    let readable =
        "hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none";
    let no_file = &format!("not a regular file\n{readable}");
    let vault = vault().path("app");
    let path = vault.fill("{home}/.vault-exec.toml");
    let made = Command::new("mkfifo").arg(&path).stdin(Stdio::null()).status().unwrap();
    assert!(made.success());
    let at_once = vault.clone().under(["timeout", "10"]);
    at_once.project_fails("", no_file);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    at_once.project_fails("", no_file);
    fs::remove_dir(&path).unwrap();
    symlink("/dev/zero", &path).unwrap();
    at_once.project_fails("", no_file);
    fs::remove_file(&path).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    at_once.project_fails("", &format!("No such device or address\n{readable}"));
    drop(socket);
    fs::remove_file(&path).unwrap();
    symlink("none", &path).unwrap();
    at_once.environ().has("USER", "me");
    fs::remove_file(&path).unwrap();
    symlink(NAME, &path).unwrap();
    at_once.project_fails("", &format!("Too many symbolic links encountered\n{readable}"));
}

#[test]
fn a_project_file_must_be_short_text() {
    let readable =
        "hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none";
    vault()
        .file(NAME, b"path = \"\xff\"")
        .project_fails("", &format!("stream did not contain valid UTF-8\n{readable}"));
    let large = "#".repeat(1024 * 1024 + 1);
    vault().file(NAME, &large).project_fails("", &format!("larger than 1 MiB\n{readable}"));
    let full = vault();
    let text = full.fill(APP);
    let padded = format!("{text}{}", "#".repeat(1024 * 1024 - text.len()));
    full.file(NAME, padded).trusted().environ().has("USER", "me");
    // Deep enough to tire a reader that calls itself.
    let nested = format!("path = {}", "[".repeat(500_000));
    let outcome = vault().file(NAME, nested).with_only("--trust").alone().stdout_is("");
    assert_eq!(outcome.status.code(), Some(125), "{}", &outcome.stderr.get(..400).unwrap_or(&outcome.stderr));
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn with_a_project_file_only_the_program_is_given() {
    POSTGRES.asks("create role laptop login password 'p@ss:/?#%'").unwrap();
    let vault = TestVault::kv2().secret("laptop", [("postgres_user", "laptop"), ("postgres_password", "p@ss:/?#%")]);
    let project = format!(
        "# How this project reaches its database.\n\
         path = [\"{}/laptop\"]\n\
         explicit = true\n\n\
         [set]\n\
         PGHOST = \"127.0.0.1\"\n\
         PGPORT = \"{}\"\n\
         PGDATABASE = \"postgres\"\n\
         PGUSER = \"{{postgres_user}}\"\n\
         PGPASSWORD = \"{{postgres_password}}\"\n",
        vault.fill("{kv}"),
        POSTGRES.port
    );
    fs::create_dir(vault.fill("{home}/project")).unwrap();
    fs::write(vault.fill("{home}/project/.vault-exec.toml"), project).unwrap();
    let vault = vault.without("VAULT_TOKEN").file(".vault-token", ROOT).at("{home}/project/src").trusted();
    let psql = vault
        .clone()
        .stdin("\\conninfo\n\\pset tuples_only\nselect current_user;\n")
        .run(["psql"])
        .exits(0)
        .stderr_is("");
    let told = String::from_utf8_lossy(&psql.stdout);
    assert!(told.contains("as user \"laptop\" on host \"127.0.0.1\"") && told.contains("\n laptop\n"), "{psql}");
    vault.clone().environ().has("PGPASSWORD", "p@ss:/?#%").lacks("POSTGRES_PASSWORD").lacks("VAULT_TOKEN");

    let checked = vault.clone().args(["--check"]).run(["psql"]).exits(0).stderr_is("");
    let table = String::from_utf8_lossy(&checked.stdout);
    assert!(table.starts_with("PGDATABASE  --set\nPGHOST      --set\n"), "{checked}");
    assert!(table.contains(&vault.fill("project   {home}/project/.vault-exec.toml\n")), "{checked}");
    assert!(table.contains("login     token from ") && table.contains("/.vault-token\n"), "{checked}");
}
