//! `[net]` Requests that are repeated until a final response arrives or the deadline is over.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::{Address, Connection};
use crate::error::CliError;
use crate::log::Logger;
use crate::secret::Secret;
use crate::vault::error::{self, Sources, TransportError};
use crate::vault::http::exchange::Transport;
use crate::vault::http::{HttpRequest, HttpResponse};
use crate::vault::request::{ApiRequest, PreparedRequest};
use crate::vault::response::{Data, Response};
use crate::vault::retry::RetryPolicy;

/// Attempts the deadline cuts off before this keep the previous attempt's error.
const MIN_MEANINGFUL_ATTEMPT: Duration = Duration::from_secs(1);

/// Requests under way, and so connections. A further request reuses a connection instead of making one, which takes
/// longer than a response, above all for the server and with TLS.
const MAX_IN_FLIGHT: usize = 4;

/// Soft limit: after waiting this long, a request proceeds without a permit.
const PERMIT_WAIT: Duration = Duration::from_millis(200);

const X_VAULT_TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// A server, and the limits for reaching it.
pub(super) struct Client<'a> {
    pub(super) transport: Transport<'a>,
    pub(super) retry: RetryPolicy,
    pub(super) address: &'a Address,
    sources: Sources<'a>,
    pub(super) logger: &'a Logger,
    warned: Cell<bool>,
    permits: Semaphore,
}

/// Requests with one token, or none, in one namespace.
pub(super) struct Session<'a> {
    pub(super) client: &'a Client<'a>,
    /// `None` if an agent adds it.
    pub(super) token: Option<&'a HeaderValue>,
    namespace: Option<&'a str>,
    sent: Cell<u64>,
    use_limit: Option<NonZeroU64>,
}

/// A failed attempt that another one may follow.
struct Attempt {
    reason: String,
    /// Whether the server responded.
    responded: bool,
}

impl<'a> Client<'a> {
    /// # Errors
    /// If the files of the trust anchors or of the client certificate cannot be used.
    pub(super) fn new(connection: &'a Connection, retry: RetryPolicy, logger: &'a Logger) -> anyhow::Result<Self> {
        let transport = Transport::new(connection, retry.deadline, logger)?;
        let address = &connection.address;
        let sources =
            (address.source.as_str(), connection.proxies.for_url(&address.url).map_or("", |proxy| &proxy.source));
        let (warned, permits) = (Cell::new(false), Semaphore::new(MAX_IN_FLIGHT));
        Ok(Self { transport, retry, address, sources, logger, warned, permits })
    }

    pub(super) fn session(&'a self, token: Option<&'a HeaderValue>, namespace: Option<&'a str>) -> Session<'a> {
        Session { client: self, token, namespace, sent: Cell::new(0), use_limit: None }
    }

    /// `GET` of the address itself, with an `Authorization` header.
    pub(super) async fn get_with_bearer(&self, bearer: &Secret) -> Result<HttpResponse, CliError> {
        let url = &self.address.url;
        let mut request = HttpRequest::default();
        let header = HeaderValue::from_maybe_shared(Bytes::from([b"Bearer ", bearer.expose()].concat()));
        let mut header = header.map_err(|error| self.explain(&error.into()))?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
        self.send_with_retry(url.path(), async || self.transport.send(url, request.clone()).await).await
    }

    /// The message of an error, without a hint.
    pub(super) fn message(&self, error: &TransportError) -> String {
        error.describe(self.sources).0
    }

    async fn send_with_retry(
        &self,
        path: &str,
        exchange: impl AsyncFn() -> error::Result<HttpResponse>,
    ) -> Result<HttpResponse, CliError> {
        let mut attempts = 0;
        let mut last_error = None;
        loop {
            attempts += 1;
            // A request that waits for its next attempt holds no permit.
            let permit = timeout(PERMIT_WAIT, self.permits.acquire()).await;
            let (start, address_index) = (Instant::now(), self.transport.address_index());
            let result = timeout(self.retry.request_timeout(), exchange()).await;
            let result = result.unwrap_or(Err(TransportError::Timeout));
            drop(permit);
            self.log_exchange(path, &result, start.elapsed());
            let is_cut_off = matches!(result, Err(TransportError::Timeout)) && start.elapsed() < MIN_MEANINGFUL_ATTEMPT;
            let (attempt, retry_after) = match result {
                Ok(response) => match retryable_reason(response.status()) {
                    None => return Ok(response),
                    Some(reason) => {
                        let reason = format!("{reason} ({})", response.status().as_u16());
                        (Attempt { reason, responded: true }, retry_after(&response))
                    }
                },
                Err(TransportError::Connection(reason))
                    if self.address.is_default() && reason == "connection refused" =>
                {
                    return Err(CliError::new(format!("{}: {reason}, and no address was given", self.address))
                        .hint("give the server's address with VAULT_ADDR or --address"));
                }
                Err(error) if error.is_transient() => {
                    (Attempt { reason: self.message(&error), responded: false }, None)
                }
                Err(error) => return Err(self.explain(&error)),
            };
            let attempt = last_error.take().filter(|_| is_cut_off).unwrap_or(attempt);
            match self.retry.backoff(attempts, retry_after) {
                Ok(delay) => {
                    self.warn_retrying(&attempt.reason);
                    self.transport.rotate_address(address_index);
                    tokio::time::sleep(delay).await;
                    last_error = Some(attempt);
                }
                Err(give_up) => return Err(self.given_up(&attempt, &give_up)),
            }
        }
    }

    fn log_exchange(&self, path: &str, result: &error::Result<HttpResponse>, elapsed: Duration) {
        let outcome = match result {
            Ok(response) => response.status().as_u16().to_string(),
            Err(error) => self.message(error),
        };
        let millis = elapsed.as_secs_f64() * 1000.0;
        self.logger.debug(format_args!("asked {} for {path}: {outcome} after {millis:.1} ms", self.address));
    }

    /// Warns once per client.
    fn warn_retrying(&self, reason: &str) {
        if !self.warned.replace(true) {
            let total = humantime::format_duration(self.retry.deadline.total());
            self.logger.warn(format_args!("waiting for {}: {reason} (for {total} at most)", self.address));
        }
    }

    fn given_up(&self, Attempt { reason, responded }: &Attempt, give_up: &str) -> CliError {
        let advice = if *responded {
            "see `bao status` and the server's log"
        } else {
            "check that the server runs and is reachable"
        };
        let mut hint = match self.sources {
            (source, "") => format!("{advice}; the address is from {source}"),
            (source, proxy) => format!("{advice}; the address is from {source}, the proxy from {proxy}"),
        };
        if self.address.url.scheme() == "http" && reason == "connection reset" {
            hint.push_str("; if the server uses TLS, write https://");
        }
        CliError::new(format!("{}: {reason}; {give_up}", self.address)).hint(hint)
    }

    fn explain(&self, error: &TransportError) -> CliError {
        let (message, hint) = error.describe(self.sources);
        let error = CliError::new(format!("{}: {message}", self.address));
        match hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

impl Session<'_> {
    /// Sends a request until a final response arrives.
    ///
    /// # Errors
    /// If none arrives within the limits of the [`RetryPolicy`], or the error is not transient.
    pub(super) async fn send<T: Data>(&self, request: impl ApiRequest) -> Result<Response<T>, CliError> {
        let request = self.prepare(request).map_err(|error| self.client.explain(&error))?;
        let exchange = async || self.exchange(&request).await;
        Ok(Response::parse(&self.client.send_with_retry(&request.path, exchange).await?))
    }

    /// Sends a request once, and waits for a response no longer than `limit`.
    pub(super) async fn send_once<T: Data>(
        &self,
        limit: Duration,
        request: impl ApiRequest,
    ) -> error::Result<Response<T>> {
        let request = self.prepare(request)?;
        let response = timeout(limit, self.exchange(&request)).await.unwrap_or(Err(TransportError::Timeout))?;
        Ok(Response::parse(&response))
    }

    fn prepare(&self, request: impl ApiRequest) -> error::Result<PreparedRequest> {
        let mut request = request.prepare(&self.client.address.url, self.namespace)?;
        request.http.headers_mut().extend(self.token.map(|token| (X_VAULT_TOKEN, token.clone())));
        Ok(request)
    }

    async fn exchange(&self, request: &PreparedRequest) -> error::Result<HttpResponse> {
        // Requests that the server also answers without a token do not count as a use of it.
        if !request.path.starts_with("sys/internal/ui/") {
            self.sent.set(self.sent.get() + 1);
        }
        self.client.transport.send(&request.url, request.http.clone()).await
    }

    /// With a token that can be used `limit` times; `None` is unlimited.
    pub(super) fn with_use_limit(self, limit: Option<NonZeroU64>) -> Self {
        Self { use_limit: limit, ..self }
    }

    /// How many more times the token can be used; negative if more requests were sent than it allows, `None` if
    /// unlimited.
    pub(super) fn uses_left(&self) -> Option<i64> {
        let limit = i64::try_from(self.use_limit?.get()).unwrap_or(i64::MAX);
        Some(limit.saturating_sub_unsigned(self.sent.get()))
    }
}

/// Why a response with this status is not final. 472 and 473 are Vault's, see
/// <https://developer.hashicorp.com/vault/api-docs/system/health>.
fn retryable_reason(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        412 => "the server has not caught up with its leader yet",
        429 => "too many requests, or a standby",
        472 => "a disaster-recovery standby",
        473 => "a performance standby",
        501 => return None,
        503 => "sealed or not ready",
        500..=599 => "server error",
        _ => return None,
    })
}

/// Seconds, the form that Vault sends; an HTTP date is ignored.
fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
