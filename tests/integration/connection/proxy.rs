//! A real HTTP proxy. The tests run in a network namespace in which the server has addresses that are
//! not in 127.0.0.0/8.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use crate::support::fake_server::{FakeServer, Reply};
use crate::support::network::NetworkNamespace;
use crate::support::openbao::{ROOT, bao};
use crate::support::process::{SupervisedProcess, dependency};
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, listener};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

const SERVER: &str = "10.99.0.1";
const PROXY: &str = "10.99.0.2";
const HOSTS: &str = "127.0.0.1 localhost\n10.99.0.1 vault.test\n";

struct Site {
    net: NetworkNamespace,
    dir: PathBuf,
    _server: SupervisedProcess,
}

static SITE: LazyLock<Site> = LazyLock::new(|| {
    let dir = new_dir("proxy");
    let net = NetworkNamespace::new(dir.clone(), [SERVER, PROXY]);
    let ours = Authority::new("ours");
    fs::write(dir.join("ca"), ours.pem()).unwrap();
    let pair = ours.issue(&["localhost", "vault.test", "127.0.0.1", "::1", SERVER]);
    let config: String = [SERVER, "127.0.0.1", "[::1]"]
        .map(|address| listener(&dir, "server", &format!("{address}:8200"), &pair, ""))
        .concat();
    let file = dir.join("server.hcl");
    fs::write(&file, config).unwrap();
    let server = net.spawn(
        &[
            bao(),
            "server",
            "-dev",
            "-dev-no-store-token",
            &format!("-dev-root-token-id={ROOT}"),
            &format!("-dev-listen-address={SERVER}:8100"),
            &format!("-config={}", file.display()),
        ],
        "server.log",
    );
    wait_until("the server", || {
        let mut put = Command::new(net.enter()[0]);
        put.arg(net.enter()[1]).arg(bao()).args(["kv", "put", "-mount=secret", "a", "k=v"]);
        put.env("VAULT_ADDR", format!("http://{SERVER}:8100")).env("VAULT_TOKEN", ROOT);
        put.output().unwrap().status.success()
    });
    Site { net, dir, _server: server }
});

/// tinyproxy at a port of its own.
struct Proxy {
    helper: SupervisedProcess,
    authority: String,
}

impl Proxy {
    fn new(settings: &str) -> Self {
        static TINYPROXY: LazyLock<String> = LazyLock::new(|| dependency("tinyproxy"));
        static PORT: AtomicU16 = AtomicU16::new(3128);
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        let file = SITE.dir.join(format!("proxy-{port}.conf"));
        fs::write(&file, format!("Port {port}\nListen {PROXY}\nTimeout 60\nLogLevel Info\n{settings}\n")).unwrap();
        let mut line = SITE.net.enter_with_hosts(HOSTS);
        line.extend([TINYPROXY.clone(), "-d".into(), "-c".into(), file.display().to_string()]);
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        let helper = SupervisedProcess::start(&line, SITE.dir.join(format!("proxy-{port}.log")));
        wait_until("the proxy", || helper.log().contains("Accepting connections"));
        Self { helper, authority: format!("{PROXY}:{port}") }
    }

    fn open() -> Self {
        Self::new("")
    }

    fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The requests in its log.
    fn asked(&self) -> Vec<String> {
        let log = self.helper.log();
        let requests = log.lines().filter_map(|line| line.split_once("): ")?.1.strip_suffix(" HTTP/1.1"));
        requests
            .filter(|request| request.starts_with(|first: char| first.is_ascii_uppercase()))
            .map(str::to_owned)
            .collect()
    }

    #[track_caller]
    fn was_asked(&self, requests: &[&str]) {
        assert_eq!(self.asked(), requests, "{}", self.helper.log());
    }
}

/// A call in that network.
fn at(address: &str) -> TestVault {
    TestVault::bare()
        .env("VAULT_ADDR", address)
        .env("VAULT_TOKEN", ROOT)
        .args(["--path", "secret/a", "--ca-cert", SITE.dir.join("ca").to_str().unwrap()])
        .under(SITE.net.enter())
}

fn vault() -> TestVault {
    at("https://10.99.0.1:8200")
}

#[track_caller]
fn works(vault: &TestVault) {
    vault.environ().has("K", "v").stderr_is("");
}

const CONNECT: &str = "CONNECT 10.99.0.1:8200";

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_proxy_comes_from_options_or_variables() {
    let proxy = Proxy::open();
    works(&vault().args(["--proxy", &proxy.url()]));
    works(&vault().args(["--proxy", &proxy.authority]));
    for variable in [
        "VAULT_EXEC_PROXY",
        "VAULT_PROXY_ADDR",
        "BAO_PROXY_ADDR",
        "VAULT_HTTP_PROXY",
        "BAO_HTTP_PROXY",
        "HTTPS_PROXY",
        "https_proxy",
    ] {
        works(&vault().env(variable, proxy.url()));
    }
    works(&vault().env("HTTPS_PROXY", &proxy.authority));
    proxy.was_asked(&[CONNECT; 10]);
    works(&vault());
    proxy.was_asked(&[CONNECT; 10]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_sources_of_the_proxy_have_an_order() {
    let (near, far) = (Proxy::open(), Proxy::open());
    works(&vault().args(["--proxy", &near.url()]).env("VAULT_EXEC_PROXY", far.url()));
    works(&vault().env("VAULT_EXEC_PROXY", near.url()).env("BAO_PROXY_ADDR", far.url()));
    works(&vault().env("BAO_PROXY_ADDR", near.url()).env("VAULT_PROXY_ADDR", far.url()));
    works(&vault().env("VAULT_PROXY_ADDR", near.url()).env("VAULT_HTTP_PROXY", far.url()));
    works(&vault().env("VAULT_HTTP_PROXY", near.url()).env("HTTPS_PROXY", far.url()));
    works(&vault().env("https_proxy", near.url()).env("HTTPS_PROXY", far.url()));
    near.was_asked(&[CONNECT; 6]);
    far.was_asked(&[]);
    works(&vault().env("VAULT_PROXY_ADDR", "").env("HTTPS_PROXY", far.url()));
    far.was_asked(&[CONNECT]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn tunnels_are_reused() {
    let proxy = Proxy::open();
    works(&vault().args(["--proxy", &proxy.url(), "--optional-path", "secret/none"]));
    let asked = proxy.asked();
    assert!(asked.len() <= 2 && asked.iter().all(|request| request == CONNECT), "{asked:?}");
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_proxy_resolves_the_host() {
    let proxy = Proxy::open();
    works(&at("https://vault.test:8200").env("HTTPS_PROXY", proxy.url()));
    proxy.was_asked(&["CONNECT vault.test:8200"]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn no_proxy_excludes_hosts() {
    let proxy = Proxy::open();
    let named = || at("https://vault.test:8200").under(SITE.net.enter_with_hosts(HOSTS));
    for except in ["10.99.0.1", "10.99.0.0/16", "*", "x.test, 10.99.0.1", "10.99.0.1:8200", "0.0.0.0/0"] {
        works(&vault().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", except));
    }
    for except in ["vault.test", "test", ".test", "x.test,.test", "*.test", "VAULT.test", "vault.test:8200", "*"] {
        works(&named().env("https_proxy", proxy.url()).env("no_proxy", except));
    }
    works(&named().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", "other").env("no_proxy", "vault.test"));
    proxy.was_asked(&[]);
    for except in ["10.99.0.2", "10.98.0.0/16", "", "x.test", "10.99.0.1:8201", "::/0", ",", "10.99.0.0/99"] {
        works(&vault().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", except));
    }
    for except in ["other.test", "est", "t.vault.test", "vault.test:443"] {
        works(&named().env("HTTPS_PROXY", proxy.url()).env("NO_PROXY", except));
    }
    assert_eq!(proxy.asked().len(), 12, "{}", proxy.helper.log());
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn no_proxy_does_not_affect_a_proxy_given_for_vault() {
    let proxy = Proxy::open();
    works(&vault().env("VAULT_PROXY_ADDR", proxy.url()).env("NO_PROXY", "*"));
    works(&vault().args(["--proxy", &proxy.url()]).env("NO_PROXY", SERVER));
    proxy.was_asked(&[CONNECT; 2]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_loopback_is_never_reached_through_a_proxy() {
    let proxy = Proxy::open();
    for address in ["https://127.0.0.1:8200", "https://localhost:8200", "https://[::1]:8200"] {
        works(&at(address).args(["--proxy", &proxy.url()]));
        works(&at(address).env("VAULT_PROXY_ADDR", proxy.url()).env("VAULT_HTTP_PROXY", proxy.url()));
        works(&at(address).env("HTTPS_PROXY", proxy.url()));
    }
    proxy.was_asked(&[]);
}

#[test]
fn no_spelling_of_the_loopback_is_reached_through_a_proxy() {
    let server = FakeServer::answering([Reply::secret(&[("a", "direct")])]);
    let proxy = FakeServer::answering([Reply::status(418)]);
    let reachable = ["localhost", "LOCALHOST", "127.1", "2130706433", "0x7f.1", "0", "[::ffff:127.0.0.1]"];
    // Whether these resolve, and whether the server listens there, depends on the machine.
    let others = "localhost. ip6-localhost ip6-loopback localhost.localdomain a.localhost 127.1.2.3 [::1] [::] localhost4 \
                  localhost6 localhost4.localdomain4 localhost6.localdomain6 [::127.0.0.1]";
    for host in reachable.into_iter().chain(others.split(' ')) {
        let at = |scheme| server.vault().env("VAULT_ADDR", format!("{scheme}://{host}:{}", server.port()));
        let outcome = at("http").args(["--proxy", &proxy.url(), "--timeout=1s"]).run(["cat", "/proc/self/environ"]);
        if reachable.contains(&host) {
            outcome.exits(0).has("A", "direct");
        }
        let _ = at("https").env("HTTPS_PROXY", proxy.url()).args(["--timeout", "100ms"]).run(["true"]).exits(125);
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn plain_http_goes_through_a_proxy_only_if_one_is_given_for_vault() {
    let proxy = Proxy::open();
    let plain = || at("http://10.99.0.1:8100");
    works(&plain().env("HTTPS_PROXY", proxy.url()).env("HTTP_PROXY", proxy.url()).env("http_proxy", proxy.url()));
    works(&plain().env("ALL_PROXY", proxy.url()).env("all_proxy", proxy.url()));
    proxy.was_asked(&[]);
    works(&plain().args(["--proxy", &proxy.url()]));
    proxy.was_asked(&["GET http://10.99.0.1:8100/v1/secret/data/a"]);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_password_of_a_proxy_is_sent_and_not_printed() {
    let proxy = Proxy::new("BasicAuth somebody s3cr3t-of-the-proxy");
    let with = |user: &str| format!("http://{user}@{}", proxy.authority);
    let right = with("somebody:s3cr3t-of-the-proxy");
    works(&vault().args(["--proxy", &right]));
    works(&vault().env("HTTPS_PROXY", &right));
    let loud = vault().env("HTTPS_PROXY", &right).args(["-vv"]).environ().has("K", "v");
    let refused = "vault-exec: read secret/a: {addr}: proxy authentication required (407)\n\
                   hint: put the user name and password into the proxy's address, http://user:password@host:port, \
                   which is from HTTPS_PROXY\n";
    vault().env("HTTPS_PROXY", proxy.url()).fails(refused);
    // tinyproxy responds with 401 to a wrong password.
    let wrong = vault().env("HTTPS_PROXY", with("somebody:wr0ng-of-the-proxy"));
    let quiet = wrong.fails(&refusal(401));
    let louder = wrong.args(["-vv"]).run(["true"]).exits(125);
    for outcome in [loud, quiet, louder] {
        for secret in ["s3cr3t-of", "wr0ng-of", "c29tZWJvZHk6"] {
            assert!(!outcome.stderr.contains(secret), "{outcome}");
        }
    }
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn a_refusal_of_the_proxy_is_not_retried() {
    let proxy = Proxy::new("ConnectPort 443");
    vault().env("HTTPS_PROXY", proxy.url()).fails(&refusal(403));
    proxy.was_asked(&[CONNECT]);
}

fn refusal(status: u16) -> String {
    format!(
        "vault-exec: read secret/a: {{addr}}: the proxy refused the connection to the server ({status})\n\
         hint: allow the server's address in the proxy, or connect without it; the proxy is from HTTPS_PROXY\n"
    )
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn an_unreachable_server_behind_a_proxy_is_retried() {
    let proxy = Proxy::open();
    let vault = at("https://10.99.0.1:8299").args(["--proxy", &proxy.url(), "--timeout", "1s"]);
    let why = "{addr}: the proxy refused the connection to the server (500)";
    vault.fails(&format!(
        "vault-exec: waiting for {why} (for 1s at most)\n\
         vault-exec: read secret/a: {why}; gave up after 1s (--timeout)\n{}",
        hint("--proxy")
    ));
    assert!(proxy.asked().len() >= 2);
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn an_unreachable_proxy_is_retried_and_named() {
    let vault = vault().env("VAULT_PROXY_ADDR", "http://somebody:s3cr3t@10.99.0.2:3099").args(["--timeout", "1s"]);
    let why = "{addr}: the proxy: connection refused";
    vault.fails(&format!(
        "vault-exec: waiting for {why} (for 1s at most)\n\
         vault-exec: read secret/a: {why}; gave up after 1s (--timeout)\n{}",
        hint("VAULT_PROXY_ADDR")
    ));
}

fn hint(proxy: &str) -> String {
    format!(
        "hint: check that the server runs and is reachable; the address is from VAULT_ADDR, \
         the proxy from {proxy}\n"
    )
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn an_invalid_proxy_is_an_error_without_its_value() {
    for odd in ["socks5://somebody:s3cr3t@10.99.0.2:1080", "http://", "http://somebody:s3cr3t@:1", "ftp://x", "a b"] {
        vault().env("HTTPS_PROXY", odd).fails(
            "vault-exec: HTTPS_PROXY: expected the address of an HTTP proxy such as http://proxy.example.com:3128\n",
        );
    }
}

#[test]
#[ignore = "root: makes a network namespace; Debian: installs tinyproxy"]
fn the_server_name_applies_behind_a_proxy() {
    let proxy = Proxy::open();
    let proxied = || vault().args(["--proxy", &proxy.url()]);
    works(&proxied().args(["--tls-server-name", "vault.test"]));
    works(&proxied().env("VAULT_TLS_SERVER_NAME", "localhost"));
    let wrong = proxied().args(["--tls-server-name", "wrong.test"]).run(["true"]).exits(125);
    assert!(wrong.stderr.contains(", not for wrong.test\n"), "{wrong}");
    proxy.was_asked(&[CONNECT; 3]);
}
