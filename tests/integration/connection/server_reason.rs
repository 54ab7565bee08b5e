//! The server's reason for an error is part of the message, unless it contains a secret of this start.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, NOT_READY, ODD, Reply};
use crate::support::vault::TestVault;

const LOGIN: &str = "auth/userpass/login/me@example.com";
const PASSWORD: &str = "canary/of+the password%41";

/// A call that logs in with [`PASSWORD`], and gets this answer.
fn login(reply: Reply) -> (FakeServer, TestVault) {
    let fake = FakeServer::answering([Reply::secret(&[("a", CANARY)])]).and_at(LOGIN, [reply]);
    let vault = fake.vault().without("VAULT_TOKEN").env("VAULT_PASSWORD", PASSWORD);
    let vault = vault.args(["--auth", "userpass", "--username", "me@example.com"]);
    (fake, vault)
}

/// The forms in which a reason may contain a secret, each as the reasons of one response.
fn echoes(secret: &str) -> Vec<Vec<String>> {
    let percent = |text: &str| text.bytes().map(percent_encoding::percent_encode_byte).collect::<String>();
    let pieces = |text: &str, length: usize| {
        let characters: Vec<_> = text.chars().collect();
        characters.chunks(length).map(|piece| piece.iter().collect()).collect::<Vec<String>>()
    };
    let mut echoes = vec![
        vec![format!("no such credential: {secret}")],
        vec![format!("no such credential: {}…", secret.chars().take(8).collect::<String>())],
        vec![format!("…{}", secret.chars().skip(secret.chars().count() - 8).collect::<String>())],
        vec![percent(secret)],
        vec![percent(secret).to_lowercase()],
        vec![url::form_urlencoded::byte_serialize(secret.as_bytes()).collect()],
        vec![format!("{secret:?}")],
        vec![format!("{}{secret}", "x".repeat(190))],
        vec![format!("{}{secret}", "x".repeat(300))],
        vec![format!("\x1b[2J\x1b]0;{secret}\x07")],
        pieces(secret, 4),
        pieces(&percent(secret), 5),
        pieces(&STANDARD.encode(secret), 6),
        vec![pieces(&STANDARD.encode(secret), 4).join("\r\n ")],
        vec![pieces(secret, 3).join(" | ")],
    ];
    for skipped in ["", "a", "ab"] {
        let text = format!("{skipped}{secret}");
        for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text), percent(&STANDARD.encode(&text))] {
            echoes.extend([vec![encoded.clone()], vec![format!("Basic {encoded}")], vec![encoded[4..].to_owned()]]);
        }
    }
    echoes
}

#[test]
fn a_login_answered_with_500_is_tried_three_times() {
    let reason = "failed to determine alias name from login request";
    let (fake, vault) = login(Reply::errors(500, &[reason]));
    let why = "{addr}: server error (500)";
    vault.fails(&format!(
        "vault-exec: waiting for {why} (for 1m at most)\n\
         vault-exec: log in at auth/userpass: {why}; gave up after 3 attempts; the server reports: {reason}\n{NOT_READY}"
    ));
    assert_eq!(fake.asked(), [format!("/v1/{LOGIN}"), format!("/v1/{LOGIN}"), format!("/v1/{LOGIN}")]);

    let down = r#"LDAP Result Code 200 "Network Error": dial tcp 10.0.0.1:636: connect: connection refused"#;
    let (_fake, vault) = login(Reply::errors(500, &[down]));
    vault.args(["--attempts", "1"]).fails(&format!(
        "vault-exec: log in at auth/userpass: {why}; gave up after 1 attempt (--attempts); the server reports: {down}\n\
         {NOT_READY}"
    ));
}

#[test]
fn a_login_without_an_active_node_is_retried_until_the_timeout() {
    let reason = "local node not active but active cluster node not found";
    let (fake, vault) = login(Reply::errors(500, &[reason]));
    let outcome = vault.clone().args(["--timeout", "2s"]).run(["true"]).exits(125);
    let end = format!("gave up after 2s (--timeout); the server reports: {reason}\n{NOT_READY}");
    assert!(outcome.stderr.ends_with(&end), "{outcome}");
    assert!(fake.requests().len() > 3, "{outcome}");

    let standby = || Reply::errors(500, &[reason]);
    let elected = Reply::answer(200, json!({"auth": {"client_token": TOKEN}}).to_string());
    let fake = FakeServer::answering([Reply::secret(&[("a", CANARY)])])
        .and_at(LOGIN, [standby(), standby(), standby(), standby(), elected]);
    vault.env("VAULT_ADDR", fake.url()).environ().has("A", CANARY);
}

#[test]
fn the_reason_of_a_read_is_shown() {
    let fake =
        FakeServer::answering([Reply::errors(400, &["1 error occurred:\n\t* no\x1b[2J \u{202e}way\n\n", "or so"])]);
    fake.vault().args(["--kv", "2"]).fails(&format!(
        "vault-exec: read secret/app: {{addr}}: the server answered 400 (bad request); \
         the server reports: no\\u{{1b}}[2J \\u{{202e}}way; or so\n{ODD}"
    ));
    let fake = FakeServer::answering([Reply::errors(400, &["Bad Request", "", "x".repeat(5000).as_str()])]);
    let outcome = fake.vault().args(["--kv", "2"]).run(["true"]).exits(125);
    assert!(outcome.stderr.contains(&format!("reports: {}…\n", "x".repeat(197))), "{outcome}");
}

/// Nothing of a body without `errors`, and nothing of its other fields.
#[test]
fn nothing_else_of_a_response_is_shown() {
    for body in [r#"{"error":"canary"}"#, r#"{"errors":"canary"}"#, r#"{"errors":[],"warnings":["canary"]}"#, "canary"]
    {
        let fake = FakeServer::answering([Reply::answer(400, body)]);
        let outcome = fake.vault().args(["--kv", "2", "-vv"]).run(["true"]).exits(125).assert_no_canary();
        assert!(!outcome.stderr.contains("the server reports"), "{outcome}");
    }
}

#[test]
fn a_reason_with_a_credential_is_left_out() {
    for reasons in echoes(PASSWORD) {
        let reasons: Vec<_> = reasons.iter().map(String::as_str).collect();
        let (_fake, vault) = login(Reply::errors(400, &reasons));
        let message = "vault-exec: log in at auth/userpass: the server rejected the credential (400)\n\
                       hint: check the user name and the password\n";
        vault.fails(message);
        let (_fake, vault) = login(Reply::errors(500, &reasons));
        let outcome = vault.args(["--attempts", "1", "-vv"]).run(["true"]).exits(125);
        assert!(!outcome.stderr.contains("the server reports"), "{reasons:?}: {outcome}");
    }
}

/// The credential of the login, its token, and a value that another path has returned.
#[test]
fn a_reason_with_any_secret_of_the_start_is_left_out() {
    let value = "canary: \"of\" the\nvalue é";
    for secret in [PASSWORD, TOKEN, value] {
        for reasons in echoes(secret) {
            let reasons: Vec<_> = reasons.iter().map(String::as_str).collect();
            let fake = FakeServer::answering([Reply::secret(&[("a", value)])])
                .and_at(LOGIN, [Reply::answer(200, json!({"auth": {"client_token": TOKEN}}).to_string())])
                .and_at("secret/data/b", [Reply::errors(400, &reasons)]);
            let vault = fake.vault().without("VAULT_TOKEN").env("VAULT_PASSWORD", PASSWORD);
            let vault = vault.args(["--auth", "userpass", "--username", "me@example.com", "--path", "secret/b"]);
            vault
                .args(["--kv", "2"])
                .fails(&format!("vault-exec: read secret/b: {{addr}}: the server answered 400 (bad request)\n{ODD}"));
        }
    }
}

/// Of a proxy that is only used for the target of a redirect, alone and as it is sent.
#[test]
fn a_reason_with_a_credential_of_any_proxy_is_left_out() {
    for echo in ["no.pin", "name-of-the-user", &STANDARD.encode("name-of-the-user:no.pin")] {
        for variable in ["VAULT_PROXY_ADDR", "HTTPS_PROXY"] {
            let fake = FakeServer::answering([Reply::errors(400, &[&format!("Basic {echo}")])]);
            let vault = fake.vault().env(variable, "http://name-of-the-user:no%2epin@127.0.0.1:1").args(["--kv", "2"]);
            vault
                .fails(&format!("vault-exec: read secret/app: {{addr}}: the server answered 400 (bad request)\n{ODD}"));
        }
    }
}

#[test]
fn an_invalid_token_is_not_answered_with_a_policy() {
    let reason = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
    let fake = FakeServer::answering([Reply::errors(403, &[reason])]);
    fake.vault().args(["--kv", "2"]).fails(
        "vault-exec: read secret/app: permission denied (403): the token is expired, revoked or unknown to this server; \
         the server reports: invalid token\n\
         hint: log in again, or set VAULT_TOKEN or --token-file to a valid token\n",
    );
    assert_eq!(fake.asked(), ["/v1/secret/data/app"]);
}
