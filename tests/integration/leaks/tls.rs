//! Faults of TLS: certificates of the server, trust anchors, and the client certificate.

use std::sync::LazyLock;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, date_time_ymd};
use rustls::ServerConfig;

use crate::leaks::canary::canary;
use crate::leaks::server::once;
use crate::leaks::{Cases, errors, secret, with_canaries};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::tls::{Authority, Pair, UNSUPPORTED, openssl, openssl_issued_by, self_signed, server_config};
use crate::support::vault::TestVault;

pub(super) static OURS: LazyLock<Authority> = LazyLock::new(|| Authority::new("ours"));

/// A certificate of a client and its key.
pub(super) static CLIENT: LazyLock<Pair> = LazyLock::new(|| OURS.issue(&["me"]));

pub(super) fn add(cases: &mut Cases) {
    tls(cases);
    trust(cases);
}

pub(super) fn config(pair: &Pair) -> ServerConfig {
    server_config(pair, rustls::DEFAULT_VERSIONS, None)
}

pub(super) fn trusting(fake: &FakeServer) -> TestVault {
    once(with_canaries(fake.vault())).file("ca", OURS.pem()).args(["--ca-cert", "ca"])
}

fn tls(cases: &mut Cases) {
    let shown = |cases: &mut Cases, pair: Pair| {
        cases.server(move || FakeServer::answering_over_tls(config(&pair), [secret()]), trusting);
    };
    let issued = |change: fn(&mut CertificateParams)| OURS.issue_with(&["127.0.0.1"], change);
    shown(cases, issued(|_| {}));
    let pair = issued(|_| {});
    cases.server(
        move || FakeServer::answering_over_tls(config(&pair), [errors(400, &["no such certificate"])]),
        |fake| {
            let (certificate, key) = CLIENT.clone();
            let vault = trusting(fake).file("cert", certificate).file("key", key);
            vault.args(["--auth=cert", "--client-cert=cert", "--client-key=key"])
        },
    );
    shown(cases, issued(|params| params.not_after = date_time_ymd(2001, 1, 1)));
    shown(cases, issued(|params| params.not_before = date_time_ymd(2090, 1, 1)));
    shown(cases, OURS.issue(&["other.test"]));
    shown(cases, OURS.issue(&[]));
    shown(cases, issued(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]));
    shown(cases, issued(|params| params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)));
    shown(cases, self_signed(&["127.0.0.1"], |_| {}));
    let pair = issued(|_| {});
    cases.server(
        move || FakeServer::answering_over_tls(config(&pair), [secret()]),
        |fake| once(with_canaries(fake.vault())),
    );
    // From an authority that has only the same name.
    shown(cases, Authority::new("ours").issue(&["127.0.0.1"]));
    cases.server(
        || FakeServer::answering_over_tls(config(&self_signed(&["127.0.0.1"], |_| {})), [secret()]),
        |fake| with_canaries(fake.vault()).args(["--tls-skip-verify"]),
    );
    // Plain HTTP, the TLS alerts handshake_failure and certificate_required, and an empty ServerHello.
    for greeting in [
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "\x15\x03\x03\0\x02\x02\x28",
        "\x15\x03\x03\0\x02\x02\x74",
        "\x16\x03\x03\0\x04\x02\0\0\0",
    ] {
        cases.server(
            move || FakeServer::answering([Reply::silence()]).greeting(greeting),
            |fake| trusting(fake).env("VAULT_ADDR", fake.url().replace("http:", "https:")),
        );
    }
}

fn trust(cases: &mut Cases) {
    let vault = || {
        once(with_canaries(TestVault::bare())).args(["--path", "secret/app"]).env("VAULT_ADDR", "https://127.0.0.1:1")
    };
    let broken = || format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", canary("value"));
    cases.call(move || vault().file("ca", canary("value")).args(["--ca-cert", "ca"]));
    cases.call(move || vault().file("ca", broken()).args(["--ca-cert", "ca"]));
    cases.call(move || vault().args(["--ca-cert", "none"]));
    cases.call(move || vault().env("VAULT_CACERT_BYTES", broken()));
    cases.call(move || vault().env("VAULT_CACERT_BYTES", canary("value")));
    let cut_off = || format!("-----BEGIN CERTIFICATE-----\n{}\n", canary("value"));
    cases.call(move || vault().file("ca", cut_off()).args(["--ca-cert", "ca"]));
    cases.call(move || vault().file("cert", cut_off()).args(["--client-cert", "cert", "--client-key", "cert"]));
    cases.call(move || vault().file("ca", canary("value")).args(["--ca-path", "."]));
    cases.call(move || vault().args(["--ca-path", "none"]));
    let hide = "for dir in /etc/ssl /etc/pki; do [ ! -d $dir ] || mount -t tmpfs none $dir; done";
    cases.call(move || vault().with_mounts(hide));
    cases.call(move || vault().file("ca", broken()).env("SSL_CERT_FILE", "ca"));
    cases.call(move || vault().env("SSL_CERT_FILE", "none"));
    cases.call(move || {
        vault().file("ca", OURS.pem().to_owned() + Authority::new("other").pem()).env("SSL_CERT_FILE", "ca")
    });
    let shows = move |certificate: String, key: String| {
        let vault = vault().file("ca", OURS.pem()).file("cert", certificate).file("key", key);
        vault.args(["--ca-cert=ca", "--client-cert=cert", "--client-key=key"])
    };
    for (_, options) in UNSUPPORTED {
        let (certificate, key) = openssl(options, &[]);
        let ca = certificate.clone();
        cases.call(move || vault().file("ca", &ca).args(["--ca-cert", "ca"]));
        let (several, pair) = (OURS.pem().to_owned() + &certificate, openssl_issued_by(&certificate, &key));
        cases.server(
            move || FakeServer::answering_over_tls(server_config(&pair, rustls::DEFAULT_VERSIONS, None), [secret()]),
            move |fake| once(with_canaries(fake.vault())).env("VAULT_CACERT_BYTES", several.clone()),
        );
        cases.call(move || shows(certificate.clone(), key.clone()));
    }
    let (certificate, key) = CLIENT.clone();
    let marked = |kind: &str, key: &str| format!("-----BEGIN {kind}-----\n{key}\n-----END {kind}-----\n");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, canary("key"));
    for key in [
        key.clone(),
        self_signed(&["me"], |_| {}).1,
        canary("key").to_owned(),
        marked("PRIVATE KEY", canary("key")),
        marked("PRIVATE KEY", &encoded),
        marked("ENCRYPTED PRIVATE KEY", &encoded),
        marked("PRIVATE KEY", &encoded).replace("-----END", ""),
    ] {
        let certificate = certificate.clone();
        cases.call(move || shows(certificate.clone(), key.clone()));
    }
    for certificate in [marked("CERTIFICATE", &encoded), canary("key").into()] {
        let key = key.clone();
        cases.call(move || shows(certificate.clone(), key.clone()));
    }
}
