//! Retries, their deadline and their messages.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, NOT_READY, Reply, UNREACHABLE};
use crate::support::process::RunningProcess;
use crate::support::vault::{Outcome, TestVault};

const APP: &str = "/v1/secret/data/app";

fn secret() -> Reply {
    Reply::secret(&[("a", CANARY)])
}

/// Fails in about a second.
#[track_caller]
fn fails_soon(vault: &TestVault, stderr: &str) -> Outcome {
    let start = Instant::now();
    let outcome = vault.fails(stderr).assert_no_canary();
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    outcome
}

#[test]
fn a_server_that_starts_later_is_retried() {
    // No other test listens at this address, so that the port stays free.
    let address: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.2:0").expect("bind to the loopback");
        listener.local_addr().expect("a bound socket has an address")
    };
    let vault = TestVault::bare()
        .env("VAULT_ADDR", format!("http://{address}"))
        .env("VAULT_TOKEN", TOKEN)
        .args(["--path", "secret/app"]);
    let running = RunningProcess::start(vault.command(["printenv", "A"]));
    let waiting = format!("vault-exec: waiting for http://{address}: connection refused (for 1m at most)\n");
    running.await_stderr(&waiting);
    let _fake = FakeServer::answering_at(address, [secret()]);
    let (status, stdout, stderr) = running.wait();
    assert_eq!((status.code(), stdout.trim_end(), stderr.as_str()), (Some(0), CANARY, waiting.as_str()));
}

#[test]
fn retry_after_is_honoured() {
    let fake = FakeServer::answering([Reply::status(429).header("Retry-After", "1"), secret()]);
    fake.vault().environ().has("A", CANARY);
    let requests = fake.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_secs(1));
}

#[test]
fn a_retry_after_beyond_the_timeout_is_not_waited_for() {
    for (asked, shown) in [("100", "1m 40s"), ("3600", "1h")] {
        let fake = FakeServer::answering([Reply::status(429).header("Retry-After", asked), secret()]);
        let why = format!("too many requests, or a standby (429); the server asks to wait {shown}, --timeout is 5s");
        let stderr = format!("vault-exec: read secret/app: {{addr}}: {why}\n{NOT_READY}");
        fails_soon(&fake.vault().args(["--timeout", "5s"]), &stderr);
        assert_eq!(fake.asked(), [APP]);
    }
}

#[test]
fn an_invalid_retry_after_is_ignored() {
    let fake = FakeServer::answering([Reply::status(503).header("Retry-After", &u64::MAX.to_string()), secret()]);
    let outcome = fake.vault().run(["echo", "the program was started"]).exits(125).stdout_is("").assert_no_canary();
    assert!(outcome.stderr.contains("; the server asks to wait "), "{outcome}");

    for odd in ["99999999999999999999", "-1", "1.5", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", ""] {
        let fake = FakeServer::answering([Reply::status(503).header("Retry-After", odd), secret()]);
        fake.vault().environ().has("A", CANARY);
        assert_eq!(fake.asked(), [APP; 2], "{odd}");
    }
}

#[test]
fn attempts_limits_the_attempts() {
    let fake = FakeServer::answering([Reply::status(503)]);
    let why = "{addr}: sealed or not ready (503)";
    let stderr = format!(
        "vault-exec: waiting for {why} (for 1m at most)\n\
         vault-exec: read secret/app: {why}; gave up after 3 attempts (--attempts)\n{NOT_READY}"
    );
    fails_soon(&fake.vault().args(["--attempts", "3"]), &stderr);
    assert_eq!(fake.asked(), [APP; 3]);
}

#[test]
fn the_limits_of_vaults_own_client_apply_unless_attempts_are_given() {
    let fake = FakeServer::answering([Reply::status(503)]);
    let why = "{addr}: sealed or not ready (503)";
    let limited = |attempts: &str, source: &str, waits: bool| {
        let waiting = if waits { format!("vault-exec: waiting for {why} (for 1m at most)\n") } else { String::new() };
        format!("{waiting}vault-exec: read secret/app: {why}; gave up after {attempts} ({source})\n{NOT_READY}")
    };
    let vault = fake.vault().env("VAULT_MAX_RETRIES", "1");
    fails_soon(&vault, &limited("2 attempts", "VAULT_MAX_RETRIES", true));
    fails_soon(&vault.clone().env("BAO_MAX_RETRIES", "0"), &limited("1 attempt", "VAULT_MAX_RETRIES", false));
    fails_soon(&vault.args(["--attempts", "3"]), &limited("3 attempts", "--attempts", true));
    fake.vault()
        .env("VAULT_MAX_RETRIES", "-1")
        .fails("vault-exec: VAULT_MAX_RETRIES: `-1`: expected a number from 0\n");

    let fake = FakeServer::answering([Reply::silence()]);
    for limit in ["1", "1s", "1000ms"] {
        let vault = fake.vault().env("VAULT_CLIENT_TIMEOUT", limit).args(["--attempts", "1"]);
        let why = "no response in time; gave up after 1 attempt (--attempts)";
        fails_soon(&vault, &format!("vault-exec: read secret/app: {{addr}}: {why}\n{UNREACHABLE}"));
    }
    // It bounds one request, and none if it is 0.
    let start = Instant::now();
    let vault = fake.vault().env("VAULT_CLIENT_TIMEOUT", "0").args(["--timeout", "12s"]);
    let _ = vault.run(["true"]).exits(125);
    assert!(start.elapsed() > Duration::from_secs(11) && fake.requests().len() == 4, "{:?}", fake.requests());
    fake.vault()
        .env("VAULT_CLIENT_TIMEOUT", "soon")
        .fails("vault-exec: VAULT_CLIENT_TIMEOUT: `soon`: expected a duration such as 60s, 1m30s or 500ms\n");
}

#[test]
fn one_deadline_bounds_all_requests() {
    let paths = ["--path", "secret/b", "--path", "secret/c", "--timeout", "1s"];
    // One request uses the time up.
    let fake = FakeServer::answering([Reply::silence()]);
    let stderr = format!("{{addr}}: no response in time; gave up after 1s (--timeout)\n{UNREACHABLE}");
    let outcome =
        fails_soon(&fake.vault().args(["--timeout", "1s"]), &format!("vault-exec: read secret/app: {stderr}"));
    drop(outcome);
    let start = Instant::now();
    let outcome = fake.vault().args(paths).run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert!(outcome.stderr.ends_with(&stderr.replace("{addr}", &fake.url())), "{outcome}");
    assert!(start.elapsed() < Duration::from_secs(10));

    // A lookup of the mount has the rest of the time.
    let fake = FakeServer::answering([Reply::silence()]).and_at("secret/data/app", [Reply::status(404)]);
    fails_soon(&fake.vault().args(["--timeout", "1s"]), &format!("vault-exec: read secret/app: {stderr}"));
}

#[test]
fn the_program_never_starts_with_a_part_of_its_secrets() {
    for (failing, option) in [("b", "--path"), ("b", "--optional-path"), ("app", "--optional-path")] {
        let fake = FakeServer::answering([secret()]).and_at(&format!("secret/data/{failing}"), [Reply::status(503)]);
        let why = "{addr}: sealed or not ready (503)";
        let stderr = format!(
            "vault-exec: waiting for {why} (for 1m at most)\n\
             vault-exec: read secret/{failing}: {why}; gave up after 2 attempts (--attempts)\n{NOT_READY}"
        );
        fails_soon(&fake.vault().args([option, "secret/b", "--attempts", "2"]), &stderr);
    }
}

#[test]
fn an_optional_path_hides_only_absence() {
    let fake = FakeServer::answering([secret()]).and_at("secret/data/b", [Reply::status(404)]);
    fake.vault().args(["--optional-path", "secret/b", "--kv", "2"]).environ().has("A", CANARY).stderr_is("");

    let fake = FakeServer::answering([secret()])
        .and_at("secret/data/b", [Reply::status(403)])
        .and_at("auth/token/lookup-self", [Reply::answer(200, "{}")]);
    let stanza =
        "hint: a policy of the token must contain\n\npath \"secret/data/b\" {\n  capabilities = [\"read\"]\n}\n";
    let vault = fake.vault().args(["--optional-path", "secret/b", "--kv", "2"]);
    fails_soon(&vault, &format!("vault-exec: read secret/b: permission denied (403)\n{stanza}"));
}

#[test]
fn several_paths_report_one_wait() {
    let first = || [Reply::status(503), secret()];
    let fake = FakeServer::answering(first()).and_at("secret/data/b", first()).and_at("secret/data/c", first());
    let vault = fake.vault().args(["--path", "secret/b", "--path", "secret/c"]);
    vault
        .environ()
        .has("A", CANARY)
        .stderr_is("vault-exec: waiting for {addr}: sealed or not ready (503) (for 1m at most)\n");
    assert_eq!(fake.requests().len(), 6);
}

/// With `secret/app` four paths, the number of concurrent requests.
const OTHERS: [&str; 6] = ["--path", "secret/b", "--path", "secret/c", "--path", "secret/d"];

#[test]
fn retries_do_not_delay_a_refusal() {
    for reply in [|| Reply::status(503), Reply::silence] {
        let refusal = || Reply::answer(403, r#"{"errors":["permission denied"]}"#);
        let fake = FakeServer::answering([reply()])
            .and_at("secret/data/e", [refusal()])
            .and_at("auth/token/lookup-self", [refusal()]);
        let start = Instant::now();
        let vault = fake.vault().args(["--kv=2", "--timeout=20s"]).args(OTHERS).args(["--path", "secret/e"]);
        let outcome = vault.env("VAULT_CLIENT_TIMEOUT", "3s").run(["true"]).exits(125).assert_no_canary();
        assert!(outcome.stderr.contains("read secret/e: permission denied (403)"), "{outcome}");
        // They are not repeated, but their errors are reported.
        let others = "read secret/app, secret/b, secret/c, secret/d: ";
        assert!(outcome.stderr.contains(others), "{outcome}");
        assert!(outcome.stderr.contains("; gave up because another path failed"), "{outcome}");
        assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    }
}

/// However late its response comes, and whatever a server asks another request to wait for.
#[test]
fn a_slow_path_that_fails_is_reported() {
    let fake = FakeServer::handling(None, |request| match request.target() {
        "/v1/secret/data/b" => {
            thread::sleep(Duration::from_millis(1500));
            Reply::status(404)
        }
        "/v1/secret/data/c" => Reply::status(503).header("Retry-After", "30"),
        "/v1/secret/data/app" => Reply::status(400),
        _ => Reply::status(403),
    });
    let start = Instant::now();
    let vault = fake.vault().args(["--kv=2", "--path", "secret/b", "--path", "secret/c"]);
    let outcome = vault.run(["true"]).exits(125).assert_no_canary();
    assert!(outcome.stderr.contains(": the server answered 400"), "{outcome}");
    assert!(outcome.stderr.contains("read secret/b: no such secret"), "{outcome}");
    let stopped =
        format!("read secret/c: {}: sealed or not ready (503); gave up because another path failed\n", fake.url());
    assert!(outcome.stderr.contains(&stopped), "{outcome}");
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
}

#[test]
fn a_check_requests_every_path() {
    let fake = FakeServer::answering([Reply::status(503)]);
    let fake =
        ["e", "f", "g", "h"].iter().fold(fake, |fake, path| fake.and_at(&format!("secret/data/{path}"), [secret()]));
    let healthy = ["--path=secret/e", "--path=secret/f", "--path=secret/g", "--path=secret/h"];
    let vault = fake.vault().args(["--kv=2", "--timeout=3s", "--check"]).args(OTHERS).args(healthy);
    let outcome = vault.alone().exits(125).assert_no_canary();
    let table = String::from_utf8_lossy(&outcome.stdout);
    let problem = "read secret/app, secret/b, secret/c, secret/d: ";
    assert!(table.contains("problems  1\n") && table.contains(problem), "{outcome}");
}
