//! `[net]` How a connection is made: a name is resolved, a proxy passed, TLS negotiated.

use std::cell::OnceCell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::header::HOST;
use http::{HeaderValue, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::config::{Connection, Proxy};
use crate::deadline::Deadline;
use crate::error::CliError;
use crate::vault::error::{Result, TransportError};
use crate::vault::http::dns::Resolver;
use crate::vault::http::limit::{ByteBudget, LimitedStream};
use crate::vault::http::{HttpRequest, proxy, tls};
use crate::vault::report::Trust;

/// The limit for a connection, with its handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before also trying the next address, see RFC 8305.
const HAPPY_EYEBALLS_DELAY: Duration = Duration::from_millis(300);

/// Makes connections to the server, and to the target of its redirect.
pub(super) struct Connector<'a> {
    connection: &'a Connection,
    deadline: Deadline,
    resolver: Resolver,
    /// Made when it is first needed, because it reads files.
    tls: OnceCell<(Arc<ClientConfig>, Trust)>,
}

/// An open connection.
pub(super) struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    budget: ByteBudget,
}

/// TCP, a Unix socket, TLS or a tunnel.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type BoxedStream = Box<dyn Stream>;

impl<'a> Connector<'a> {
    pub(super) fn new(connection: &'a Connection, deadline: Deadline) -> Self {
        Self { connection, deadline, resolver: Resolver::default(), tls: OnceCell::new() }
    }

    /// Which certificates are accepted for this URL.
    ///
    /// # Errors
    /// If the files of the trust anchors or of the client certificate cannot be used.
    pub(super) fn trust(&self, url: &Url) -> anyhow::Result<Trust> {
        if url.scheme() == "https" { Ok(self.tls()?.1.clone()) } else { Ok(Trust::PlainHttp) }
    }

    /// Sets the request's target, `Host` and proxy credentials: a server is sent the path, a proxy that forwards the
    /// request the whole URL.
    pub(super) fn set_target(&self, request: &mut HttpRequest, url: &Url) -> Result<()> {
        let proxy = self.forwarding_proxy(url)?;
        let start = if proxy.is_some() { Position::BeforeScheme } else { Position::BeforePath };
        *request.uri_mut() = url[start..Position::AfterQuery].parse().map_err(|_| TransportError::InvalidRequest)?;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])?);
        proxy.map_or(Ok(()), |proxy| proxy::set_proxy_auth(request, proxy))
    }

    /// The proxy that forwards requests for this URL; for `https` it tunnels them instead.
    pub(super) fn forwarding_proxy(&self, url: &Url) -> Result<Option<&Proxy>> {
        Ok(self.proxy(url)?.filter(|_| url.scheme() == "http"))
    }

    /// The proxy for a connection to the server of this URL. None on a Unix socket, to which redirects lead as well.
    fn proxy(&self, url: &Url) -> Result<Option<&Proxy>> {
        match self.connection.address.socket {
            Some(_) => Ok(None),
            None => self
                .connection
                .proxies
                .for_url(url)
                .map_err(|error| TransportError::Setup(CliError::from(error).into())),
        }
    }

    /// Connects to the server of a URL, trying the address with this index, modulo their number, first.
    /// [`CONNECT_TIMEOUT`] does not cover the look-up of the name.
    pub(super) async fn connect(&self, url: &Url, address_index: usize) -> Result<HttpConnection> {
        let mut addresses = match (&self.connection.address.socket, self.proxy(url)?) {
            (Some(_), _) => Vec::new(),
            (None, Some(proxy)) => self.resolver.addresses(&proxy.url).await.map_err(TransportError::of_proxy)?,
            (None, None) => self.resolver.addresses(url).await?,
        };
        let first = address_index.checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        let connected = async {
            let budget = ByteBudget::new();
            let stream = self.open_stream(url, addresses, &budget).await?;
            Ok(HttpConnection { sender: http_handshake(stream).await?, budget })
        };
        timeout(CONNECT_TIMEOUT, connected).await.unwrap_or(Err(TransportError::Timeout))
    }

    /// The budget is below the tunnel and TLS, so that it covers the proxy's response and the handshakes as well.
    async fn open_stream(&self, url: &Url, addresses: Vec<SocketAddr>, budget: &ByteBudget) -> Result<BoxedStream> {
        let stream = match (&self.connection.address.socket, self.proxy(url)?) {
            (Some(socket), _) => limited(UnixStream::connect(socket).await?, budget),
            (None, Some(proxy)) => {
                let tunnel =
                    async { self.connect_proxy(proxy, url, limited(connect_tcp(addresses).await?, budget)).await };
                tunnel.await.map_err(TransportError::of_proxy)?
            }
            (None, None) => limited(connect_tcp(addresses).await?, budget),
        };
        match (url.scheme(), &self.connection.tls.server_name) {
            ("https", Some(name)) => self.tls_handshake(stream, name).await,
            ("https", None) => self.tls_handshake(stream, certificate_host(url)).await,
            _ => Ok(stream),
        }
    }

    /// Makes the connection to the proxy one to the server, if the server speaks TLS.
    async fn connect_proxy(&self, proxy: &Proxy, url: &Url, mut stream: BoxedStream) -> Result<BoxedStream> {
        if proxy.url.scheme() == "https" {
            stream = self.tls_handshake(stream, certificate_host(&proxy.url)).await?;
        }
        if url.scheme() == "http" {
            return Ok(stream);
        }
        Ok(Box::new(TokioIo::new(proxy::tunnel(http_handshake(stream).await?, proxy, url).await?)))
    }

    async fn tls_handshake(&self, stream: BoxedStream, name: &str) -> Result<BoxedStream> {
        let config = Arc::clone(&self.tls().map_err(TransportError::Setup)?.0);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| TransportError::InvalidRequest)?;
        Ok(Box::new(TlsConnector::from(config).connect(name, stream).await?))
    }

    fn tls(&self) -> anyhow::Result<&(Arc<ClientConfig>, Trust)> {
        if let Some(made) = self.tls.get() {
            return Ok(made);
        }
        let (config, trust) = tls::client_config(&self.connection.tls, self.deadline)?;
        Ok(self.tls.get_or_init(|| (Arc::new(config), trust)))
    }
}

impl HttpConnection {
    /// Whether the server left it open after the last response.
    pub(super) async fn is_open(&mut self) -> bool {
        // Lets the task that holds the connection see that the server closed it.
        tokio::task::yield_now().await;
        self.sender.ready().await.is_ok()
    }

    /// Sends a request, and waits for the head of the response.
    pub(super) async fn send(&mut self, request: HttpRequest) -> Result<Response<Incoming>> {
        self.budget.reset();
        self.sender.send_request(request).await.map_err(|error| match error.into() {
            TransportError::NotHttp if self.budget.is_tls() => TransportError::NotPlain,
            error => error,
        })
    }
}

/// The host as a certificate names it: an IPv6 address without brackets.
fn certificate_host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}

fn limited(stream: impl Stream + 'static, budget: &ByteBudget) -> BoxedStream {
    Box::new(LimitedStream::new(stream, budget.clone()))
}

/// Connects to the first address that accepts. An address that refuses is followed by the next at once.
async fn connect_tcp(addresses: Vec<SocketAddr>) -> Result<TcpStream> {
    let mut addresses = addresses.into_iter().peekable();
    let mut attempts = FuturesUnordered::new();
    loop {
        attempts.extend(addresses.next().map(TcpStream::connect));
        let wait = if addresses.peek().is_some() { HAPPY_EYEBALLS_DELAY } else { CONNECT_TIMEOUT };
        match timeout(wait, attempts.next()).await {
            Ok(Some(Ok(stream))) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Some(Err(error))) if attempts.is_empty() && addresses.peek().is_none() => return Err(error.into()),
            Ok(None) => return Err(TransportError::Timeout),
            _ => {}
        }
    }
}

/// Starts HTTP on a stream. The connection ends when the result is dropped.
async fn http_handshake(stream: impl Stream + 'static) -> Result<SendRequest<Full<Bytes>>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Its errors reach the request that waits for a response.
    tokio::spawn(connection.with_upgrades());
    Ok(sender)
}
