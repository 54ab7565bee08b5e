//! `--check` does not send a write.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::openbao::ROOT;
use crate::write::pki;

const WRITE: [&str; 2] = ["--write", "pki-{kv}/issue/web?common_name=web.test&ttl=1h"];

const UNKNOWN: &str = "; not known before the start, because a check sends no --write";

#[test]
fn a_check_lists_path_and_fields_and_sends_nothing() {
    let vault = pki().with_approle(&json!({})).args(WRITE).checking();
    let outcome = vault.run(["true"]).exits(0).stderr_is("");
    let report = String::from_utf8(outcome.stdout.clone()).unwrap();
    assert!(report.contains(&vault.fill("not sent  pki-{kv}/issue/web, fields common_name, ttl\n")), "{outcome}");
    assert!(!report.contains("web.test") && report.contains("problems  none"), "{outcome}");
    assert!(vault.requests().iter().all(|request| !request.starts_with("POST pki")), "{:?}", vault.requests());

    let report: Value = serde_json::from_slice(&vault.args(["--format", "json"]).alone().exits(0).stdout).unwrap();
    let path = text(&report["writes"][0]["path"]);
    assert!(path.ends_with("/issue/web") && report["writes"][0]["fields"] == json!(["common_name", "ttl"]), "{report}");
}

#[test]
fn what_depends_on_a_write_is_not_known_before_the_start() {
    let vault = pki().env("VAULT_TOKEN", ROOT).secret("a", [("k", "v")]).path("a").args(WRITE);
    let vault = vault.args(["--set", "A={pki-{kv}/issue/web#certificate}", "--set", "B={certificate|base64}"]);
    let vault = vault.args(["--only", "certificate", "--require", "CERTIFICATE", "--skip", "ca_chain"]);
    vault.environ().stderr_is("");
    let report = vault.checking().args(["--format", "json"]).alone().exits(0).stdout;
    let report: Value = serde_json::from_slice(&report).unwrap();
    let warnings: Vec<_> =
        report["warnings"].as_array().unwrap().iter().map(|warning| text(&warning["message"])).collect();
    let expected = [
        "--set A: column 1: no secret was read at `pki-{kv}/issue/web`",
        "--set B: column 1: unknown key `certificate`",
        "--only certificate: not found in any secret",
        "--require: not set or empty: CERTIFICATE",
    ];
    assert_eq!(warnings, expected.map(|text| vault_text(&report, text) + UNKNOWN));
    assert_eq!(report["problems"], json!([]));
}

/// With the mount of the report's write.
fn vault_text(report: &Value, text_with_mount: &str) -> String {
    let path = text(&report["writes"][0]["path"]);
    text_with_mount.replace("pki-{kv}", path.split('/').next().unwrap())
}

#[test]
fn what_is_wrong_in_any_case_stays_a_problem() {
    let vault = pki().env("VAULT_TOKEN", ROOT).secret("a", json!({"k": "v", "n": null})).args(WRITE);
    let vault =
        vault.args(["--path", "{kv}/a", "--skip", "n", "--set", "A={{kv}/a#none}", "--set", "B={{kv}/a#k|json:/a}"]);
    let outcome = vault.clone().checking().run(["true"]).exits(125);
    let report = String::from_utf8_lossy(&outcome.stdout);
    assert!(report.contains("problems  2\n") && !report.contains("warnings"), "{outcome}");
    assert!(report.contains("unknown key `none`") && report.contains("B: column 1: "), "{outcome}");

    let refused =
        vault.args(["--write", "{kv}/x?a=b", "--write", "other-{kv}/x?a=b"]).checking().run(["true"]).exits(125);
    let report = String::from_utf8_lossy(&refused.stdout);
    for problem in ["write {kv}/x: --write is refused", "write other-{kv}/x: nothing was sent"] {
        assert!(report.contains(&refused.fill(&format!("\nproblem: {problem}"))), "{problem}: {refused}");
    }
}
