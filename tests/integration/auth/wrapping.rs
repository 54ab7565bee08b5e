//! Credentials in a response-wrapping token.

use serde_json::json;

use crate::auth::password::userpass;
use crate::support::api::{Api, policy, text};
use crate::support::canary::{TOKEN, assert_no_secrets};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

const REWRAPPED: &str = "the wrapping token was not made by a request that creates such a credential\n\
    hint: someone may have unwrapped it and wrapped it again: treat its content as stolen; if its wrapping is your own, \
    permit the path of that request (creation_path in sys/wrapping/lookup) with --wrapped-by\n";

const NOTHING_IN_IT: &str = "hint: wrap the response of the request that creates it, or check --wrapped-by\n";

const UNWRAP_HINT: &str = "hint: get a new one; if this one should not have been used before, treat its content as \
    stolen\n";

#[test]
fn a_wrapped_secret_id_is_unwrapped_once() {
    let vault = TestVault::locked();
    let role_id = vault.approle(&json!({}));
    let wrapped = || Api::shared().wrapped(&vault.fill("auth/approle/role/{kv}/secret-id"), &json!({}));
    let vault = vault.clone().args(["--role-id", &role_id, "--secret-id-wrapped"]);
    vault.clone().env("VAULT_SECRET_ID", wrapped()).enters_silently();

    let vault = vault.file("wrapped", wrapped() + "\n").args(["--secret-id-file", "wrapped"]);
    vault.enters();
    vault.is_refused(&format!(
        "vault-exec: log in at auth/approle: unwrap the secret_id: \
         the wrapping token is used up, expired or unknown to this server\n{UNWRAP_HINT}"
    ));
}

#[test]
fn a_wrapping_token_without_a_secret_id_is_an_error() {
    let vault = TestVault::locked();
    let vault = vault.clone().env("VAULT_ROLE_ID", vault.approle(&json!({}))).args(["--secret-id-wrapped"]);
    let wrapped = Api::shared().wrapped("sys/wrapping/wrap", &json!({"password": "canary"}));
    vault.env("VAULT_SECRET_ID", wrapped).args(["--wrapped-by", "sys/wrapping/wrap"]).fails(&format!(
        "vault-exec: log in at auth/approle: unwrap the secret_id: the wrapping token contains no secret_id\n\
             {NOTHING_IN_IT}"
    ));
}

#[test]
fn a_wrapped_token_is_unwrapped_once() {
    let vault = TestVault::locked().args(["--unwrap-token"]);
    let api = Api::shared();
    let create = || api.wrapped("auth/token/create", &json!({"policies": [vault.fill("{kv}")]}));
    vault.clone().env("VAULT_TOKEN", create()).enters_silently();

    let vault = vault.clone().args(["--wrapped-by", "/v1/sys/wrapping/wrap"]);
    vault
        .clone()
        .env("VAULT_TOKEN", create())
        .is_refused(&format!("vault-exec: unwrap the token (VAULT_TOKEN): {REWRAPPED}"));
    let token = text(&vault.post("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let wrapped = api.wrapped("sys/wrapping/wrap", &json!({"token": token}));
    let wrapped = vault.clone().file("wrapped", wrapped + "\n").args(["--token-file", "wrapped"]);
    wrapped.enters();
    assert!(api.knows(&token), "a token that was given is not revoked, wrapped or not");
    wrapped.is_refused(&format!(
        "vault-exec: unwrap the token (--token-file: wrapped): \
         the wrapping token is used up, expired or unknown to this server\n{UNWRAP_HINT}"
    ));

    let other = api.wrapped("sys/wrapping/wrap", &json!({"password": "canary"}));
    vault.clone().env("VAULT_TOKEN", other).fails(&format!(
        "vault-exec: unwrap the token (VAULT_TOKEN): the wrapping token contains no token\n{NOTHING_IN_IT}"
    ));
    vault.env("VAULT_TOKEN", ROOT).is_refused(&format!(
        "vault-exec: unwrap the token (VAULT_TOKEN): \
         the wrapping token is used up, expired or unknown to this server\n{UNWRAP_HINT}"
    ));
}

#[test]
fn an_unwrapped_token_can_be_kept() {
    let vault = TestVault::locked().args(["--unwrap-token", "--keep-token", "--wrapped-by=sys/wrapping/wrap"]);
    let token = text(&vault.post("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let wrapped = Api::shared().wrapped("sys/wrapping/wrap", &json!({"token": token}));
    let outcome = vault.clone().env("VAULT_TOKEN", wrapped).environ().has("VAULT_TOKEN", &token);
    assert_no_secrets(&vault, &outcome);
}

#[test]
fn a_secret_id_that_was_wrapped_again_is_refused_unused() {
    let vault = TestVault::locked();
    let api = Api::shared();
    let vault = vault.clone().args(["--role-id", &vault.approle(&json!({})), "--secret-id-wrapped"]);
    let wrapped = api.wrapped("sys/wrapping/wrap", &json!({"secret_id": vault.secret_id()}));
    let vault = vault.env("VAULT_SECRET_ID", &wrapped);
    for other in ["", "secret/wrapping/wrap", "sys/wrapping/wrap/x"] {
        let vault = vault.clone().env("VAULT_EXEC_WRAPPED_BY", other);
        vault.is_refused(&format!("vault-exec: log in at auth/approle: unwrap the secret_id: {REWRAPPED}"));
    }
    assert!(vault.requests().iter().all(|request| request == "POST sys/wrapping/lookup"), "{:?}", vault.requests());
    vault.args(["--wrapped-by", "sys/wrapping/wrap"]).enters_silently();
}

/// Requests of an `AppRole` whose responses hold a `secret_id`, and one that only looks like it.
#[test]
fn a_secret_id_comes_from_its_own_mount() {
    let vault = TestVault::locked();
    let (role_id, api) = (vault.approle(&json!({})), Api::shared());
    let vault = vault.args(["--role-id", &role_id, "--secret-id-wrapped"]);
    let custom = json!({"secret_id": "canary-of-my-own-{kv}"}).to_string();
    let custom = serde_json::from_str(&vault.fill(&custom)).unwrap();
    let wrapped = api.wrapped(&vault.fill("auth/approle/role/{kv}/custom-secret-id"), &custom);
    vault.clone().env("VAULT_SECRET_ID", wrapped).enters_silently();

    // Someone who may write a custom-secret-id of this mount does the same: only the exact path keeps them out.
    let strict = vault.clone().args(["--wrapped-by", "auth/approle/role/{kv}/secret-id"]);
    let other = json!({"secret_id": vault.fill("canary-of-another-{kv}")});
    let other = api.wrapped(&vault.fill("auth/approle/role/{kv}/custom-secret-id"), &other);
    let again = strict.clone().env("VAULT_SECRET_ID", other);
    again.is_refused(&format!("vault-exec: log in at auth/approle: unwrap the secret_id: {REWRAPPED}"));
    strict
        .env("VAULT_SECRET_ID", api.wrapped(&vault.fill("auth/approle/role/{kv}/secret-id"), &json!({})))
        .enters_silently();

    // Someone with a role of their own elsewhere wraps the stolen secret_id anew.
    vault.post("sys/auth/theirs-{kv}", &json!({"type": "approle"}));
    vault.post("auth/theirs-{kv}/role/{kv}", &json!({}));
    let theirs = api.wrapped(&vault.fill("auth/theirs-{kv}/role/{kv}/custom-secret-id"), &custom);
    let vault = vault.env("VAULT_SECRET_ID", theirs);
    vault.is_refused(&format!("vault-exec: log in at auth/approle: unwrap the secret_id: {REWRAPPED}"));
}

#[test]
fn a_wrapped_token_comes_from_a_login_or_the_token_store() {
    let vault = userpass("me-{kv}").args(["--unwrap-token"]);
    let (api, policies) = (Api::shared(), json!({"policies": [vault.fill("{kv}")]}));
    vault.post("auth/token/roles/{kv}", &json!({"allowed_policies": ["{kv}"]}));
    let password = json!({"password": "canary-of-the-password"});
    for (path, body) in [
        ("auth/token/create", &policies),
        ("auth/token/create-orphan", &policies),
        ("auth/token/create/{kv}", &policies),
        ("auth/userpass/login/me-{kv}", &password),
    ] {
        vault.clone().env("VAULT_TOKEN", api.wrapped(&vault.fill(path), body)).enters_silently();
    }
    let token = text(&vault.post("auth/token/create", &policies)["auth"]["client_token"]);
    for (path, body) in [
        ("sys/wrapping/wrap", json!({"token": token})),
        ("auth/token/renew", json!({"token": token})),
        ("auth/token/lookup", json!({"token": token})),
    ] {
        let again = vault.clone().env("VAULT_TOKEN", api.wrapped(path, &body));
        again.is_refused(&format!("vault-exec: unwrap the token (VAULT_TOKEN): {REWRAPPED}"));
    }
}

#[test]
fn a_wrapping_token_in_a_namespace_is_looked_up_there() {
    let vault = TestVault::in_namespace("wrapping").secret("a", [("k", "v")]).path("a").args(["--unwrap-token"]);
    vault.post("sys/policies/acl/app", &policy("secret/data/a"));
    let wrapped = Api::shared().in_namespace("wrapping").wrapped("auth/token/create", &json!({"policies": ["app"]}));
    vault.env("VAULT_NAMESPACE", "wrapping").env("VAULT_TOKEN", wrapped).environ().has("K", "v").stderr_is("");
}

/// An unwrapping whose response is lost may have used the wrapping token up.
#[test]
fn unwrapping_is_not_repeated_once_it_was_sent() {
    let lookup = Reply::answer(200, r#"{"request_id":"1","data":{"creation_path":"auth/token/create"}}"#);
    let unwrapped = Reply::answer(200, r#"{"request_id":"1","auth":{"client_token":"hvs.canary-of-the-token"}}"#);
    let standby = Reply::answer(473, r#"{"errors":[]}"#);
    for (lost, reason) in [
        (Reply::closed(), "the connection was closed before the response was complete"),
        (Reply::reset(), "connection reset"),
        (Reply::raw("no HTTP\n"), "the server does not speak HTTP"),
        (Reply::silence(), "no response in time"),
        (Reply::answer(503, "<html>"), "sealed or not ready (503)"),
        (Reply::status(502), "server error (502)"),
        (Reply::answer(200, "<html>"), "the response (200) is not in Vault's format"),
        (Reply::answer(200, r#"{"request_id":"1","auth":{"client"#), "the response (200) is not in Vault's format"),
        (Reply::answer(200, r#"{"request_id":"1"}"#), "the response (200) is not in Vault's format"),
        (
            Reply::answer(200, r#"{"request_id":"1","auth":{"client_token":{"a":1}}}"#),
            "the response (200) is not in Vault's format",
        ),
        (Reply::answer(204, ""), "the response (204) has no data"),
        (Reply::answer(401, "<html>"), "the response (401) is not in Vault's format"),
        (Reply::answer(404, "{}"), "the response (404) is not in Vault's format"),
        (Reply::answer(408, ""), "the response (408) is not in Vault's format"),
    ] {
        let fake = FakeServer::answering([Reply::secret(&[("a", "1")])])
            .and_at("sys/wrapping/lookup", [Reply::status(502), lookup.clone()])
            .and_at("sys/wrapping/unwrap", [standby.clone(), lost, unwrapped.clone()]);
        let vault = fake.vault().args(["--unwrap-token"]).env("VAULT_CLIENT_TIMEOUT", "1s");
        let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
        let expected = vault.fill(&format!(
            "vault-exec: unwrap the token (VAULT_TOKEN): {{addr}}: {reason}; the wrapping token may be used up\n\
             hint: get a new one and start again; the credential in this one stays valid until it expires or is \
             revoked\n"
        ));
        assert!(outcome.stderr.ends_with(&expected), "{outcome}");
        assert!(!outcome.stderr.contains("stolen") && !outcome.stderr.contains(TOKEN), "{outcome}");
        assert_eq!(fake.asked().iter().filter(|path| *path == "/v1/sys/wrapping/unwrap").count(), 2, "{outcome}");
    }
}

/// The server would be asked with no token, or with something that is none.
#[test]
fn a_credential_of_the_server_is_a_text_that_is_not_empty() {
    let lookup =
        |path: &str| Reply::answer(200, format!(r#"{{"request_id":"1","data":{{"creation_path":"{path}"}}}}"#));
    let fake = FakeServer::answering([Reply::secret(&[("a", "1")])])
        .and_at("sys/wrapping/lookup", [lookup("auth/token/create")])
        .and_at("sys/wrapping/unwrap", [Reply::answer(200, r#"{"request_id":"1","auth":{"client_token":""}}"#)]);
    fake.vault().args(["--unwrap-token"]).fails(&format!(
        "vault-exec: unwrap the token (VAULT_TOKEN): the wrapping token contains no token\n{NOTHING_IN_IT}"
    ));

    for token in [r#"{"a":"hvs.canary"}"#.to_owned(), "1".into(), "null".into(), format!("\"{}\"", "x".repeat(65536))] {
        let login = Reply::answer(200, format!(r#"{{"request_id":"1","auth":{{"client_token":{token}}}}}"#));
        let fake = FakeServer::answering([Reply::secret(&[("a", "1")])]).and_at("auth/userpass/login/me", [login]);
        let vault = fake.vault().without("VAULT_TOKEN").env("VAULT_PASSWORD", "canary-of-the-password");
        vault.args(["--auth", "userpass", "--username", "me"]).fails(
            "vault-exec: log in at auth/userpass: {addr}: the response (200) is not in Vault's format\n\
             hint: is this Vault's address? It is from VAULT_ADDR\n",
        );
        assert_eq!(fake.asked(), ["/v1/auth/userpass/login/me"]);
    }
}
