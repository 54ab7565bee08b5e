//! [pure] How to reach the server.

use std::time::Duration;

use url::Url;

use crate::args::Args;
use crate::config::Error;
use crate::config::given::{Given, Setting};

/// How to reach the server.
#[derive(Debug)]
pub struct Connection {
    /// Where it is.
    pub address: Address,
    /// The namespace of the secrets.
    pub namespace: Option<String>,
    /// How it proves who it is.
    pub tls: Tls,
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
    /// The option or variable it came from.
    pub from: String,
}

/// How the server proves who it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Tls {
    /// Whose word is taken.
    pub roots: Roots,
    /// `false` takes anybody's.
    pub verify: bool,
}

/// Which authorities are trusted.
#[derive(Debug, PartialEq, Eq)]
pub enum Roots {
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
    pub(super) fn resolve(args: &Args, given: Given) -> Result<Self, Error> {
        let timeout = given.one(args.timeout.as_deref(), "--timeout", &[])?;
        let attempts = given.one(args.attempts.as_deref(), "--attempts", &[])?;
        Ok(Self {
            address: Address::resolve(args, given)?,
            namespace: given
                .one(args.namespace.as_deref(), "--namespace", &["NAMESPACE"])?
                .map(namespace)
                .transpose()?,
            tls: Tls {
                roots: Roots::resolve(args, given)?,
                verify: !given.switch(args.tls_skip_verify, "--tls-skip-verify", &["SKIP_VERIFY"])?,
            },
            redirects: !given.switch(args.disable_redirects, "--disable-redirects", &["DISABLE_REDIRECTS"])?,
            timeout: timeout.map_or(Ok(Duration::from_secs(60)), duration)?,
            attempts: attempts.map(|setting| setting.number().map(|number| number.max(1))).transpose()?,
        })
    }
}

impl Address {
    fn resolve(args: &Args, given: Given) -> Result<Self, Error> {
        let default = || Setting { value: "https://127.0.0.1:8200".into(), from: "the default".into() };
        let setting = given.one(args.address.as_deref(), "--address", &["AGENT_ADDR", "ADDR"])?.unwrap_or_else(default);
        let fault = |fault| Error::NotAnAddress { from: setting.from.clone(), value: setting.value.clone(), fault };
        let url = Url::parse(&setting.value).map_err(|_| fault("it is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(fault("it starts with neither https:// nor http://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::NotAnAddress {
                from: setting.from,
                value: format!("{}://…@{}", url.scheme(), url.host_str().unwrap_or_default()),
                fault: "it holds a user name",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(fault("it has a `?` or a `#`"));
        }
        Ok(Self { url, from: setting.from })
    }
}

/// The address without a trailing slash, for messages.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl Roots {
    /// The order is that of Vault's own client: a file, then a text, then a directory.
    fn resolve(args: &Args, given: Given) -> Result<Self, Error> {
        if let Some(file) = given.one(args.ca_cert.as_deref(), "--ca-cert", &["CACERT"])? {
            return Ok(Self::File(file));
        }
        if let Some(pem) = given.shared("CACERT_BYTES")? {
            return Ok(Self::Pem(pem));
        }
        if let Some(directory) = given.one(args.ca_path.as_deref(), "--ca-path", &["CAPATH"])? {
            return Ok(Self::Directory(directory));
        }
        Ok(Self::System { file: given.variable("SSL_CERT_FILE")?, directories: given.variable("SSL_CERT_DIR")? })
    }
}

/// A namespace travels in a header.
fn namespace(setting: Setting) -> Result<String, Error> {
    if setting.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(setting.value)
    } else {
        Err(Error::NotANamespace { from: setting.from })
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
        .ok_or(Error::NotADuration { from: setting.from, value: setting.value })
}
