//! What a check does to the server and the machine, and that it leaves nothing behind.

use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::auth::lease::{database_users, with_database};
use crate::cli::check::{Checks, app, rest, text_of};
use crate::cli::project_trust::as_somebody;
use crate::support::api::text;
use crate::support::canary::assert_no_secrets;
use crate::support::login::VALUE;
use crate::support::scratch::TmpfsDir;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

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
    // Seconds may go by between the login and the question.
    let told = text_of(&outcome);
    let (_, life) = told.split_once("token     expires in ").unwrap_or_else(|| panic!("{outcome}"));
    let (life, _) = life.split_once(';').unwrap_or_else(|| panic!("{outcome}"));
    assert!(life == "1h" || life.starts_with("59m"), "{outcome}");
    assert_eq!(told.replacen(life, "1h", 1), vault.fill(expected), "{outcome}");
    assert_no_secrets(&vault, &outcome);
    assert!(!String::from_utf8_lossy(&outcome.stdout).contains(VALUE));
    let last = "POST auth/token/revoke-self".to_owned();
    assert_eq!(vault.requests().last(), Some(&last));
    wait_until("the end of the token", || vault.token_count() == 0);

    let told = vault.json(0);
    assert!((3540..=3600).contains(&told["token"]["ttl"].as_u64().unwrap()), "{told}");
    assert_eq!(told["token"]["policies"], json!(["default", vault.fill("{kv}")]));
    assert_eq!(told["login"], "login at auth/approle");
    assert_eq!(told["variables"][0]["version"], Value::Null);

    let vault = vault.env("VAULT_SECRET_ID", "no-such-credential");
    let failed = vault.clone().args(["--check"]).alone().exits(125);
    let expected = "server    {addr}\ntrust     any server, over plain HTTP\nmemory    locked\nproblems  1\n\nproblem: log in at auth/approle";
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

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn warnings_go_to_standard_error() {
    let vault = with_database("warns", &json!({"token_ttl": "3h"}));
    let outcome = vault.args(["--check", "--format", "json", "-v"]).alone().exits(0);
    serde_json::from_slice::<Value>(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    assert!(outcome.stderr.contains("the server revokes these values"), "{outcome}");
}
