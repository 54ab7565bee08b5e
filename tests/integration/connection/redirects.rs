//! What a server, or whatever sits on its port, can do wrong: it ends in a message, never in the program, a crash, a
//! wait without end, or a word that was not for everyone.

use std::time::{Duration, Instant};

use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{CLOSED, FakeServer, Reply, UNREACHABLE};
use crate::support::tls::LoopbackTls;
use crate::support::vault::TestVault;
const NOT_HTTP: &str = "the server does not speak HTTP\nhint: is this Vault's port? The address is from VAULT_ADDR\n";
const CUT: &str = "the connection was closed before the response was complete";

fn secret() -> Reply {
    Reply::secret(&[("a", CANARY)])
}

/// Fails with this message, and no log mode prints a canary.
#[track_caller]
fn fails(vault: &TestVault, stderr: &str) {
    let start = Instant::now();
    vault.fails(stderr).assert_no_canary();
    for voice in ["text", "json"] {
        let loud = vault.clone().args(["-vv", "--log-format", voice]);
        let outcome = loud.run(["echo", "the program was started"]).exits(125).stdout_is("").assert_no_canary();
        let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert!(voice == "text" || outcome.stderr.lines().all(json), "{outcome}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
}

#[test]
fn a_server_that_is_not_http_is_an_error() {
    let fake = FakeServer::answering([Reply::silence()]).greeting(&format!("220 mail ESMTP {CANARY}\r\n"));
    let vault = fake.vault().args(["--attempts", "1"]);
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("").assert_no_canary();
    // What comes before the request has left is taken for a connection that went bad.
    let address = fake.url();
    let early =
        format!("vault-exec: read secret/app: {address}: {CUT}; gave up after 1 attempt (--attempts)\n{CLOSED}");
    let late = format!("vault-exec: read secret/app: {address}: {NOT_HTTP}");
    assert!([early, late].contains(&outcome.stderr), "{outcome}");
}

#[test]
fn a_redirect_is_followed_once_with_the_same_request() {
    for status in [301, 302, 307, 308] {
        let active = FakeServer::answering([secret()]);
        let standby = FakeServer::answering([Reply::redirect(status, &format!("{}/v1/secret/data/app", active.url()))]);
        standby.vault().env("VAULT_NAMESPACE", "team").environ().has("A", CANARY).stderr_is("");
        let [first, second] = [standby.requests(), active.requests()].map(|mut requests| {
            assert_eq!(requests.len(), 1);
            requests.remove(0)
        });
        assert_eq!(first.line, "GET /v1/secret/data/app HTTP/1.1");
        assert_eq!(second.line, first.line);
        for request in [&first, &second] {
            assert_eq!(request.header("X-Vault-Token"), Some(TOKEN));
            assert_eq!(request.header("X-Vault-Namespace"), Some("team"));
            assert_eq!(request.header("X-Vault-Request"), Some("true"));
        }
        assert_eq!(second.header("Host"), Some(active.url().trim_start_matches("http://")));
    }
}

#[test]
fn a_redirect_may_be_relative_and_have_a_query() {
    let fake = FakeServer::answering([Reply::redirect(307, "/v1/elsewhere?version=2"), secret()]);
    fake.vault().environ().has("A", CANARY).stderr_is("");
    assert_eq!(fake.requests()[1].line, "GET /v1/elsewhere?version=2 HTTP/1.1");
}

#[test]
fn a_disabled_redirect_is_reported_by_its_origin() {
    let active = FakeServer::answering([secret()]);
    let target = format!("http://user:{CANARY}@127.0.0.1:{}/{CANARY}?token={CANARY}#{CANARY}", active.port());
    let standby = FakeServer::answering([Reply::redirect(307, &target)]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: redirected to {}, but --disable-redirects is given\n\
         hint: give the address of the server that answers; this one is from VAULT_ADDR\n",
        active.url()
    );
    fails(&standby.vault().args(["--disable-redirects"]), &stderr);
    fails(&standby.vault().env("VAULT_DISABLE_REDIRECTS", "true"), &stderr);
    assert!(active.requests().is_empty());
}

#[test]
fn a_redirect_to_an_unreachable_server_is_retried() {
    let gone = FakeServer::answering([secret()]).url();
    let fake = FakeServer::answering([Reply::redirect(307, &format!("{gone}/v1/{CANARY}"))]);
    let why = format!("redirected to {gone}: connection refused");
    let stderr = format!(
        "vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n\
         vault-exec: read secret/app: {{addr}}: {why}; gave up after 2 attempts (--attempts)\n{UNREACHABLE}"
    );
    fails(&fake.vault().args(["--attempts", "2"]), &stderr);
}

#[test]
fn whether_a_redirect_is_proxied_depends_on_its_target() {
    let lines = |fake: &FakeServer| fake.requests().into_iter().map(|request| request.line).collect::<Vec<_>>();
    let proxied = "GET http://vault.test/v1/secret/data/app HTTP/1.1";

    let proxy = FakeServer::answering([secret()]);
    let standby = FakeServer::answering([Reply::redirect(307, "http://vault.test/v1/secret/data/app")]);
    standby.vault().args(["--proxy", &proxy.url()]).environ().has("A", CANARY).stderr_is("");
    assert_eq!((lines(&standby).len(), lines(&proxy)), (1, vec![proxied.to_owned()]));

    let active = FakeServer::answering([secret()]);
    let proxy = FakeServer::answering([Reply::redirect(307, &format!("{}/v1/secret/data/app", active.url()))]);
    let vault = active.vault().env("VAULT_ADDR", "http://vault.test").args(["--proxy", &proxy.url()]);
    vault.environ().has("A", CANARY).stderr_is("");
    let direct = "GET /v1/secret/data/app HTTP/1.1";
    assert_eq!((lines(&proxy), lines(&active)), (vec![proxied.to_owned()], vec![direct.to_owned()]));
}

/// Whether it is used is known only then: the address of the standby is on this machine.
#[test]
fn a_redirect_passes_no_proxy_that_cannot_be_used() {
    let standby = FakeServer::answering([Reply::redirect(307, "http://vault.test/v1/x")]).forever();
    let why = "expected the address of an HTTP proxy such as http://proxy.example.com:3128";
    fails(
        &standby.vault().args(["--proxy", "socks5://user:canary@127.0.0.1:1"]),
        &format!("vault-exec: read secret/app: {{addr}}: redirected to http://vault.test: --proxy: {why}\n"),
    );
}

#[test]
fn the_host_of_a_redirect_is_shortened() {
    let target = format!("http://{}.test", "h".repeat(4000));
    let standby = FakeServer::answering([Reply::redirect(307, &target)]);
    let shown = format!("redirected to http://{}…: {}…: ", "h".repeat(93), "h".repeat(100));
    let outcome = standby.vault().args(["--attempts", "1"]).run(["true"]).exits(125);
    assert!(outcome.stderr.contains(&shown) && outcome.stderr.len() < 600, "{outcome}");
}

#[test]
fn a_proxy_that_is_none_gets_a_hint() {
    let proxy = FakeServer::answering([Reply::raw("no HTTP\r\n\r\n")]).forever();
    let vault = proxy.vault().env("VAULT_ADDR", "https://vault.test");
    fails(
        &vault.args(["--proxy", &proxy.url()]),
        "vault-exec: read secret/app: {addr}: the proxy: the server does not speak HTTP\n\
         hint: check the scheme, the host and the port of the proxy's address\n",
    );
}

#[test]
fn a_redirect_never_leads_out_of_tls() {
    let tls = LoopbackTls::new();
    let active = FakeServer::answering([secret()]);
    let target = format!("{}/v1/{CANARY}", active.url());
    let standby = FakeServer::answering_over_tls(tls.config.clone(), [Reply::redirect(307, &target)]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: redirected to {}, but that address is not encrypted\n\
         hint: give the address of the server that answers; this one is from VAULT_ADDR\n",
        active.url()
    );
    fails(&standby.vault().env("VAULT_CACERT", &tls.ca_file), &stderr);
    assert!(active.requests().is_empty());
}

#[test]
fn a_redirect_may_lead_into_tls() {
    let tls = LoopbackTls::new();
    let active = FakeServer::answering_over_tls(tls.config.clone(), [secret()]);
    let standby = FakeServer::answering([Reply::redirect(307, &format!("{}/v1/secret/data/app", active.url()))]);
    standby.vault().env("VAULT_CACERT", &tls.ca_file).environ().has("A", CANARY).stderr_is("");
    assert_eq!(active.requests()[0].header("X-Vault-Token"), Some(TOKEN));
}
