//! `AppRole`, user name and password, certificate, and which of several credentials is used.

use std::fs;

use serde_json::json;

use crate::support::api::{Api, Authority, Door, Request, VALUE, discreet, policy, text};
use crate::support::vault::{DOUBTED, ROOT, Server, TestVault, free_port, new_dir};

const REFUSED: &str = "vault-exec: log in at auth/approle: the server refused the credential (400)\n\
                       hint: check role_id and secret_id: one that was used up or has expired is refused like a wrong one\n";

const UNWRAP_HINT: &str = "hint: get a new one; if nobody should have used this one, treat what it held as stolen\n";

#[test]
fn a_role_and_its_secret_are_enough() {
    let vault = TestVault::locked().with_approle(&json!({}));
    vault.enters_silently();
    vault.enters();
    let one =
        ["POST auth/approle/login", "GET {kv}/data/a", "POST auth/token/revoke-self"].map(|line| vault.fill(line));
    assert_eq!(vault.requests(), [&one[..], &one[..]].concat());
}

#[test]
fn a_role_may_need_no_secret() {
    let vault = TestVault::locked();
    let role_id = vault.approle(&json!({"bind_secret_id": false, "token_bound_cidrs": ["127.0.0.0/8"]}));
    vault.clone().env("VAULT_ROLE_ID", &role_id).enters_silently();
    vault.args(["--role-id", &role_id]).enters();
}

#[test]
fn role_and_secret_come_from_variables_or_files_and_are_trimmed() {
    let vault = TestVault::locked();
    let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
    let vault = vault.file("role", format!("{role_id}\n")).file("secret", format!(" {secret_id}\r\n\n"));
    for role in ["VAULT_ROLE_ID_FILE", "BAO_ROLE_ID_FILE"] {
        let vault = vault.clone().env(role, "{home}/role");
        vault.clone().env("VAULT_SECRET_ID", format!("{secret_id}\n")).enters();
        vault.clone().env("BAO_SECRET_ID", &secret_id).env("VAULT_SECRET_ID", "wrong").enters();
        for file in ["VAULT_SECRET_ID_FILE", "BAO_SECRET_ID_FILE", "VAULT_EXEC_SECRET_ID_FILE"] {
            vault.clone().env(file, "secret").enters_silently();
        }
        vault.args(["--secret-id-file", "{home}/secret"]).enters();
    }
    for role in ["VAULT_ROLE_ID", "BAO_ROLE_ID", "VAULT_EXEC_ROLE_ID"] {
        vault.clone().env(role, format!("{role_id}\n")).env("VAULT_SECRET_ID", &secret_id).enters();
    }
}

#[test]
fn a_secret_may_come_in_a_wrapping_that_opens_once() {
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
fn a_wrapping_that_holds_something_else_is_told() {
    let vault = TestVault::locked();
    let vault = vault.clone().env("VAULT_ROLE_ID", vault.approle(&json!({}))).args(["--secret-id-wrapped"]);
    let wrapped = || Api::shared().wrapped("sys/wrapping/wrap", &json!({"password": "canary"}));
    let outcome = vault.clone().env("VAULT_SECRET_ID", wrapped());
    outcome.fails("vault-exec: log in at auth/approle: unwrap the secret_id: no secret_id was wrapped in it\n");
}

#[test]
fn a_wrong_or_missing_role_or_secret_is_refused() {
    let vault = TestVault::locked();
    let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
    vault.clone().args(["--role-id", &role_id]).env("VAULT_SECRET_ID", "canary-of-the-secret-id").is_refused(REFUSED);
    vault.clone().args(["--role-id", "wrong"]).env("VAULT_SECRET_ID", &secret_id).is_refused(REFUSED);
    vault.args(["--role-id", &role_id]).is_refused(REFUSED);
}

#[test]
fn a_secret_that_is_used_up_is_refused_like_a_wrong_one() {
    let vault = TestVault::locked().with_approle(&json!({"secret_id_num_uses": 1}));
    vault.enters();
    vault.is_refused(REFUSED);
}

#[test]
fn a_credential_that_was_damaged_or_is_not_there_is_never_sent() {
    let vault = TestVault::locked().args(["--role-id", "role"]);
    let damaged = "hint: it was damaged on its way: write it anew, on one line\n";
    let empty = "hint: write the credential into it, or choose another one\n";
    let unprintable = |from: &str| {
        format!("vault-exec: log in at auth/approle: {from}: it holds an unprintable character\n{damaged}")
    };
    vault.clone().env("VAULT_SECRET_ID", "canary\nX-Evil: 1").is_refused(&unprintable("VAULT_SECRET_ID"));
    vault
        .clone()
        .file("secret", "canary\x07")
        .args(["--secret-id-file", "secret"])
        .is_refused(&unprintable("--secret-id-file: secret"));
    vault
        .clone()
        .env("VAULT_SECRET_ID", " \n")
        .is_refused(&format!("vault-exec: log in at auth/approle: VAULT_SECRET_ID: it is empty\n{empty}"));
    vault.clone().args(["--secret-id-file", "{home}/none"]).is_refused(
        "vault-exec: log in at auth/approle: --secret-id-file: {home}/none: No such file or directory\nhint: check that it is there, and that the user vault-exec runs as may read it\n",
    );
    vault.clone().args(["--auth", "approle"]).env("VAULT_EXEC_ROLE_ID", "").is_refused(REFUSED);
    let sent = vault.requests().len();
    vault.without("VAULT_EXEC_ROLE_ID").args(["--role-id", "canary\n\n x"]).is_refused(&unprintable("--role-id"));
    assert_eq!(sent, 2, "only the role that was known to nobody was sent");
}

#[test]
fn a_method_may_be_mounted_elsewhere() {
    let vault = TestVault::locked();
    let mount = vault.fill("corp/{kv}");
    vault.asking(&format!("sys/auth/{mount}"), &json!({"type": "approle"}));
    vault.asking(&format!("auth/{mount}/role/app"), &json!({"token_policies": ["{kv}"]}));
    let role_id = text(&Api::shared().get(&format!("auth/{mount}/role/app/role-id"))["data"]["role_id"]);
    let secret_id = text(&vault.asking(&format!("auth/{mount}/role/app/secret-id"), &json!({}))["data"]["secret_id"]);
    let vault = vault.args(["--role-id", &role_id]).env("VAULT_SECRET_ID", secret_id);
    for form in ["corp/{kv}", "auth/corp/{kv}/", "/corp/{kv}/"] {
        vault.clone().args(["--auth-mount", form]).enters();
    }
    vault.clone().env("VAULT_EXEC_AUTH_MOUNT", "corp/{kv}").enters_silently();
    vault.clone().args(["--auth-mount", "nowhere"]).is_refused(
        "vault-exec: log in at auth/nowhere: the server refused the credential (403)\n\
         hint: check that the method is mounted there (--auth-mount) and, if it is, \
         check role_id and secret_id: one that was used up or has expired is refused like a wrong one\n",
    );
    vault.is_refused(REFUSED);
}

/// A vault with the user `name` of `auth/userpass`.
fn userpass(name: &str) -> TestVault {
    let vault = TestVault::locked();
    let user = json!({"password": "canary-of-the-password", "token_policies": ["{kv}"]});
    vault.asking(&format!("auth/userpass/users/{name}"), &user);
    vault
}

#[test]
fn a_name_and_a_password_are_enough() {
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
    let refused = "vault-exec: log in at auth/userpass: the server refused the credential (400)\n\
                   hint: check the user name and the password\n";
    vault.clone().env("VAULT_PASSWORD", "canary").is_refused(refused);
    vault.clone().env("VAULT_USERNAME", "nobody").env("VAULT_PASSWORD", "canary").is_refused(refused);
    vault
        .clone()
        .args(["--auth", "userpass"])
        .is_refused("vault-exec: --auth userpass: it needs VAULT_PASSWORD or --password-file\n");
    vault
        .without("VAULT_USERNAME")
        .env("VAULT_PASSWORD", "canary")
        .args(["--auth", "userpass"])
        .is_refused("vault-exec: --auth userpass: it needs --username or VAULT_USERNAME\n");
}

#[test]
fn a_login_that_wants_a_second_factor_is_told() {
    let api = Api::shared().in_namespace("factors");
    let vault = TestVault::locked_in(&api).with_approle_in(&api, &json!({}));
    let method = api.post("identity/mfa/method/totp", &json!({"issuer": "test"}));
    let enforced = json!({"mfa_method_ids": [method["data"]["method_id"]], "auth_method_types": ["approle"]});
    api.post("identity/mfa/login-enforcement/all", &enforced);
    vault.is_refused(
        "vault-exec: log in at auth/approle: the server wants a second factor, which nobody is here to give\n\
         hint: exempt this method from login MFA, or choose another one\n",
    );
    assert_eq!(vault.requests(), ["POST auth/approle/login"; 2], "there is no token to read or to revoke with");
}

#[test]
fn a_user_may_be_called_what_the_server_allows() {
    for name in ["first.last", "a-b_c", "0"] {
        let name = format!("{{kv}}.{name}");
        userpass(&name).env("VAULT_USERNAME", &name).env("VAULT_PASSWORD", "canary-of-the-password").enters();
    }
    let vault = TestVault::locked().env("VAULT_PASSWORD", "canary-of-the-password");
    vault.env("VAULT_USERNAME", "me@example.com").is_refused(
        "vault-exec: log in at auth/userpass: the server refused the credential (404)\n\
         hint: check the user name and the password\n",
    );
}

/// A server that lets everybody in and knows the secret, for a method that `OpenBao` does not bring.
pub(crate) fn ldap() -> TestVault {
    TestVault::bare()
        .args(["--auth", "ldap", "--path", "secret/a", "--no-revoke"])
        .env("VAULT_ADDR", "http://nowhere")
        .behind_door(|request| Some(everybody_in(request)))
}

pub(crate) fn everybody_in(request: &Request) -> (u16, String) {
    let answer = if request.target.starts_with("/v1/auth/") {
        json!({"auth": {"client_token": "s.canary-of-the-token", "num_uses": 0}})
    } else {
        json!({"data": {"data": {"k": VALUE}, "metadata": {"version": 1, "destroyed": false}}})
    };
    (200, answer.to_string())
}

#[test]
fn ldap_is_asked_as_its_documentation_says() {
    let vault = ldap().env("VAULT_USERNAME", "me").env("VAULT_PASSWORD", "canary \"of\" the pass\\wörd");
    vault.enters_silently();
    vault.enters();
    let exchanges = vault.exchanges();
    let login = &exchanges[0].request;
    assert_eq!((login.method.as_str(), login.target.as_str()), ("POST", "/v1/auth/ldap/login/me"));
    assert_eq!(login.body, r#"{"password":"canary \"of\" the pass\\wörd"}"#);
    assert_eq!(login.header("X-Vault-Token"), None);
    assert_eq!(exchanges[1].request.header("X-Vault-Token"), Some("s.canary-of-the-token"));
}

#[test]
fn a_user_name_stays_one_whatever_is_in_it() {
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
        assert_eq!(vault.exchanges()[0].request.target, format!("/v1/auth/corp/ldap/login/{encoded}"));
    }
}

#[test]
fn a_user_name_never_leads_to_another_path() {
    let vault = ldap().env("VAULT_PASSWORD", "hunter2");
    for name in ["../../../sys/seal", "..", ".", "a/../b", "a//b", "/a"] {
        let message =
            format!("vault-exec: --username: `{name}` is not a user name: it has an empty, `.` or `..` segment\n");
        vault.clone().args(["--username", name]).is_refused(&message);
    }
    vault
        .clone()
        .env("VAULT_USERNAME", "a\nb")
        .is_refused("vault-exec: VAULT_USERNAME: `a\\nb` is not a user name: it has an unprintable character\n");
    assert_eq!(vault.requests(), [""; 0]);
    vault.args(["--username", " corp/me\n"]).enters();
}

/// A server that speaks TLS as well, with an authority for itself and one for its users.
struct Mtls {
    _server: Server,
    api: Api,
    servers: Authority,
    users: Authority,
    address: String,
}

impl Mtls {
    fn start() -> Self {
        let (servers, users) = (Authority::new(), Authority::new());
        let (dir, address) = (new_dir("tls"), format!("127.0.0.1:{}", free_port()));
        let (certificate, key) = servers.certify("127.0.0.1");
        fs::write(dir.join("cert.pem"), certificate).unwrap();
        fs::write(dir.join("key.pem"), key).unwrap();
        let config = dir.join("config.hcl");
        let dir = dir.display();
        let listener = format!(
            "listener \"tcp\" {{\n address = \"{address}\"\n \
             tls_cert_file = \"{dir}/cert.pem\"\n tls_key_file = \"{dir}/key.pem\"\n}}\n"
        );
        fs::write(&config, listener).unwrap();
        let server = Server::start(&["-config", config.to_str().unwrap()], |authority| {
            ureq::get(format!("http://{authority}/v1/sys/health")).call().is_ok()
        });
        let api = Api::at(format!("http://{}", server.authority));
        api.post("secret/data/a", &json!({"data": {"k": VALUE}}));
        api.post("sys/policies/acl/reader", &policy("secret/data/a"));
        api.post("sys/auth/cert", &json!({"type": "cert"}));
        let role = |name: &str, policies: &[&str]| {
            let role = json!({"certificate": users.pem(), "allowed_common_names": [name], "token_policies": policies});
            api.post(&format!("auth/cert/certs/{name}"), &role);
        };
        role("reader", &["reader"]);
        role("stranger", &[]);
        Self { _server: server, api, servers, users, address: format!("https://{address}") }
    }

    /// With the files `cert` and `key` for this person.
    fn vault(&self, person: &str) -> TestVault {
        let (certificate, key) = self.users.certify(person);
        TestVault::bare()
            .env("VAULT_ADDR", &self.address)
            .file("ca", self.servers.pem())
            .file("cert", certificate)
            .file("key", key)
            .args(["--ca-cert", "ca", "--path", "secret/a"])
    }
}

const KEYS: [&str; 4] = ["--client-cert", "cert", "--client-key", "key"];

#[test]
fn a_certificate_is_enough() {
    let mtls = Mtls::start();
    let vault = mtls.vault("reader");
    let before = mtls.api.accessors();
    let auth = vault.clone().args(["--auth", "cert"]).args(KEYS);
    auth.enters_silently();
    auth.enters();
    auth.clone().args(["--role", "reader"]).enters();
    vault.clone().args(["--auth=cert"]).env("VAULT_CLIENT_CERT", "{home}/cert").env("VAULT_CLIENT_KEY", "key").enters();
    let both = vault.clone().under_sh(r#"cat cert key > both; exec "$@""#);
    both.args(["--auth", "cert", "--client-cert", "both", "--client-key", "both"]).enters();
    assert_eq!(mtls.api.accessors(), before, "the tokens of the logins are gone");

    let refused = "vault-exec: log in at auth/cert: the server refused the credential (400)\n\
                   hint: check that a role trusts the authority of --client-cert, and --role if it is given\n";
    auth.clone().args(["--role", "stranger"]).is_refused(refused);
    auth.args(["--role", "none"]).is_refused(refused);

    let (foreign, key) = Authority::new().certify("reader");
    let wrong = vault.clone().file("cert", foreign).file("key", key).args(["--auth", "cert"]).args(KEYS);
    wrong.is_refused(refused);
}

#[test]
fn a_certificate_goes_with_its_key_or_not_at_all() {
    let users = Authority::new();
    let ((certificate, key), (_, other)) = (users.certify("me"), users.certify("you"));
    let vault = TestVault::bare()
        .env("VAULT_ADDR", "https://127.0.0.1:1")
        .file("cert", &certificate)
        .file("key", key)
        .file("other", other)
        .args(["--auth", "cert", "--path", "secret/a"]);
    let with = |cert: &str, key: &str| vault.clone().args(["--client-cert", cert, "--client-key", key]);
    with("cert", "other").is_refused(
        "vault-exec: --client-cert: cert: the certificate and the key do not belong together\n\
             hint: the key is from --client-key: other\n",
    );
    with("cert", "cert").is_refused(
        "vault-exec: --client-key: cert: it holds no private key\n\
         hint: it must hold PEM text such as -----BEGIN PRIVATE KEY-----, not encrypted\n",
    );
    with("key", "key").is_refused(
        "vault-exec: --client-cert: key: it holds no certificate\n\
         hint: it must hold PEM text that starts with -----BEGIN CERTIFICATE-----\n",
    );
    with("{home}/none", "key")
        .is_refused("vault-exec: --client-cert: {home}/none: No such file or directory\nhint: check that it is there, and that the user vault-exec runs as may read it\n");
    vault
        .clone()
        .args(["--client-cert", "cert"])
        .is_refused("vault-exec: --client-cert: it needs --client-key as well\n");
    vault.is_refused("vault-exec: --auth cert: it needs --client-cert and --client-key\n");
}

#[test]
fn a_token_may_come_in_a_wrapping_that_opens_once() {
    let vault = TestVault::locked().args(["--unwrap-token"]);
    let api = Api::shared();
    let create = || api.wrapped("auth/token/create", &json!({"policies": [vault.fill("{kv}")]}));
    vault.clone().env("VAULT_TOKEN", create()).enters_silently();

    let token = text(&vault.asking("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
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
        .fails("vault-exec: unwrap the token (VAULT_TOKEN): no token was wrapped in it\n");
    vault.env("VAULT_TOKEN", ROOT).is_refused(&format!(
        "vault-exec: unwrap the token (VAULT_TOKEN): \
         the wrapping token is used up, expired or unknown to this server\n{UNWRAP_HINT}"
    ));
}

#[test]
fn the_token_of_a_wrapping_can_be_kept() {
    let vault = TestVault::locked().args(["--unwrap-token", "--keep-token"]);
    let token = text(&vault.asking("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    let wrapped = Api::shared().wrapped("sys/wrapping/wrap", &json!({"token": token}));
    let outcome = vault.clone().env("VAULT_TOKEN", wrapped).environ().has("VAULT_TOKEN", &token);
    discreet(&vault, &outcome);
}

#[test]
fn of_several_credentials_the_first_is_used() {
    let vault = userpass("me-{kv}").with_approle(&json!({}));
    let all = vault.clone().env("VAULT_USERNAME", "me-{kv}").env("VAULT_PASSWORD", "canary-of-the-password");
    let token = all.clone().env("VAULT_TOKEN", "s.canary-of-the-token");
    token.is_refused(DOUBTED);
    assert!(token.requests().iter().all(|request| !request.contains("login")), "no login while there is a token");

    let logins = |vault: &TestVault| {
        vault.exchanges().iter().filter(|exchange| exchange.request.target.contains("/login")).count()
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
fn a_method_that_was_named_is_not_replaced_by_another() {
    let vault = TestVault::locked().with_approle(&json!({}));
    vault.clone().args(["--auth", "token"]).is_refused(
        "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and there is no {home}/.vault-token\n\
         hint: set VAULT_TOKEN, name a --token-file, choose an --auth method, or log in with `bao login` or `vault login`\n",
    );
    vault
        .clone()
        .env("VAULT_TOKEN", ROOT)
        .without("VAULT_ROLE_ID")
        .args(["--auth", "approle"])
        .is_refused("vault-exec: --auth approle: it needs --role-id or VAULT_ROLE_ID\n");
    vault
        .args(["--auth", "oidc"])
        .is_refused("vault-exec: --auth: `oidc` is not token, approle, kubernetes, jwt, userpass, ldap or cert\n");
}

#[test]
fn the_method_may_be_in_the_namespace_above_the_secret() {
    let parent = Api::shared().in_namespace("above");
    let child = parent.clone().in_namespace("below");
    let vault = TestVault::locked_in(&parent);
    child.post("sys/mounts/secret", &json!({"type": "kv"}));
    child.post("secret/a", &json!({"k": "below"}));
    parent.post("sys/policies/acl/both", &policy("below/secret/a"));
    let login = |policies: &[&str]| {
        parent.post("auth/approle/role/app", &json!({"token_policies": policies}));
        let role_id = text(&parent.get("auth/approle/role/app/role-id")["data"]["role_id"]);
        let secret_id = text(&parent.post("auth/approle/role/app/secret-id", &json!({}))["data"]["secret_id"]);
        vault.clone().env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id)
    };
    let before = parent.accessors();
    let both = login(&["both"]).args(["--namespace", "above/below", "--auth-namespace", "above"]);
    both.environ().has("K", "below").stderr_is("");
    both.clone().env("VAULT_EXEC_AUTH_NAMESPACE", "/above/").environ().has("K", "below").stderr_is("");
    assert_eq!(parent.accessors(), before, "the token is revoked where it was obtained");

    // Policies are written where the token is from.
    login(&["reader"]).args(["--namespace", "above/below", "--auth-namespace", "above"]).is_refused(
        "vault-exec: read secret/a: permission denied (403)\n\
         hint: a policy of the token must hold\n\
         path \"below/secret/a\" {\n  capabilities = [\"read\"]\n}\n",
    );
    assert_eq!(parent.accessors(), before);
    both.args(["--auth-namespace", "nowhere"]).is_refused(
        "vault-exec: log in at auth/approle: no such namespace\n\
         hint: check --auth-namespace, --namespace or VAULT_NAMESPACE\n",
    );
}

#[test]
fn a_token_of_a_namespace_opens_nothing_above_it() {
    let parent = Api::shared().in_namespace("upper");
    let child = parent.clone().in_namespace("lower");
    let vault = TestVault::locked_in(&parent);
    child.post("sys/auth/approle", &json!({"type": "approle"}));
    child.post("sys/policies/acl/reader", &policy("secret/a"));
    child.post("auth/approle/role/app", &json!({"token_policies": ["reader"]}));
    let role_id = text(&child.get("auth/approle/role/app/role-id")["data"]["role_id"]);
    let secret_id = text(&child.post("auth/approle/role/app/secret-id", &json!({}))["data"]["secret_id"]);
    let vault = vault.env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id);
    let before = child.accessors();
    vault.args(["--namespace", "upper", "--auth-namespace", "upper/lower"]).is_refused(
        "vault-exec: read secret/a: permission denied (403): \
         the token is of namespace `upper/lower`, and the secret is outside of it\n\
         hint: log in in the namespace of the secret, or in one above it, with --auth-namespace\n",
    );
    assert_eq!(child.accessors(), before);
}
