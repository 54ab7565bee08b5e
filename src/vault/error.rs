//! `[net]` Why an exchange returned no response, as the kernel, rustls and hyper report it.

use std::error::Error;
use std::{io, iter};

use http::StatusCode;
use http::header::InvalidHeaderValue;
use nix::errno::Errno;
use rustls::{AlertDescription, CertificateError};

use crate::error::{Diagnostic, RAISE_NOFILE_HINT};
use crate::vault::http::key_type::{SUPPORTED_KEYS, unsupported_algorithm};
use crate::vault::http::limit::MAX_RESPONSE_BYTES;
use crate::vault::server_text::{HIDDEN, KnownSecrets};

/// Why an exchange returned no response.
#[derive(Debug)]
pub(super) enum TransportError {
    /// The name has no address; with the C library's reason.
    Dns(String),
    /// No connection was made, or it broke; with the kernel's reason.
    Connection(String),
    /// The connection was closed before the response was complete.
    Incomplete,
    /// The time for a connection or a request is over.
    Timeout,
    /// The server's certificate is not accepted.
    Certificate(CertificateError),
    /// The server ended the handshake.
    Alert(AlertDescription),
    /// The server and rustls have no protocol version or cipher suite in common.
    Handshake,
    /// The proxy of this option or variable answered 407.
    ProxyAuth(String),
    /// It answered `CONNECT` with another status.
    ProxyRefused(StatusCode, String),
    /// The connection to the proxy failed.
    Proxy(Box<TransportError>),
    /// The server does not speak TLS.
    NotTls,
    /// The server does not speak HTTP.
    NotHttp,
    /// The server speaks TLS, which the address does not say.
    NotPlain,
    /// The response is larger than [`MAX_RESPONSE_BYTES`].
    TooLarge,
    /// A redirect to this address, which the server chose, is not followed, for this reason.
    Redirect(String, &'static str),
    /// A redirect to this address was followed, and the error occurred there.
    AfterRedirect(String, Box<TransportError>),
    /// The request cannot be written.
    InvalidRequest,
    /// A limit of this process is reached; with the message and the hint.
    ResourceLimit(&'static str, &'static str),
    /// The proxy, or the files of the trust anchors or of the client certificate, cannot be used.
    Setup(anyhow::Error),
}

/// The result of an exchange or a part of it.
pub(super) type Result<T> = std::result::Result<T, TransportError>;

/// The options or variables that set the address, the proxy and the CA, for hints. The last two are empty if there is none.
pub(super) type SourceNames<'a> = (&'a str, &'a str, &'a str);

/// The message of [`TransportError::Incomplete`].
pub(super) const INCOMPLETE: &str = "the connection was closed before the response was complete";

impl TransportError {
    /// Whether another attempt may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Dns(_) | Self::Connection(_) | Self::Incomplete | Self::Timeout => true,
            Self::ProxyRefused(status, _) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Proxy(error) | Self::AfterRedirect(_, error) => error.is_transient(),
            _ => false,
        }
    }

    /// The same error, on a connection to the proxy.
    pub(super) fn of_proxy(self) -> Self {
        match self {
            Self::ProxyAuth(_) | Self::ProxyRefused(..) => self,
            error => Self::Proxy(Box::new(error)),
        }
    }

    /// What to check if no attempt succeeds.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            Self::Dns(_) => "check the name, and the name servers of this machine",
            Self::Proxy(error) | Self::AfterRedirect(_, error) => error.advice(),
            _ => "check that the server runs and is reachable",
        }
    }

    /// The message, without a secret, and the hint if there is a remedy.
    pub(super) fn describe(&self, sources: SourceNames, known: &KnownSecrets) -> (String, Option<String>) {
        let (address, _, ca) = sources;
        match self {
            Self::Dns(reason) | Self::Connection(reason) => (reason.clone(), None),
            Self::Incomplete => (INCOMPLETE.into(), None),
            Self::Timeout => ("no response in time".into(), None),
            Self::Certificate(error) => describe_certificate(error, address, ca, known),
            Self::Alert(alert) => {
                hinted(format!("the server rejected the TLS handshake ({alert:?})"), alert_hint(*alert))
            }
            Self::Handshake => hinted("the TLS handshake failed", TLS_HINT),
            Self::ProxyAuth(proxy) => hinted(
                "proxy authentication required (407)",
                format!(
                    "put the user name and password into the proxy's address, http://user:password@host:port, \
                    which is from {proxy}"
                ),
            ),
            Self::ProxyRefused(status, proxy) => hinted(
                format!("the proxy refused the connection to the server ({})", status.as_u16()),
                format!("allow the server's address in the proxy, or connect without it; the proxy is from {proxy}"),
            ),
            Self::Proxy(error) => {
                let hint = matches!(**error, Self::NotTls | Self::NotHttp)
                    .then(|| "check the scheme, the host and the port of the proxy's address".into());
                (format!("the proxy: {}", error.describe(sources, known).0), hint)
            }
            Self::NotTls => hinted(
                "the server does not speak TLS",
                format!("if the server uses plain HTTP, write http:// (the address is from {address})"),
            ),
            Self::NotHttp => {
                hinted("the server does not speak HTTP", format!("is this Vault's port? The address is from {address}"))
            }
            Self::NotPlain => {
                hinted("the server speaks TLS", format!("write https:// (the address is from {address})"))
            }
            Self::TooLarge => hinted(
                format!("the response is larger than {} MiB", MAX_RESPONSE_BYTES / 1024 / 1024),
                "split the secret into several",
            ),
            Self::Redirect(target, reason) => {
                let target = known.name(target);
                hinted(
                    format!("redirected to {target}, but {reason}"),
                    format!("give the address of the server that answers; this one is from {address}"),
                )
            }
            Self::AfterRedirect(target, error) => match known.name(target).as_str() {
                // The error may name the host.
                HIDDEN => (format!("redirected to {HIDDEN}, which cannot be reached"), None),
                target => {
                    let (message, hint) = error.describe(sources, known);
                    (format!("redirected to {target}: {message}"), hint)
                }
            },
            Self::InvalidRequest => ("the request is invalid".into(), None),
            Self::ResourceLimit(message, hint) => hinted(*message, *hint),
            Self::Setup(error) => {
                let Diagnostic { message, hint, .. } = error.into();
                (message, hint)
            }
        }
    }
}

const TLS_HINT: &str = "the server must support TLS 1.2 or 1.3, and may require --client-cert and --client-key";

fn hinted(message: impl Into<String>, hint: impl Into<String>) -> (String, Option<String>) {
    (message.into(), Some(hint.into()))
}

fn alert_hint(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateUnknown
        | AlertDescription::UnsupportedCertificate => {
            "the server requires a trusted client certificate: give one with --client-cert and --client-key"
        }
        _ => TLS_HINT,
    }
}

/// `source` is the setting of the address, `ca` that of the CA.
fn describe_certificate(
    error: &CertificateError,
    source: &str,
    ca: &str,
    known: &KnownSecrets,
) -> (String, Option<String>) {
    let clock_hint = "renew the server's certificate, or correct the clock of this machine";
    let name_hint = format!(
        "use an address that the certificate names (this one is from {source}), or give its name with --tls-server-name"
    );
    match error {
        CertificateError::UnknownIssuer => hinted(
            "the server's certificate is signed by an unknown authority",
            match ca {
                "" => "give the CA certificate with --ca-cert or VAULT_CACERT".into(),
                ca => format!("no CA certificate from {ca} signed it: give that of the server's authority there"),
            },
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            hinted("the server's certificate has expired", clock_hint)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            hinted("the server's certificate is not valid yet", clock_hint)
        }
        CertificateError::NotValidForName => hinted("the server's certificate is for another name", name_hint),
        CertificateError::NotValidForNameContext { expected, presented } => {
            // An e-mail address, for example.
            let is_host = |name: &&String| !name.starts_with("Unsupported(");
            let names: Vec<_> = presented.iter().filter(is_host).map(|name| bare_name(name)).collect();
            let names = if names.is_empty() { "no host".into() } else { names.join(", ") };
            let names = known.name(&names);
            hinted(format!("the server's certificate is for {names}, not for {}", expected.to_str()), name_hint)
        }
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { public_key_algorithm_id: id, .. }
        | CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id: id, .. } => {
            let kind = unsupported_algorithm(id).map_or(String::new(), |kind| format!(": {kind}"));
            hinted(format!("a signature of the server's certificate is not supported{kind}"), SUPPORTED_KEYS)
        }
        CertificateError::BadSignature => hinted(
            "a signature of the server's certificate is not valid, or made with RSA of less than 2048 bits",
            "an authority of the same name may have another key: give its current certificate with --ca-cert or \
             VAULT_CACERT",
        ),
        // A certificate made by `openssl req -x509`. Other clients accept it if it is trusted; rustls never does, and has
        // no variant for it.
        CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => hinted(
            "the server's certificate is a CA certificate (CA:TRUE)",
            "issue a server certificate with it, or recreate it with basicConstraints=CA:FALSE",
        ),
        _ => hinted(
            "the server's certificate is not valid",
            "install a valid certificate on the server, or correct the address",
        ),
    }
}

/// `vault.test` of `DnsName("vault.test")`, the form in which rustls reports names.
fn bare_name(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, inner)| inner.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// The kernel's reason, in the words of the standard library or, if it has none, of the C library.
fn io_reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        // Only a socket is a file that may be missing.
        return "no such socket".into();
    }
    let kind = error.kind().to_string();
    match error.raw_os_error() {
        Some(code)
            if matches!(kind.as_str(), "uncategorized error" | "operation would block" | "invalid input parameter") =>
        {
            Errno::from_raw(code).desc().to_lowercase()
        }
        _ => kind,
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
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::UnexpectedEof | io::ErrorKind::Other => Self::Incomplete,
            // An invalid chunk size.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData if error.raw_os_error().is_none() => Self::NotHttp,
            _ => Self::Connection(io_reason(error)),
        }
    }
}

impl From<hyper::Error> for TransportError {
    fn from(error: hyper::Error) -> Self {
        let mut causes = iter::successors(error.source(), |cause| (*cause).source());
        match causes.find_map(|cause| cause.downcast_ref::<io::Error>()) {
            Some(io) => io.into(),
            None if error.is_parse() => Self::NotHttp,
            None => Self::Incomplete,
        }
    }
}

impl From<InvalidHeaderValue> for TransportError {
    fn from(_: InvalidHeaderValue) -> Self {
        Self::InvalidRequest
    }
}

impl From<&rustls::Error> for TransportError {
    fn from(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => Self::Certificate(error.clone()),
            rustls::Error::NoCertificatesPresented => Self::Certificate(CertificateError::BadEncoding),
            rustls::Error::AlertReceived(alert) => Self::Alert(*alert),
            rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType) => Self::NotTls,
            _ => Self::Handshake,
        }
    }
}
