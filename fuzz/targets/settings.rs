//! For any variables: an accepted address, proxy, path, mount or namespace is well-formed, and the error for a rejected one
//! does not contain its password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use url::Url;
use vault_exec::config::{self, Address, Config, PathError, ProjectSettings, SecretPath};
use vault_exec::env_block::{InheritedEnv, is_withheld};
use vault_exec::error::CliError;
use vault_exec_fuzz::{inherited, render_error, resolve, unescape};

const VALUE: &str = "hunter2";

// An environment: lines of `NAME=value`.
fuzz_target!(|text: &str| {
    let environment = || inherited(text.lines());
    let _ = config::voice(&Default::default(), &environment());
    let _ = config::which(&Default::default(), &environment());
    text.lines().filter_map(|line| line.split_once('=')).for_each(|(_, value)| path(value));
    match resolve(&environment(), &ProjectSettings::default()) {
        Err(error) => {
            let message = render_error(&CliError::from(error).into());
            assert!(!message.contains(VALUE) || text.lines().any(may_be_shown), "{message}");
        }
        Ok(config) => {
            address(&config.connection.address);
            proxy(&config, &environment());
            let namespace = config.connection.namespace.iter();
            assert!(namespace.flat_map(|namespace| namespace.bytes()).all(|byte| byte.is_ascii_graphic()));
            for read in &config.reads {
                assert!(read.path.depth() >= 2);
                path(&read.path.plain());
                assert!(config.mount_len.is_none_or(|length| read.path.in_kv2(length).is_some()));
            }
        }
    }
});

/// Whether a message may show the canary of this line: not in a credential, a proxy, or the user or query of an address.
fn may_be_shown(line: &str) -> bool {
    let line = unescape(line);
    let line = line.split('\0').next().unwrap_or_default();
    let Some((name, value)) = line.split_once('=').filter(|(_, value)| value.contains(VALUE)) else { return false };
    let is_credential = is_withheld(name.as_bytes()) && !name.starts_with("VAULT_EXEC_");
    if is_credential || name.to_uppercase().contains("PROXY") || name == "ACTIONS_ID_TOKEN_REQUEST_TOKEN" {
        return false;
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
    // Its printed form parses to the same address.
    let again = resolve(
        &inherited([format!("VAULT_ADDR={address}").as_str(), "VAULT_EXEC_PATH=s/a"]),
        &ProjectSettings::default(),
    );
    let again = again.expect("a printed address is valid").connection.address;
    let base = |url: &Url| (url.scheme().to_owned(), url.host_str().map(str::to_owned), url.port_or_known_default());
    let is_plain = |text: &str| !text.contains(['\n', '\0']) && text.trim() == text;
    if is_plain(&address.to_string()) {
        assert_eq!((base(url), socket), (base(&again.url), &again.socket));
        let path = |url: &Url| url.path().trim_end_matches('/').to_owned();
        assert!(path(url) == path(&again.url) || path(url).ends_with("/v1"));
    }
}

fn proxy(config: &Config, environment: &InheritedEnv) {
    let Some(proxy) = &config.connection.proxy else { return };
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

/// A path consists of segments that no server and no proxy normalises, and parses to itself again.
fn path(text: &str) {
    let digits = text
        .rsplit_once('@')
        .map(|(_, digits)| digits)
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let parsed = match SecretPath::parse(text) {
        Ok(parsed) => parsed,
        Err(PathError::Version) => {
            assert!(digits.is_some());
            return;
        }
        Err(_) => return,
    };
    assert_eq!(parsed.version, digits.map(|digits| digits.parse().expect("a number")));
    let plain = parsed.plain();
    assert!(plain.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{plain}");
    assert!(!plain.contains(char::is_control));
    assert_eq!(plain.split('/').count(), parsed.depth());
    assert!(text.contains(&plain));
    // A leading `v1/` is dropped and a version is split off, whatever the path is.
    let again = SecretPath::parse(&format!("/v1/{plain}@7")).expect("a printed path is valid");
    assert_eq!((again.plain(), again.version), (plain, Some(7)));
    for length in 1..parsed.depth() {
        let (mount, secret) = parsed.in_kv2(length).expect("a secret below the mount");
        let whole = format!("{mount}/{secret}");
        assert!(whole == parsed.plain() || format!("{mount}/data/{secret}") == parsed.plain(), "{whole}");
        let mount = SecretPath::parse(&format!("v1/{mount}@1")).expect("a mount is a path");
        assert_eq!(parsed.clone().below(&mount).plain(), parsed.plain());
    }
}
