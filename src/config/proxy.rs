//! `[pure]` The proxy, and the hosts it is not used for.

use core::net::IpAddr;

use percent_encoding::percent_decode_str;
use url::Url;

use super::address::{Address, is_loopback};
use super::error::Error;
use super::setting::{FromSetting, Setting};
use super::sources::Sources;
use crate::args::options;
use crate::secret::Secret;

/// An HTTP proxy.
#[derive(Debug, PartialEq, Eq)]
pub struct Proxy {
    /// `http` or `https`, perhaps with a user name and a password: must not be printed.
    pub url: Url,
    /// The option or variable it comes from.
    pub source: String,
}

/// The proxies of the settings, one of which may be used for a URL. A malformed one is an error when it would be used, and
/// so perhaps only for the target of a redirect.
#[derive(Debug, Default)]
pub struct Proxies {
    /// For every host, as for Vault's own client.
    for_vault: Option<Result<Proxy, Error>>,
    /// `HTTPS_PROXY`
    for_https: Option<Result<Proxy, Error>>,
    /// `NO_PROXY`, which does not affect `for_vault`.
    excluded: Option<String>,
}

impl Proxies {
    /// The proxies for requests to the server.
    pub(super) fn resolve(sources: Sources, address: &Address) -> Result<Self, Error> {
        match sources.get(options::PROXY)? {
            Some(proxy) => Self { for_vault: Some(Proxy::from_setting(proxy)), ..Self::default() }.checked(address),
            None => Self::from_https_proxy(sources, address),
        }
    }

    /// The proxy of `HTTPS_PROXY`.
    pub(super) fn from_https_proxy(sources: Sources, address: &Address) -> Result<Self, Error> {
        let either = |name: &str| match sources.env(&name.to_lowercase())? {
            None => sources.env(name),
            lower => Ok(lower),
        };
        let excluded = either("NO_PROXY")?.map(|hosts| hosts.value);
        Self { for_vault: None, for_https: either("HTTPS_PROXY")?.map(Proxy::from_setting), excluded }.checked(address)
    }

    fn checked(self, address: &Address) -> Result<Self, Error> {
        self.for_url(&address.url)?;
        Ok(self)
    }

    /// The proxy for a URL: that of the server, or the target of its redirect. None for this machine.
    ///
    /// # Errors
    /// [`Error::Invalid`], if it is malformed.
    pub fn for_url(&self, url: &Url) -> Result<Option<&Proxy>, Error> {
        let for_https = self.for_https.as_ref().filter(|_| takes_https_proxy(url, self.excluded.as_deref()));
        let proxy = self.for_vault.as_ref().filter(|_| !is_loopback(url)).or(for_https);
        proxy.map(|proxy| proxy.as_ref().map_err(Clone::clone)).transpose()
    }

    /// Those that can be used, whatever for.
    pub fn iter(&self) -> impl Iterator<Item = &Proxy> {
        [&self.for_vault, &self.for_https].into_iter().flatten().flatten()
    }
}

fn takes_https_proxy(url: &Url, excluded: Option<&str>) -> bool {
    let is_excluded = |hosts: &str| hosts.split([',', ' ']).any(|entry| no_proxy_matches(entry, url));
    url.scheme() == "https" && !is_loopback(url) && !excluded.is_some_and(is_excluded)
}

impl Proxy {
    /// The user name and the password of its address, joined by a colon; `None` if it has neither.
    #[must_use]
    pub fn credential(&self) -> Option<Secret> {
        let (name, password) = (self.url.username(), self.url.password());
        let pair = || [name, ":", password.unwrap_or_default()].into_iter().flat_map(percent_decode_str).collect();
        (!name.is_empty() || password.is_some()).then(|| Secret::new(pair()))
    }
}

impl FromSetting for Proxy {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        let scheme = if setting.value.contains("://") { "" } else { "http://" };
        match Url::parse(&format!("{scheme}{}", setting.value)) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
                Ok(Self { url, source: setting.source })
            }
            _ => Err(setting.invalid_unshown("the address of an HTTP proxy such as http://proxy.example.com:3128")),
        }
    }
}

/// Whether one entry of `NO_PROXY` covers this host, by the rules of Go, and so of Vault's own client: `*`, an address, a
/// network such as `10.0.0.0/8`, or a name with its subdomains; perhaps with a port.
fn no_proxy_matches(entry: &str, url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let ip: Option<IpAddr> = host.parse().ok();
    if let Some((network, length)) = entry.split_once('/') {
        return match (ip, network.parse(), length.parse()) {
            (Some(ip), Ok(network), Ok(length)) => cidr_contains(network, length, ip),
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

/// Whether an address is in the network `network/length`.
fn cidr_contains(network: IpAddr, length: u32, ip: IpAddr) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32_u32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let ((ip, size), (network, other)) = (bits(ip), bits(network));
    size == other && size.checked_sub(length).is_some_and(|rest| (ip ^ network).checked_shr(rest).unwrap_or(0) == 0)
}

#[cfg(test)]
mod tests;
