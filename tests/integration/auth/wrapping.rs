//! Credentials in a response-wrapping token.

use serde_json::json;

use crate::support::api::{Api, text};
use crate::support::canary::assert_no_secrets;
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

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
    let wrapped = || Api::shared().wrapped("sys/wrapping/wrap", &json!({"password": "canary"}));
    let outcome = vault.clone().env("VAULT_SECRET_ID", wrapped());
    outcome.fails(
        "vault-exec: log in at auth/approle: unwrap the secret_id: the wrapping token contains no \
        secret_id\n",
    );
}

#[test]
fn a_wrapped_token_is_unwrapped_once() {
    let vault = TestVault::locked().args(["--unwrap-token"]);
    let api = Api::shared();
    let create = || api.wrapped("auth/token/create", &json!({"policies": [vault.fill("{kv}")]}));
    vault.clone().env("VAULT_TOKEN", create()).enters_silently();

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
    vault
        .clone()
        .env("VAULT_TOKEN", other)
        .fails("vault-exec: unwrap the token (VAULT_TOKEN): the wrapping token contains no token\n");
    vault.env("VAULT_TOKEN", ROOT).is_refused(&format!(
        "vault-exec: unwrap the token (VAULT_TOKEN): \
         the wrapping token is used up, expired or unknown to this server\n{UNWRAP_HINT}"
    ));
}

#[test]
fn an_unwrapped_token_can_be_kept() {
    let vault = TestVault::locked().args(["--unwrap-token", "--keep-token"]);
    let token = text(&vault.post("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let wrapped = Api::shared().wrapped("sys/wrapping/wrap", &json!({"token": token}));
    let outcome = vault.clone().env("VAULT_TOKEN", wrapped).environ().has("VAULT_TOKEN", &token);
    assert_no_secrets(&vault, &outcome);
}
