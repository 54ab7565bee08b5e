//! TLS with the certificate of a server in development mode.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::thread;

use rustls::DEFAULT_VERSIONS;

use crate::support::fake_server::{FakeServer, Reply};
use crate::support::openbao::{OpenBao, ROOT, bao};
use crate::support::process::{SupervisedProcess, free_port};
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, UNSUPPORTED, openssl, openssl_issued_by, server_config};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// A server that speaks TLS, and the directory of its certificates.
static SERVER: LazyLock<(OpenBao, PathBuf)> = LazyLock::new(|| {
    let dir = new_dir("tls");
    let certificates = format!("-dev-tls-cert-dir={}", dir.display());
    let server = OpenBao::start_with(&["-dev-tls", &certificates], |authority| {
        let put = Command::new(bao())
            .args(["kv", "put", "-mount=secret", "a", "k=v"])
            .env_clear()
            .envs([("VAULT_ADDR", format!("https://{authority}")), ("VAULT_TOKEN", ROOT.into()), ("HOME", "/".into())])
            .env("VAULT_CACERT", dir.join("vault-ca.pem"))
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
fn the_authority_is_found_among_the_others_of_a_store() {
    let good = fs::read_to_string(authority()).unwrap();
    let others: String = (0..40).map(|number| Authority::new(&format!("other {number}")).pem().to_owned()).collect();
    let line = good.lines().nth(4).unwrap();
    let damaged = good.replace(line, &"A".repeat(line.len()));
    let in_store = |text: String| vault().file("store.pem", text).env("SSL_CERT_FILE", "store.pem");
    let outcome = in_store(format!("{others}{damaged}{good}{others}")).args(["-vv"]).environ().has("K", "v");
    assert!(outcome.stderr.contains("trust 82 CA certificates of the system, from store.pem\n"), "{outcome}");
    // Some stores have other lines.
    works(&in_store(format!("# Authorities\n\n{others}{}", good.replace('\n', "\r\n"))));
    in_store(others).fails(UNKNOWN);
}

#[test]
fn a_given_ca_is_the_only_trust_anchor() {
    let other = SERVER.1.join("vault-cert.pem");
    let other = other.to_str().unwrap();
    vault().env("SSL_CERT_FILE", authority()).args(["--ca-cert", other]).fails(&format!(
        "vault-exec: read secret/a: {{addr}}: the server's certificate is signed by an unknown authority\n\
         hint: no CA certificate from --ca-cert: {other} signed it: give that of the server's authority there\n"
    ));
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

/// Servers that send an alert, and one that only closes the connection.
#[test]
fn plain_http_to_a_tls_port_names_https() {
    let speaks = "vault-exec: read secret/app: {addr}: the server speaks TLS\n\
                  hint: write https:// (the address is from VAULT_ADDR)\n";
    let config = Authority::new("ours").server_config("127.0.0.1", DEFAULT_VERSIONS, None);
    let rustls = FakeServer::answering_over_tls(config, [Reply::silence()]);
    rustls.vault().env("VAULT_ADDR", rustls.url().replace("https:", "http:")).fails(speaks);
    FakeServer::answering([Reply::raw(b"\x15\x03\x01\x00\x02\x02\x16").then_reset()]).vault().fails(speaks);
    for page in [
        "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
        "<p>Reason: You're speaking plain HTTP to an SSL-enabled server port.<br /></p>",
    ] {
        FakeServer::answering([Reply::answer(400, page)]).vault().fails(speaks);
    }
    let (certificate, key) = openssl(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], &[]);
    let dir = new_dir("s_server");
    let both = dir.join("both").to_str().unwrap().to_owned();
    fs::write(&both, certificate + &key).unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let server = ["openssl", "s_server", "-www", "-cert", &both, "-key", &both, "-accept", &address];
    let _server = SupervisedProcess::start(&server, dir.join("log"));
    wait_until("the server", || TcpStream::connect(&address).is_ok());
    let vault = TestVault::bare().env("VAULT_ADDR", format!("http://{address}")).env("VAULT_TOKEN", "t");
    let outcome = vault.args(["--path", "secret/a", "--attempts", "2"]).run(["true"]).exits(125);
    assert!(outcome.stderr.contains("write https://"), "{outcome}");
}

#[test]
fn an_invalid_ca_is_an_error() {
    let nothing = format!("no certificate found\n{PEM}");
    for text in ["", "garbage"] {
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
const CUT_OFF: &str = "hint: it is cut off: a BEGIN line has no END line\n";

#[test]
fn each_certificate_of_a_given_ca_must_be_valid_and_counts_once() {
    let good = fs::read_to_string(authority()).unwrap();
    let other = Authority::new("other").pem().to_owned();
    let block = |text: &str| format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n");
    for bad in [block("!!!"), block("AAAA"), block(""), good.replace("-----END", "")] {
        for (text, number) in [(bad.clone(), 1), (format!("{good}{bad}"), 2), (format!("{good}{other}{bad}{good}"), 3)]
        {
            let is_cut_off = !bad.contains("-----END") && text.ends_with(&bad);
            let hint = if is_cut_off { CUT_OFF } else { PEM };
            let damaged =
                |source: &str| format!("vault-exec: {source}: certificate {number} of the text is not valid\n{hint}");
            let vault = vault().file("ca.pem", &text);
            vault.clone().args(["--ca-cert", "ca.pem"]).fails(&damaged("--ca-cert: ca.pem"));
            vault.clone().env("VAULT_CACERT_BYTES", &text).fails(&damaged("VAULT_CACERT_BYTES"));
            // In a store of many, what is needed may be among the others.
            if number > 1 {
                works(&vault.clone().env("SSL_CERT_FILE", "ca.pem"));
                works(&vault.args(["--ca-path", "{home}"]));
            }
        }
    }
    let twice = vault().file("ca.pem", format!("{good}{other}{good}")).args(["--ca-cert", "ca.pem", "-vv"]);
    let outcome = twice.environ().has("K", "v");
    assert!(outcome.stderr.contains("trust 2 CA certificates from --ca-cert: ca.pem\n"), "{outcome}");
}

#[test]
fn a_store_that_is_named_but_has_no_certificate_is_an_error() {
    let vault = vault().file("empty", "").file("garbage", "garbage").file("ca.pem", fs::read(authority()).unwrap());
    let nothing = format!("no certificate found\n{PEM}");
    for file in ["empty", "garbage"] {
        let named = vault.clone().env("SSL_CERT_FILE", file);
        named.fails(&format!("vault-exec: SSL_CERT_FILE: {file}: {nothing}"));
        named.env("SSL_CERT_DIR", "{home}").fails(&format!("vault-exec: SSL_CERT_FILE: {file}: {nothing}"));
    }
    vault.clone().env("SSL_CERT_FILE", "/none").fails(
        "vault-exec: SSL_CERT_FILE: /none: No such file or directory\n\
         hint: check that it exists and that the user of vault-exec can read it\n",
    );
    for directories in ["/none", "/none:/proc/self/fdinfo", ":"] {
        let named = vault.clone().env("SSL_CERT_DIR", directories);
        named.fails(&format!("vault-exec: SSL_CERT_DIR: {nothing}"));
        let both = named.env("SSL_CERT_FILE", "ca.pem");
        both.fails(&format!("vault-exec: SSL_CERT_DIR: {nothing}"));
    }
    works(&vault.env("SSL_CERT_FILE", "").env("SSL_CERT_DIR", "/none:{home}"));
}

const KEYS: &str = "hint: supported keys: RSA of 2048 to 4096 bits, ECDSA with P-256 or P-384, Ed25519\n";

#[test]
fn an_unsupported_key_is_named() {
    for (kind, options) in UNSUPPORTED {
        let (certificate, key) = openssl(options, &[]);
        let vault = vault().file("cert", &certificate).file("key", &key);
        let of_authority = format!("the key of the authority is {kind}\n{KEYS}");
        vault.clone().args(["--ca-cert", "cert"]).fails(&format!("vault-exec: --ca-cert: cert: {of_authority}"));
        let bytes = vault.clone().env("VAULT_CACERT_BYTES", &certificate);
        bytes.fails(&format!("vault-exec: VAULT_CACERT_BYTES: {of_authority}"));

        let kind = kind.replace("2048 bits", "2048 or more than 4096 bits");
        let client = vault.args(["--ca-cert", &authority(), "--client-cert", "cert", "--client-key", "key"]);
        client.fails(&format!("vault-exec: --client-key: key: the key is {kind}\n{KEYS}"));
    }
    // PKCS #1 does not name the algorithm.
    let rsa = Command::new("openssl").args(["genrsa", "-traditional", "1024"]).output().unwrap().stdout;
    let certificate = authority();
    let client = vault().args(["--ca-cert", &certificate, "--client-cert", &certificate, "--client-key", "key"]);
    client.file("key", rsa).fails(&format!(
        "vault-exec: --client-key: key: the key is RSA of less than 2048 or more than 4096 bits\n{KEYS}"
    ));
}

/// Among several authorities, the one that is not supported is noticed when it is needed.
#[test]
fn an_unsupported_signature_of_the_server_is_named() {
    for (kind, options) in UNSUPPORTED {
        let (ca, ca_key) = openssl(options, &[]);
        let pair = openssl_issued_by(&ca, &ca_key);
        let fake = FakeServer::answering_over_tls(server_config(&pair, DEFAULT_VERSIONS, None), [Reply::status(418)]);
        let several = Authority::new("other").pem().to_owned() + &ca;
        let outcome = fake.vault().env("VAULT_CACERT_BYTES", several).run(["true"]).exits(125);
        let (why, hint) = if kind.starts_with("RSA of") {
            ("not valid, or made with RSA of less than 2048 bits\n", " with --ca-cert or VAULT_CACERT\n")
        } else {
            (&*format!("not supported: {kind}\n"), KEYS)
        };
        let start = "vault-exec: read secret/app: {addr}: a signature of the server's certificate is ";
        let start = outcome.fill(&format!("{start}{why}"));
        assert!(outcome.stderr.starts_with(&start) && outcome.stderr.ends_with(hint), "{kind}: {outcome}");
    }
}

#[test]
fn a_cut_off_pem_is_an_error_with_a_hint() {
    let cut = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n");
    let vault = vault().file("ca", cut("CERTIFICATE")).file("key", cut("PRIVATE KEY"));
    let hint = CUT_OFF;
    let invalid = "certificate 1 of the text is not valid";
    vault.clone().args(["--ca-cert", "ca"]).fails(&format!("vault-exec: --ca-cert: ca: {invalid}\n{hint}"));
    let with_key = |certificate: &str| vault.clone().args(["--client-key", "key", "--client-cert", certificate]);
    with_key("ca").fails(&format!("vault-exec: --client-cert: ca: not PEM text\n{hint}"));
    let (whole, _) = Authority::new("CA").issue(&["me"]);
    let vault = vault.clone().file("me", whole).args(["--client-key", "key", "--client-cert", "me"]);
    vault.fails(&format!("vault-exec: --client-key: key: no private key found\n{hint}"));
}
