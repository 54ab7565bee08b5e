//! `[net]` How a connection is made: an address that accepts, a proxy in between, TLS on top.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::header::{HOST, InvalidHeaderValue, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::config::{Connection, Proxy};
use crate::retry::RetryPolicy;
use crate::vault::error::TransportError;
use crate::vault::http::dns::Resolver;
use crate::vault::http::limit::{ByteBudget, LimitedStream};
use crate::vault::http::tls;

/// A connection has at most this long.
const CONNECT: Duration = Duration::from_secs(5);

/// An address that is silent for this long is no longer waited for alone.
const SILENCE: Duration = Duration::from_millis(300);

/// Makes connections to the server, and to whom it sends us.
pub(in crate::vault) struct Connector<'a> {
    connection: &'a Connection,
    deadline: RetryPolicy,
    lookups: Resolver,
    turn: AtomicUsize,
    /// Made when it is first needed: it takes files to be read.
    tls: OnceLock<(Arc<ClientConfig>, String)>,
}

/// The end of a connection that requests go into.
pub(in crate::vault) struct Sender {
    http: SendRequest<Full<Bytes>>,
    allowance: ByteBudget,
}

/// What bytes go through, whatever is below it.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Wire = Box<dyn Stream>;

impl<'a> Connector<'a> {
    pub(in crate::vault) fn new(connection: &'a Connection, deadline: RetryPolicy) -> Self {
        Self { connection, deadline, lookups: Resolver::default(), turn: AtomicUsize::new(0), tls: OnceLock::new() }
    }

    /// Whom the server's certificate must be from, in words. Reads files.
    pub(in crate::vault) fn trust(&self, url: &Url) -> anyhow::Result<String> {
        match url.scheme() {
            "https" => Ok(self.tls()?.1.clone()),
            _ => Ok("anybody, over plain HTTP".into()),
        }
    }

    /// Writes on a request where it goes: to the server a path, to a proxy that is to forward it the whole URL.
    pub(in crate::vault) fn address(
        &self,
        request: &mut Request<Full<Bytes>>,
        url: &Url,
    ) -> Result<(), TransportError> {
        let proxy = self.plain_proxy(url);
        let start = if proxy.is_some() { Position::BeforeScheme } else { Position::BeforePath };
        *request.uri_mut() = url[start..Position::AfterQuery].parse().map_err(|_| TransportError::Request)?;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])?);
        if let Some(proxy) = proxy {
            log_in(request, proxy)?;
        }
        Ok(())
    }

    /// The proxy that forwards requests for this URL, rather than bytes.
    pub(in crate::vault) fn plain_proxy(&self, url: &Url) -> Option<&Proxy> {
        self.connection.proxy.as_ref().filter(|_| url.scheme() == "http")
    }

    /// Which of several addresses is the first to be connected to, counted on past the last one.
    pub(in crate::vault) fn turn(&self) -> usize {
        self.turn.load(Ordering::Relaxed)
    }

    /// Has the next connection begin at the next address, unless a request at the same time as this one has seen to that.
    pub(in crate::vault) fn end_turn(&self, turn: usize) {
        let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// A connection that requests for this URL go into.
    pub(in crate::vault) async fn connect(&self, url: &Url) -> Result<Sender, TransportError> {
        let Connection { address, proxy, .. } = self.connection;
        // A name may take longer: a name server that is gone is no fault of the server's.
        let mut addresses = match (&address.socket, proxy) {
            (Some(_), _) => Vec::new(),
            (None, Some(proxy)) => self.lookups.addresses(&proxy.url).await.map_err(TransportError::of_proxy)?,
            (None, None) => self.lookups.addresses(url).await?,
        };
        let first = self.turn().checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        let connected = async {
            let allowance = ByteBudget::new();
            let wire = LimitedStream::new(self.wire(url, addresses).await?, allowance.clone());
            Ok(Sender { http: http(wire).await?, allowance })
        };
        timeout(CONNECT, connected).await.unwrap_or(Err(TransportError::Slow))
    }

    async fn wire(&self, url: &Url, addresses: Vec<SocketAddr>) -> Result<Wire, TransportError> {
        let wire = match (&self.connection.address.socket, &self.connection.proxy) {
            (Some(socket), _) => Box::new(UnixStream::connect(socket).await?),
            (None, Some(proxy)) => self.through(proxy, url, addresses).await.map_err(TransportError::of_proxy)?,
            (None, None) => tcp(addresses).await?,
        };
        match (url.scheme(), &self.connection.tls.server_name) {
            ("https", Some(name)) => self.secure(wire, name).await,
            ("https", None) => self.secure(wire, host(url)).await,
            _ => Ok(wire),
        }
    }

    /// To the proxy, and through it if the server is to be spoken to in TLS.
    async fn through(&self, proxy: &Proxy, url: &Url, addresses: Vec<SocketAddr>) -> Result<Wire, TransportError> {
        let mut wire = tcp(addresses).await?;
        if proxy.url.scheme() == "https" {
            wire = self.secure(wire, host(&proxy.url)).await?;
        }
        if url.scheme() == "https" { tunnel(wire, proxy, url).await } else { Ok(wire) }
    }

    async fn secure(&self, wire: Wire, name: &str) -> Result<Wire, TransportError> {
        let config = Arc::clone(&self.tls().map_err(TransportError::TlsSetup)?.0);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TransportError::Request)?;
        Ok(Box::new(TlsConnector::from(config).connect(name, wire).await?))
    }

    fn tls(&self) -> anyhow::Result<&(Arc<ClientConfig>, String)> {
        if let Some(made) = self.tls.get() {
            return Ok(made);
        }
        let (config, trust) = tls::client_config(&self.connection.tls, &self.deadline)?;
        Ok(self.tls.get_or_init(|| (Arc::new(config), trust)))
    }
}

impl Sender {
    /// Whether the server left the connection open.
    pub(in crate::vault) async fn is_open(&mut self) -> bool {
        // The task that holds the connection sees now whether the server closed it.
        tokio::task::yield_now().await;
        self.http.ready().await.is_ok()
    }

    /// Sends a request, and waits for the head of the answer.
    pub(in crate::vault) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TransportError> {
        self.allowance.renew();
        Ok(self.http.send_request(request).await?)
    }
}

/// The host as a certificate names it.
fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

/// The first address that accepts. One that refuses is followed by the next at once, one that is silent soon.
async fn tcp(addresses: Vec<SocketAddr>) -> Result<Wire, TransportError> {
    let mut addresses = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        let patience = if addresses.peek().is_some() { SILENCE } else { CONNECT };
        match timeout(patience, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                stream.set_nodelay(true)?;
                return Ok(Box::new(stream));
            }
            Ok(Some(Err(error))) if attempts.is_empty() && addresses.peek().is_none() => return Err(error.into()),
            Ok(None) => return Err(TransportError::Slow),
            _ => {}
        }
    }
}

/// Has the proxy connect us to the server.
async fn tunnel(wire: Wire, proxy: &Proxy, url: &Url) -> Result<Wire, TransportError> {
    let port = url.port_or_known_default().unwrap_or_default();
    let authority = format!("{}:{port}", url.host_str().unwrap_or_default());
    let mut request = Request::new(Full::default());
    request.headers_mut().insert(HOST, HeaderValue::from_str(&authority)?);
    *request.uri_mut() = authority.try_into().map_err(|_| TransportError::Request)?;
    *request.method_mut() = Method::CONNECT;
    log_in(&mut request, proxy)?;
    let answer = http(wire).await?.send_request(request).await?;
    match answer.status() {
        status if status.is_success() => Ok(Box::new(TokioIo::new(hyper::upgrade::on(answer).await?))),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Err(TransportError::ProxyLogin),
        status => Err(TransportError::ProxyRefused(status)),
    }
}

/// Tells the proxy the user name and the password in its address.
fn log_in(request: &mut Request<Full<Bytes>>, Proxy { url, .. }: &Proxy) -> Result<(), InvalidHeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    let mut pair: Vec<u8> = percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let credential = HeaderValue::from_maybe_shared(Bytes::from(format!("Basic {}", STANDARD.encode(pair))))?;
    request.headers_mut().insert(PROXY_AUTHORIZATION, credential);
    Ok(())
}

/// Speaks HTTP over a connection. It ends with what uses it.
async fn http(wire: impl Stream + 'static) -> Result<SendRequest<Full<Bytes>>, TransportError> {
    let (sender, connection) = http1::handshake(TokioIo::new(wire)).await?;
    // Whoever waits for an answer is told of its errors.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}
