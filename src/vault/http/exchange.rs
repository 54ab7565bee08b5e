//! `[net]` One exchange with the server: bytes go out, a whole response or a typed trouble comes back. Nothing is tried
//! again here.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{AUTHORIZATION, LOCATION};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use rustify::errors::ClientError;
use url::{Position, Url};

use crate::config::Connection;
use crate::log::Logger;
use crate::retry::RetryPolicy;
use crate::secret::Secret;
use crate::vault::error::TransportError;
use crate::vault::http::connect::{Connector, Sender};

/// A response over this many bytes is refused; Vault's own limit for a request is 32 MiB, for a KV secret 1 MiB.
pub(in crate::vault) const LARGEST: usize = 8 * 1024 * 1024;

/// HTTP/1.1 under vaultrs' request types, which see [`rustify::client::Client`] alone.
pub(in crate::vault) struct Transport<'a> {
    connector: Connector<'a>,
    redirects: bool,
    /// Connections that no request uses at the moment, and the scheme, host and port they lead to.
    idle: Mutex<Vec<(String, Sender)>>,
    /// Scheme, host and port.
    base: Url,
    /// What the address puts in front of `/v1`, without a slash at its end.
    prefix: String,
    /// Whom the server's certificate must be from, in words.
    pub(in crate::vault) trust: String,
}

impl<'a> Transport<'a> {
    pub(in crate::vault) fn new(
        connection: &'a Connection,
        deadline: &RetryPolicy,
        logger: &Logger,
    ) -> anyhow::Result<Self> {
        let url = &connection.address.url;
        let mut base = url.clone();
        base.set_path("");
        base.set_query(None);
        let prefix = url.path().trim_end_matches('/').to_owned();
        let connector = Connector::new(connection, *deadline);
        let trust = connector.trust(url)?;
        if url.scheme() == "https" && !connection.tls.verify {
            logger
                .warn(format_args!("the server's certificate is not checked: anyone in between can read the secrets"));
        }
        logger.debug(format_args!("trust {trust}"));
        let (idle, redirects) = (Mutex::default(), connection.follow_redirects);
        Ok(Self { connector, redirects, idle, base, prefix, trust })
    }

    /// See [`Connector::turn`].
    pub(in crate::vault) fn turn(&self) -> usize {
        self.connector.turn()
    }

    /// Whoever was asked in this turn cannot help now: the next try is made at the next address of the server's name, and
    /// not over a connection that is there.
    pub(in crate::vault) fn end_turn(&self, turn: usize) {
        self.idle().clear();
        self.connector.end_turn(turn);
    }

    /// Gets one URL, which nobody prepared for vaultrs.
    pub(in crate::vault) async fn get(&self, url: &Url, bearer: &Secret) -> Result<Response<Vec<u8>>, TransportError> {
        let mut request = Request::default();
        let bearer = Bytes::from([b"Bearer ", bearer.expose()].concat());
        request.headers_mut().insert(AUTHORIZATION, HeaderValue::from_maybe_shared(bearer)?);
        self.exchange(url, request).await
    }

    /// Asks the server, and whom it sends us to.
    async fn exchange(&self, url: &Url, request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, TransportError> {
        let first = self.ask(url, request.clone()).await?;
        let Some(target) = redirect(&first, url) else { return Ok(first) };
        let refuse = |why| Err(TransportError::Redirect(target.origin().ascii_serialization(), why));
        match (target.scheme(), url.scheme()) {
            _ if !self.redirects => return refuse("--disable-redirects is given"),
            ("http", "https") => return refuse("it does not protect what is sent there"),
            ("http" | "https", _) => {}
            (scheme, _) => {
                return Err(TransportError::Redirect(format!("{scheme}:"), "that is neither https:// nor http://"));
            }
        }
        let elsewhere =
            |trouble| TransportError::AfterRedirect(target.origin().ascii_serialization(), Box::new(trouble));
        let second = self.ask(&target, request).await.map_err(elsewhere)?;
        match redirect(&second, &target) {
            None => Ok(second),
            Some(third) => {
                Err(TransportError::Redirect(third.origin().ascii_serialization(), "one redirect was followed already"))
            }
        }
    }

    /// Asks one server.
    async fn ask(&self, url: &Url, mut request: Request<Full<Bytes>>) -> Result<Response<Vec<u8>>, TransportError> {
        self.connector.address(&mut request, url)?;
        let mut sender = self.sender(url).await?;
        let answer = whole(sender.send(request).await?).await?;
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED && self.connector.plain_proxy(url).is_some() {
            return Err(TransportError::ProxyLogin);
        }
        self.idle().push((end(url), sender));
        Ok(answer)
    }

    /// A connection to the server, one that is there already if it is still good.
    async fn sender(&self, url: &Url) -> Result<Sender, TransportError> {
        while let Some(mut sender) = self.take_idle(url) {
            if sender.is_open().await {
                return Ok(sender);
            }
        }
        self.connector.connect(url).await
    }

    fn take_idle(&self, url: &Url) -> Option<Sender> {
        let mut idle = self.idle();
        let place = idle.iter().position(|(to, _)| *to == end(url))?;
        Some(idle.swap_remove(place).1)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(String, Sender)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Scheme, host and port.
fn end(url: &Url) -> String {
    url[..Position::AfterPort].to_owned()
}

/// Where a standby, or a load balancer, sends us instead. Vault's own client follows the same codes.
fn redirect(answer: &Response<Vec<u8>>, asked: &Url) -> Option<Url> {
    let location = answer.headers().get(LOCATION)?.to_str().ok()?;
    matches!(answer.status().as_u16(), 301 | 302 | 307 | 308).then(|| asked.join(location).ok())?
}

async fn whole(answer: Response<Incoming>) -> Result<Response<Vec<u8>>, TransportError> {
    let (head, mut body) = answer.into_parts();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > LARGEST {
        return Err(TransportError::TooLarge);
    }
    let mut bytes = Vec::with_capacity(announced);
    while let Some(frame) = body.frame().await {
        // Trailers tell nothing.
        let Ok(chunk) = frame?.into_data() else { continue };
        if bytes.len() + chunk.len() > LARGEST {
            return Err(TransportError::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Response::from_parts(head, bytes))
}

#[async_trait]
impl rustify::client::Client for Transport<'_> {
    fn base(&self) -> &str {
        self.base.as_str()
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        let exchanged = async {
            let mut url = self.base.clone();
            url.set_path(&format!("{}{}", self.prefix, request.uri().path()));
            url.set_query(request.uri().query().filter(|query| !query.is_empty()));
            self.exchange(&url, request.map(|body| Full::new(body.into()))).await
        };
        exchanged.await.map_err(|trouble| ClientError::GenericError { source: trouble.into() })
    }

    /// Every status is an answer here: the caller looks at its headers and its body, which rustify's errors drop.
    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}
