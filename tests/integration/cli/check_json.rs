//! The report of `--check` in JSON, and on `--file-dir`.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::cli::check::{CANARY, Checks as _, OTHER, app, rest, silent_about_values};
use crate::cli::project_trust::as_somebody;
use crate::support::api::text;
use crate::support::scratch::TmpfsDir;

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
        "project_file": null, "writes": [],
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
fn a_check_writes_no_file_and_reports_an_existing_one() {
    let memory = TmpfsDir::new();
    let vault = app().args(["--explicit", "--file", "A={user}", "--file", "B={password}", "--file-dir"]);
    let vault = vault.args([memory.path()]);
    vault.checks(0, &format!("A         --file\nB         --file\n\n{}", rest("none")));
    assert_eq!(memory.names(), [""; 0]);

    symlink("theirs", format!("{}/B", memory.path())).unwrap();
    let told = vault.json(125);
    let message = format!("--file B: {}/B: File exists", memory.path());
    assert_eq!(told["problems"][0]["message"], json!(message), "{told}");
    assert_eq!(memory.names(), ["B"]);

    for (wrong, why) in
        [("{home}", "not on tmpfs"), ("/dev/null", "Not a directory"), ("/none", "No such file or directory")]
    {
        let told = app().args(["--explicit", "--file", "A={user}", "--file-dir", wrong]).json(125);
        let message = text(&told["problems"][0]["message"]);
        assert!(message.starts_with("--file A: ") && message.ends_with(&format!(": {why}")), "{told}");
    }
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn a_check_reports_a_directory_without_write_permission() {
    let memory = TmpfsDir::new();
    let vault = app().args(["--explicit", "--file", "A={user}", "--file-dir", memory.path()]);
    let problem = format!(
        "\nproblem: --file A: {}/A: Permission denied\nhint: the user of vault-exec must have write permission there\n",
        memory.path()
    );
    as_somebody(vault, 65534, ".").checks(125, &format!("{}{problem}", rest("1")));
}
