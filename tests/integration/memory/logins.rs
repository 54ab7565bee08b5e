//! Every login, over HTTP and TLS.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use serde_json::json;

use super::case::{MemoryCase, prove_all};
use super::keys::{Tls, secret_numbers};
use super::random;
use crate::auth::jwt::{jwt, on_github, with_role};
use crate::auth::kubernetes::in_pod;
use crate::auth::password::{everybody_in, ldap};
use crate::support::api::Api;
use crate::support::tls::Authority;
use crate::support::vault::TestVault;

/// A login, and its case over plain HTTP.
type Login = (&'static str, fn() -> MemoryCase);

const LOGINS: [Login; 27] = [
    ("a token in VAULT_TOKEN", || token(|vault, token| vault.env("VAULT_TOKEN", token))),
    ("a token in BAO_TOKEN, which beats another", || {
        let other = random(32);
        token(|vault, token| vault.env("BAO_TOKEN", token).env("VAULT_TOKEN", &other)).never("other token", other)
    }),
    ("a token in --token-file", || {
        token(|vault, token| vault.file("token", format!(" {token}\n")).args(["--token-file", "{home}/token"]))
    }),
    ("a token in VAULT_TOKEN_FILE", || {
        token(|vault, token| vault.file("token", token).env("VAULT_TOKEN_FILE", "{home}/token"))
    }),
    ("a token in BAO_TOKEN_PATH", || {
        token(|vault, token| vault.file("token", token).env("BAO_TOKEN_PATH", "{home}/token"))
    }),
    ("a token in ~/.vault-token", || token(|vault, token| vault.file(".vault-token", token))),
    ("a token that is kept", || {
        let (vault, token) = with_token(TestVault::locked());
        let vault = vault.env("VAULT_TOKEN", &token).args(["--keep-token"]);
        MemoryCase::entering(vault).once("VAULT_TOKEN", token)
    }),
    ("a token in a wrapping", || {
        let vault = TestVault::locked().args(["--unwrap-token"]);
        let wrapping = Api::shared().wrapped("auth/token/create", &json!({"policies": [vault.fill("{kv}")]}));
        MemoryCase::entering(vault.env("VAULT_TOKEN", &wrapping)).never("wrapping token", wrapping).obtaining()
    }),
    ("a token in a wrapping of data, in a file", || {
        let (vault, token) = with_token(TestVault::locked());
        let wrapping = Api::shared().wrapped("sys/wrapping/wrap", &json!({"token": token}));
        let vault = vault.args(["--unwrap-token", "--wrapped-by=sys/wrapping/wrap", "--token-file=wrapped"]);
        let vault = vault.file("wrapped", format!("{wrapping}\n"));
        MemoryCase::entering(vault).never("wrapping token", wrapping).never("token", token)
    }),
    ("the token of a wrapping, which is kept", || {
        let vault = TestVault::locked().args(["--unwrap-token", "--keep-token"]);
        let wrapping = Api::shared().wrapped("auth/token/create", &json!({"policies": [vault.fill("{kv}")]}));
        MemoryCase::entering(vault.env("VAULT_TOKEN", &wrapping)).never("wrapping token", wrapping).keeping_the_token()
    }),
    ("approle, secret_id in VAULT_SECRET_ID", || {
        approle(|vault, secret_id| vault.env("VAULT_SECRET_ID", secret_id)).obtaining()
    }),
    ("approle, secret_id in BAO_SECRET_ID, role_id in a file", || {
        let vault = TestVault::locked();
        let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
        let vault = vault.file("role", role_id).env("VAULT_ROLE_ID_FILE", "role").env("BAO_SECRET_ID", &secret_id);
        MemoryCase::entering(vault).never("secret_id", secret_id).obtaining()
    }),
    ("approle, secret_id in --secret-id-file", || {
        approle(|vault, secret_id| vault.file("id", format!("{secret_id}\n")).args(["--secret-id-file", "id"]))
            .obtaining()
    }),
    ("approle, secret_id in VAULT_SECRET_ID_FILE", || {
        approle(|vault, secret_id| vault.file("id", secret_id).env("VAULT_SECRET_ID_FILE", "id")).obtaining()
    }),
    ("approle, secret_id in a wrapping", || wrapped(|vault, wrapping| vault.env("VAULT_SECRET_ID", wrapping))),
    ("approle, secret_id in a wrapping in a file", || {
        wrapped(|vault, wrapping| vault.file("id", wrapping).args(["--secret-id-file", "id"]))
    }),
    ("approle, whose token is kept", || {
        let vault = |vault: TestVault, secret_id: &str| vault.env("VAULT_SECRET_ID", secret_id).args(["--keep-token"]);
        approle(vault).keeping_the_token()
    }),
    ("approle, whose token is not revoked", || {
        let vault = |vault: TestVault, secret_id: &str| vault.env("VAULT_SECRET_ID", secret_id).args(["--no-revoke"]);
        approle(vault).obtaining()
    }),
    ("approle, on the second try, and without success in revoking", || {
        let first = AtomicBool::new(true);
        let busy = move |path: &str| path.ends_with("revoke-self") || first.swap(false, Ordering::Relaxed);
        let vault = |vault: TestVault, secret_id: &str| {
            vault
                .env("VAULT_SECRET_ID", secret_id)
                .intercepted(move |request| busy(request.target()).then(|| (503, r#"{"errors":[]}"#.into())))
        };
        approle(vault).obtaining()
    }),
    ("kubernetes", || {
        let vault = in_pod().args(["--role", "{kv}", "--jwt-file", "jwt"]);
        let jwt = fs::read(vault.fill("{home}/jwt")).unwrap();
        MemoryCase::entering(vault).never("jwt", jwt.trim_ascii()).obtaining()
    }),
    ("jwt, in VAULT_JWT", || signed(|vault, jwt| vault.env("VAULT_JWT", jwt))),
    ("jwt, in VAULT_ID_TOKEN", || signed(|vault, jwt| vault.env("VAULT_ID_TOKEN", jwt))),
    ("jwt, in --jwt-file", || signed(|vault, jwt| vault.file("jwt", jwt).args(["--jwt-file", "jwt"]))),
    ("jwt, from GitHub Actions", || {
        let vault = on_github(with_role(), "/token?api-version=2.0").args(["--jwt-audience", "vault"]);
        let case = MemoryCase::entering(vault).obtaining().hearing("jwt");
        case.never("request token", "canary-of-the-job")
    }),
    ("userpass, in VAULT_PASSWORD", || userpass(|vault, password| vault.env("VAULT_PASSWORD", password))),
    ("userpass, in --password-file", || {
        userpass(|vault, password| vault.file("password", password).args(["--password-file", "password"]))
    }),
    ("ldap", || {
        let password = odd_password();
        let vault = ldap().env("VAULT_USERNAME", "me").env("VAULT_PASSWORD", &password);
        MemoryCase::entering(vault).never("password", password).obtaining()
    }),
];

fn token(place: impl FnOnce(TestVault, &str) -> TestVault) -> MemoryCase {
    let (vault, token) = with_token(TestVault::locked());
    MemoryCase::entering(place(vault, &token)).never("token", token)
}

/// A new token that may read the secret.
fn with_token(vault: TestVault) -> (TestVault, String) {
    let token = random(32);
    vault.post("auth/token/create", &json!({"id": token, "policies": ["{kv}"], "no_parent": true}));
    (vault, token)
}

fn approle(place: impl FnOnce(TestVault, &str) -> TestVault) -> MemoryCase {
    let vault = TestVault::locked();
    let (role_id, secret_id) = (vault.approle(&json!({})), vault.secret_id());
    MemoryCase::entering(place(vault.env("VAULT_ROLE_ID", role_id), &secret_id)).never("secret_id", secret_id)
}

fn wrapped(place: impl FnOnce(TestVault, &str) -> TestVault) -> MemoryCase {
    let vault = TestVault::locked();
    let role_id = vault.approle(&json!({}));
    let wrapping = Api::shared().wrapped(&vault.fill("auth/approle/role/{kv}/secret-id"), &json!({}));
    let vault = vault.args(["--role-id", &role_id, "--secret-id-wrapped"]);
    MemoryCase::entering(place(vault, &wrapping)).never("wrapping token", wrapping).obtaining().hearing("secret_id")
}

fn signed(place: impl FnOnce(TestVault, &str) -> TestVault) -> MemoryCase {
    let jwt = jwt("vault");
    MemoryCase::entering(place(with_role(), &jwt)).never("jwt", jwt).obtaining()
}

fn userpass(place: impl FnOnce(TestVault, &str) -> TestVault) -> MemoryCase {
    let password = odd_password();
    let vault = TestVault::locked();
    vault.post("auth/userpass/users/me-{kv}", &json!({"password": password, "token_policies": ["{kv}"]}));
    MemoryCase::entering(place(vault.env("VAULT_USERNAME", "me-{kv}"), &password))
        .never("password", password)
        .obtaining()
}

/// A password that JSON and URLs must escape.
fn odd_password() -> String {
    format!("{}\"\\ä&{}/+%{}", random(14), random(14), random(14))
}

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn no_login_over_http_leaves_a_credential_in_memory() {
    prove_all(LOGINS.iter().map(|(name, case)| (format!("{name}, over HTTP"), case())));
}

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn no_login_over_tls_1_2_leaves_a_credential_in_memory() {
    prove_all(LOGINS.iter().map(|(name, case)| (format!("{name}, over TLS 1.2"), case().over(Tls::of(&TLS12)))));
}

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn no_login_over_tls_1_3_leaves_a_credential_in_memory() {
    prove_all(LOGINS.iter().map(|(name, case)| (format!("{name}, over TLS 1.3"), case().over(Tls::of(&TLS13)))));
}

/// Over TLS, with every kind of key that rustls supports.
#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn no_login_with_a_certificate_leaves_a_key_in_memory() {
    let rsa = Command::new("openssl").args(["genpkey", "-algorithm", "RSA"]).output().unwrap();
    let keys = [
        ("P-256", KeyPair::generate().unwrap()),
        ("P-384", KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap()),
        ("Ed25519", KeyPair::generate_for(&PKCS_ED25519).unwrap()),
        ("RSA", KeyPair::from_pem(str::from_utf8(&rsa.stdout).unwrap()).unwrap()),
    ];
    let versions = [("1.2", &TLS12), ("1.3", &TLS13)];
    let cases = keys.iter().flat_map(|(kind, key)| {
        versions.iter().map(move |(number, version)| {
            (format!("cert with a key of {kind}, over TLS {number}"), with_certificate(key, version))
        })
    });
    prove_all(cases);
}

fn with_certificate(key: &KeyPair, version: &'static SupportedProtocolVersion) -> MemoryCase {
    let users = Authority::new("test");
    let tls = Tls::new("127.0.0.1", version, Some(&users));
    let vault = TestVault::bare()
        .file("ca", &tls.ca)
        .file("cert", users.issue_for_key("me", key))
        .file("key", key.serialize_pem())
        .args(["--auth", "cert", "--client-cert", "cert", "--client-key", "key", "--ca-cert", "ca"])
        .args(["--path", "secret/a", "--no-revoke"])
        .env("VAULT_ADDR", "http://nowhere")
        .intercepted_over_tls(Some(tls.config.clone()), |request| Some(everybody_in(request)));
    let case = MemoryCase::entering(vault).none_of(secret_numbers(&key.serialize_pem()));
    case.obtaining().none_of_later(move |_| tls.secrets())
}
