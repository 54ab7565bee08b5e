//! Logins with a user name and a password: userpass and ldap.

use serde_json::json;

use crate::support::http::Request;
use crate::support::login::VALUE;
use crate::support::vault::TestVault;

/// A locked test vault with the user `name` of `auth/userpass`.
pub(crate) fn userpass(name: &str) -> TestVault {
    let vault = TestVault::locked();
    let user = json!({"password": "canary-of-the-password", "token_policies": ["{kv}"]});
    vault.post(&format!("auth/userpass/users/{name}"), &user);
    vault
}

#[test]
fn user_name_and_password_log_in() {
    let vault = userpass("me-{kv}");
    let password = "canary-of-the-password";
    let vault = vault.clone().file("password", format!("{password}\n")).env("VAULT_USERNAME", "me-{kv}");
    vault.clone().env("VAULT_PASSWORD", password).enters_silently();
    vault.clone().env("VAULT_PASSWORD", format!("{password}\r\n")).enters();
    vault.clone().env("VAULT_PASSWORD_FILE", "password").enters();
    vault.clone().args(["--password-file", "{home}/password"]).enters();
    vault
        .without("VAULT_USERNAME")
        .args(["--auth", "userpass", "--username", "me-{kv}", "--password-file", "password"])
        .enters();
}

#[test]
fn a_wrong_password_or_user_is_refused() {
    let vault = userpass("me-{kv}").env("VAULT_USERNAME", "me-{kv}");
    let refused = "vault-exec: log in at auth/userpass: the server rejected the credential (400); the server reports: \
                   invalid username or password\n\
                   hint: check the user name and the password\n";
    vault.clone().env("VAULT_PASSWORD", "canary").is_refused(refused);
    vault.clone().env("VAULT_USERNAME", "nobody").env("VAULT_PASSWORD", "canary").is_refused(refused);
    vault.clone().args(["--auth", "userpass"]).is_refused(
        "vault-exec: --auth userpass requires a password: VAULT_PASSWORD, --password-file or VAULT_PASSWORD_FILE\n",
    );
    vault
        .without("VAULT_USERNAME")
        .env("VAULT_PASSWORD", "canary")
        .args(["--auth", "userpass"])
        .is_refused("vault-exec: --auth userpass requires a user name: --username or VAULT_USERNAME\n");
}

#[test]
fn unusual_user_names_log_in() {
    for name in ["first.last", "a-b_c", "0"] {
        let name = format!("{{kv}}.{name}");
        userpass(&name).env("VAULT_USERNAME", &name).env("VAULT_PASSWORD", "canary-of-the-password").enters();
    }
    let vault = TestVault::locked().env("VAULT_PASSWORD", "canary-of-the-password");
    vault.env("VAULT_USERNAME", "me@example.com").is_refused(
        "vault-exec: log in at auth/userpass: the server rejected the credential (404); the server reports: unsupported path\n\
         hint: check the user name and the password\n",
    );
}

/// A server that accepts any login and has the secret, for a method that `OpenBao` does not include.
pub(crate) fn ldap() -> TestVault {
    TestVault::bare()
        .args(["--auth", "ldap", "--path", "secret/a", "--no-revoke"])
        .env("VAULT_ADDR", "http://nowhere")
        .intercepted(|request| Some(everybody_in(request)))
}

pub(crate) fn everybody_in(request: &Request) -> (u16, String) {
    let answer = if request.target().starts_with("/v1/auth/") {
        json!({"auth": {"client_token": "s.canary-of-the-token", "num_uses": 0}})
    } else {
        json!({"data": {"data": {"k": VALUE}, "metadata": {"version": 1, "destroyed": false}}})
    };
    (200, answer.to_string())
}

#[test]
fn the_ldap_request_follows_the_api_documentation() {
    let vault = ldap().env("VAULT_USERNAME", "me").env("VAULT_PASSWORD", "canary \"of\" the pass\\wörd");
    vault.enters_silently();
    vault.enters();
    let exchanges = vault.exchanges();
    let login = &exchanges[0].request;
    assert_eq!((login.method(), login.target()), ("POST", "/v1/auth/ldap/login/me"));
    assert_eq!(login.body, r#"{"password":"canary \"of\" the pass\\wörd"}"#);
    assert_eq!(login.header("X-Vault-Token"), None);
    assert_eq!(exchanges[1].request.header("X-Vault-Token"), Some("s.canary-of-the-token"));
}

#[test]
fn a_user_name_is_one_encoded_segment() {
    for (name, encoded) in [
        ("first last", "first%20last"),
        ("CORP\\me", "CORP%5Cme"),
        ("50%", "50%25"),
        ("a%2Fb", "a%252Fb"),
        ("who?x=y", "who%3Fx=y"),
        ("a#b", "a%23b"),
        ("jürgen", "j%C3%BCrgen"),
    ] {
        let vault =
            ldap().env("VAULT_USERNAME", name).env("VAULT_PASSWORD", "hunter2").args(["--auth-mount", "corp/ldap"]);
        vault.enters();
        assert_eq!(vault.exchanges()[0].request.target(), format!("/v1/auth/corp/ldap/login/{encoded}"));
    }
}

#[test]
fn a_user_name_cannot_change_the_path() {
    let vault = ldap().env("VAULT_PASSWORD", "hunter2");
    let expected = "expected a user name without control characters and empty, `.` or `..` segments";
    for name in ["../../../sys/seal", "..", ".", "a/../b", "a//b", "/a"] {
        vault.clone().args(["--username", name]).is_refused(&format!("vault-exec: --username: `{name}`: {expected}\n"));
    }
    vault
        .clone()
        .env("VAULT_USERNAME", "a\nb")
        .is_refused(&format!("vault-exec: VAULT_USERNAME: `a\\nb`: {expected}\n"));
    assert_eq!(vault.requests(), [""; 0]);
    vault.args(["--username", " corp/me\n"]).enters();
}
