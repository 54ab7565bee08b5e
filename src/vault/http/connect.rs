//! `[net]` How a connection is made: a name is resolved, a proxy passed, TLS negotiated.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::config::{Connection, Proxy};
use crate::deadline::Deadline;
use crate::vault::error::TransportError;
use crate::vault::http::dns::Resolver;
use crate::vault::http::limit::{ByteBudget, LimitedStream};
use crate::vault::http::proxy::{connect_tunnel, set_proxy_auth};
use crate::vault::http::stream::{BoxedStream, CONNECT_TIMEOUT, connect_tcp, http_handshake};
use crate::vault::http::tls;
use crate::vault::report::Trust;

/// Makes connections to the server, and to the target of its redirect.
pub(super) struct Connector<'a> {
    connection: &'a Connection,
    deadline: Deadline,
    resolver: Resolver,
    address_index: AtomicUsize,
    /// Made when it is first needed, because it reads files.
    tls: OnceLock<(Arc<ClientConfig>, Trust)>,
}

/// An open connection.
pub(super) struct HttpConnection {
    sender: SendRequest<Full<Bytes>>,
    budget: ByteBudget,
}

impl<'a> Connector<'a> {
    pub(super) fn new(connection: &'a Connection, deadline: Deadline) -> Self {
        Self {
            connection,
            deadline,
            resolver: Resolver::default(),
            address_index: AtomicUsize::new(0),
            tls: OnceLock::new(),
        }
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
    pub(super) fn set_target(&self, request: &mut Request<Full<Bytes>>, url: &Url) -> Result<(), TransportError> {
        let proxy = self.forwarding_proxy(url);
        let start = if proxy.is_some() { Position::BeforeScheme } else { Position::BeforePath };
        *request.uri_mut() = url[start..Position::AfterQuery].parse().map_err(|_| TransportError::InvalidRequest)?;
        request.headers_mut().insert(HOST, HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort])?);
        if let Some(proxy) = proxy {
            set_proxy_auth(request, proxy)?;
        }
        Ok(())
    }

    /// The proxy that forwards requests for this URL; for `https` it tunnels them instead.
    pub(super) fn forwarding_proxy(&self, url: &Url) -> Option<&Proxy> {
        self.connection.proxy.as_ref().filter(|_| url.scheme() == "http")
    }

    /// Which of a name's addresses is tried first. It counts on past the last one.
    pub(super) fn address_index(&self) -> usize {
        self.address_index.load(Ordering::Relaxed)
    }

    /// Has the next connection begin at the address after `index`, unless a concurrent request has done so.
    pub(super) fn rotate_address(&self, index: usize) {
        let _ = self.address_index.compare_exchange(index, index + 1, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Connects to the server of a URL. [`CONNECT_TIMEOUT`] does not cover the look-up of its name.
    pub(super) async fn connect(&self, url: &Url) -> Result<HttpConnection, TransportError> {
        let Connection { address, proxy, .. } = self.connection;
        let mut addresses = match (&address.socket, proxy) {
            (Some(_), _) => Vec::new(),
            (None, Some(proxy)) => self.resolver.addresses(&proxy.url).await.map_err(TransportError::of_proxy)?,
            (None, None) => self.resolver.addresses(url).await?,
        };
        let first = self.address_index().checked_rem(addresses.len()).unwrap_or(0);
        addresses.rotate_left(first);
        let connected = async {
            let budget = ByteBudget::new();
            let stream = LimitedStream::new(self.open_stream(url, addresses).await?, budget.clone());
            Ok(HttpConnection { sender: http_handshake(stream).await?, budget })
        };
        timeout(CONNECT_TIMEOUT, connected).await.unwrap_or(Err(TransportError::Timeout))
    }

    async fn open_stream(&self, url: &Url, addresses: Vec<SocketAddr>) -> Result<BoxedStream, TransportError> {
        let stream = match (&self.connection.address.socket, &self.connection.proxy) {
            (Some(socket), _) => Box::new(UnixStream::connect(socket).await?),
            (None, Some(proxy)) => self.connect_proxy(proxy, url, addresses).await.map_err(TransportError::of_proxy)?,
            (None, None) => connect_tcp(addresses).await?,
        };
        match (url.scheme(), &self.connection.tls.server_name) {
            ("https", Some(name)) => self.tls_handshake(stream, name).await,
            ("https", None) => self.tls_handshake(stream, certificate_host(url)).await,
            _ => Ok(stream),
        }
    }

    /// Connects to the proxy, and through it if the server speaks TLS.
    async fn connect_proxy(
        &self,
        proxy: &Proxy,
        url: &Url,
        addresses: Vec<SocketAddr>,
    ) -> Result<BoxedStream, TransportError> {
        let mut stream = connect_tcp(addresses).await?;
        if proxy.url.scheme() == "https" {
            stream = self.tls_handshake(stream, certificate_host(&proxy.url)).await?;
        }
        if url.scheme() == "https" { connect_tunnel(stream, proxy, url).await } else { Ok(stream) }
    }

    async fn tls_handshake(&self, stream: BoxedStream, name: &str) -> Result<BoxedStream, TransportError> {
        let config = Arc::clone(&self.tls().map_err(TransportError::TlsSetup)?.0);
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
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, TransportError> {
        self.budget.reset();
        Ok(self.sender.send_request(request).await?)
    }
}

/// The host as a certificate names it: an IPv6 address without brackets.
fn certificate_host(url: &Url) -> &str {
    url.host_str().unwrap_or_default().trim_matches(['[', ']'])
}
