//! The report of `--check`.

use std::fs;

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::vault::{Outcome, TestVault};

/// Values that no output may contain, nor their lengths, which differ from all other numbers.
const CANARY: &str = "canary-of-nineteen!";
const OTHER: &str = "another-canary-of-thirty-seven-bytes!";

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

pub(super) fn text_of(outcome: &Outcome) -> String {
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
fn silent_about_values(outcome: &Outcome) {
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
    let absent = format!("{table}{}\nproblem: `psql` was not found\nhint: PATH is /nowhere:/none\n", rest("1"));
    path.checks_with(&["psql", "-c", "select 1"], 125, &absent).stderr_is("");
    let refused = "problem: {home}/.file cannot be executed: permission denied\n\
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
\nproblem: --on-conflict error: PASSWORD already in the environment
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
\nproblem: read {kv}/closed: permission denied (403)
hint: a policy of the token must contain

path \"{kv}/data/closed\" {
  capabilities = [\"read\"]
}

problem: read {kv}/absent: no such secret
hint: `vault kv list {kv}` lists the secrets; --optional-path allows it to be missing

warning: --set A: column 8: unknown key `pasword`, perhaps only because of a problem above
hint: did you mean `password`?

problem: `nothing` was not found
hint: PATH is /nowhere

warning: --require: not set or empty: NEEDED, A, perhaps only because of a problem above
hint: add the keys to a secret that --path names, or set the variables
";
    let outcome = vault.clone().env("PATH", "/nowhere").args(["--check"]).run(["nothing"]).exits(125).stderr_is("");
    let shown = text_of(&outcome);
    let (table, told) = shown.split_once("problems  3\nwarnings  2\n").unwrap_or_else(|| panic!("{outcome}"));
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
fn the_json_report_has_these_fields() {
    let vault = app().secret("over", [("user", CANARY)]).path("over").env("PASSWORD", OTHER);
    let vault = vault.args(["--set", "URL=x{user}", "--file", "F={password}"]);
    let outcome = vault.clone().args(["--check", "--format=json"]).run(["sh"]).exits(0).stderr_is("");
    silent_about_values(&outcome);
    let told: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let kv = vault.fill("{kv}");
    let key = |name: &str, path: &str, key: &str, outcome: &str, by: Value| {
        json!({"name": name, "source": "key", "path": format!("{kv}/{path}"), "key": key, "version": 1,
               "outcome": outcome, "by": by})
    };
    let composed = |name: &str, source: &str| {
        json!({"name": name, "source": source, "path": null, "key": null, "version": null,
               "outcome": "set", "by": null})
    };
    let mut variables = told["variables"].as_array().unwrap().clone();
    variables.sort_by_key(ToString::to_string);
    let mut expected = vec![
        key("PASSWORD", "app", "password", "replaces_inherited", Value::Null),
        key("USER", "over", "user", "set", Value::Null),
        key("USER", "app", "user", "overridden", json!(format!("{kv}/over#user @1"))),
        composed("URL", "set"),
        composed("F", "file"),
    ];
    expected.sort_by_key(ToString::to_string);
    assert_eq!(variables, expected);
    let mut rest = told.as_object().unwrap().clone();
    rest.remove("variables");
    assert!(rest.remove("memory_locked").unwrap().is_boolean());
    assert!(rest["program"].as_str().unwrap().ends_with("/sh"));
    rest.remove("program");
    let expected = json!({
        "ok": true, "server": vault.fill("{addr}"), "trust": "any server, over plain HTTP",
        "login": "token from VAULT_TOKEN", "token": {"ttl": null, "policies": ["root"]}, "problems": [],
        "project_file": null,
        "warnings": []
    });
    assert_eq!(Value::from(rest), expected);
}

#[test]
fn the_json_report_contains_the_problems() {
    let told = app().path("absent").args(["--on-conflict", "env"]).env("USER", "me").json(125);
    assert_eq!(told["ok"], false);
    assert_eq!(told["program"], Value::Null);
    assert!(told["variables"].as_array().unwrap().iter().any(|variable| variable["outcome"] == "kept_inherited"));
    let [problem] = told["problems"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert!(text(&problem["message"]).ends_with("/absent: no such secret"));
    assert!(text(&problem["hint"]).contains("--optional-path"));
    assert_eq!(problem.as_object().unwrap().len(), 2);
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
    let problem = "\nproblem: read secret/app: http://127.0.0.1:1: connection refused; gave up after 1 attempt (--attempts)\n\
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
fn a_key_to_skip_that_no_path_holds_is_reported() {
    let vault = app().args(["--skip", "pasword", "--only", "user"]);
    let warning = "\nwarning: --skip pasword: not found in any secret\nhint: did you mean `password`?\n";
    let table = "USER      {kv}/app#user @1\n\n";
    vault.checks(0, &format!("{table}{}warnings  1\n{warning}", rest("none")));
    let outcome = vault.clone().args(["-v"]).run(["true"]).exits(0);
    assert!(outcome.untimed_stderr().contains("vault-exec: --skip pasword: not found in any secret\n"), "{outcome}");
    vault.run(["true"]).exits(0).stderr_is("");
}

#[test]
fn check_has_no_variable() {
    app().env("VAULT_EXEC_CHECK", "true").run(["echo", "started"]).exits(0).stdout_is("started\n");
}

#[test]
fn format_needs_check() {
    app().args(["--format", "json"]).fails("vault-exec: --format requires --check\n");
    app().args(["--check", "--format", "xml"]).alone_fails("vault-exec: --format: `xml`: expected text or json\n");
    let vault = app().args(["--check"]).env("VAULT_EXEC_FORMAT", "json");
    let outcome = vault.run(["echo", "the program was started"]).exits(0).stderr_is("");
    assert!(outcome.stdout.starts_with(b"{\n"), "{outcome}");
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
    let problem = "\nproblem: {kv}/odd: key `a\\nproblems  none` is null\n\
                   hint: give it a value (\"\" is one), or leave it out with --skip\n";
    null.checks(125, &format!("{}{problem}", rest("1")));
}
