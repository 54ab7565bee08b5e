//! Log and error messages as text and as JSON.

use serde_json::Value;

use crate::support::openbao::ROOT;
use crate::support::vault::{Outcome, TestVault};

/// The objects of `--log-format json`, one a line.
fn lines(outcome: &Outcome) -> Vec<Value> {
    outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{outcome}"))).collect()
}

fn told(outcome: &Outcome, level: &str) -> Vec<String> {
    let of_level = lines(outcome).into_iter().filter(|line| line["level"] == level);
    of_level.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn success_is_silent() {
    for vault in TestVault::each() {
        vault.secret("a", [("k", "v")]).path("a").run(["true"]).exits(0).stderr_is("").stdout_is("");
    }
}

#[test]
fn verbose_logs_each_step() {
    let vault = TestVault::kv2().secret("a", [("k", "v"), ("both", "v")]).secret("b", [("k", "v")]);
    let vault = vault.path("a").path("b").args(["--optional-path", "{kv}/c", "-v", "--log-format", "json"]);
    let outcome = vault.env("BOTH", "env").run(["/bin/true"]).exits(0);
    let mut story = told(&outcome, "info");
    // The paths are read concurrently.
    story.sort_unstable();
    let mut expected = [
        "token from VAULT_TOKEN",
        "read {kv}/a version 1, keys: 2",
        "read {kv}/b version 1, keys: 1",
        "{kv}/c is in KV version 2",
        "read {kv}/c: missing, but optional",
        "BOTH from {kv}/a#both @1, replaces the inherited variable",
        "K from {kv}/b#k @1",
        "K from {kv}/a#k @1, not used: overridden by {kv}/b#k @1",
        "start /bin/true",
    ]
    .map(|line| outcome.fill(line));
    expected.sort_unstable();
    assert_eq!(story, expected, "{outcome}");
}

#[test]
fn the_text_log_has_times() {
    let vault = TestVault::kv1().secret("a", [("k", "v")]).path("a").args(["--kv", "1", "-v"]);
    let outcome = vault.run(["/bin/true"]).exits(0);
    let without_time = |line: &str| {
        let (time, message) = line.strip_prefix("vault-exec: [")?.split_once(" ms] ")?;
        time.parse::<f64>().ok().map(|_| message.to_owned())
    };
    let story: Vec<_> = outcome.stderr.lines().filter_map(without_time).collect();
    let expected = ["token from VAULT_TOKEN", "read {kv}/a, keys: 1", "K from {kv}/a#k", "start /bin/true"];
    assert_eq!(story, expected.map(|line| outcome.fill(line)), "{outcome}");
}

#[test]
fn twice_verbose_logs_details() {
    for (more, details) in [(["-v", "-v"], true), (["-vv", "-v"], true), (["-v", "--log-format=json"], false)] {
        let vault = TestVault::kv2().secret("a", [("k", "v")]).path("a").args(["--log-format", "json"]).args(more);
        assert_eq!(told(&vault.run(["true"]).exits(0), "debug").is_empty(), !details);
    }
    let vault = TestVault::kv2().secret("a", [("k", "v")]).path("a").env("VAULT_EXEC_LOG_FORMAT", "json");
    assert!(!told(&vault.clone().env("VAULT_EXEC_VERBOSE", "2").run(["true"]), "debug").is_empty());
    let once = vault.env("VAULT_EXEC_VERBOSE", "1").run(["true"]);
    assert!(told(&once, "debug").is_empty() && !told(&once, "info").is_empty(), "{once}");
}

#[test]
fn an_error_is_one_json_object_with_its_hint() {
    for vault in TestVault::each() {
        let outcome = vault.path("absent").args(["--log-format", "json"]).run(["true"]).exits(125);
        let [failure] = &lines(&outcome)[..] else { panic!("{outcome}") };
        assert_eq!(failure["level"], "error");
        assert_eq!(failure["message"], outcome.fill("read {kv}/absent: no such secret"));
        assert!(failure["hint"].as_str().unwrap().starts_with("`vault kv list"), "{outcome}");
        assert!(failure["elapsed_us"].is_u64(), "{outcome}");
    }
}

#[test]
fn a_usage_error_is_json_too() {
    let vault = TestVault::bare().env("VAULT_EXEC_LOG_FORMAT", "json");
    let outcome = vault.args(["--nonsense"]).alone().exits(125);
    assert_eq!(told(&outcome, "error"), ["unexpected argument '--nonsense' found"]);
    let outcome =
        TestVault::bare().args(["--log-format", "json", "--kv", "3", "--path", "a/b"]).run(["true"]).exits(125);
    assert_eq!(told(&outcome, "error"), ["--kv: `3`: expected auto, 1 or 2"]);
}

#[test]
fn no_value_and_no_token_is_in_any_output() {
    let values = [("a", "hunter2"), ("b", "correct horse"), ("1st", "battery"), ("path", "staple")];
    for vault in TestVault::each() {
        let vault = vault
            .secret("a", values)
            .secret("b", serde_json::json!({"n": 471_100_174_711_u64, "z": null}))
            .env("A", "mine");
        let vault = vault.env("BAO_JWT", "a.b.c");
        let runs: [&[&str]; 6] = [
            &["--path", "{kv}/a", "--skip", "1st", "--skip", "path"],
            &["--path", "{kv}/a"],
            &["--path", "{kv}/a", "--path", "{kv}/b", "--skip", "1st"],
            &["--path", "{kv}/b"],
            &["--path", "{kv}/a", "--only", "a", "--on-conflict", "error"],
            &["--path", "{kv}/b", "--kv", "1", "--path", "{kv}/none"],
        ];
        for format in ["text", "json"] {
            for run in runs {
                let vault = vault.clone().args(run.iter().copied()).args(["-vvv", "--log-format", format]);
                let outcome = vault.run(["true"]);
                assert!(!outcome.stderr.is_empty());
                for secret in ["hunter2", "correct", "battery", "staple", "4711001747", "mine", "a.b.c", ROOT] {
                    assert!(!outcome.stderr.contains(secret), "{secret} in {outcome}");
                }
            }
        }
    }
}

#[test]
fn no_control_character_is_printed() {
    for vault in TestVault::each() {
        vault.secret("a", [("1\u{1b}[31m\n\u{202e}", "v")]).path("a").fails(
            "vault-exec: {kv}/a: key `1\\u{1b}[31m\\n\\u{202e}` would become a name that starts with a digit\n\
             hint: give --prefix, or leave it out with --skip\n",
        );
    }
}

#[test]
fn an_unreachable_server_is_named_with_the_source_of_its_address() {
    let vault =
        TestVault::bare().args(["--path", "a/b"]).env("VAULT_TOKEN", ROOT).env("VAULT_ADDR", "http://127.0.0.1:1/");
    let message = |tries: &str| {
        format!(
            "vault-exec: read a/b: http://127.0.0.1:1: connection refused; gave up after {tries} (--attempts)\n\
             hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n"
        )
    };
    vault.clone().args(["--attempts", "1"]).fails(&message("1 attempt"));
    let waiting = "vault-exec: waiting for http://127.0.0.1:1: connection refused (for 1m at most)\n";
    vault.clone().args(["--attempts", "2"]).fails(&(waiting.to_owned() + &message("2 attempts")));
    vault.args(["--timeout", "1500ms"]).fails(
        "vault-exec: waiting for http://127.0.0.1:1: connection refused (for 1s 500ms at most)\n\
         vault-exec: read a/b: http://127.0.0.1:1: connection refused; gave up after 1s 500ms (--timeout)\n\
         hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n",
    );
}
