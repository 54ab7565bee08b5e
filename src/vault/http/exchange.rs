//! `[net]` One exchange with the server: a request is sent, and a whole response or a typed error returned. Nothing is
//! repeated here but what a redirect asks for.

use std::cell::{Cell, RefCell};

use http::header::LOCATION;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use url::{Position, Url};

use crate::config::Connection;
use crate::deadline::Deadline;
use crate::log::Logger;
use crate::vault::error::{Result, TransportError};
use crate::vault::http::connect::{Connector, HttpConnection};
use crate::vault::http::limit::MAX_RESPONSE_BYTES;
use crate::vault::http::{HttpRequest, HttpResponse};
use crate::vault::report::Trust;

/// Keeps connections open between requests.
pub(crate) struct Transport<'a> {
    connector: Connector<'a>,
    /// See [`Connection::refuse_redirects`].
    refuse_redirects: Option<&'static str>,
    /// Connections that no request uses at the moment, and the scheme, host and port they lead to.
    idle: RefCell<Vec<(String, HttpConnection)>>,
    /// Which of a name's addresses is tried first. It counts on past the last one.
    address_index: Cell<usize>,
    pub(crate) trust: Trust,
}

impl<'a> Transport<'a> {
    /// Reads the files of the trust anchors and of the client certificate, and warns if certificates are not verified.
    pub(crate) fn new(connection: &'a Connection, deadline: Deadline, logger: &Logger) -> anyhow::Result<Self> {
        let connector = Connector::new(connection, deadline);
        let trust = connector.trust(&connection.address.url)?;
        if trust == Trust::Unverified {
            logger.warn(format_args!(
                "the server's certificate is not verified: anyone on the network path can read the secrets"
            ));
        }
        logger.debug(format_args!("trust {trust}"));
        let (idle, address_index) = (RefCell::default(), Cell::default());
        Ok(Self { connector, refuse_redirects: connection.refuse_redirects, idle, address_index, trust })
    }

    /// Which of the server's addresses a new connection tries first.
    pub(crate) const fn address_index(&self) -> usize {
        self.address_index.get()
    }

    /// Has the next attempt make a new connection, to the address after `index` unless a concurrent request has moved on.
    pub(crate) fn rotate_address(&self, index: usize) {
        self.idle.borrow_mut().clear();
        if self.address_index.get() == index {
            self.address_index.set(index + 1);
        }
    }

    /// Sends a request to the server of a URL, and again to the target of one redirect. Sets `sent` when a server may
    /// have received it; one that redirects does nothing else.
    pub(crate) async fn send(&self, url: &Url, request: HttpRequest, sent: &Cell<bool>) -> Result<HttpResponse> {
        let first = self.send_to(url, request.clone(), sent).await?;
        let Some(target) = redirect_target(&first, url) else { return Ok(first) };
        sent.set(false);
        let refuse = |target: String, reason| Err(TransportError::Redirect(target, reason));
        let origin = target.origin().ascii_serialization();
        match (target.scheme(), url.scheme()) {
            _ if let Some(reason) = self.refuse_redirects => return refuse(origin, reason),
            ("http", "https") => return refuse(origin, "that address is not encrypted"),
            ("http" | "https", _) => {}
            (scheme, _) => {
                return refuse(format!("{scheme}:"), "only https and http are supported");
            }
        }
        let second = self.send_to(&target, request, sent).await;
        let second = second.map_err(|error| TransportError::AfterRedirect(origin, error.into()))?;
        match redirect_target(&second, &target) {
            None => Ok(second),
            Some(third) => {
                sent.set(false);
                refuse(third.origin().ascii_serialization(), "only one redirect is followed")
            }
        }
    }

    async fn send_to(&self, url: &Url, mut request: HttpRequest, sent: &Cell<bool>) -> Result<HttpResponse> {
        self.connector.set_target(&mut request, url)?;
        let mut connection = self.open_connection(url).await?;
        sent.set(true);
        let response = read_body(connection.send(request).await?).await?;
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(proxy) = self.connector.forwarding_proxy(url)?
        {
            sent.set(false);
            return Err(TransportError::ProxyAuth(proxy.source.clone()));
        }
        self.idle.borrow_mut().push((origin(url), connection));
        Ok(response)
    }

    /// An idle connection if one is still open, else a new one.
    async fn open_connection(&self, url: &Url) -> Result<HttpConnection> {
        while let Some(mut connection) = self.take_idle(url) {
            if connection.is_open().await {
                return Ok(connection);
            }
        }
        self.connector.connect(url, self.address_index()).await
    }

    fn take_idle(&self, url: &Url) -> Option<HttpConnection> {
        let mut idle = self.idle.borrow_mut();
        let index = idle.iter().position(|(to, _)| *to == origin(url))?;
        Some(idle.swap_remove(index).1)
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url[..Position::AfterPort].to_owned()
}

/// Where a standby, or a load balancer, sends the client. Vault's own client follows the same status codes.
fn redirect_target(response: &HttpResponse, url: &Url) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    matches!(response.status().as_u16(), 301 | 302 | 307 | 308).then(|| url.join(location).ok())?
}

/// Reads at most [`MAX_RESPONSE_BYTES`].
async fn read_body(response: Response<Incoming>) -> Result<HttpResponse> {
    let (head, mut body) = response.into_parts();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > MAX_RESPONSE_BYTES {
        return Err(TransportError::TooLarge);
    }
    let mut bytes = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        // Trailers are not used.
        let Ok(chunk) = frame?.into_data() else { continue };
        if bytes.len() + chunk.len() > MAX_RESPONSE_BYTES {
            return Err(TransportError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Response::from_parts(head, bytes))
}
