//! `[net]` One exchange with the server: bytes go out, a whole response or a typed trouble comes back. Nothing is tried
//! again here.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use http::header::{AUTHORIZATION, HOST, LOCATION};
use http::{HeaderValue, Method, Request, Response};
use reqwest::redirect::Policy;
use rustify::errors::ClientError;
use rustls::{AlertDescription, CertificateError};
use url::{Position, Url};

use crate::config::Connection;
use crate::secret::Secret;
use crate::story::Story;
use crate::vault::dns::{LookupError, SystemResolver};
use crate::vault::retry::Deadline;
use crate::vault::{material, tls};

/// A response over this many bytes is refused; Vault's own limit for a request is 32 MiB, for a KV secret 1 MiB.
const LARGEST: usize = 8 * 1024 * 1024;

/// A connection has at most this long.
const CONNECT: Duration = Duration::from_secs(5);

/// The reqwest client under vaultrs' request types, which see [`rustify::client::Client`] alone.
pub(super) struct Transport<'a> {
    connection: &'a Connection,
    deadline: Deadline,
    http: reqwest::Client,
    /// Scheme, host and port.
    base: String,
    /// What the address puts in front of `/v1`, without a slash at its end.
    prefix: String,
    /// Whom the server's certificate must be from, in words.
    pub(super) trust: String,
}

/// Why an exchange brought no response.
#[derive(Debug)]
pub(super) enum Trouble {
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
    ProxyRefused,
    /// The proxy itself cannot be reached, or hangs up.
    Proxy(Box<Trouble>),
    /// The server does not speak TLS.
    NotTls,
    /// The server does not speak HTTP.
    NotHttp,
    /// The response is larger than [`LARGEST`].
    TooLarge,
    /// The server sent us to this address, and we do not go there for the reason given.
    Redirect(String, &'static str),
    /// The request itself could not be made.
    Request,
    /// The server we were sent to cannot be asked, for a reason of its own.
    Unprepared(anyhow::Error),
}

impl<'a> Transport<'a> {
    pub(super) fn new(connection: &'a Connection, deadline: &Deadline, story: &Story) -> anyhow::Result<Self> {
        let url = &connection.address.url;
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        let prefix = url.path().trim_end_matches('/').to_owned();
        let (http, trust) = client(connection, url, deadline)?;
        if url.scheme() == "https" && !connection.tls.verify {
            story.warn(format_args!("the server's certificate is not checked: anyone in between can read the secrets"));
        }
        story.debug(format_args!("trust {trust}"));
        Ok(Self { connection, deadline: *deadline, http, base: base.into(), prefix, trust })
    }

    /// Gets one URL, which nobody prepared for vaultrs.
    pub(super) async fn get(&self, url: &Url, bearer: &Secret) -> Result<Response<Vec<u8>>, Trouble> {
        let mut request = reqwest::Request::new(Method::GET, url.clone());
        let bearer = [b"Bearer ", bearer.expose()].concat();
        let mut header = HeaderValue::from_maybe_shared(bytes::Bytes::from(bearer)).map_err(|_| Trouble::Request)?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
        self.exchange(request).await
    }

    async fn exchange(&self, mut request: reqwest::Request) -> Result<Response<Vec<u8>>, Trouble> {
        let url = request.url().clone();
        let mut again = request.try_clone().ok_or(Trouble::Request)?;
        self.put_server_name(&mut request);
        let first = self.http.execute(request).await?;
        let Some(target) = redirect(&first, &url) else { return whole(first).await };
        let refuse = |why| Err(Trouble::Redirect(target.origin().ascii_serialization(), why));
        match (target.scheme(), url.scheme()) {
            _ if !self.connection.redirects => return refuse("--disable-redirects is given"),
            ("http", "https") => return refuse("it does not protect what is sent there"),
            ("http" | "https", _) => {}
            (scheme, _) => {
                return Err(Trouble::Redirect(format!("{scheme}:"), "that is neither https:// nor http://"));
            }
        }
        // The same client would trust nobody if the redirect enters TLS, and connect a server name to the first host.
        let anew = target.scheme() != url.scheme() || self.connection.tls.server_name.is_some();
        let http = if anew {
            client(self.connection, &target, &self.deadline).map_err(Trouble::Unprepared)?.0
        } else {
            self.http.clone()
        };
        *again.url_mut() = target.clone();
        self.put_server_name(&mut again);
        let second = http.execute(again).await?;
        match redirect(&second, &target) {
            None => whole(second).await,
            Some(third) => {
                Err(Trouble::Redirect(third.origin().ascii_serialization(), "one redirect was followed already"))
            }
        }
    }

    /// Puts the server name, if one is given, into the URL, where reqwest takes it from for SNI and for the check of
    /// the certificate, and the host, which it hides, where a gateway looks for it.
    fn put_server_name(&self, request: &mut reqwest::Request) {
        let name = self.connection.tls.server_name.as_deref();
        let Some(name) = name.filter(|_| request.url().scheme() == "https") else { return };
        let host = request.url()[Position::BeforeHost..Position::AfterPort].to_owned();
        if let Ok(host) = HeaderValue::from_str(&host)
            && request.url_mut().set_host(Some(name)).is_ok()
        {
            request.headers_mut().insert(HOST, host);
        }
    }
}

/// A client for one server, and whom it trusts. Its connections to the server name, if one is given, go to the host of
/// the URL.
fn client(connection: &Connection, url: &Url, deadline: &Deadline) -> anyhow::Result<(reqwest::Client, String)> {
    let Connection { address, tls, proxy, .. } = connection;
    let stand_in = tls.server_name.clone().zip(url.host_str().map(str::to_owned));
    let (config, trust) = tls::client_config((url.scheme() == "https").then_some(tls), deadline)?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .dns_resolver(Arc::new(SystemResolver { stand_in }))
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .no_proxy();
    if let Some(proxy) = proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy.url.clone()).context("prepare the proxy")?);
    }
    if let Some(socket) = &address.socket {
        builder = builder.unix_socket(socket.as_str());
    }
    Ok((builder.build().context("prepare HTTP")?, trust))
}

/// Where a standby, or a load balancer, sends us instead. Vault's own client follows the same codes.
fn redirect(response: &reqwest::Response, asked: &Url) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    matches!(response.status().as_u16(), 301 | 302 | 307 | 308).then(|| asked.join(location).ok())?
}

async fn whole(mut response: reqwest::Response) -> Result<Response<Vec<u8>>, Trouble> {
    let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
    if announced > LARGEST {
        return Err(Trouble::TooLarge);
    }
    let mut body = Vec::with_capacity(announced);
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > LARGEST {
            return Err(Trouble::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(body);
    *answer.status_mut() = response.status();
    std::mem::swap(answer.headers_mut(), response.headers_mut());
    Ok(answer)
}

#[async_trait]
impl rustify::client::Client for Transport<'_> {
    fn base(&self) -> &str {
        &self.base
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let exchanged = async {
            let mut request = reqwest::Request::try_from(request).map_err(|_| Trouble::Request)?;
            let path = format!("{}{}", self.prefix, request.url().path());
            request.url_mut().set_path(&path);
            if request.url().query() == Some("") {
                request.url_mut().set_query(None);
            }
            self.exchange(request).await
        };
        exchanged.await.map_err(|trouble| ClientError::GenericError { source: trouble.into() })
    }

    /// Every status is an answer here: the caller looks at its headers and its body, which rustify's errors drop.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}

impl Trouble {
    /// Whether it may pass if one tries again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Lookup(_) | Self::Connection(_) | Self::Incomplete | Self::Slow | Self::ProxyRefused => true,
            Self::Proxy(trouble) => trouble.may_pass(),
            _ => false,
        }
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::GenericError { source } => source.downcast().unwrap_or(Self::Request),
            _ => Self::Request,
        }
    }
}

impl From<reqwest::Error> for Trouble {
    fn from(error: reqwest::Error) -> Self {
        let mut causes = std::iter::successors(Some(&error as &(dyn Error + 'static)), |&cause| cause.source());
        // The type of this error is hidden in hyper-util, and so is the status that the proxy sent.
        let tunnel = causes.find_map(|cause| cause.to_string().strip_prefix("tunnel error: ").map(str::to_owned));
        match tunnel.as_deref() {
            None => Self::innermost(&error),
            Some("proxy authorization required") => Self::ProxyLogin,
            Some("unsuccessful") => Self::ProxyRefused,
            Some(_) => Self::Proxy(Box::new(Self::innermost(&error))),
        }
    }
}

impl Trouble {
    /// The layers below wrap what happened several times over; the innermost cause that is known tells.
    fn innermost(error: &reqwest::Error) -> Self {
        let mut trouble = if error.is_timeout() { Self::Slow } else { Self::Incomplete };
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(lookup) = current.downcast_ref::<LookupError>() {
                return Self::Lookup(lookup.to_string());
            } else if let Some(tls) = current.downcast_ref::<rustls::Error>() {
                return tls.into();
            } else if let Some(io) = current.downcast_ref::<io::Error>() {
                trouble = match io.kind() {
                    io::ErrorKind::TimedOut => Self::Slow,
                    io::ErrorKind::UnexpectedEof => Self::Incomplete,
                    io::ErrorKind::Other => trouble,
                    // A chunk, or a record of TLS, that is none; what rustls says of the latter is inside.
                    io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Self::NotHttp,
                    _ => Self::Connection(material::why(io)),
                };
                // `source` of an `io::Error` skips the error that it wraps.
                cause = io.get_ref().map(|inner| inner as _);
                continue;
            } else if current.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
                trouble = Self::NotHttp;
            }
            cause = current.source();
        }
        trouble
    }
}

impl From<&rustls::Error> for Trouble {
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

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lookup(why) | Self::Connection(why) => f.write_str(why),
            Self::Incomplete => f.write_str("the connection was closed before the answer was complete"),
            Self::Slow => f.write_str("no answer in time"),
            Self::Certificate(fault) => f.write_str(&certificate(fault)),
            Self::Alert(alert) => write!(f, "the server refused the TLS handshake ({alert:?})"),
            Self::Handshake => f.write_str("the TLS handshake failed"),
            Self::ProxyLogin => f.write_str("the proxy wants a user name and a password that it knows"),
            Self::ProxyRefused => f.write_str("the proxy does not connect us to the server"),
            Self::Proxy(trouble) => write!(f, "the proxy: {trouble}"),
            Self::NotTls => f.write_str("the server does not speak TLS"),
            Self::NotHttp => f.write_str("the server does not speak HTTP"),
            Self::TooLarge => write!(f, "the answer is larger than {} MiB", LARGEST / 1024 / 1024),
            Self::Redirect(target, why) => write!(f, "redirected to {target}, but {why}"),
            Self::Request => f.write_str("the request could not be made"),
            Self::Unprepared(error) => write!(f, "{error:#}"),
        }
    }
}

impl Error for Trouble {}

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
