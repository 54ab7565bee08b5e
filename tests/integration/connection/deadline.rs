//! `--timeout` bounds everything, and nothing that the network sends is read without a limit.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use serde_json::{Value, json};

use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;

/// Fails long before the default timeout of a minute.
#[track_caller]
fn fails_soon(vault: &TestVault, stderr: &str) {
    let start = Instant::now();
    vault.clone().under(["timeout", "--signal=KILL", "30"]).fails(stderr);
    assert!(start.elapsed() < Duration::from_secs(20), "it took {:?}", start.elapsed());
}

const UNREADABLE: &str = "hint: check that it exists and that the user of vault-exec can read it\n";

#[test]
fn a_project_file_that_nobody_writes_is_not_waited_for() {
    let pipe = new_dir("pipe").join("config");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let pipe = pipe.to_str().unwrap();
    let message = format!(
        "vault-exec: --config: {pipe}: no data in time (--timeout)\n\
         hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none\n"
    );
    fails_soon(&TestVault::bare().args(["--config", pipe, "--timeout", "500ms"]), &message);
    fails_soon(&TestVault::bare().args(["--config", pipe]).env("VAULT_EXEC_TIMEOUT", "500ms"), &message);
}

#[test]
fn a_project_file_may_come_from_a_pipe() {
    let fake = FakeServer::answering([Reply::secret(&[("a", CANARY)])]);
    let vault = TestVault::bare().env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    let script = r#"{ sleep 0.3; echo 'path = ["secret/app"]'; } | "$@" --config /dev/stdin -- printenv A"#;
    vault.under_sh(script).alone().exits(0).stdout_is(format!("{CANARY}\n")).stderr_is("");
}

#[test]
fn the_timeout_of_a_project_file_counts_from_the_start() {
    let fake = FakeServer::answering([Reply::status(503)]);
    let vault = fake.unwatched_vault().file("slow.toml", "timeout = \"500ms\"\n").args(["--config", "slow.toml"]);
    let outcome = vault.run(["true"]).exits(125);
    assert!(outcome.stderr.contains("; gave up after 500ms (--timeout)\n"), "{outcome}");
}

#[test]
fn reading_a_directory_of_certificates_ends_with_the_timeout() {
    let certificates = new_dir("certificates");
    for number in 0..500 {
        fs::write(certificates.join(number.to_string()), "no certificate").unwrap();
    }
    let directory = certificates.to_str().unwrap();
    let vault = TestVault::bare().env("VAULT_ADDR", "https://127.0.0.1:1").env("VAULT_TOKEN", TOKEN);
    let vault = vault.args(["--path", "secret/app", "--ca-path", directory, "--timeout", "1ms"]);
    fails_soon(&vault, &format!("vault-exec: --ca-path: {directory}: no data in time (--timeout)\n{UNREADABLE}"));
}

#[test]
fn the_revocation_ends_with_the_timeout() {
    let fake = FakeServer::handling(None, |request| match request.target() {
        "/v1/auth/approle/login" => {
            Reply::answer(200, json!({"auth": {"client_token": TOKEN, "token_type": "service"}}).to_string())
        }
        "/v1/auth/token/revoke-self" => Reply::silence(),
        _ => {
            thread::sleep(Duration::from_millis(1200));
            Reply::secret(&[("a", CANARY)])
        }
    });
    let vault = fake.unwatched_vault().without("VAULT_TOKEN").env("VAULT_ROLE_ID", "r").env("VAULT_SECRET_ID", "s");
    let vault = vault.args(["--auth", "approle", "--timeout", "1500ms", "--log-format", "json"]);
    let outcome = vault.run(["true"]).exits(0);
    let line: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    assert!(line["message"].as_str().unwrap().ends_with("stays valid until it expires: no response in time"), "{line}");
    // With a second of its own, the revocation would end after 2.2 s.
    assert!(line["elapsed_us"].as_u64().unwrap() < 2_100_000, "{line}");
}

/// A proxy that neither refuses nor connects.
#[test]
fn the_response_of_a_proxy_to_connect_is_limited() {
    let hints = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", CANARY.repeat(500));
    let proxy = FakeServer::answering([Reply::endless("", &hints)]);
    let vault = TestVault::bare().env("VAULT_ADDR", "https://192.0.2.1:8200").env("VAULT_TOKEN", TOKEN);
    let vault = vault.args(["--path", "secret/app", "--proxy", &proxy.url()]);
    let message = "vault-exec: read secret/app: {addr}: the proxy: the response is larger than 8 MiB\n";
    fails_soon(&vault, message);
    assert_eq!(proxy.requests().len(), 1);
}

/// A busy connection keeps no timer from being looked at.
#[test]
fn interim_responses_without_end_do_not_outrun_the_timeout() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for address in [None, Some("https://192.0.2.1:8200")] {
        let fake = FakeServer::answering([Reply::endless("", interim)]);
        let vault = match address {
            None => fake.unwatched_vault(),
            Some(address) => fake.unwatched_vault().env("VAULT_ADDR", address).args(["--proxy", &fake.url()]),
        };
        let start = Instant::now();
        let outcome = vault.args(["--timeout", "200ms"]).run(["true"]).exits(125);
        assert!(start.elapsed() < Duration::from_millis(1500), "it took {:?}: {outcome}", start.elapsed());
        // A fast machine reads 8 MiB in less time.
        let ends = ["no response in time; gave up after 200ms", "the response is larger than 8 MiB"];
        assert!(ends.iter().any(|end| outcome.stderr.contains(end)), "{outcome}");
    }
}
