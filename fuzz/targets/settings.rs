//! Whatever stands in the variables: an address, a proxy, a path, a mount or a namespace that is accepted is what it looks
//! like, and one that is refused is refused without its password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use vault_exec::config::{self, Address, Config, ProjectSettings};
use vault_exec::env_block::{InheritedEnv, is_withheld};
use vault_exec::error::CliError;
use vault_exec::secret_path::{PathError, SecretPath};
use vault_exec_fuzz::{inherited, printed, resolve, unescape};

const VALUE: &str = "hunter2";

// An environment, one `NAME=value` a line.
fuzz_target!(|text: &str| {
    let environment = || inherited(text.lines());
    let _ = config::log_options(&Default::default(), &environment());
    let _ = config::project_file(&Default::default(), &environment());
    text.lines().filter_map(|line| line.split_once('=')).for_each(|(_, value)| path(value));
    match resolve(&environment(), &ProjectSettings::default()) {
        Err(error) => {
            let told = printed(&CliError::from(error).into());
            assert!(!told.contains(VALUE) || text.lines().any(may_be_told), "{told}");
        }
        Ok(config) => {
            address(&config.connection.address);
            proxy(&config, &environment());
            let namespace = config.connection.namespace.iter();
            assert!(namespace.flat_map(|namespace| namespace.bytes()).all(|byte| byte.is_ascii_graphic()));
            for read in &config.secret_requests {
                assert!(read.path.segment_count() >= 2);
                path(&read.path.api_path());
                assert!(read.path.split_kv2(read.path.mount_depth()).is_some());
            }
        }
    }
});

/// Whether the canary is where a message may show it: in no credential, no proxy, and of an address only in what is
/// neither a user nor a query.
fn may_be_told(line: &str) -> bool {
    let line = unescape(line);
    let line = line.split('\0').next().unwrap_or_default();
    let Some((name, value)) = line.split_once('=').filter(|(_, value)| value.contains(VALUE)) else { return false };
    let is_credential = is_withheld(name.as_bytes()) && !name.starts_with("VAULT_EXEC_");
    if is_credential || name.to_uppercase().contains("PROXY") || name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN" {
        return false;
    }
    if name == "VAULT_EXEC_WRITE" {
        return value.lines().any(|write| write.split('?').next().unwrap_or_default().contains(VALUE));
    }
    if !name.contains("ADDR") && !name.ends_with("_URL") {
        return true;
    }
    let before_query = |text: &str| text.split(['?', '#']).next().is_some_and(|text| text.contains(VALUE));
    match value.rsplit_once('@') {
        None => before_query(value),
        Some((front, host)) if !front.contains(['?', '#']) => before_query(host),
        Some(_) => false,
    }
}

fn address(address: &Address) {
    let Address { url, socket, .. } = address;
    assert!(matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty()));
    assert!(url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none());
    assert!(socket.as_ref().is_none_or(|socket| socket.starts_with('/')));
    // As it is shown it means the same once more.
    let again =
        resolve(&inherited([format!("VAULT_ADDR={address}").as_str(), "VAULT_EXEC_PATH=s/a"]), &ProjectSettings::default());
    let again = again.expect("it is an address").connection.address;
    let base = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let is_plain = |text: &str| !text.contains(['\n', '\0']) && text.trim() == text;
    if is_plain(&address.to_string()) {
        assert_eq!((base(url), socket), (base(&again.url), &again.socket));
        let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
        assert!(path(url) == path(&again.url) || path(url).ends_with("/v1"));
    }
}

fn proxy(config: &Config, environment: &InheritedEnv) {
    let connection = &config.connection;
    let Some(proxy) = connection.proxies.for_url(&connection.address.url).expect("it was checked") else { return };
    let host = config.connection.address.url.host_str().unwrap();
    assert!(!matches!(host, "localhost" | "127.0.0.1" | "[::1]") && config.connection.address.socket.is_none());
    assert!(matches!(proxy.url.scheme(), "http" | "https") && proxy.url.has_host());
    if proxy.source.to_uppercase() == "HTTPS_PROXY" {
        assert_eq!(config.connection.address.url.scheme(), "https");
        let lower = environment.get("no_proxy").filter(|hosts| !hosts.is_empty());
        let hosts = str::from_utf8(lower.or(environment.get("NO_PROXY")).unwrap_or_default()).unwrap();
        assert!(!hosts.split([',', ' ']).any(|entry| entry == "*" || entry.eq_ignore_ascii_case(host)), "{hosts}");
    }
}

/// A path is made of segments that no server and no proxy reads as another path, and says so once more.
fn path(text: &str) {
    let digits = text
        .rsplit_once('@')
        .map(|(_, digits)| digits)
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let parsed = match SecretPath::parse(text).map(|path| path.in_mount(None)) {
        Ok(parsed) => parsed,
        Err(PathError::Version) => {
            assert!(digits.is_some());
            return;
        }
        Err(_) => return,
    };
    assert_eq!(parsed.version, digits.map(|digits| digits.parse().expect("a number")));
    let plain = parsed.api_path();
    assert!(plain.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{plain}");
    assert!(!plain.contains(char::is_control));
    assert_eq!(plain.split('/').count(), parsed.segment_count());
    assert!(text.contains(&plain));
    // Behind a `v1/`, which is dropped, and with a version, whatever is read is read as it stands.
    let again = SecretPath::parse(&format!("/v1/{plain}@7")).expect("it is a path").in_mount(None);
    assert_eq!((again.api_path(), again.version), (plain.clone(), Some(7)));
    for length in 1..parsed.segment_count() {
        let (mount, secret) = parsed.split_kv2(length).expect("something is left");
        let whole = format!("{mount}/{secret}");
        assert!(whole == parsed.api_path() || format!("{mount}/data/{secret}") == parsed.api_path(), "{whole}");
        // In a mount that is named, it is literal.
        let mount = SecretPath::parse(&mount).expect("a mount is a path");
        let literal = SecretPath::parse(&plain).expect("it is a path").in_mount(Some(&mount));
        assert_eq!(literal.split_kv2(literal.mount_depth()), Some((mount.api_path(), plain.clone())));
    }
}
