//! `[pure]` The address of the server.

use core::net::IpAddr;
use std::fmt;

use url::{Host, Position, Url};

use super::error::Error;
use super::setting::{FromSetting, Setting};

/// The source of the default address.
pub(super) const DEFAULT_SOURCE: &str = "the default";

const WITH_SCHEME: &str = "an address that starts with https://, http:// or unix:///";

/// The address of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `http` or `https`, host, port and perhaps a path that goes in front of `/v1`.
    pub url: Url,
    /// The Unix socket that takes the place of host and port, for an agent.
    pub socket: Option<String>,
    /// The option or variable it comes from.
    pub source: String,
}

impl Address {
    /// The address of an OIDC provider, whose query is part of it.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub(super) fn of_oidc_provider(setting: Setting) -> Result<Self, Error> {
        let url = parse_url(&setting, &setting.value)?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(setting, "the URL that GitHub Actions sets"));
        }
        Ok(Self { url, socket: None, source: setting.source })
    }

    /// Whether nobody gave an address.
    pub fn is_default(&self) -> bool {
        self.source == DEFAULT_SOURCE
    }

    /// Whether an agent that adds a token of its own may listen there.
    pub fn is_agent(&self) -> bool {
        self.socket.is_some() || self.source.ends_with("_AGENT_ADDR")
    }

    /// The CLI whose variable gave the address, for the commands in hints.
    pub fn cli(&self) -> &'static str {
        if self.source.starts_with("BAO_") { "bao" } else { "vault" }
    }
}

/// Whether the host is this machine. Linux connects an unspecified address to the loopback; the names are those of
/// `/etc/hosts` in Debian and Fedora.
pub(super) fn is_loopback(url: &Url) -> bool {
    const NAMES: [&str; 8] = [
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
    ];
    let ip = match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            return NAMES.contains(&name) || name.ends_with(".localhost");
        }
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        // Mapped (::ffff:127.0.0.1) or, as in RFC 4291 at first, compatible (::127.0.0.1).
        Some(Host::Ipv6(ip)) if !ip.is_loopback() => ip.to_ipv4().map_or(IpAddr::V6(ip), IpAddr::V4),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        None => return false,
    };
    ip.is_loopback() || ip.is_unspecified()
}

impl FromSetting for Address {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        if let Some(socket) = setting.value.strip_prefix("unix://").filter(|socket| socket.starts_with('/')) {
            let socket = Some(socket.to_owned());
            return Ok(Self { url: parse_url(&setting, "http://localhost")?, socket, source: setting.source });
        }
        let url = parse_url(&setting, &setting.value)?;
        let expected = match () {
            () if url.scheme() != "https" && url.scheme() != "http" => WITH_SCHEME,
            () if url.query().is_some() || url.fragment().is_some() => "an address without `?` and `#`",
            () if !url.username().is_empty() || url.password().is_some() => "an address without a user name",
            () => return Ok(Self { url: strip_v1(url), socket: None, source: setting.source }),
        };
        Err(invalid(setting, expected))
    }
}

/// The address without a trailing slash and a query, for messages.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Some(socket) => write!(f, "unix://{socket}"),
            None => f.write_str(self.url[..Position::AfterPath].trim_end_matches('/')),
        }
    }
}

fn parse_url(setting: &Setting, text: &str) -> Result<Url, Error> {
    let expected = if text.contains("://") { "a URL such as https://vault.example.com:8200" } else { WITH_SCHEME };
    Url::parse(text).map_err(|_| invalid(setting.clone(), expected))
}

fn invalid(setting: Setting, expected: &'static str) -> Error {
    Setting { value: redact(&setting.value), ..setting }.invalid(expected)
}

/// Drops the `/v1` at the end that an address pasted from an API call has.
fn strip_v1(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    if let Some(path) = path.strip_suffix("/v1").map(str::to_owned) {
        url.set_path(&path);
    }
    url
}

/// Replaces the parts of an address that may be secret: user name and password, query and fragment. An `@` after a `?`
/// or `#` may be the end of a password that contains one or a part of a query: nothing around it is shown.
fn redact(address: &str) -> String {
    let scheme = address.find("://").filter(|&end| address[..end].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let (scheme, rest) = address.split_at(scheme.map_or(0, |end| end + "://".len()));
    let (host, end) = match rest.find(['?', '#']) {
        Some(end) => (&rest[..end], "…"),
        None => (rest, ""),
    };
    match rest.rfind('@') {
        Some(at) if at < host.len() => format!("{scheme}…{}{end}", &host[at..]),
        Some(_) => format!("{scheme}…"),
        None => format!("{scheme}{host}{end}"),
    }
}
