//! `[net]` One exchange with the server: a request is sent, and a whole response or a typed error returned. Nothing is
//! repeated here but what a redirect asks for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use url::{Position, Url};

use crate::config::Connection;
use crate::deadline::Deadline;
use crate::log::Logger;
use crate::vault::error::TransportError;
use crate::vault::http::connect::{Connector, HttpConnection};
use crate::vault::http::limit::MAX_RESPONSE_BYTES;
use crate::vault::report::Trust;

/// Keeps connections open between requests.
pub(in crate::vault) struct Transport<'a> {
    connector: Connector<'a>,
    follow_redirects: bool,
    /// Connections that no request uses at the moment, and the scheme, host and port they lead to.
    idle: Mutex<Vec<(String, HttpConnection)>>,
    pub(in crate::vault) trust: Trust,
}

impl<'a> Transport<'a> {
    /// Reads the files of the trust anchors and of the client certificate, and warns if certificates are not verified.
    pub(in crate::vault) fn new(
        connection: &'a Connection,
        deadline: Deadline,
        logger: &Logger,
    ) -> anyhow::Result<Self> {
        let connector = Connector::new(connection, deadline);
        let trust = connector.trust(&connection.address.url)?;
        if trust == Trust::Unverified {
            logger
                .warn(format_args!("the server's certificate is not checked: anyone in between can read the secrets"));
        }
        logger.debug(format_args!("trust {trust}"));
        Ok(Self { connector, follow_redirects: connection.redirects, idle: Mutex::default(), trust })
    }

    /// Which of the server's addresses a new connection tries first.
    pub(in crate::vault) fn address_index(&self) -> usize {
        self.connector.address_index()
    }

    /// Has the next attempt make a new connection, to the server's next address.
    pub(in crate::vault) fn rotate_address(&self, index: usize) {
        self.idle().clear();
        self.connector.rotate_address(index);
    }

    /// Sends a request to the server of a URL, and again to the target of one redirect.
    pub(in crate::vault) async fn send(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let first = self.send_to(url, request.clone()).await?;
        let Some(target) = redirect_target(&first, url) else { return Ok(first) };
        let refuse = |reason| Err(TransportError::Redirect(target.origin().ascii_serialization(), reason));
        match (target.scheme(), url.scheme()) {
            _ if !self.follow_redirects => return refuse("--disable-redirects is given"),
            ("http", "https") => return refuse("it does not protect what is sent there"),
            ("http" | "https", _) => {}
            (scheme, _) => {
                return Err(TransportError::Redirect(format!("{scheme}:"), "that is neither https:// nor http://"));
            }
        }
        let after_redirect =
            |error| TransportError::AfterRedirect(target.origin().ascii_serialization(), Box::new(error));
        let second = self.send_to(&target, request).await.map_err(after_redirect)?;
        match redirect_target(&second, &target) {
            None => Ok(second),
            Some(third) => {
                Err(TransportError::Redirect(third.origin().ascii_serialization(), "one redirect was followed already"))
            }
        }
    }

    async fn send_to(&self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, TransportError> {
        self.connector.set_target(&mut request, url)?;
        let mut connection = self.open_connection(url).await?;
        let response = read_body(connection.send(request).await?).await?;
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && self.connector.forwarding_proxy(url).is_some()
        {
            return Err(TransportError::ProxyAuth);
        }
        self.idle().push((origin(url), connection));
        Ok(response)
    }

    /// An idle connection if one is still open, else a new one.
    async fn open_connection(&self, url: &Url) -> Result<HttpConnection, TransportError> {
        while let Some(mut connection) = self.take_idle(url) {
            if connection.is_open().await {
                return Ok(connection);
            }
        }
        self.connector.connect(url).await
    }

    fn take_idle(&self, url: &Url) -> Option<HttpConnection> {
        let mut idle = self.idle();
        let index = idle.iter().position(|(to, _)| *to == origin(url))?;
        Some(idle.swap_remove(index).1)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(String, HttpConnection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> String {
    url[..Position::AfterPort].to_owned()
}

/// Where a standby, or a load balancer, sends the client. Vault's own client follows the same status codes.
fn redirect_target(response: &Response<Vec<u8>>, url: &Url) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    matches!(response.status().as_u16(), 301 | 302 | 307 | 308).then(|| url.join(location).ok())?
}

/// Reads at most [`MAX_RESPONSE_BYTES`].
async fn read_body(response: Response<Incoming>) -> Result<Response<Vec<u8>>, TransportError> {
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
