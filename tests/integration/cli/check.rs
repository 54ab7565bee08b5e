//! The report of `--check`.

use std::fs;

use serde_json::{Value, json};

use crate::auth::lease::{database_users, with_database};
use crate::support::canary::assert_no_secrets;
use crate::support::login::VALUE;
use crate::support::vault::{Outcome, TestVault};
use crate::support::wait::wait_until;

/// Values that no output may contain, nor their lengths, which differ from all other numbers.
pub(super) const CANARY: &str = "canary-of-nineteen!";
pub(super) const OTHER: &str = "another-canary-of-thirty-seven-bytes!";

/// Calls with `--check`.
pub(super) trait Checks {
    #[track_caller]
    fn checks(&self, code: i32, table: &str) -> Outcome;
    #[track_caller]
    fn checks_with(&self, program: &[&str], code: i32, table: &str) -> Outcome;
    #[track_caller]
    fn json(&self, code: i32) -> Value;
}

impl Checks for TestVault {
    fn checks(&self, code: i32, table: &str) -> Outcome {
        self.checks_with(&[], code, table)
    }

    fn checks_with(&self, program: &[&str], code: i32, table: &str) -> Outcome {
        let outcome = self.clone().args(["--check"]).run(program.iter().copied()).exits(code);
        assert_eq!(text_of(&outcome), self.fill(table), "{outcome}");
        outcome
    }

    fn json(&self, code: i32) -> Value {
        let outcome = self.clone().args(["--check", "--format", "json"]).alone().exits(code);
        serde_json::from_slice(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"))
    }
}

fn text_of(outcome: &Outcome) -> String {
    let text = String::from_utf8(outcome.stdout.clone()).unwrap();
    // Whether memory can be locked depends on the machine.
    text.replace("memory    not locked: the limit is too low\n", "memory    locked\n")
}

/// The lines after the variables with a root token.
const REST: &str = "\
server    {addr}
trust     any server, over plain HTTP
login     token from VAULT_TOKEN
token     does not expire; policies root
memory    locked
";

pub(super) fn rest(problems: &str) -> String {
    format!("{REST}problems  {problems}\n")
}

/// Neither a value nor its length is anywhere.
#[track_caller]
pub(super) fn silent_about_values(outcome: &Outcome) {
    let all = format!("{}{}", String::from_utf8_lossy(&outcome.stdout), outcome.stderr);
    let all = all.replace(&outcome.fill("{kv}"), "kv");
    for canary in [CANARY, OTHER] {
        assert!(!all.contains(canary) && !all.contains(&canary[..8]), "{canary} in {outcome}");
        let length = canary.len().to_string();
        let numbers = all.split(|character: char| !character.is_ascii_digit());
        // The port may be any number, but not one of two digits.
        assert!(numbers.into_iter().all(|number| number != length), "the length of {canary} in {outcome}");
    }
}

pub(super) fn app() -> TestVault {
    TestVault::kv2().secret("app", [("user", CANARY), ("password", OTHER)]).path("app")
}

#[test]
fn the_table_of_a_usual_check_fits_a_terminal() {
    let vault = app().secret("app", [("user", CANARY), ("password", OTHER)]).args([
        "--set",
        "DATABASE_URL=postgresql://{user|url}:{password|url}@db/app",
        "--file",
        "PGPASSFILE=*:*:*:*:{password}",
    ]);
    let table = "\
PASSWORD      {kv}/app#password @2
USER          {kv}/app#user @2
DATABASE_URL  --set
PGPASSFILE    --file

";
    let outcome = vault.checks(0, &(table.to_owned() + &rest("none"))).stderr_is("");
    silent_about_values(&outcome);
    let widest = text_of(&outcome).lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{outcome}");
}

#[test]
fn a_check_looks_the_program_up_and_does_not_start_it() {
    let vault = app().args(["--only", "user"]).program("program", "#!/bin/sh\n: > \"$0.was-here\"\n");
    let table = "USER      {kv}/app#user @1\n\n";
    let there = format!("{table}program   {{home}}/program\n{}", rest("none"));
    vault.checks_with(&["{home}/program"], 0, &there).stderr_is("");
    assert!(!fs::exists(vault.fill("{home}/program.was-here")).unwrap());

    let path = vault.env("PATH", "/nowhere:/none");
    let absent = format!("{table}{}\n`psql` was not found\nhint: PATH is /nowhere:/none\n", rest("1"));
    path.checks_with(&["psql", "-c", "select 1"], 125, &absent).stderr_is("");
    let refused = "{home}/.file cannot be executed: permission denied\n\
                   hint: chmod +x it; its file system must not be mounted noexec\n";
    let path = path.file(".file", "x");
    path.checks_with(&["{home}/.file"], 125, &format!("{table}{}\n{refused}", rest("1"))).stderr_is("");
}

#[test]
fn a_check_reports_which_value_overrides_which() {
    let vault = app()
        .secret("later", [("user", CANARY)])
        .path("later")
        .args(["--set", "PASSWORD={user}"])
        .env("USER", "me")
        .env("PASSWORD", OTHER);
    let table = "\
USER      {kv}/later#user @1, replaces the inherited variable
PASSWORD  --set, replaces the inherited variable
USER      {kv}/app#user @1, not used: overridden by {kv}/later#user @1
PASSWORD  {kv}/app#password @1, not used: overridden by --set

";
    let reordered = |table: &str| {
        let mut lines: Vec<_> = table.lines().collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    let outcome = vault.clone().args(["--check"]).alone().exits(0).stderr_is("");
    assert_eq!(reordered(&text_of(&outcome)), reordered(&vault.fill(&(table.to_owned() + &rest("none")))), "{outcome}");
    silent_about_values(&outcome);

    let kept =
        "PASSWORD  {kv}/app#password @1, not used: the inherited variable is kept\nUSER      {kv}/app#user @1\n\n";
    let env = app().env("PASSWORD", CANARY).args(["--on-conflict", "env"]);
    silent_about_values(&env.checks(0, &(kept.to_owned() + &rest("none"))));

    let conflict = "\
\n--on-conflict error: PASSWORD already in the environment
hint: unset them, --skip their keys, or choose --on-conflict vault or env
";
    let error = app().env("PASSWORD", CANARY).args(["--on-conflict", "error"]);
    silent_about_values(&error.checks(125, &(kept.to_owned() + &rest("1") + conflict)));
}

#[test]
fn a_check_reports_all_problems() {
    let vault = app()
        .secret("closed", [("k", OTHER)])
        .token_with_policy(
            r#"path "{kv}/data/app" { capabilities = ["read"] } path "{kv}/data/absent" { capabilities = ["read"] }"#,
        )
        .path("closed")
        .path("absent")
        .args(["--set", "A={user}:{pasword}", "--file", "B={user}", "--require", "NEEDED", "--require", "A"]);
    let problems = "\
\nread {kv}/closed: permission denied (403)
hint: a policy of the token must contain

path \"{kv}/data/closed\" {
  capabilities = [\"read\"]
}

read {kv}/absent: no such secret
hint: `vault kv list {kv}` lists the secrets; --optional-path allows it to be missing

--set A: column 8: unknown key `pasword`
hint: did you mean `password`?

`nothing` was not found
hint: PATH is /nowhere

--require: not set or empty: NEEDED, A
hint: add the keys to a secret that --path names, or set the variables
";
    let outcome = vault.clone().env("PATH", "/nowhere").args(["--check"]).run(["nothing"]).exits(125).stderr_is("");
    let shown = text_of(&outcome);
    let (table, told) = shown.split_once("problems  5\n").unwrap_or_else(|| panic!("{outcome}"));
    let expected = "PASSWORD  {kv}/app#password @1\nUSER      {kv}/app#user @1\nB         --file\n\nserver    ";
    assert!(table.starts_with(&vault.fill(expected)), "{outcome}");
    let sorted = |text: &str| {
        let mut parts: Vec<_> = text.split("\n\n").map(|part| part.trim().to_owned()).collect();
        parts.sort_unstable();
        parts
    };
    assert_eq!(sorted(told), sorted(&vault.fill(problems)), "{outcome}");
    silent_about_values(&outcome);
}

#[test]
fn a_check_reports_an_unreachable_server() {
    let vault = TestVault::bare().env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_TOKEN", "bed-down-token").args([
        "--path",
        "secret/app",
        "--attempts",
        "1",
        "--set",
        "A={k}",
        "--require",
        "B",
    ]);
    let outcome = vault.clone().args(["--check"]).alone().exits(125);
    let table = "\
server    http://127.0.0.1:1
trust     any server, over plain HTTP
login     token from VAULT_TOKEN
";
    let shown = text_of(&outcome);
    assert!(shown.starts_with(table), "{outcome}");
    let problem = "\nread secret/app: http://127.0.0.1:1: connection refused; gave up after 1 attempt (--attempts)\n\
                   hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";
    assert!(shown.contains(problem), "{outcome}");
    let told = vault.json(125);
    assert_eq!((&told["ok"], &told["variables"], &told["token"]), (&json!(false), &json!([]), &Value::Null));
    assert!(!told["problems"].as_array().unwrap().is_empty());
    assert_eq!(told["server"], "http://127.0.0.1:1");
    let told = vault.args(["--ca-cert", "none"]).env("VAULT_ADDR", "https://127.0.0.1:1").json(125);
    assert_eq!((&told["server"], &told["trust"]), (&json!("https://127.0.0.1:1"), &Value::Null));
}

#[test]
fn a_check_names_the_project_file() {
    let vault =
        app().file(".vault-exec.toml", "only = [\"user\"]\n").file("named.toml", "only = [\"user\"]\n").trusted();
    let table = "USER      {kv}/app#user @1\n\nproject   ";
    vault.checks(0, &format!("{table}{{home}}/.vault-exec.toml\n{}", rest("none")));
    assert_eq!(vault.json(0)["project_file"], vault.fill("{home}/.vault-exec.toml"));
    vault.clone().args(["--config", "named.toml"]).checks(0, &format!("{table}named.toml\n{}", rest("none")));
    assert_eq!(vault.args(["--no-config"]).json(0)["project_file"], Value::Null);
}

#[test]
fn check_has_no_variable() {
    app().env("VAULT_EXEC_CHECK", "true").run(["echo", "started"]).exits(0).stdout_is("started\n");
}

#[test]
fn format_needs_check() {
    app()
        .args(["--format", "json"])
        .fails("vault-exec: --format requires --check\nhint: give both, or leave --format out\n");
    app().args(["--check", "--format", "xml"]).alone_fails("vault-exec: --format: `xml`: expected text or json\n");
    let vault = app().args(["--check"]).env("VAULT_EXEC_FORMAT", "json");
    let outcome = vault.run(["echo", "the program was started"]).exits(0).stderr_is("");
    assert!(outcome.stdout.starts_with(b"{\n"), "{outcome}");
}

#[test]
fn a_check_reports_its_login_and_revokes_the_token() {
    let vault = TestVault::locked_kv1().with_approle(&json!({"token_ttl": "1h"}));
    let outcome = vault.clone().args(["--check"]).alone().exits(0).stderr_is("");
    let expected = "\
K         {kv}/a#k

server    {addr}
trust     any server, over plain HTTP
login     login at auth/approle
token     expires in 1h; policies default, {kv}
memory    locked
problems  none
";
    // A second may go by between the login and the question.
    assert_eq!(text_of(&outcome).replace("59m 59s", "1h"), vault.fill(expected), "{outcome}");
    assert_no_secrets(&vault, &outcome);
    assert!(!String::from_utf8_lossy(&outcome.stdout).contains(VALUE));
    let last = "POST auth/token/revoke-self".to_owned();
    assert_eq!(vault.requests().last(), Some(&last));
    wait_until("the end of the token", || vault.token_count() == 0);

    let told = vault.json(0);
    assert!([json!(3600), json!(3599)].contains(&told["token"]["ttl"]), "{told}");
    assert_eq!(told["token"]["policies"], json!(["default", vault.fill("{kv}")]));
    assert_eq!(told["login"], "login at auth/approle");
    assert_eq!(told["variables"][0]["version"], Value::Null);

    let vault = vault.env("VAULT_SECRET_ID", "no-such-credential");
    let failed = vault.clone().args(["--check"]).alone().exits(125);
    let expected = "server    {addr}\ntrust     any server, over plain HTTP\nmemory    locked\nproblems  1\n\nlog in at auth/approle";
    assert!(text_of(&failed).starts_with(&vault.fill(expected)), "{failed}");
    let told = vault.json(125);
    assert_eq!((&told["server"], &told["login"]), (&json!(vault.fill("{addr}")), &Value::Null));
    assert_eq!(told["trust"], "any server, over plain HTTP");
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn a_check_revokes_its_leases() {
    let vault = with_database("checks", &json!({"token_ttl": "3h"}));
    let outcome = vault.clone().args(["--check"]).alone().exits(0);
    assert!(text_of(&outcome).contains(&vault.fill("\nUSERNAME  db-{kv}/creds/checks#username\n")), "{outcome}");
    wait_until("the end of the token", || vault.token_count() == 0);
    wait_until("the end of the credentials", || database_users("checks") == 0);
}

#[test]
fn a_key_cannot_forge_a_line() {
    let key = "k\nproblems  none\u{202e}\u{7f}";
    let vault = TestVault::kv2().secret("odd", json!({key: CANARY})).path("odd");
    let table = "K_PROBLEMS__NONE____  {kv}/odd#k\\nproblems  none\\u{202e}\\u{7f} @1\n\n";
    silent_about_values(&vault.checks(0, &(table.to_owned() + &rest("none"))));
    let told = vault.json(0);
    assert_eq!(told["variables"][0]["key"], key);
    let raw = vault.args(["--check", "--format", "json"]).alone();
    let text = String::from_utf8(raw.stdout).unwrap();
    assert!(text.chars().all(|character| character == '\n' || (' '..='~').contains(&character)), "{text:?}");
    let null = TestVault::kv2().secret("odd", r#"{"a\nproblems  none": null}"#).path("odd");
    let problem = "\n{kv}/odd: key `a\\nproblems  none` is null\n\
                   hint: give it a value (\"\" is one), or leave it out with --skip\n";
    null.checks(125, &format!("{}{problem}", rest("1")));
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn warnings_go_to_standard_error() {
    let vault = with_database("warns", &json!({"token_ttl": "3h"}));
    let outcome = vault.args(["--check", "--format", "json", "-v"]).alone().exits(0);
    serde_json::from_slice::<Value>(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    assert!(outcome.stderr.contains("the server revokes these values"), "{outcome}");
}
