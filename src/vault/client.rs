//! `[net]` Requests that are repeated until a final response arrives or the deadline is over.

use std::cell::Cell;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::config::{Address, Connection};
use crate::error::CliError;
use crate::log::Logger;
use crate::secret::Secret;
use crate::vault::error::{self, INCOMPLETE, SourceNames, TransportError};
use crate::vault::http::exchange::Transport;
use crate::vault::http::{HttpRequest, HttpResponse};
use crate::vault::report::Trust;
use crate::vault::request::{ApiRequest, PreparedRequest, X_VAULT_TOKEN};
use crate::vault::response::{Data, Response};
use crate::vault::retry::{RetryPolicy, is_refusal, retry_after, retryable_reason};
use crate::vault::server_text::KnownSecrets;

/// Attempts the deadline cuts off before this keep the previous attempt's error.
const MIN_MEANINGFUL_ATTEMPT: Duration = Duration::from_secs(1);

/// Requests under way, and so connections. A further request reuses a connection instead of making one, which takes
/// longer than a response, above all for the server and with TLS.
const MAX_IN_FLIGHT: usize = 4;

/// Soft limit: after waiting this long, a request proceeds without a permit.
const PERMIT_WAIT: Duration = Duration::from_millis(200);

/// Attempts of a login that the server answers with 500: Vault does so to credentials that it cannot judge.
const MAX_LOGIN_SERVER_ERRORS: u32 = 3;

/// A server, and the limits for reaching it.
pub(super) struct Client<'a> {
    pub(super) transport: Transport<'a>,
    pub(super) retry: RetryPolicy,
    pub(super) address: &'a Address,
    proxy_source: &'a str,
    pub(super) logger: &'a Logger,
    /// To be left out of messages.
    pub(super) known: KnownSecrets,
    warned: Cell<bool>,
    permits: Semaphore,
    /// Without a permit; closed when no request is to be repeated any more.
    retries: Semaphore,
    gave_up: Cell<bool>,
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

/// Whether to repeat a request that the server may have acted on.
#[derive(Clone, Copy)]
enum Repeat {
    Always,
    /// Not if an attempt may have had this effect; with the remedy.
    UnlessSent(&'static str, &'static str),
}

/// A failed attempt that another one may follow.
struct Attempt {
    reason: String,
    /// What to check if it was the last one.
    advice: String,
    /// Whether the server may have acted on the request.
    may_have_acted: bool,
    server_reason: Option<Secret>,
}

impl<'a> Client<'a> {
    /// # Errors
    /// If the files of the trust anchors or of the client certificate cannot be used.
    pub(super) fn new(connection: &'a Connection, retry: RetryPolicy, logger: &'a Logger) -> anyhow::Result<Self> {
        let transport = Transport::new(connection, retry.deadline, logger)?;
        let address = &connection.address;
        let proxy = connection.proxies.for_url(&address.url).map_err(CliError::from)?;
        let proxy_source = proxy.map_or("", |proxy| &proxy.source);
        let (warned, gave_up) = (Cell::new(false), Cell::new(false));
        let (permits, retries) = (Semaphore::new(MAX_IN_FLIGHT), Semaphore::new(0));
        let known = KnownSecrets::default();
        for proxy in connection.proxies.iter() {
            let password = proxy.url.password().map(|password| Secret::new(percent_decode_str(password).collect()));
            known.add_credentials(password.into_iter().chain(proxy.credential()));
        }
        Ok(Self { transport, retry, address, proxy_source, logger, known, warned, permits, retries, gave_up })
    }

    /// Has every request end with its current attempt, since the start fails: unless one has exhausted its attempts or the
    /// time, as the others then do as well.
    pub(super) fn stop_retrying(&self) {
        if !self.gave_up.get() {
            self.retries.close();
        }
    }

    fn sources(&self) -> SourceNames<'_> {
        let ca = if let Trust::Given(_, source) = &self.transport.trust { source } else { "" };
        (&self.address.source, self.proxy_source, ca)
    }

    pub(super) fn session(&'a self, token: Option<&'a HeaderValue>, namespace: Option<&'a str>) -> Session<'a> {
        self.known.add_headers(token);
        Session { client: self, token, namespace, sent: Cell::new(0), use_limit: None }
    }

    /// `GET` of the address itself, with an `Authorization` header.
    pub(super) async fn get_with_bearer(&self, bearer: &Secret) -> Result<HttpResponse, CliError> {
        let url = &self.address.url;
        let mut request = HttpRequest::default();
        let header = HeaderValue::from_maybe_shared(Bytes::from([b"Bearer ", bearer.expose()].concat()));
        let mut header = header.map_err(|error| self.explain(&error.into()))?;
        header.set_sensitive(true);
        self.known.add_headers([&header]);
        request.headers_mut().insert(AUTHORIZATION, header);
        let exchange = async |sent: &Cell<bool>| self.transport.send(url, request.clone(), sent).await;
        let response = self.send_with_retry(url.path(), Repeat::Always, exchange).await;
        // The reasons of other services are not known to be without secrets.
        response.map(|(response, _)| response).map_err(|error| error.with_server_reason(None))
    }

    /// The message of an error, without a hint.
    pub(super) fn message(&self, error: &TransportError) -> String {
        error.describe(self.sources(), &self.known).0
    }

    /// Returns the final response, and whether the server may have acted on an earlier attempt.
    async fn send_with_retry(
        &self,
        path: &str,
        repeat: Repeat,
        exchange: impl AsyncFn(&Cell<bool>) -> error::Result<HttpResponse>,
    ) -> Result<(HttpResponse, bool), CliError> {
        let (mut attempts, mut login_errors, mut may_have_acted) = (0, 0, false);
        let mut last_error = None;
        loop {
            attempts += 1;
            // A request that waits for its next attempt holds no permit.
            let permit = timeout(PERMIT_WAIT, self.permits.acquire()).await;
            let (start, address_index) = (Instant::now(), self.transport.address_index());
            let sent = Cell::new(false);
            let result = timeout(self.retry.request_timeout(), exchange(&sent)).await;
            let result = result.unwrap_or(Err(TransportError::Timeout));
            drop(permit);
            self.log_exchange(path, &result, start.elapsed());
            let is_cut_off = matches!(result, Err(TransportError::Timeout)) && start.elapsed() < MIN_MEANINGFUL_ATTEMPT;
            let (attempt, retry_after) = match result {
                Ok(response) => match retryable_reason(response.status()) {
                    None => return Ok((response, may_have_acted)),
                    Some(reason) => {
                        let reason = format!("{reason} ({})", response.status().as_u16());
                        let retry_after = retry_after(&response);
                        let response = Response::<IgnoredAny>::parse(&response);
                        let is_login_error = path.starts_with("auth/")
                            && response.status == StatusCode::INTERNAL_SERVER_ERROR
                            && !response.has_no_active_node();
                        login_errors += u32::from(is_login_error);
                        let (may_have_acted, server_reason) = (!is_refusal(&response), response.reason());
                        let advice = format!("see `{} status` and the server's log", self.address.cli());
                        (Attempt { reason, advice, may_have_acted, server_reason }, retry_after)
                    }
                },
                Err(TransportError::Connection(reason))
                    if self.address.is_default() && reason == "connection refused" =>
                {
                    return Err(CliError::new(format!("{}: {reason}, and no address was given", self.address))
                        .hint("give the server's address with VAULT_ADDR or --address"));
                }
                Err(error) if error.is_transient() || (sent.get() && matches!(repeat, Repeat::UnlessSent(..))) => {
                    let (reason, may_have_acted) = (self.message(&error), sent.get());
                    (Attempt { reason, advice: error.advice().into(), may_have_acted, server_reason: None }, None)
                }
                Err(error) => return Err(self.explain(&error)),
            };
            may_have_acted |= attempt.may_have_acted;
            if let (true, Repeat::UnlessSent(effect, hint)) = (may_have_acted, repeat) {
                let error = CliError::new(format!("{}: {}; {effect}", self.address, attempt.reason)).hint(hint);
                return Err(error.with_server_reason(attempt.server_reason));
            }
            let attempt = last_error.take().filter(|_| is_cut_off).unwrap_or(attempt);
            let next = match login_errors {
                MAX_LOGIN_SERVER_ERRORS => Err(format!("gave up after {attempts} attempts")),
                _ => self.retry.backoff(attempts, retry_after),
            };
            let delay = match next {
                Ok(delay) => delay,
                Err(give_up) => {
                    self.gave_up.set(true);
                    return Err(self.given_up(attempt, &give_up));
                }
            };
            self.warn_retrying(&attempt.reason);
            self.transport.rotate_address(address_index);
            if timeout(delay, self.retries.acquire()).await.is_ok() {
                return Err(self.given_up(attempt, "gave up because another path failed"));
            }
            last_error = Some(attempt);
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

    /// Warns once per client, and not if no attempt follows.
    fn warn_retrying(&self, reason: &str) {
        if !self.retries.is_closed() && !self.warned.replace(true) {
            let total = humantime::format_duration(self.retry.deadline.total());
            self.logger.warn(format_args!("waiting for {}: {reason} (for {total} at most)", self.address));
        }
    }

    fn given_up(&self, Attempt { reason, advice, server_reason, .. }: Attempt, give_up: &str) -> CliError {
        let mut hint = match self.sources() {
            (source, "", _) => format!("{advice}; the address is from {source}"),
            (source, proxy, _) => format!("{advice}; the address is from {source}, the proxy from {proxy}"),
        };
        // What some servers do to a client that does not speak TLS.
        let is_closed = matches!(reason.as_str(), "connection reset" | INCOMPLETE);
        if is_closed && self.address.url.scheme() == "http" && self.address.socket.is_none() {
            hint.push_str("; if the server uses TLS, write https://");
        }
        CliError::new(format!("{}: {reason}; {give_up}", self.address)).hint(hint).with_server_reason(server_reason)
    }

    fn explain(&self, error: &TransportError) -> CliError {
        let (message, hint) = error.describe(self.sources(), &self.known);
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
        self.send_with(request, Repeat::Always).await
    }

    /// The same for a request that must not have its `effect` twice: it is sent again only if the server has not received
    /// it, or has refused it. `hint` is the remedy if its response is lost.
    pub(super) async fn send_unless_sent<T: Data>(
        &self,
        request: impl ApiRequest,
        effect: &'static str,
        hint: &'static str,
    ) -> Result<Response<T>, CliError> {
        self.send_with(request, Repeat::UnlessSent(effect, hint)).await
    }

    async fn send_with<T: Data>(&self, request: impl ApiRequest, repeat: Repeat) -> Result<Response<T>, CliError> {
        let request = self.prepare(request).map_err(|error| self.client.explain(&error))?;
        let exchange = async |sent: &Cell<bool>| self.exchange(&request, sent).await;
        let (response, may_have_acted) = self.client.send_with_retry(&request.path, repeat, exchange).await?;
        let mut response = Response::parse(&response);
        response.may_have_acted_before = may_have_acted;
        Ok(response)
    }

    /// Sends a request once, and waits for a response no longer than for any other.
    pub(super) async fn send_once<T: Data>(&self, request: impl ApiRequest) -> error::Result<Response<T>> {
        let request = self.prepare(request)?;
        let response = timeout(self.client.retry.request_timeout(), self.exchange(&request, &Cell::default())).await;
        Ok(Response::parse(&response.unwrap_or(Err(TransportError::Timeout))?))
    }

    fn prepare(&self, request: impl ApiRequest) -> error::Result<PreparedRequest> {
        let mut request = request.prepare(&self.client.address.url, self.namespace)?;
        request.http.headers_mut().extend(self.token.map(|token| (X_VAULT_TOKEN, token.clone())));
        Ok(request)
    }

    async fn exchange(&self, request: &PreparedRequest, sent: &Cell<bool>) -> error::Result<HttpResponse> {
        // Requests that the server also answers without a token do not count as a use of it.
        if !request.path.starts_with("sys/internal/ui/") {
            self.sent.set(self.sent.get() + 1);
        }
        self.client.transport.send(&request.url, request.http.clone(), sent).await
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
