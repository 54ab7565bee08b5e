//! `[pure]` How to reach the server.

use std::time::Duration;

use url::{Host, Position, Url};

use crate::config::sources::{Given, Setting};
use crate::config::{Error, Proxy};

/// How to reach the server.
#[derive(Debug)]
pub struct Connection {
    /// Where it is.
    pub address: Address,
    /// The namespace of the secrets.
    pub namespace: Option<String>,
    /// How it proves who it is.
    pub tls: Tls,
    /// What stands between.
    pub proxy: Option<Proxy>,
    /// Whether the one redirect that a standby may send is followed.
    pub redirects: bool,
    /// Time for everything until the program starts.
    pub timeout: Duration,
    /// Tries for each request, at least 1.
    pub attempts: Option<u32>,
}

/// Where the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `http` or `https`, host, port and perhaps a path that goes in front of `/v1`.
    pub url: Url,
    /// The socket that takes the place of host and port, where an agent listens.
    pub socket: Option<String>,
    /// The option or variable it came from.
    pub source: String,
}

/// How the server proves who it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whose word is taken.
    pub roots: TrustAnchors,
    /// `false` takes anybody's.
    pub verify: bool,
    /// The name its certificate must be for, instead of the host of the address. Sent as SNI, too.
    pub server_name: Option<String>,
    /// The files of the certificate and the key that prove to the server who we are.
    pub client: Option<(Setting, Setting)>,
}

/// Which authorities are trusted.
#[derive(Debug, PartialEq, Eq)]
pub enum TrustAnchors {
    /// Those in this PEM file and no others.
    File(Setting),
    /// Those in this PEM text and no others.
    Pem(Setting),
    /// Those in the PEM files of this directory and no others.
    Directory(Setting),
    /// The system's, or the bundled ones where it has none.
    System {
        /// `SSL_CERT_FILE` instead of the usual places.
        file: Option<Setting>,
        /// `SSL_CERT_DIR`, directories separated by colons.
        directories: Option<Setting>,
    },
}

impl Connection {
    pub(super) fn resolve(given: Given) -> Result<Self, Error> {
        let timeout = given.one("--timeout", &[])?;
        let attempts = given.one("--attempts", &[])?;
        let address = Address::resolve(given)?;
        let namespace = given.one("--namespace", &["NAMESPACE"])?;
        let proxy = Proxy::resolve(given, &address)?;
        Ok(Self {
            proxy,
            address,
            namespace: namespace.map(Setting::namespace).transpose()?,
            tls: Tls {
                roots: TrustAnchors::resolve(given)?,
                verify: !given.switch("--tls-skip-verify", &["SKIP_VERIFY"])?,
                server_name: server_name(given)?,
                client: client(given)?,
            },
            redirects: !given.switch("--disable-redirects", &["DISABLE_REDIRECTS"])?,
            timeout: timeout.map_or(Ok(Duration::from_secs(60)), duration)?,
            attempts: attempts.map(Setting::number).transpose()?,
        })
    }
}

impl Connection {
    /// A service of the public network rather than Vault: none of Vault's settings hold for it.
    pub(super) fn elsewhere(address: &Setting, given: Given) -> Result<Self, Error> {
        let fault =
            |fault| Error::NotAnAddress { source: address.source.clone(), value: harmless(&address.value), fault };
        let url = address.url(&address.value)?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(fault("it is not what GitHub Actions sets"));
        }
        let address = Address { url, socket: None, source: address.source.clone() };
        Ok(Self {
            proxy: Proxy::everybodys(given, &address)?,
            address,
            namespace: None,
            tls: Tls { roots: TrustAnchors::system(given)?, verify: true, server_name: None, client: None },
            // The bearer token is for this service alone.
            redirects: false,
            timeout: Duration::ZERO,
            attempts: None,
        })
    }
}

impl Address {
    fn resolve(given: Given) -> Result<Self, Error> {
        let default = || Setting { value: "https://127.0.0.1:8200".into(), source: "the default".into() };
        let setting = given.one("--address", &["AGENT_ADDR", "ADDR"])?.unwrap_or_else(default);
        if let Some(socket) = setting.value.strip_prefix("unix://").filter(|socket| socket.starts_with('/')) {
            let socket = Some(socket.to_owned());
            return Ok(Self { url: setting.url("http://localhost")?, socket, source: setting.source });
        }
        let url = setting.url(&setting.value)?;
        let fault = match () {
            () if url.scheme() != "https" && url.scheme() != "http" => {
                "it starts with none of https://, http:// and unix:///"
            }
            () if url.query().is_some() || url.fragment().is_some() => "it has a `?` or a `#`",
            () if !url.username().is_empty() || url.password().is_some() => "it holds a user name",
            () => return Ok(Self { url: without_version(url), socket: None, source: setting.source }),
        };
        Err(Error::NotAnAddress { value: harmless(&setting.value), source: setting.source, fault })
    }

    /// Whether an agent that knows a token of its own may be there.
    #[must_use]
    pub fn may_be_agent(&self) -> bool {
        self.socket.is_some() || self.source.ends_with("_AGENT_ADDR")
    }

    /// Whether it is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

/// The address without a trailing slash and a query, for messages.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.socket {
            Some(socket) => write!(f, "unix://{socket}"),
            None => f.write_str(self.url[..Position::AfterPath].trim_end_matches('/')),
        }
    }
}

impl TrustAnchors {
    /// The order is that of Vault's own client: a file, then a text, then a directory.
    fn resolve(given: Given) -> Result<Self, Error> {
        if let Some(file) = given.one("--ca-cert", &["CACERT"])? {
            return Ok(Self::File(file));
        }
        if let Some(pem) = given.shared("CACERT_BYTES")? {
            return Ok(Self::Pem(pem));
        }
        if let Some(directory) = given.one("--ca-path", &["CAPATH"])? {
            return Ok(Self::Directory(directory));
        }
        Self::system(given)
    }

    fn system(given: Given) -> Result<Self, Error> {
        Ok(Self::System { file: given.variable("SSL_CERT_FILE")?, directories: given.variable("SSL_CERT_DIR")? })
    }
}

/// A `/v1` at the end is what the API's documentation has in front of every path.
fn without_version(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/');
    if let Some(path) = path.strip_suffix("/v1").map(str::to_owned) {
        url.set_path(&path);
    }
    url
}

/// An address without what may be a secret in it: user name and password, query and fragment. An `@` behind a `?` or a
/// `#` may end a password that holds one, or be a part of a query: nothing around it is shown.
fn harmless(address: &str) -> String {
    let scheme = address.find("://").filter(|&end| address[..end].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let (scheme, rest) = address.split_at(scheme.map_or(0, |end| end + "://".len()));
    let (place, end) = match rest.find(['?', '#']) {
        Some(end) => (&rest[..end], "…"),
        None => (rest, ""),
    };
    match rest.rfind('@') {
        Some(at) if at < place.len() => format!("{scheme}…{}{end}", &place[at..]),
        Some(_) => format!("{scheme}…"),
        None => format!("{scheme}{place}{end}"),
    }
}

/// The name must be one that a certificate can be for.
fn server_name(given: Given) -> Result<Option<String>, Error> {
    let name = given.one("--tls-server-name", &["TLS_SERVER_NAME"])?;
    let Some(Setting { value, source }) = name else { return Ok(None) };
    match Host::parse(&value) {
        Ok(Host::Domain(name)) => Ok(Some(name)),
        _ => Err(Error::NotAHostName { source, value }),
    }
}

/// The certificate and the key, of which neither is worth anything alone.
fn client(given: Given) -> Result<Option<(Setting, Setting)>, Error> {
    let certificate = given.one("--client-cert", &["CLIENT_CERT"])?;
    let key = given.one("--client-key", &["CLIENT_KEY"])?;
    match (certificate, key) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(Setting { source, .. }), None) => Err(Error::Alone { source, other: "--client-key" }),
        (None, Some(Setting { source, .. })) => Err(Error::Alone { source, other: "--client-cert" }),
    }
}

impl Setting {
    /// A namespace, which travels in a header.
    pub(super) fn namespace(self) -> Result<String, Error> {
        if self.value.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(self.value)
        } else {
            Err(Error::NotANamespace { source: self.source })
        }
    }

    fn url(&self, text: &str) -> Result<Url, Error> {
        let fault = |_| Error::NotAnAddress {
            source: self.source.clone(),
            value: harmless(&self.value),
            fault: "it is no URL",
        };
        Url::parse(text).map_err(fault)
    }
}

/// `1m30s`, `500ms`, or a number of seconds.
fn duration(setting: Setting) -> Result<Duration, Error> {
    let parsed = match setting.value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(&setting.value).ok(),
    };
    let sensible = Duration::from_millis(1)..=Duration::from_secs(365 * 24 * 60 * 60);
    parsed
        .filter(|duration| sensible.contains(duration))
        .ok_or(Error::NotADuration { source: setting.source, value: setting.value })
}
