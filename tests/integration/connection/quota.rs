//! Rate-limit quotas of a real server.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::openbao::{OpenBao, ROOT};
use crate::support::vault::TestVault;

/// A server that accepts `rate` requests to `secret/` per `interval` seconds.
fn limited(rate: u32, interval: u32, headers: bool) -> (OpenBao, TestVault) {
    let server = OpenBao::start(&[]);
    let api = server.api();
    api.write_secret("a", &json!({"k": "v"}));
    api.post("sys/quotas/config", &json!({"enable_rate_limit_response_headers": headers}));
    api.post("sys/quotas/rate-limit/tests", &json!({"path": "secret/", "rate": rate, "interval": interval}));
    let vault =
        TestVault::bare().env("VAULT_ADDR", server.origin()).env("VAULT_TOKEN", ROOT).args(["--path", "secret/a"]);
    (server, vault)
}

fn works(vault: &TestVault, stderr: &str) -> Duration {
    let start = Instant::now();
    vault.environ().has("K", "v").stderr_is(stderr);
    start.elapsed()
}

const WHY: &str = "{addr}: too many requests, or a standby (429)";
const REASON: &str = "; the server reports: request path \"secret/data/a\": rate limit quota exceeded";

#[test]
fn a_rate_limit_is_retried() {
    let (_server, vault) = limited(1, 2, false);
    works(&vault, "");
    let took = works(&vault, &format!("vault-exec: waiting for {WHY} (for 1m at most)\n"));
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn retry_after_of_a_rate_limit_is_honoured() {
    let (_server, vault) = limited(1, 3, true);
    works(&vault, "");
    let start = Instant::now();
    let loud = vault.args(["-vv"]).environ().has("K", "v");
    assert!(start.elapsed() > Duration::from_secs(1), "{loud}");
    // The server truncates to seconds, so that the second attempt may still be too early.
    let milliseconds = |line: &str| line.split(['[', '.']).nth(1)?.parse::<u64>().ok();
    let tries: Vec<_> = loud.stderr.lines().filter(|line| line.contains(": 429 after ")).collect();
    let times: Vec<_> = tries.iter().filter_map(|line| milliseconds(line)).collect();
    assert!(!times.is_empty() && times.windows(2).take(1).all(|pair| pair[1] - pair[0] >= 1000), "{times:?} {loud}");
}

#[test]
fn a_rate_limit_beyond_the_timeout_is_an_error() {
    let (_server, vault) = limited(1, 3600, false);
    works(&vault, "");
    let hint = "hint: see `vault status` and the server's log; the address is from VAULT_ADDR\n";
    vault.clone().args(["--timeout", "1s"]).fails(&format!(
        "vault-exec: waiting for {WHY} (for 1s at most)\n\
         vault-exec: read secret/a: {WHY}; gave up after 1s (--timeout){REASON}\n{hint}"
    ));
    vault.args(["--attempts", "2"]).fails(&format!(
        "vault-exec: waiting for {WHY} (for 1m at most)\n\
         vault-exec: read secret/a: {WHY}; gave up after 2 attempts (--attempts){REASON}\n{hint}"
    ));
}

#[test]
fn a_retry_after_beyond_the_timeout_is_an_error_at_once() {
    let (_server, vault) = limited(1, 3600, true);
    works(&vault, "");
    let start = Instant::now();
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let (start, rest) = outcome.stderr.split_once("; the server asks to wait ").expect(&outcome.stderr);
    assert_eq!(start, vault.fill(&format!("vault-exec: read secret/a: {WHY}")));
    let (asked, end) = rest.split_once(", --timeout is ").expect(rest);
    // A second or two of the hour have passed.
    assert!(asked == "1h" || asked.starts_with("59m"), "{outcome}");
    let hint = "hint: see `vault status` and the server's log; the address is from VAULT_ADDR\n";
    assert_eq!(end, format!("1m{REASON}\n{hint}"));
}
