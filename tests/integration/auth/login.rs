//! `AppRole`, user name and password, certificate, and which of several credentials is used.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::auth::password::userpass;
use crate::support::api::{Api, text};
use crate::support::http;
use crate::support::login::VALUE;
use crate::support::openbao::ROOT;
use crate::support::vault::{DOUBTED, TestVault};

/// Without a `secret_id`.
const FORGOTTEN: &str = "vault-exec: log in at auth/approle: the server rejected the credential (400); the server reports: \
    missing secret_id\n\
    hint: no secret_id is given, which most roles require: VAULT_SECRET_ID, --secret-id-file or VAULT_SECRET_ID_FILE; \
    otherwise check the role_id\n";

const REFUSED: &str = "vault-exec: log in at auth/approle: the server rejected the credential (400); the server reports: \
                       invalid role or secret ID\n\
                       hint: check role_id and secret_id: one that was used up or has expired is rejected like a \
                       wrong one\n";

#[test]
fn role_id_and_secret_id_log_in() {
    let vault = TestVault::locked().with_approle(&json!({}));
    vault.enters_silently();
    vault.enters();
    let one =
        ["POST auth/approle/login", "GET {kv}/data/a", "POST auth/token/revoke-self"].map(|line| vault.fill(line));
    assert_eq!(vault.requests(), [&one[..], &one[..]].concat());
}

#[test]
fn a_role_may_need_no_secret_id() {
    let vault = TestVault::locked();
    let role_id = vault.approle(&json!({"bind_secret_id": false, "token_bound_cidrs": ["127.0.0.0/8"]}));
    vault.clone().env("VAULT_ROLE_ID", &role_id).enters_silently();
    vault.args(["--role-id", &role_id]).enters();
}

#[test]
fn role_id_and_secret_id_come_from_variables_or_files_and_are_trimmed() {
    let vault = TestVault::locked();
    let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
    let vault = vault.file("role", format!("{role_id}\n")).file("secret", format!(" {secret_id}\r\n\n"));
    for role in ["VAULT_ROLE_ID_FILE", "BAO_ROLE_ID_FILE", "VAULT_EXEC_ROLE_ID_FILE"] {
        let vault = vault.clone().env(role, "{home}/role");
        vault.clone().env("VAULT_SECRET_ID", format!("{secret_id}\n")).enters();
        vault.clone().env("BAO_SECRET_ID", &secret_id).env("VAULT_SECRET_ID", "wrong").enters();
        for file in ["VAULT_SECRET_ID_FILE", "BAO_SECRET_ID_FILE", "VAULT_EXEC_SECRET_ID_FILE"] {
            vault.clone().env(file, "secret").enters_silently();
        }
        vault.args(["--secret-id-file", "{home}/secret"]).enters();
    }
    vault.clone().args(["--role-id-file", "role", "--secret-id-file", "secret"]).enters();
    for role in ["VAULT_ROLE_ID", "BAO_ROLE_ID", "VAULT_EXEC_ROLE_ID"] {
        vault.clone().env(role, format!("{role_id}\n")).env("VAULT_SECRET_ID", &secret_id).enters();
    }
}

#[test]
fn a_wrong_or_missing_role_id_or_secret_id_is_refused() {
    let vault = TestVault::locked();
    let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
    vault.clone().args(["--role-id", &role_id]).env("VAULT_SECRET_ID", "canary-of-the-credential").is_refused(REFUSED);
    vault.clone().args(["--role-id", "wrong"]).env("VAULT_SECRET_ID", &secret_id).is_refused(REFUSED);
    vault.args(["--role-id", &role_id]).is_refused(FORGOTTEN);
}

#[test]
fn a_part_of_a_credential_names_what_is_missing_unless_there_is_a_token() {
    let role_id = "a role_id: --role-id, VAULT_ROLE_ID, --role-id-file or VAULT_ROLE_ID_FILE";
    let password = "a password: VAULT_PASSWORD, --password-file or VAULT_PASSWORD_FILE";
    let jwt = "a JWT: VAULT_JWT, VAULT_ID_TOKEN (on GitLab from `id_tokens`), --jwt-file or VAULT_JWT_FILE, or on GitHub \
               Actions the permission `id-token: write`";
    for (variable, missing) in [
        ("VAULT_SECRET_ID", role_id),
        ("VAULT_SECRET_ID_FILE", role_id),
        ("VAULT_EXEC_SECRET_ID_FILE", role_id),
        ("BAO_USERNAME", password),
        ("VAULT_PASSWORD", "a user name: --username or VAULT_USERNAME"),
        ("VAULT_EXEC_ROLE", jwt),
    ] {
        let vault = TestVault::locked().env(variable, "canary-of-a-part");
        vault.is_refused(&format!("vault-exec: {variable} requires {missing}\n"));
        vault.clone().file(".vault-token", ROOT).environ().has("K", VALUE).stderr_is("");
        vault.env("VAULT_TOKEN", ROOT).environ().has("K", VALUE).stderr_is("");
    }
}

/// A `secret_id` for one use is used up by a login whose response is lost.
#[test]
fn a_refusal_after_a_lost_response_says_that_the_secret_id_may_be_used_up() {
    let lost = AtomicBool::new(false);
    let vault = TestVault::locked().with_approle(&json!({"secret_id_num_uses": 1}));
    let upstream = vault.fill("{addr}");
    let vault = vault.intercepted(move |request| {
        if !request.target().ends_with("/login") || lost.swap(true, Ordering::SeqCst) {
            return None;
        }
        let headers = [("X-Vault-Request", "true")];
        http::send(&format!("{upstream}{}", request.target()), request.method(), headers, &request.body).unwrap();
        Some((502, "<html>bad gateway</html>".into()))
    });
    vault.fails(
        "vault-exec: waiting for {addr}: server error (502) (for 1m at most)\n\
         vault-exec: log in at auth/approle: the server rejected the credential (400); an earlier attempt, whose \
         response was lost, may have used up the secret_id; the server reports: invalid role or secret ID\n\
         hint: check role_id and secret_id: one that was used up or has expired is rejected like a wrong one\n",
    );
}

#[test]
fn a_used_up_secret_id_is_refused_like_a_wrong_one() {
    let vault = TestVault::locked().with_approle(&json!({"secret_id_num_uses": 1}));
    vault.enters();
    vault.is_refused(REFUSED);
}

#[test]
fn a_damaged_or_missing_credential_is_never_sent() {
    let vault = TestVault::locked().args(["--role-id", "role"]);
    let damaged = "hint: probably corrupted on its way: write it again, on one line\n";
    let empty = "hint: set the credential, or use another source\n";
    let unprintable =
        |from: &str| format!("vault-exec: log in at auth/approle: {from}: unprintable character\n{damaged}");
    vault.clone().env("VAULT_SECRET_ID", "canary\nX-Evil: 1").is_refused(&unprintable("VAULT_SECRET_ID"));
    vault
        .clone()
        .file("secret", "canary\x07")
        .args(["--secret-id-file", "secret"])
        .is_refused(&unprintable("--secret-id-file: secret"));
    vault
        .clone()
        .env("VAULT_SECRET_ID", " \n")
        .is_refused(&format!("vault-exec: log in at auth/approle: VAULT_SECRET_ID: empty\n{empty}"));
    vault.clone().args(["--secret-id-file", "{home}/none"]).is_refused(
        "vault-exec: log in at auth/approle: --secret-id-file: {home}/none: No such file or directory\nhint: check \
         that it exists and that the user of vault-exec can read it\n",
    );
    vault
        .clone()
        .args(["--auth", "approle"])
        .env("VAULT_EXEC_ROLE_ID", "")
        .is_refused(&FORGOTTEN.replace("missing secret_id", "invalid role or secret ID"));
    let sent = vault.requests().len();
    vault.without("VAULT_EXEC_ROLE_ID").args(["--role-id", "canary\n\n x"]).is_refused(&unprintable("--role-id"));
    assert_eq!(sent, 2, "only the role that was known to nobody was sent");
}

#[test]
fn an_auth_method_may_have_another_mount() {
    let vault = TestVault::locked();
    let mount = vault.fill("corp/{kv}");
    vault.post(&format!("sys/auth/{mount}"), &json!({"type": "approle"}));
    vault.post(&format!("auth/{mount}/role/app"), &json!({"token_policies": ["{kv}"]}));
    let role_id = text(&Api::shared().get(&format!("auth/{mount}/role/app/role-id"))["data"]["role_id"]);
    let secret_id = text(&vault.post(&format!("auth/{mount}/role/app/secret-id"), &json!({}))["data"]["secret_id"]);
    let vault = vault.args(["--role-id", &role_id]).env("VAULT_SECRET_ID", secret_id);
    for form in ["corp/{kv}", "auth/corp/{kv}/", "/corp/{kv}/"] {
        vault.clone().args(["--auth-mount", form]).enters();
    }
    vault.clone().env("VAULT_EXEC_AUTH_MOUNT", "corp/{kv}").enters_silently();
    vault.clone().args(["--auth-mount", "nowhere"]).is_refused(
        "vault-exec: log in at auth/nowhere: the server rejected the credential (403)\n\
         hint: check that the method is mounted there (--auth-mount); if it is, check role_id and secret_id: one \
         that was used up or has expired is rejected like a wrong one\n",
    );
    vault.is_refused(REFUSED);
}

#[test]
fn a_login_that_requires_mfa_fails() {
    let vault = TestVault::locked();
    vault.post("sys/auth/mfa-{kv}", &json!({"type": "approle"}));
    let role = json!({"role_id": "app-{kv}", "token_policies": ["{kv}"]});
    vault.post("auth/mfa-{kv}/role/app", &role);
    let secret_id = text(&vault.post("auth/mfa-{kv}/role/app/secret-id", &json!({}))["data"]["secret_id"]);
    let accessor = text(&Api::shared().get("sys/auth")["data"][vault.fill("mfa-{kv}/")]["accessor"]);
    let method = Api::shared().post("identity/mfa/method/totp", &json!({"issuer": "test"}));
    let enforced = json!({"mfa_method_ids": [method["data"]["method_id"]], "auth_method_accessors": [accessor]});
    vault.post("identity/mfa/login-enforcement/{kv}", &enforced);
    let vault = vault.env("VAULT_ROLE_ID", "app-{kv}").env("VAULT_SECRET_ID", secret_id);
    let vault = vault.args(["--auth-mount", "mfa-{kv}"]);
    vault.is_refused(
        "vault-exec: log in at auth/mfa-{kv}: the login requires MFA, which vault-exec does not support\n\
         hint: exempt this method from login MFA, or use another one\n",
    );
    // Without a token there is nothing to read or to revoke.
    assert_eq!(vault.requests(), [vault.fill("POST auth/mfa-{kv}/login"), vault.fill("POST auth/mfa-{kv}/login")]);
}

#[test]
fn the_first_of_several_credentials_is_used() {
    let vault = userpass("me-{kv}").with_approle(&json!({}));
    let all = vault.clone().env("VAULT_USERNAME", "me-{kv}").env("VAULT_PASSWORD", "canary-of-the-password");
    let token = all.clone().env("VAULT_TOKEN", "s.canary-of-the-token");
    token.is_refused(DOUBTED);
    assert!(token.requests().iter().all(|request| !request.contains("login")), "no login while there is a token");

    let logins = |vault: &TestVault| {
        vault.exchanges().iter().filter(|exchange| exchange.request.target().contains("/login")).count()
    };
    let before = logins(&all);
    all.clone().file(".vault-token", "s.canary-of-the-token").enters();
    assert_eq!(all.requests().into_iter().filter(|request| request == "POST auth/approle/login").count(), 1);
    token.clone().args(["--auth", "userpass"]).enters();
    all.without("VAULT_ROLE_ID").enters();
    let expected = vault.fill("POST auth/userpass/login/me-{kv}");
    assert_eq!(vault.requests().into_iter().filter(|request| *request == expected).count(), 2);
    assert_eq!(logins(&vault), before + 3);
}

#[test]
fn a_named_auth_method_is_not_replaced() {
    let vault = TestVault::locked().with_approle(&json!({}));
    vault.clone().args(["--auth", "token"]).is_refused(
        "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and {home}/.vault-token does not \
         exist\n\
         hint: set VAULT_TOKEN, give a --token-file, choose an --auth method, or log in with `vault \
         login`\n",
    );
    vault
        .clone()
        .env("VAULT_TOKEN", ROOT)
        .without("VAULT_ROLE_ID")
        .args(["--auth", "approle"])
        .is_refused("vault-exec: --auth approle requires a role_id: --role-id, VAULT_ROLE_ID, --role-id-file or VAULT_ROLE_ID_FILE\n");
    vault
        .args(["--auth", "oidc"])
        .is_refused("vault-exec: --auth: `oidc`: expected token, approle, kubernetes, jwt, userpass, ldap or cert\n");
}
