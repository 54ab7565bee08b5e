//! Logins with a client certificate.

use std::fs;

use serde_json::json;

use crate::support::api::{Api, policy};
use crate::support::login::VALUE;
use crate::support::openbao::OpenBao;
use crate::support::process::free_port;
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, listener};
use crate::support::vault::TestVault;

/// A server that speaks TLS as well, with an authority for itself and one for its users.
struct Mtls {
    _server: OpenBao,
    api: Api,
    servers: Authority,
    users: Authority,
    address: String,
}

impl Mtls {
    fn start() -> Self {
        let (servers, users) = (Authority::new("test"), Authority::new("test"));
        let (dir, address) = (new_dir("tls"), format!("127.0.0.1:{}", free_port()));
        let config = dir.join("config.hcl");
        fs::write(&config, listener(&dir, "server", &address, &servers.issue(&["127.0.0.1"]), "")).unwrap();
        let server = OpenBao::start(&["-config", config.to_str().unwrap()]);
        let api = server.api();
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
        let (certificate, key) = self.users.issue(&[person]);
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
fn a_client_certificate_logs_in() {
    let mtls = Mtls::start();
    let vault = mtls.vault("reader");
    let before = mtls.api.token_count();
    let auth = vault.clone().args(["--auth", "cert"]).args(KEYS);
    auth.enters_silently();
    auth.enters();
    auth.clone().args(["--role", "reader"]).enters();
    vault.clone().args(["--auth=cert"]).env("VAULT_CLIENT_CERT", "{home}/cert").env("VAULT_CLIENT_KEY", "key").enters();
    let both = vault.clone().under_sh(r#"cat cert key > both; exec "$@""#);
    both.args(["--auth", "cert", "--client-cert", "both", "--client-key", "both"]).enters();
    assert_eq!(mtls.api.token_count(), before, "the tokens of the logins are gone");

    let refused = |reason: &str| {
        format!(
            "vault-exec: log in at auth/cert: the server rejected the credential (400); the server reports: {reason}\n\
             hint: check that a role trusts the CA of --client-cert, and --role if it is given\n"
        )
    };
    let no_chain = refused("no chain matching all constraints could be found for this login certificate");
    auth.clone().args(["--role", "stranger"]).is_refused(&no_chain);
    let none = refused("invalid certificate or no client certificate supplied");
    auth.args(["--role", "none"]).is_refused(&none);

    let (foreign, key) = Authority::new("test").issue(&["reader"]);
    let wrong = vault.clone().file("cert", foreign).file("key", key).args(["--auth", "cert"]).args(KEYS);
    wrong.is_refused(&none);
}

#[test]
fn a_client_certificate_must_match_its_key() {
    let users = Authority::new("test");
    let ((certificate, key), (_, other)) = (users.issue(&["me"]), users.issue(&["you"]));
    let vault = TestVault::bare()
        .env("VAULT_ADDR", "https://127.0.0.1:1")
        .file("cert", &certificate)
        .file("key", key)
        .file("other", other)
        .args(["--auth", "cert", "--path", "secret/a"]);
    let with = |cert: &str, key: &str| vault.clone().args(["--client-cert", cert, "--client-key", key]);
    with("cert", "other").is_refused(
        "vault-exec: --client-cert: cert: the certificate and the key do not match\n\
             hint: the key is from --client-key: other\n",
    );
    with("cert", "cert").is_refused(
        "vault-exec: --client-key: cert: no private key found\n\
         hint: expected PEM text such as -----BEGIN PRIVATE KEY-----, not encrypted\n",
    );
    with("key", "key").is_refused(
        "vault-exec: --client-cert: key: no certificate found\n\
         hint: expected PEM text that starts with -----BEGIN CERTIFICATE-----\n",
    );
    with("{home}/none", "key").is_refused(
        "vault-exec: --client-cert: {home}/none: No such file or directory\nhint: check that it exists \
            and that the user of vault-exec can read it\n",
    );
    with("{home}/none", "key")
        .is_refused("vault-exec: --client-cert: {home}/none: No such file or directory\nhint: check that it exists and that the user of vault-exec can read it\n");
    vault
        .clone()
        .args(["--client-cert", "cert"])
        .is_refused("vault-exec: --client-cert requires --client-key\nhint: give both, or leave --client-cert out\n");
    vault.is_refused(
        "vault-exec: --auth cert requires a client certificate: --client-cert and --client-key, or \
         VAULT_CLIENT_CERT and VAULT_CLIENT_KEY\n",
    );
}

/// A private key where the name of its file, or of the certificate, is expected.
#[test]
fn a_key_in_place_of_a_file_name_is_not_printed() {
    let pem = Authority::new("test").issue(&["me"]).1;
    let base64 = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let hint = "the value must be the name of a file, and no such file exists\n\
                hint: check the name, which is not shown because it may be the secret itself\n";
    let vault = TestVault::bare().env("VAULT_ADDR", "https://127.0.0.1:1").args(["--path", "secret/a"]);
    for key in [pem, format!("/{base64}"), base64] {
        for name in ["VAULT_CACERT", "VAULT_CAPATH", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            let nothing =
                "no certificate found\nhint: expected PEM text that starts with -----BEGIN CERTIFICATE-----\n";
            let hint = if name == "SSL_CERT_DIR" { nothing } else { hint };
            vault.clone().env(name, &key).fails(&format!("vault-exec: {name}: {hint}"));
        }
        let client = vault.clone().file("cert", Authority::new("test").issue(&["me"]).0);
        let client = client.env("VAULT_CLIENT_CERT", "cert").env("VAULT_CLIENT_KEY", "key");
        for name in ["VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY"] {
            client.clone().env(name, &key).fails(&format!("vault-exec: {name}: {hint}"));
        }
    }
}
