//! What a server, or whatever sits on its port, can do wrong: it ends in a message, never in the program, a crash, a
//! wait without end, or a word that was not for everyone.

use std::process::Command;
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::bed::Bed;
use crate::fake_vault::{CANARY, Discreet, FakeVault, ODD, Reply, TOKEN, UNREACHABLE, secret_body};

const NOT_VAULT: &str =
    "the server answered 200, but not as Vault does\nhint: is this Vault's address? It is from VAULT_ADDR\n";
const NOT_HTTP: &str = "the server does not speak HTTP\nhint: is this Vault's port? The address is from VAULT_ADDR\n";
const TOO_LARGE: &str = "the answer is larger than 8 MiB\nhint: spread the secret over several paths\n";
const CUT: &str = "the connection was closed before the answer was complete";

fn secret() -> Reply {
    Reply::secret(&[("a", CANARY)])
}

/// A complete answer around a body, with headers of the test's own.
fn ok(headers: &str, body: &str) -> Reply {
    Reply::raw(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}"))
}

/// Fails with this text in the plain voice, and says nothing that is not for everyone in the loudest.
#[track_caller]
fn fails(bed: &Bed, stderr: &str) {
    let start = Instant::now();
    bed.fails(stderr).discreet();
    for voice in ["text", "json"] {
        let loud = bed.clone().args(["-vv", "--log-format", voice]);
        let outcome = loud.run(["echo", "the program was started"]).exits(125).stdout_is("").discreet();
        let json = |line: &str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        assert!(voice == "text" || outcome.stderr.lines().all(json), "{outcome}");
    }
    assert!(start.elapsed() < Duration::from_secs(30), "it took {:?}", start.elapsed());
}

/// The server behaves like this every time: no second try helps, and none is made.
#[track_caller]
fn ends_at_once(reply: Reply, why: &str) {
    let fake = FakeVault::answering([reply]);
    fails(&fake.bed().args(["--kv", "2"]), &format!("vault-exec: read secret/app: {{addr}}: {why}"));
    assert_eq!(fake.requests().len(), 3, "one for each voice");
}

/// It may be better the next time: one more try is made, and a good answer would have been taken.
#[track_caller]
fn is_tried_again(reply: Reply, why: &str) {
    let fake = FakeVault::answering([reply.clone()]);
    let guess = if why == "connection reset" { "; if it speaks TLS, write https://" } else { "" };
    let hint = UNREACHABLE.trim_end();
    let stderr = format!(
        "vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n\
         vault-exec: read secret/app: {{addr}}: {why}; gave up after 2 tries (--attempts)\n{hint}{guess}\n"
    );
    fails(&fake.bed().args(["--attempts", "2"]), &stderr);
    assert_eq!(fake.requests().len(), 6, "two for each voice");

    let fake = FakeVault::answering([reply, secret()]);
    fake.bed().environ().has("A", CANARY).discreet();
}

/// No answer comes to an end: the deadline does.
#[track_caller]
fn takes_too_long(reply: Reply) {
    let fake = FakeVault::answering([reply]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: no answer in time; gave up after 1s (--timeout)\n{UNREACHABLE}"
    );
    fails(&fake.bed().args(["--timeout", "1s"]), &stderr);
}

#[track_caller]
fn is_understood(reply: Reply) {
    FakeVault::answering([reply]).bed().environ().has("A", CANARY).stderr_is("");
}

#[test]
fn a_connection_closed_before_the_answer() {
    is_tried_again(Reply::closed(), CUT);
}

#[test]
fn a_connection_closed_in_the_headers() {
    is_tried_again(Reply::raw(format!("HTTP/1.1 200 OK\r\nX-Odd: {CANARY}")), CUT);
}

#[test]
fn a_connection_closed_in_the_body() {
    let body = secret_body(&[("a", CANARY)]);
    is_tried_again(ok(&format!("Content-Length: {}", body.len() + 1), &body), CUT);
}

#[test]
fn a_connection_closed_in_a_chunk() {
    is_tried_again(ok("Transfer-Encoding: chunked", &format!("ff\r\n{}", secret_body(&[("a", CANARY)]))), CUT);
}

#[test]
fn a_connection_closed_between_chunks() {
    let body = secret_body(&[("a", CANARY)]);
    is_tried_again(ok("Transfer-Encoding: chunked", &format!("{:x}\r\n{body}\r\n", body.len())), CUT);
}

#[test]
fn a_connection_that_is_reset() {
    is_tried_again(Reply::reset(), "connection reset");
}

#[test]
fn a_chunk_of_no_size() {
    ends_at_once(ok("Transfer-Encoding: chunked", &format!("{CANARY}\r\n{}", secret_body(&[("a", CANARY)]))), NOT_HTTP);
}

#[test]
fn a_server_that_accepts_and_is_silent() {
    takes_too_long(Reply::silence());
}

#[test]
fn a_server_that_falls_silent_in_the_headers() {
    takes_too_long(Reply::raw("HTTP/1.1 200 OK\r\nContent-").then_silence());
}

#[test]
fn a_server_that_falls_silent_in_the_body() {
    takes_too_long(ok("Content-Length: 100", &format!("{{\"data\": {{\"a\": \"{CANARY}")).then_silence());
}

#[test]
fn a_server_that_drips() {
    takes_too_long(secret().dripped());
}

#[test]
fn a_body_without_end() {
    ends_at_once(Reply::endless("HTTP/1.1 200 OK\r\n\r\n", CANARY), TOO_LARGE);
}

#[test]
fn a_body_of_chunks_without_end() {
    let start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    ends_at_once(Reply::endless(start, &format!("2ee0\r\n{}\r\n", CANARY.repeat(2000))), TOO_LARGE);
}

#[test]
fn a_body_that_is_announced_to_be_huge() {
    for length in [8 * 1024 * 1024 + 1, u64::MAX / 2] {
        ends_at_once(ok(&format!("Content-Length: {length}"), CANARY), TOO_LARGE);
    }
}

#[test]
fn a_body_of_the_largest_size_is_read() {
    let body = secret_body(&[("a", CANARY)]);
    let padding = " ".repeat(8 * 1024 * 1024 - body.len());
    is_understood(ok("Content-Length: 8388608", &format!("{body}{padding}")));
    ends_at_once(ok("Connection: close", &format!("{body}{padding} ")), TOO_LARGE);
}

#[test]
fn headers_without_end() {
    ends_at_once(Reply::endless("HTTP/1.1 200 OK\r\n", &format!("X-Odd: {CANARY}\r\n")), NOT_HTTP);
    ends_at_once(Reply::endless("HTTP/1.1 200 OK\r\nX-Odd: ", CANARY), NOT_HTTP);
}

#[test]
fn interim_answers_without_end() {
    let fake = FakeVault::answering([Reply::endless("", "HTTP/1.1 103 Early Hints\r\n\r\n")]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: no answer in time; gave up after 1s (--timeout)\n{UNREACHABLE}"
    );
    fails(&fake.bed().args(["--timeout", "1s"]), &stderr);
}

#[test]
fn lengths_that_are_no_lengths_or_contradict_each_other() {
    let body = secret_body(&[("a", CANARY)]);
    for headers in [
        "Content-Length: x",
        "Content-Length: -1",
        "Content-Length: 10\r\nContent-Length: 20",
        "Content-Length: 10, 20",
    ] {
        ends_at_once(ok(headers, &body), NOT_HTTP);
    }
}

#[test]
fn a_length_that_is_too_short_leaves_half_a_secret() {
    let body = secret_body(&[("a", CANARY)]);
    ends_at_once(ok(&format!("Content-Length: {}", body.len() - 1), &body), NOT_VAULT);
}

#[test]
fn something_else_on_the_port() {
    ends_at_once(Reply::raw(format!("SSH-2.0-OpenSSH_9.9 {CANARY}\r\n")), NOT_HTTP);
    ends_at_once(Reply::raw(format!("-ERR unknown command {CANARY}\r\n")), NOT_HTTP);
    // The alert by which a TLS server answers plain HTTP.
    ends_at_once(Reply::raw(b"\x15\x03\x01\x00\x02\x02\x16"), NOT_HTTP);
}

#[test]
fn something_else_on_the_port_that_speaks_first() {
    let fake = FakeVault::answering([Reply::silence()]).greeting(&format!("220 mail ESMTP {CANARY}\r\n"));
    let bed = fake.bed().args(["--attempts", "1"]);
    let outcome = bed.run(["echo", "the program was started"]).exits(125).stdout_is("").discreet();
    // What comes before the request has left is taken for a connection that went bad.
    let address = fake.url();
    let early =
        format!("vault-exec: read secret/app: {address}: {CUT}; gave up after 1 try (--attempts)\n{UNREACHABLE}");
    let late = format!("vault-exec: read secret/app: {address}: {NOT_HTTP}");
    assert!([early, late].contains(&outcome.stderr), "{outcome}");
}

#[test]
fn an_answer_that_is_not_vaults() {
    for body in [
        format!("<html>{CANARY}</html>"),
        String::new(),
        "null".into(),
        "[]".into(),
        format!("\"{CANARY}\""),
        format!(r#"{{"data": "{CANARY}"}}"#),
        format!(r#"{{"data": {{"data": "{CANARY}", "metadata": {{"version": 1, "destroyed": false}}}}}}"#),
        format!(r#"{{"data": {{"data": {{"a": "{CANARY}"}}}}}}"#),
        format!(
            r#"{{"data": {{"data": {{"a": "{CANARY}\ud800"}}, "metadata": {{"version": 1, "destroyed": false}}}}}}"#
        ),
        format!("{} {CANARY}", secret_body(&[("a", CANARY)])),
        format!(r#"{{"data": {}"#, "[".repeat(1024 * 1024)),
        format!(r#"{{"data": {{"data": {{"a": {}"#, r#"{"a":"#.repeat(200 * 1024)),
    ] {
        ends_at_once(Reply::answer(200, body), NOT_VAULT);
    }
}

#[test]
fn a_body_that_is_not_utf8() {
    let mut body = secret_body(&[("a", CANARY)]).into_bytes();
    let end = body.iter().rposition(|&byte| byte == b'y').expect("the canary");
    body[end] = 0xff;
    ends_at_once(Reply::answer(200, body), NOT_VAULT);
}

#[test]
fn an_encoding_that_nobody_asked_for() {
    let fake =
        FakeVault::answering([Reply::answer(200, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]).header("Content-Encoding", "gzip")]);
    fails(&fake.bed().args(["--kv", "2"]), &format!("vault-exec: read secret/app: {{addr}}: {NOT_VAULT}"));
    assert!(fake.requests().iter().all(|request| request.header("Accept-Encoding").is_none()));
}

#[test]
fn an_answer_without_content() {
    ends_at_once(Reply::raw("HTTP/1.1 204 No Content\r\n\r\n"), &NOT_VAULT.replace("200", "204"));
    ends_at_once(ok("Content-Length: 0", ""), NOT_VAULT);
}

#[test]
fn a_status_that_makes_no_sense() {
    for status in ["000", "099", "1000", "abc", "-1"] {
        ends_at_once(Reply::raw(format!("HTTP/1.1 {status} {CANARY}\r\n\r\n")), NOT_HTTP);
    }
    ends_at_once(Reply::answer(999, CANARY), &NOT_VAULT.replace("200", "999"));
    ends_at_once(
        Reply::raw("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
        &NOT_VAULT.replace("200", "101"),
    );
}

#[test]
fn odd_but_legal_answers_are_understood() {
    let body = secret_body(&[("a", CANARY)]);
    let length = body.len();
    let (first, second) = body.split_at(10);
    is_understood(Reply::raw(format!("HTTP/1.0 200 OK\r\n\r\n{body}")));
    is_understood(ok("Connection: close", &body));
    is_understood(ok(&format!("Content-Length: {length}\r\nContent-Length: {length}"), &body));
    is_understood(ok(
        "Transfer-Encoding: chunked",
        &format!("a\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", length - 10),
    ));
    for interim in ["100 Continue", "103 Early Hints\r\nLink: </x>"] {
        is_understood(Reply::raw(format!(
            "HTTP/1.1 {interim}\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        )));
    }
    is_understood(Reply::raw(format!("HTTP/1.1 200\r\ncontent-length:{length}\r\n\r\n{body}")));
}

#[test]
fn errors_of_the_server_are_nobodys_to_read() {
    for status in [400, 403, 404, 405, 412, 418, 429, 500, 501, 503] {
        let fake = FakeVault::answering([Reply::status(status)]);
        for voice in ["text", "json"] {
            let bed = fake.bed().args(["--attempts", "2", "-vv", "--log-format", voice]);
            bed.run(["echo", "the program was started"]).exits(125).stdout_is("").discreet();
        }
    }
}

#[test]
fn a_redirect_is_followed_once_with_the_same_request() {
    for status in [301, 302, 307, 308] {
        let active = FakeVault::answering([secret()]);
        let standby = FakeVault::answering([Reply::redirect(status, &format!("{}/v1/secret/data/app", active.url()))]);
        standby.bed().env("VAULT_NAMESPACE", "team").environ().has("A", CANARY).stderr_is("");
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
    let fake = FakeVault::answering([Reply::redirect(307, "/v1/elsewhere?version=2"), secret()]);
    fake.bed().environ().has("A", CANARY).stderr_is("");
    assert_eq!(fake.requests()[1].line, "GET /v1/elsewhere?version=2 HTTP/1.1");
}

#[test]
fn a_redirect_to_nowhere_is_an_answer_like_any_other() {
    ends_at_once(Reply::status(307), &format!("the server answered 307 (temporary redirect)\n{ODD}"));
    ends_at_once(Reply::redirect(307, "http://["), &format!("the server answered 307 (temporary redirect)\n{ODD}"));
    ends_at_once(Reply::redirect(303, "/v1/x"), &format!("the server answered 303 (see other)\n{ODD}"));
    ends_at_once(Reply::redirect(304, "/v1/x"), &NOT_VAULT.replace("200", "304"));
}

#[test]
fn a_second_redirect_is_refused() {
    let fake = FakeVault::answering([Reply::redirect(307, &format!("/{CANARY}"))]);
    let stderr = "vault-exec: read secret/app: {addr}: redirected to {addr}, but one redirect was followed already\n\
                  hint: give the address of the active server\n";
    fails(&fake.bed(), stderr);
    assert_eq!(fake.requests().len(), 6, "two for each voice");
}

#[test]
fn a_redirect_can_be_forbidden_and_only_its_origin_is_named() {
    let active = FakeVault::answering([secret()]);
    let target = format!("http://user:{CANARY}@127.0.0.1:{}/{CANARY}?token={CANARY}#{CANARY}", active.port());
    let standby = FakeVault::answering([Reply::redirect(307, &target)]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: redirected to {}, but --disable-redirects is given\n\
         hint: give the address of the active server\n",
        active.url()
    );
    fails(&standby.bed().args(["--disable-redirects"]), &stderr);
    fails(&standby.bed().env("VAULT_DISABLE_REDIRECTS", "true"), &stderr);
    assert!(active.requests().is_empty());
}

#[test]
fn a_redirect_to_another_kind_of_address_is_refused() {
    for target in ["ftp://127.0.0.1/x", "file:///etc/passwd", "unix:///run/agent.sock", "javascript:alert(1)"] {
        let fake = FakeVault::answering([Reply::redirect(307, target)]);
        let scheme = target.split(':').next().expect("a scheme");
        let why = format!("redirected to {scheme}:, but that is neither https:// nor http://");
        let stderr =
            format!("vault-exec: read secret/app: {{addr}}: {why}\nhint: give the address of the active server\n");
        fails(&fake.bed(), &stderr);
    }
}

#[test]
fn a_redirect_to_a_server_that_is_not_there_is_waited_for() {
    let gone = FakeVault::answering([secret()]).url();
    let fake = FakeVault::answering([Reply::redirect(307, &format!("{gone}/v1/{CANARY}"))]);
    let why = format!("redirected to {gone}: connection refused");
    let stderr = format!(
        "vault-exec: waiting for {{addr}}: {why} (for 1m at most)\n\
         vault-exec: read secret/app: {{addr}}: {why}; gave up after 2 tries (--attempts)\n{UNREACHABLE}"
    );
    fails(&fake.bed().args(["--attempts", "2"]), &stderr);
}

/// A certificate for the loopback, the key to it, and the file to trust it by.
pub(crate) struct Certificate {
    pub(crate) file: String,
    key: String,
}

impl Certificate {
    pub(crate) fn new(name: &str) -> Self {
        let [file, key] = ["crt", "key"].map(|end| format!("{}/{name}.{end}", env!("CARGO_TARGET_TMPDIR")));
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=fake", "-addext", "subjectAltName=IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-config", "/dev/null"])
            .args(["-out", &file, "-keyout", &key])
            .output()
            .expect("openssl makes the certificate");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { file, key }
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from_pem_file(&self.file).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_file(&self.key).expect("a key");
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().expect("protocol versions");
        builder.with_no_client_auth().with_single_cert(chain, key).expect("the key fits")
    }
}

#[test]
fn a_redirect_never_leads_out_of_tls() {
    let certificate = Certificate::new("out-of-tls");
    let active = FakeVault::answering([secret()]);
    let target = format!("{}/v1/{CANARY}", active.url());
    let standby = FakeVault::answering_over_tls(certificate.config(), [Reply::redirect(307, &target)]);
    let stderr = format!(
        "vault-exec: read secret/app: {{addr}}: redirected to {}, but it does not protect what is sent there\n\
         hint: give the address of the active server\n",
        active.url()
    );
    fails(&standby.bed().env("VAULT_CACERT", &certificate.file), &stderr);
    assert!(active.requests().is_empty());
}

#[test]
fn a_redirect_may_lead_into_tls() {
    let certificate = Certificate::new("into-tls");
    let active = FakeVault::answering_over_tls(certificate.config(), [secret()]);
    let standby = FakeVault::answering([Reply::redirect(307, &format!("{}/v1/secret/data/app", active.url()))]);
    standby.bed().env("VAULT_CACERT", &certificate.file).environ().has("A", CANARY).stderr_is("");
    assert_eq!(active.requests()[0].header("X-Vault-Token"), Some(TOKEN));
}

#[test]
fn a_tls_server_that_goes_away_without_a_word() {
    // Where nothing says how long the answer is, only the goodbye of TLS tells a whole one from one that was cut.
    let certificate = Certificate::new("cut");
    let body = secret_body(&[("a", CANARY)]);
    let fake = FakeVault::answering_over_tls(certificate.config(), [ok("Connection: close", &body)]);
    let stderr = format!(
        "vault-exec: waiting for {{addr}}: {CUT} (for 1m at most)\n\
         vault-exec: read secret/app: {{addr}}: {CUT}; gave up after 2 tries (--attempts)\n{UNREACHABLE}"
    );
    fails(&fake.bed().args(["--attempts", "2"]).env("VAULT_CACERT", &certificate.file), &stderr);
}
