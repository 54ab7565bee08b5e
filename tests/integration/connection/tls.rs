//! TLS with the certificate of a server in development mode.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use crate::support::openbao::{OpenBao, ROOT, bao};
use crate::support::scratch::new_dir;
use crate::support::tls::Authority;
use crate::support::vault::TestVault;

/// A server that speaks TLS, and the directory of its certificates.
static SERVER: LazyLock<(OpenBao, PathBuf)> = LazyLock::new(|| {
    let dir = new_dir("tls");
    let certificates = format!("-dev-tls-cert-dir={}", dir.display());
    let server = OpenBao::start_with(&["-dev-tls", &certificates], |authority| {
        let put = Command::new(bao())
            .args(["kv", "put", "-mount=secret", "a", "k=v"])
            .env_clear()
            .envs([("BAO_ADDR", format!("https://{authority}")), ("BAO_TOKEN", ROOT.into()), ("HOME", "/".into())])
            .env("BAO_CACERT", dir.join("vault-ca.pem"))
            .output();
        put.unwrap().status.success()
    });
    (server, dir)
});

/// A call with that server, without a CA.
fn vault() -> TestVault {
    let address = format!("https://{}", SERVER.0.authority);
    TestVault::bare().env("VAULT_ADDR", address).env("VAULT_TOKEN", ROOT).args([
        "--path",
        "secret/a",
        "--attempts",
        "1",
    ])
}

fn authority() -> String {
    SERVER.1.join("vault-ca.pem").to_str().unwrap().to_owned()
}

fn works(vault: &TestVault) {
    vault.environ().has("K", "v").stderr_is("");
}

const UNKNOWN: &str = "vault-exec: read secret/a: {addr}: the server's certificate is signed by an unknown authority\n\
                       hint: give the CA certificate with --ca-cert or VAULT_CACERT\n";

#[test]
fn a_ca_can_be_given() {
    works(&vault().args(["--ca-cert", &authority()]));
    works(&vault().env("VAULT_CACERT", authority()));
    works(&vault().env("VAULT_CACERT", "/none").env("BAO_CACERT", authority()));
    works(&vault().env("BAO_CACERT", "/none").env("VAULT_EXEC_CA_CERT", authority()));
    works(&vault().env("VAULT_CACERT_BYTES", fs::read_to_string(authority()).unwrap()));
    let directory = vault().file("ca.pem", fs::read(authority()).unwrap()).file("README", "no certificate");
    works(&directory.clone().env("VAULT_CAPATH", "{home}"));
    works(&directory.args(["--ca-path", "{home}"]));
}

#[test]
fn without_a_ca_the_system_store_is_used() {
    vault().fails(UNKNOWN);
    works(&vault().env("SSL_CERT_FILE", authority()));
    works(&vault().file("ca.pem", fs::read(authority()).unwrap()).env("SSL_CERT_DIR", "/nowhere:{home}"));
}

#[test]
fn a_given_ca_is_the_only_trust_anchor() {
    let other = SERVER.1.join("vault-cert.pem");
    vault().env("SSL_CERT_FILE", authority()).args(["--ca-cert", other.to_str().unwrap()]).fails(UNKNOWN);
}

#[test]
fn the_certificate_must_name_the_host() {
    let port = SERVER.0.authority.split_once(':').unwrap().1;
    works(&vault().env("VAULT_ADDR", format!("https://localhost:{port}")).args(["--ca-cert", &authority()]));

    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let elsewhere = vault().env("VAULT_ADDR", format!("https://{}", listener.local_addr().unwrap()));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut server = TcpStream::connect(&SERVER.0.authority).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut to));
            let _ = io::copy(&mut client, &mut server);
        }
    });
    let outcome = elsewhere.args(["--ca-cert", &authority()]).run(["echo", "started"]).exits(125).stdout_is("");
    // The certificate of bao also has names of the machine.
    let (start, end) = outcome.stderr.split_once("the server's certificate is for ").expect(&outcome.stderr);
    assert_eq!(start, outcome.fill("vault-exec: read secret/a: {addr}: "));
    assert!(end.contains("localhost"), "{outcome}");
    assert!(
        end.ends_with(
            ", not for 127.0.0.2\n\
             hint: use an address that the certificate names (this one is from VAULT_ADDR), or give its name with \
             --tls-server-name\n"
        ),
        "{outcome}"
    );
}

#[test]
fn skip_verify_warns() {
    let warning = "vault-exec: the server's certificate is not verified: anyone on the network path can read the \
        secrets\n";
    vault().args(["--tls-skip-verify"]).environ().has("K", "v").stderr_is(warning);
    vault().env("VAULT_SKIP_VERIFY", "true").environ().has("K", "v").stderr_is(warning);
    vault().env("VAULT_SKIP_VERIFY", "").fails(UNKNOWN);
    vault().env("VAULT_SKIP_VERIFY", "true").env("BAO_SKIP_VERIFY", "0").fails(UNKNOWN);
}

#[test]
fn a_wrong_scheme_is_named() {
    vault().env("VAULT_ADDR", format!("http://{}", SERVER.0.authority)).fails(
        "vault-exec: read secret/a: {addr}: the server speaks TLS\n\
         hint: write https:// (the address is from VAULT_ADDR)\n",
    );
    let plain = TestVault::kv2().path("a");
    let address = plain.fill("{addr}").replace("http:", "https:");
    plain.env("VAULT_ADDR", address).fails(
        "vault-exec: read {kv}/a: {addr}: the server does not speak TLS\n\
         hint: if the server uses plain HTTP, write http:// (the address is from VAULT_ADDR)\n",
    );
}

#[test]
fn an_invalid_ca_is_an_error() {
    let nothing = format!("no certificate found\n{PEM}");
    for text in ["", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let vault = vault().file("ca.pem", text);
        vault.clone().args(["--ca-cert", "ca.pem"]).fails(&format!("vault-exec: --ca-cert: ca.pem: {nothing}"));
        vault.clone().env("VAULT_CAPATH", "{home}").fails(&format!("vault-exec: VAULT_CAPATH: {{home}}: {nothing}"));
        if !text.is_empty() {
            vault.env("VAULT_CACERT_BYTES", text).fails(&format!("vault-exec: VAULT_CACERT_BYTES: {nothing}"));
        }
    }
    let missing = "No such file or directory\n\
                   hint: check that it exists and that the user of vault-exec can read it";
    vault().env("VAULT_CACERT", "/none").fails(&format!("vault-exec: VAULT_CACERT: /none: {missing}\n"));
    vault().args(["--ca-path", "/none"]).fails(&format!("vault-exec: --ca-path: /none: {missing}\n"));
    vault().args(["--ca-cert", "/"]).fails(&format!(
        "vault-exec: --ca-cert: /: {}\n",
        missing.replace("No such file or directory", "Is a directory")
    ));
}

const PEM: &str = "hint: expected PEM text that starts with -----BEGIN CERTIFICATE-----\n";

#[test]
fn a_damaged_ca_is_an_error_with_a_hint() {
    let damaged = vault().env("VAULT_CACERT_BYTES", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    damaged.fails(&format!("vault-exec: VAULT_CACERT_BYTES: not PEM text\n{PEM}"));
}

#[test]
fn a_cut_off_pem_is_an_error_with_a_hint() {
    let cut = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n");
    let vault = vault().file("ca", cut("CERTIFICATE")).file("key", cut("PRIVATE KEY"));
    let hint = "hint: it is cut off: a BEGIN line has no END line\n";
    vault.clone().args(["--ca-cert", "ca"]).fails(&format!("vault-exec: --ca-cert: ca: not PEM text\n{hint}"));
    let with_key = |certificate: &str| vault.clone().args(["--client-key", "key", "--client-cert", certificate]);
    with_key("ca").fails(&format!("vault-exec: --client-cert: ca: not PEM text\n{hint}"));
    let (whole, _) = Authority::new("CA").issue(&["me"]);
    let vault = vault.clone().file("me", whole).args(["--client-key", "key", "--client-cert", "me"]);
    vault.fails(&format!("vault-exec: --client-key: key: no private key found\n{hint}"));
}
