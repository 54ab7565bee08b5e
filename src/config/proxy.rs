//! `[pure]` What stands between us and the server, and for which hosts.

use core::net::IpAddr;

use url::Url;

use crate::config::sources::{Given, Setting};
use crate::config::{Address, Error};

/// What stands between us and the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Proxy {
    /// `http` or `https`, perhaps with a user name and a password: never to be shown.
    pub url: Url,
    /// The option or variable it came from.
    pub source: String,
}

impl Proxy {
    /// A proxy that is named for Vault is used for every host, as Vault's own client does.
    pub(super) fn resolve(given: Given, address: &Address) -> Result<Option<Self>, Error> {
        match given.one("--proxy", &["PROXY_ADDR", "HTTP_PROXY"])? {
            _ if address.is_loopback() => Ok(None),
            Some(own) => Self::parse(own).map(Some),
            None => Self::everybodys(given, address),
        }
    }

    /// The proxy for whatever speaks TLS, which minds `NO_PROXY`.
    pub(super) fn everybodys(given: Given, address: &Address) -> Result<Option<Self>, Error> {
        let either = |name: &str| match given.variable(&name.to_lowercase())? {
            None => given.variable(name),
            lower => Ok(lower),
        };
        if address.is_loopback() || address.url.scheme() != "https" {
            return Ok(None);
        }
        match (either("HTTPS_PROXY")?, either("NO_PROXY")?) {
            (None, _) => Ok(None),
            (Some(_), Some(hosts)) if hosts.value.split([',', ' ']).any(|entry| excepts(entry, &address.url)) => {
                Ok(None)
            }
            (Some(proxy), _) => Self::parse(proxy).map(Some),
        }
    }

    fn parse(setting: Setting) -> Result<Self, Error> {
        let with_scheme =
            if setting.value.contains("://") { setting.value } else { format!("http://{}", setting.value) };
        match Url::parse(&with_scheme) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                Ok(Self { url, source: setting.source })
            }
            _ => Err(Error::NotAProxy { source: setting.source }),
        }
    }
}

/// Whether one entry of `NO_PROXY` is for this host, by the rules of Go, and so of Vault's own client: `*`, an address, a
/// network such as `10.0.0.0/8`, a name and all below it; perhaps with a port.
fn excepts(entry: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let ip: Option<IpAddr> = host.parse().ok();
    if let Some((network, length)) = entry.split_once('/') {
        return match (ip, network.parse(), length.parse()) {
            (Some(ip), Ok(network), Ok(length)) => is_in(ip, network, length),
            _ => false,
        };
    }
    let (name, port) = match entry.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse::<u16>().ok()),
        _ => (entry, None),
    };
    let name = name.trim_matches(['[', ']']).to_lowercase();
    let name = name.trim_start_matches("*.").trim_start_matches('.');
    let same = match (ip, name.parse::<IpAddr>()) {
        (Some(ip), Ok(other)) => ip == other,
        (None, Err(_)) => host == name || host.strip_suffix(name).is_some_and(|front| front.ends_with('.')),
        _ => false,
    };
    entry == "*" || (same && !name.is_empty() && (port.is_none() || port == url.port_or_known_default()))
}

fn is_in(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32_u32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let ((ip, size), (network, other)) = (bits(ip), bits(network));
    size == other && size.checked_sub(length).is_some_and(|rest| (ip ^ network).checked_shr(rest).unwrap_or(0) == 0)
}
