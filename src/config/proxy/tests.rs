//! Which addresses a proxy is used for.

use super::*;
use crate::config::tests::resolve_with;

#[test]
fn proxies_follow_the_rules_of_vaults_own_client() {
    let proxy = |variables: &[&str], line: &[&str]| {
        let config = resolve_with(variables, &[line, &["--path", "a/b", "x"]].concat())?;
        let proxy = config.connection.proxies.for_url(&config.connection.address.url)?;
        Ok(proxy.map(|proxy| format!("{} {}", proxy.url, proxy.source)))
    };
    let shared = ["VAULT_ADDR=https://vault", "HTTPS_PROXY=http://p:1", "no_proxy=a,b"];
    assert_eq!(proxy(&shared, &[]), Ok(Some("http://p:1/ HTTPS_PROXY".into())));
    assert_eq!(proxy(&shared, &["--proxy", "q:2"]), Ok(Some("http://q:2/ --proxy".into())));
    assert_eq!(
        proxy(&["VAULT_PROXY_ADDR=http://v:3", "VAULT_ADDR=http://vault"], &[]),
        Ok(Some("http://v:3/ VAULT_PROXY_ADDR".into()))
    );
    assert_eq!(proxy(&shared, &["--address", "http://vault"]), Ok(None));
    for (host, except, direct) in [
        ("vault.example.com", "example.com", true),
        ("vault.example.com", "x, .example.com", true),
        ("vault.example.com", "*.Example.com:443", true),
        ("vault.example.com", "*", true),
        ("vault.example.com", "ample.com, vault, vault.example.com:8200", false),
        ("vault.example.com", ",  , 0.0.0.0/0, /, :", false),
        ("10.1.2.3", "10.0.0.0/8", true),
        ("10.1.2.3", "10.1.2.3:443", true),
        ("10.1.2.3", "10.1.2.2/31", true),
        ("10.1.2.3", "10.1.2.4/31, 10.1.2, 2.3, ::/0, 10.0.0.0/33, 10.1.2.3:80", false),
        ("10.1.2.3", "0.0.0.0/0", true),
        ("[fd00::1]", "fd00::/8", true),
        ("[fd00::1]", "[fd00::1]:443", true),
        ("[fd00::1]", "fd00::1", true),
        ("[fd00::1]", "fd00::2, ::/128, 0.0.0.0/0", false),
        ("[fd00::1]", "::/0", true),
    ] {
        let variables = [&format!("VAULT_ADDR=https://{host}"), "HTTPS_PROXY=p:1", &format!("NO_PROXY={except}")];
        assert_eq!(proxy(&variables, &[]).map(|proxy| proxy.is_none()), Ok(direct), "{host} {except}");
    }
    let error = proxy(&shared, &["--proxy", "socks5://q"]).unwrap_err();
    assert!(matches!(error, Error::Invalid { value: None, .. }), "{error:?}");
}

#[test]
fn a_malformed_proxy_is_an_error_for_every_url_that_would_use_it() {
    let url = |text: &str| Url::parse(text).unwrap();
    for variable in ["VAULT_PROXY_ADDR", "HTTPS_PROXY"] {
        let proxy = format!("{variable}=socks5://q");
        let config = resolve_with(&["VAULT_ADDR=http://127.0.0.1", &proxy], &["--path", "a/b", "x"]).unwrap();
        assert!(config.connection.proxies.for_url(&url("https://vault.test")).is_err());
        assert_eq!(config.connection.proxies.for_url(&url("https://localhost")), Ok(None));
    }
}

#[test]
fn no_spelling_of_the_loopback_uses_a_proxy() {
    let is_proxied = |host: &str| {
        let address = format!("https://{host}:8200");
        let config = resolve_with(&[], &["--address", &address, "--proxy", "q:2", "--path", "a/b", "x"]).unwrap();
        config.connection.proxies.for_url(&config.connection.address.url).unwrap().is_some()
    };
    for host in [
        "localhost",
        "LocalHost",
        "localhost.",
        "vault.localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6.",
        "ip6-localhost",
        "ip6-loopback",
        "127.0.0.1",
        "127.255.255.254",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "%31%32%37.0.0.1",
        "0.0.0.0",
        "0",
        "[::1]",
        "[0:0::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:2]",
        "[::ffff:0.0.0.0]",
        "[::127.0.0.1]",
    ] {
        assert!(!is_proxied(host), "{host}");
    }
    // Other machines; of 0.0.0.0/8, Linux connects only 0.0.0.0 to the loopback, and a NAT64 prefix leads to a translator.
    for host in [
        "localhostess",
        "my-localhost",
        "localhost.test",
        "localhost5",
        "ip6-local",
        "1.0.0.0",
        "0.0.0.1",
        "128.0.0.1",
        "[::2]",
        "[::ffff:1.0.0.0]",
        "[::1.0.0.127]",
        "[64:ff9b::7f00:1]",
    ] {
        assert!(is_proxied(host), "{host}");
    }
}
