//! Trust anchors and client certificates. One real server with a listener for each kind of certificate.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::LazyLock;

use rcgen::{BasicConstraints, IsCa, SanType, date_time_ymd};
use serde_json::json;

use crate::support::openbao::{OpenBao, ROOT};
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, SniRecorder, listener, self_signed};
use crate::support::vault::{Outcome, TestVault};

struct Site {
    server: OpenBao,
    dir: PathBuf,
    ports: BTreeMap<&'static str, u16>,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let dir = new_dir("certificates");
    let (ours, theirs, clients) = (Authority::new("ours"), Authority::new("theirs"), Authority::new("clients"));
    let all = ["localhost", "vault.test", "127.0.0.1", "::1"];
    let plain = ours.issue(&all);
    let client_ca = dir.join("clients.ca");
    let mutual =
        format!("tls_require_and_verify_client_cert = true\n  tls_client_ca_file = \"{}\"", client_ca.display());
    let (mut ports, mut config) = (BTreeMap::new(), String::new());
    // Taken until all are known, so that they differ.
    let mut taken = Vec::new();
    for (name, pair, more) in [
        ("good", &plain, ""),
        ("theirs", &theirs.issue(&all), ""),
        ("expired", &ours.issue_with(&all, |params| params.not_after = date_time_ymd(2001, 1, 1)), ""),
        ("early", &ours.issue_with(&all, |params| params.not_before = date_time_ymd(2090, 1, 1)), ""),
        ("other", &ours.issue(&["other.test"]), ""),
        ("address", &ours.issue(&["127.0.0.1"]), ""),
        (
            "nameless",
            &ours.issue_with(&[], |params| {
                params.subject_alt_names.push(SanType::Rfc822Name("me@vault.test".try_into().unwrap()));
            }),
            "",
        ),
        ("tls12", &plain, "tls_max_version = \"tls12\""),
        ("tls13", &plain, "tls_min_version = \"tls13\""),
        ("tls10", &plain, "tls_min_version = \"tls10\"\n  tls_max_version = \"tls11\""),
        ("mutual", &plain, mutual.as_str()),
        ("mutual12", &plain, &format!("{mutual}\n  tls_max_version = \"tls12\"")),
        ("leaf", &self_signed(&all, |_| {}), ""),
        ("self", &self_signed(&all, |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained)), ""),
    ] {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        taken.push(socket);
        ports.insert(name, address.port());
        config += &listener(&dir, name, &address.to_string(), pair, more);
    }
    for (name, text) in [("ca", ours.pem()), ("theirs.ca", theirs.pem()), ("clients.ca", clients.pem())] {
        fs::write(dir.join(name), text).unwrap();
    }
    for (name, (certificate, key)) in [("me", clients.issue(&["me"])), ("stranger", theirs.issue(&["me"]))] {
        fs::write(dir.join(format!("{name}.both")), format!("{key}{certificate}")).unwrap();
        fs::write(dir.join(format!("{name}.pem")), certificate).unwrap();
        fs::write(dir.join(format!("{name}.key")), key).unwrap();
    }
    let file = dir.join("listeners.hcl");
    fs::write(&file, config).unwrap();
    drop(taken);
    let server = OpenBao::start(&[&format!("-config={}", file.display())]);
    server.api().write_secret("a", &json!({"k": "v"}));
    Site { server, dir, ports }
});

fn path_of(name: &str) -> String {
    SITE.dir.join(name).to_str().unwrap().to_owned()
}

fn text_of(name: &str) -> String {
    fs::read_to_string(SITE.dir.join(name)).unwrap()
}

/// A call with this host and port, without a CA.
fn at(host: &str, port: u16) -> TestVault {
    TestVault::bare()
        .env("VAULT_ADDR", format!("https://{host}:{port}"))
        .env("VAULT_TOKEN", ROOT)
        .args(["--path", "secret/a"])
}

/// A call with this listener, without a CA.
fn vault(name: &str) -> TestVault {
    at("127.0.0.1", SITE.ports[name])
}

/// The same with the CA.
fn trusting(name: &str) -> TestVault {
    vault(name).args(["--ca-cert", &path_of("ca")])
}

/// A recorder in front of a listener.
fn tap(name: &str, host: &str) -> SniRecorder {
    SniRecorder::start(host, format!("127.0.0.1:{}", SITE.ports[name]))
}

#[track_caller]
fn works(vault: &TestVault) -> Outcome {
    vault.environ().has("K", "v").lacks("VAULT_TOKEN").stderr_is("")
}

/// Fails with this message, in which `{ca}` stands for the CA's file, after one connection.
#[track_caller]
pub(crate) fn refuses(name: &str, host: &str, stderr: &str) {
    let tap = tap(name, "127.0.0.1");
    let vault = at(host, tap.port).args(["--ca-cert", &path_of("ca")]);
    vault.fails(&format!("vault-exec: read secret/a: {{addr}}: {}", stderr.replace("{ca}", &path_of("ca"))));
    assert_eq!(tap.names().len(), 1, "connections to {name}: {:?}", tap.names());
}

/// The hint about an authority that is not the given one.
pub(crate) const NOT_THE_CA: &str =
    "hint: no CA certificate from --ca-cert: {ca} signed it: give that of the server's authority there\n";

/// The hint about a certificate that is not valid now.
pub(crate) const CLOCK: &str = "hint: renew the server's certificate, or correct the clock of this machine\n";

/// The hint about a certificate for another name.
pub(crate) const NAME: &str = "hint: use an address that the certificate names (this one is from VAULT_ADDR), \
                    or give its name with --tls-server-name\n";

const VERSION: &str = "hint: the server must support TLS 1.2 or 1.3, and may require --client-cert and --client-key\n";

const UNCHECKED: &str = "vault-exec: the server's certificate is not verified: anyone on the network path can read \
    the secrets\n";

/// The message about an unknown authority; `given` is the source of the CA, if there is one.
fn unknown(given: Option<&str>) -> String {
    let why = "the server's certificate is signed by an unknown authority";
    let hint = match given {
        None => "give the CA certificate with --ca-cert or VAULT_CACERT".to_owned(),
        Some(ca) => format!("no CA certificate from {ca} signed it: give that of the server's authority there"),
    };
    format!("vault-exec: read secret/a: {{addr}}: {why}\nhint: {hint}\n")
}

#[test]
fn a_self_signed_certificate_can_be_a_trust_anchor_unless_it_is_a_ca() {
    works(&vault("leaf").args(["--ca-cert", &path_of("leaf.pem")]));
    let stderr = "vault-exec: read secret/a: {addr}: the server's certificate is a CA certificate (CA:TRUE)\n\
                  hint: issue a server certificate with it, or recreate it with basicConstraints=CA:FALSE\n";
    vault("self").args(["--ca-cert", &path_of("self.pem")]).fails(stderr);
    vault("self").fails(stderr);
}

#[test]
fn the_certificate_must_match_the_address() {
    works(&trusting("address"));
    works(&trusting("good"));
    works(&at("localhost", SITE.ports["good"]).args(["--ca-cert", &path_of("ca")]));
    let six = tap("good", "[::1]");
    works(&at("[::1]", six.port).args(["--ca-cert", &path_of("ca")]));
    assert_eq!(six.names(), [None], "no server name is sent for an address");
}

#[test]
fn tls_1_2_and_1_3_are_accepted_and_older_versions_refused() {
    works(&trusting("tls12"));
    works(&trusting("tls13"));
    refuses("tls10", "127.0.0.1", &format!("the server rejected the TLS handshake (ProtocolVersion)\n{VERSION}"));
}

#[test]
fn a_ca_comes_from_options_or_variables() {
    let (ca, theirs) = (path_of("ca"), path_of("theirs.ca"));
    works(&vault("good").args(["--ca-cert", &ca]));
    works(&vault("good").env("VAULT_CACERT", &ca));
    works(&vault("good").env("VAULT_CACERT", &theirs).env("BAO_CACERT", &ca));
    works(&vault("good").env("BAO_CACERT", &theirs).env("VAULT_EXEC_CA_CERT", &ca));
    works(&vault("good").env("VAULT_EXEC_CA_CERT", &theirs).args(["--ca-cert", &ca]));
    works(&vault("good").env("VAULT_CACERT_BYTES", text_of("ca")));
    works(&vault("good").env("VAULT_CACERT_BYTES", text_of("theirs.ca")).env("BAO_CACERT_BYTES", text_of("ca")));
    works(&vault("good").file("several.pem", text_of("theirs.ca") + &text_of("ca")).args(["--ca-cert", "several.pem"]));
    let directory = vault("good").file("a.pem", text_of("theirs.ca")).file("b.crt", text_of("ca")).file("c", "no PEM");
    works(&directory.clone().args(["--ca-path", "{home}"]));
    works(&directory.clone().env("VAULT_CAPATH", "{home}"));
    works(&directory.env("BAO_CAPATH", "{home}").env("VAULT_CAPATH", "/nowhere"));
    works(&vault("good").env("SSL_CERT_FILE", &ca));
    works(&vault("good").file("ca.pem", text_of("ca")).env("SSL_CERT_DIR", "/nowhere:{home}"));
    works(&vault("good").file("ca.pem", text_of("ca")).env("SSL_CERT_DIR", "{home}").env("SSL_CERT_FILE", &theirs));
}

#[test]
fn a_ca_file_wins_over_ca_bytes_and_those_over_a_ca_directory() {
    let wrong = text_of("theirs.ca");
    let vault = vault("good").file("ca.pem", text_of("ca")).file("wrong.pem", &wrong);
    works(&vault.clone().env("VAULT_CACERT", "ca.pem").env("VAULT_CACERT_BYTES", &wrong).env("VAULT_CAPATH", "/none"));
    vault
        .clone()
        .env("VAULT_CACERT", "wrong.pem")
        .env("VAULT_CACERT_BYTES", text_of("ca"))
        .fails(&unknown(Some("VAULT_CACERT: wrong.pem")));
    works(&vault.clone().env("VAULT_CACERT_BYTES", text_of("ca")).env("VAULT_CAPATH", "/none"));
    vault.env("VAULT_CACERT_BYTES", wrong).env("VAULT_CAPATH", "{home}").fails(&unknown(Some("VAULT_CACERT_BYTES")));
}

#[test]
fn a_given_ca_is_the_only_trust_anchor() {
    let vault = vault("good").env("SSL_CERT_FILE", path_of("ca")).file("theirs.pem", text_of("theirs.ca"));
    works(&vault);
    vault.clone().args(["--ca-cert", "theirs.pem"]).fails(&unknown(Some("--ca-cert: theirs.pem")));
    vault.clone().env("VAULT_CACERT_BYTES", text_of("theirs.ca")).fails(&unknown(Some("VAULT_CACERT_BYTES")));
    vault.args(["--ca-path", "{home}"]).fails(&unknown(Some("--ca-path: {home}")));
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn without_a_system_store_the_bundled_one_is_used() {
    let bundled = format!(
        "trust {} bundled CA certificates, because the system has none\n",
        webpki_roots::TLS_SERVER_ROOTS.len()
    );
    let hide = "for dir in /etc/ssl /etc/pki; do [ ! -d $dir ] || mount -t tmpfs none $dir; done; true";
    let scratch = vault("good").with_mounts(hide);
    scratch.fails(&unknown(None));
    let scratch = scratch.args(["-vv"]);
    let outcome = scratch.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let told = outcome.untimed_stderr();
    assert!(told.contains(&format!("vault-exec: {bundled}")), "{outcome}");
    assert!(told.ends_with(&scratch.fill(&unknown(None))), "{outcome}");
    let outcome = trusting("good").args(["-vv"]).environ();
    let only = format!("vault-exec: trust 1 CA certificate from --ca-cert: {}\n", path_of("ca"));
    assert!(outcome.untimed_stderr().contains(&only), "{outcome}");
}

#[test]
fn a_client_certificate_is_sent_if_the_server_requests_it() {
    for name in ["mutual", "mutual12"] {
        let (certificate, key) = (path_of("me.pem"), path_of("me.key"));
        works(&trusting(name).args(["--client-cert", &certificate, "--client-key", &key]));
        works(&trusting(name).env("VAULT_CLIENT_CERT", &certificate).env("VAULT_CLIENT_KEY", &key));
        works(&trusting(name).env("BAO_CLIENT_CERT", &certificate).env("VAULT_EXEC_CLIENT_KEY", &key));
        let both = path_of("me.both");
        works(&trusting(name).args(["--client-cert", &both, "--client-key", &both]));
    }
    works(&trusting("good").args(["--client-cert", &path_of("me.pem"), "--client-key", &path_of("me.key")]));
}

#[test]
fn a_missing_or_untrusted_client_certificate_is_not_retried() {
    let wanted = "hint: the server requires a trusted client certificate: give one with --client-cert and \
        --client-key\n";
    let alert = |alert: &str, hint: &str| format!("the server rejected the TLS handshake ({alert})\n{hint}");
    refuses("mutual", "127.0.0.1", &alert("CertificateRequired", wanted));
    refuses("mutual12", "127.0.0.1", &alert("HandshakeFailure", VERSION));
    // In TLS 1.3 the server hangs up on a request that is already on its way.
    for _ in 0..20 {
        let stderr = alert("CertificateRequired", wanted);
        trusting("mutual").fails(&format!("vault-exec: read secret/a: {{addr}}: {stderr}"));
    }
    for name in ["mutual", "mutual12"] {
        let tap = tap(name, "127.0.0.1");
        let vault = at("127.0.0.1", tap.port).args(["--ca-cert", &path_of("ca")]);
        vault
            .args(["--client-cert", &path_of("stranger.pem"), "--client-key", &path_of("stranger.key")])
            .fails(&format!("vault-exec: read secret/a: {{addr}}: {}", alert("UnknownCA", wanted)));
        assert_eq!(tap.names().len(), 1);
    }
}

#[test]
fn an_invalid_client_certificate_is_an_error_before_any_request() {
    let tap = tap("mutual", "127.0.0.1");
    let vault = at("127.0.0.1", tap.port).args(["--ca-cert", &path_of("ca")]).file("garbage", "garbage\n");
    let (me, key) = (path_of("me.pem"), path_of("me.key"));
    let with =
        |certificate: &str, key: &str| vault.clone().args(["--client-cert", certificate]).env("VAULT_CLIENT_KEY", key);
    with(&me, &path_of("stranger.key")).fails(&format!(
        "vault-exec: --client-cert: {me}: the certificate and the key do not match\n\
         hint: the key is from VAULT_CLIENT_KEY: {}\n",
        path_of("stranger.key")
    ));
    let certificate = "no certificate found\nhint: expected PEM text that starts with -----BEGIN CERTIFICATE-----\n";
    with("garbage", &key).fails(&format!("vault-exec: --client-cert: garbage: {certificate}"));
    with(&key, &key).fails(&format!("vault-exec: --client-cert: {key}: {certificate}"));
    let private = "no private key found\n\
                   hint: expected PEM text such as -----BEGIN PRIVATE KEY-----, not encrypted\n";
    with(&me, "garbage").fails(&format!("vault-exec: VAULT_CLIENT_KEY: garbage: {private}"));
    with(&me, &me).fails(&format!("vault-exec: VAULT_CLIENT_KEY: {me}: {private}"));
    let missing = "No such file or directory\n\
                   hint: check that it exists and that the user of vault-exec can read it\n";
    with("none.pem", &key).fails(&format!("vault-exec: --client-cert: none.pem: {missing}"));
    with(&me, "./none.key").fails(&format!("vault-exec: VAULT_CLIENT_KEY: ./none.key: {missing}"));
    vault
        .clone()
        .args(["--client-cert", &me])
        .fails("vault-exec: --client-cert requires --client-key\nhint: give both, or leave --client-cert out\n");
    vault
        .env("VAULT_CLIENT_KEY", &key)
        .fails("vault-exec: VAULT_CLIENT_KEY requires --client-cert\nhint: give both, or leave VAULT_CLIENT_KEY out\n");
    assert_eq!(tap.names(), []);
}

#[test]
fn the_server_name_replaces_the_host() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let tap = tap("other", if host == "[::1]" { host } else { "127.0.0.1" });
        let vault = at(host, tap.port).args(["--ca-cert", &path_of("ca")]);
        works(&vault.clone().args(["--tls-server-name", "other.test"]));
        works(&vault.clone().env("VAULT_TLS_SERVER_NAME", "other.test"));
        works(&vault.clone().env("VAULT_TLS_SERVER_NAME", "x.test").env("BAO_TLS_SERVER_NAME", "other.test"));
        works(&vault.clone().env("BAO_TLS_SERVER_NAME", "x.test").env("VAULT_EXEC_TLS_SERVER_NAME", "other.test"));
        assert_eq!(tap.names(), vec![Some("other.test".to_owned()); 4]);
        vault.args(["--tls-server-name", "wrong.test"]).fails(&format!(
            "vault-exec: read secret/a: {{addr}}: the server's certificate is for other.test, not for wrong.test\n{NAME}"
        ));
        assert_eq!(tap.names().last(), Some(&Some("wrong.test".to_owned())));
    }
}

#[test]
fn a_server_name_must_be_a_host_name() {
    let tap = tap("good", "127.0.0.1");
    let vault = at("127.0.0.1", tap.port).args(["--ca-cert", &path_of("ca")]);
    for odd in ["127.0.0.1", "[::1]", "a b", "https://vault.test", "vault.test:8200", "a/b"] {
        vault
            .clone()
            .args(["--tls-server-name", odd])
            .fails(&format!("vault-exec: --tls-server-name: `{odd}`: expected a host name\n"));
    }
    assert_eq!(tap.names(), []);
}

#[test]
fn sni_has_host_names_and_no_addresses() {
    let tap = tap("good", "127.0.0.1");
    works(&at("localhost", tap.port).args(["--ca-cert", &path_of("ca")]));
    works(&at("127.0.0.1", tap.port).args(["--ca-cert", &path_of("ca")]));
    assert_eq!(tap.names(), [Some("localhost".to_owned()), None]);
}

#[test]
fn skip_verify_follows_the_true_values_of_go() {
    let skips = |vault: &TestVault| vault.environ().has("K", "v").stderr_is(UNCHECKED);
    for name in ["theirs", "expired", "early", "other", "nameless", "leaf", "self", "tls12"] {
        skips(&vault(name).args(["--tls-skip-verify"]));
    }
    for yes in ["1", "t", "T", "TRUE", "true", "True"] {
        skips(&vault("theirs").env("VAULT_SKIP_VERIFY", yes));
    }
    skips(&vault("theirs").env("VAULT_SKIP_VERIFY", "0").env("BAO_SKIP_VERIFY", "1"));
    skips(&vault("theirs").env("BAO_SKIP_VERIFY", "0").env("VAULT_EXEC_TLS_SKIP_VERIFY", "1"));
    skips(&vault("theirs").env("VAULT_EXEC_TLS_SKIP_VERIFY", "0").args(["--tls-skip-verify"]));
    let mutual = vault("mutual").args(["--client-cert", &path_of("me.pem"), "--client-key", &path_of("me.key")]);
    skips(&mutual.args(["--tls-skip-verify"]));
    let tap = tap("theirs", "127.0.0.1");
    skips(&at("127.0.0.1", tap.port).args(["--tls-skip-verify", "--tls-server-name", "front.test"]));
    assert_eq!(tap.names(), [Some("front.test".to_owned())]);
}

#[test]
fn skip_verify_follows_the_false_values_of_go_and_empty_is_false() {
    for no in ["0", "f", "F", "FALSE", "false", "False", ""] {
        vault("theirs").env("VAULT_SKIP_VERIFY", no).fails(&unknown(None));
    }
    vault("theirs").env("VAULT_SKIP_VERIFY", "true").env("BAO_SKIP_VERIFY", "").fails(&unknown(None));
    vault("theirs").env("VAULT_SKIP_VERIFY", "true").env("VAULT_EXEC_TLS_SKIP_VERIFY", "false").fails(&unknown(None));
    for (variable, odd) in [
        ("VAULT_SKIP_VERIFY", "yes"),
        ("VAULT_SKIP_VERIFY", "tRUE"),
        ("VAULT_SKIP_VERIFY", "2"),
        ("VAULT_SKIP_VERIFY", " true"),
        ("VAULT_SKIP_VERIFY", "true "),
        ("BAO_SKIP_VERIFY", "on"),
        ("VAULT_EXEC_TLS_SKIP_VERIFY", "y"),
    ] {
        vault("theirs")
            .env(variable, odd)
            .fails(&format!("vault-exec: {variable}: expected true, t, 1, false, f or 0\n"));
    }
}

#[test]
fn a_wrong_scheme_is_not_retried() {
    let tap = tap("good", "127.0.0.1");
    let vault = at("127.0.0.1", tap.port).env("VAULT_ADDR", format!("http://127.0.0.1:{}", tap.port));
    let https = "vault-exec: read secret/a: {addr}: the server speaks TLS\n\
                 hint: write https:// (the address is from VAULT_ADDR)\n";
    vault.clone().args(["--kv", "2"]).fails(https);
    assert_eq!(tap.names().len(), 1);
    vault.fails(https);
    let port = SITE.server.authority.rsplit_once(':').unwrap().1.parse().unwrap();
    at("127.0.0.1", port).fails(
        "vault-exec: read secret/a: {addr}: the server does not speak TLS\n\
         hint: if the server uses plain HTTP, write http:// (the address is from VAULT_ADDR)\n",
    );
}
