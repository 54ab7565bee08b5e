//! `[net]` Why an exchange brought no response, as told by the kernel, by rustls and by hyper.

use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;
use http::header::InvalidHeaderValue;
use nix::errno::Errno;
use rustify::errors::ClientError;
use rustls::{AlertDescription, CertificateError};

use crate::credential_file;
use crate::error::RAISE_NOFILE_HINT;
use crate::vault::http::exchange::LARGEST;

/// Why an exchange brought no response.
#[derive(Debug)]
pub(super) enum TransportError {
    /// The name of the server has no address.
    Lookup(String),
    /// No connection was made, or it broke.
    Connection(String),
    /// The server closed the connection before its answer was complete.
    Incomplete,
    /// No answer in the time one request has.
    Slow,
    /// The certificate does not prove what it should.
    Certificate(CertificateError),
    /// The server ended the handshake.
    Alert(AlertDescription),
    /// The server and rustls found no common ground.
    Handshake,
    /// The proxy wants to know who we are.
    ProxyLogin,
    /// The proxy does not, or cannot, reach the server.
    ProxyRefused(StatusCode),
    /// The proxy itself cannot be reached, or hangs up.
    Proxy(Box<TransportError>),
    /// The server does not speak TLS.
    NotTls,
    /// The server does not speak HTTP.
    NotHttp,
    /// The response is larger than [`LARGEST`].
    TooLarge,
    /// The server sent us to this address, and we do not go there for the reason given.
    Redirect(String, &'static str),
    /// The server sent us to this address, where that happened.
    AfterRedirect(String, Box<TransportError>),
    /// The request itself could not be made.
    Request,
    /// A limit of this process is used up, and what to do about it.
    ResourceLimit(&'static str, &'static str),
    /// The server we were sent to cannot be asked, for a reason of its own.
    TlsSetup(anyhow::Error),
}

impl TransportError {
    /// Whether it may pass if one tries again.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Lookup(_) | Self::Connection(_) | Self::Incomplete | Self::Slow => true,
            Self::ProxyRefused(status) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Proxy(trouble) | Self::AfterRedirect(_, trouble) => trouble.is_transient(),
            _ => false,
        }
    }

    /// The same, where it is the proxy that is spoken to.
    pub(super) fn of_proxy(self) -> Self {
        match self {
            Self::ProxyLogin | Self::ProxyRefused(_) => self,
            trouble => Self::Proxy(Box::new(trouble)),
        }
    }
}

impl From<ClientError> for TransportError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::GenericError { source } => source.downcast().unwrap_or(Self::Request),
            _ => Self::Request,
        }
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self::from(&error)
    }
}

impl From<&io::Error> for TransportError {
    fn from(error: &io::Error) -> Self {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return tls.into();
        }
        match error.kind() {
            _ if error.raw_os_error() == Some(Errno::EMFILE as i32) => {
                Self::ResourceLimit("too many open files", RAISE_NOFILE_HINT)
            }
            io::ErrorKind::FileTooLarge => Self::TooLarge,
            io::ErrorKind::TimedOut => Self::Slow,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => Self::Incomplete,
            // A chunk that is none.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if error.raw_os_error().is_none() => Self::NotHttp,
            _ => Self::Connection(credential_file::why(error)),
        }
    }
}

impl From<hyper::Error> for TransportError {
    fn from(error: hyper::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(io) => io.into(),
            None if error.is_parse() => Self::NotHttp,
            None => Self::Incomplete,
        }
    }
}

/// Something that was to be sent does not fit into a header.
impl From<InvalidHeaderValue> for TransportError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::Request
    }
}

impl From<&rustls::Error> for TransportError {
    fn from(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(fault) => Self::Certificate(fault.clone()),
            rustls::Error::NoCertificatesPresented => Self::Certificate(CertificateError::BadEncoding),
            rustls::Error::AlertReceived(alert) => Self::Alert(*alert),
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            _ => Self::Handshake,
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(why) | Self::Connection(why) => f.write_str(why),
            Self::Incomplete => f.write_str("the connection was closed before the answer was complete"),
            Self::Slow => f.write_str("no answer in time"),
            Self::Certificate(fault) => f.write_str(&certificate(fault)),
            Self::Alert(alert) => write!(f, "the server refused the TLS handshake ({alert:?})"),
            Self::Handshake => f.write_str("the TLS handshake failed"),
            Self::ProxyLogin => f.write_str("the proxy wants a user name and a password that it knows"),
            Self::ProxyRefused(status) => {
                write!(f, "the proxy does not connect us to the server ({})", status.as_u16())
            }
            Self::Proxy(trouble) => write!(f, "the proxy: {trouble}"),
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::NotHttp => f.write_str("the server does not speak HTTP"),
            Self::TooLarge => write!(f, "the answer is larger than {} MiB", LARGEST / 1024 / 1024),
            Self::Redirect(target, why) => write!(f, "redirected to {target}, but {why}"),
            Self::AfterRedirect(target, trouble) => write!(f, "redirected to {target}: {trouble}"),
            Self::Request => f.write_str("the request could not be made"),
            Self::ResourceLimit(what, _) => f.write_str(what),
            Self::TlsSetup(error) => write!(f, "{error:#}"),
        }
    }
}

impl Error for TransportError {}

/// `vault.test` of `DnsName("vault.test")`, which is how rustls tells names.
fn plain(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// Whether an authority's certificate is used as a server's. What `openssl req -x509` makes is one, and other clients let
/// it pass where it is trusted; rustls never does, and has no word of its own for it.
pub(super) fn is_authority(fault: &CertificateError) -> bool {
    matches!(fault, CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity")
}

fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "the server's certificate is from an unknown authority".into(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".into()
        }
        CertificateError::NotValidForName => "the server's certificate is for another name".into(),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            let names = if names.is_empty() { "no name at all".into() } else { names.join(", ") };
            format!("the server's certificate is for {names}, not for {}", expected.to_str())
        }
        fault if is_authority(fault) => "the server's certificate is that of an authority (CA:TRUE)".into(),
        _ => "the server's certificate is not valid".into(),
    }
}
