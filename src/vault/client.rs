//! `[net]` Requests that are tried again until they are answered or the deadline is over.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use rustify::Endpoint;
use rustls::{AlertDescription, CertificateError};
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use vaultrs::api::EndpointMiddleware;
use vaultrs::api::kv1::requests::{GetSecretRequest, SetSecretRequest};

use crate::config::{Address, Connection};
use crate::error::{CliError, Diagnostic};
use crate::log::Logger;
use crate::retry::{GiveUp, RetryPolicy};
use crate::secret::Secret;
use crate::vault::error::{TransportError, is_authority};
use crate::vault::http::exchange::Transport;

/// A try with less time than this says nothing about the server when the end of the deadline cuts it short.
const FAIR: Duration = Duration::from_secs(1);

/// So many requests are under way at the same time. The next ones go over the same connections: to make one takes longer
/// than an answer, for us and, in TLS above all, for the server.
const PLACES: usize = 4;

/// Nobody waits longer for one of these places.
const PATIENCE: Duration = Duration::from_millis(200);

/// A server and a deadline.
pub(super) struct Client<'a> {
    transport: Transport<'a>,
    pub(super) deadline: RetryPolicy,
    pub(super) address: &'a Address,
    /// The option or variable the proxy came from.
    proxy: Option<&'a str>,
    pub(super) logger: &'a Logger,
    announced: Cell<bool>,
    /// One for each request that may be under way, and so for each connection.
    places: Semaphore,
}

/// Requests in the name of one token, or of nobody, in one namespace.
pub(super) struct Session<'a> {
    client: &'a Client<'a>,
    middleware: EndpointMiddleware,
    sent: Cell<u64>,
    /// How many requests the token is good for, 0 for any number.
    uses: u64,
}

impl<'a> Client<'a> {
    pub(super) fn new(connection: &'a Connection, deadline: RetryPolicy, logger: &'a Logger) -> anyhow::Result<Self> {
        let transport = Transport::new(connection, &deadline, logger)?;
        let proxy = connection.proxy.as_ref().map(|proxy| proxy.source.as_str());
        let (address, places) = (&connection.address, Semaphore::new(PLACES));
        Ok(Self { transport, deadline, address, proxy, logger, announced: Cell::new(false), places })
    }

    /// The token must be ASCII, or nobody will know it.
    pub(super) fn session(&'a self, token: Option<&Secret>, namespace: Option<String>) -> Session<'a> {
        let token = token.map(|token| String::from_utf8_lossy(token.expose()).into_owned()).unwrap_or_default();
        let middleware = EndpointMiddleware { token, version: "v1".into(), wrap: None, namespace };
        Session { client: self, middleware, sent: Cell::new(0), uses: 0 }
    }

    /// Whom the server's certificate must be from, in words.
    pub(super) fn trust(&self) -> &str {
        &self.transport.trust
    }

    /// Gets the address itself.
    pub(super) async fn get_with_bearer(&self, bearer: &Secret) -> Result<Response<Vec<u8>>, CliError> {
        self.persist(self.address.url.path(), async || self.transport.get(&self.address.url, bearer).await).await
    }

    /// Repeats an exchange until there is an answer that trying again would not change.
    async fn persist(
        &self,
        path: &str,
        exchange: impl AsyncFn() -> Result<Response<Vec<u8>>, TransportError>,
    ) -> Result<Response<Vec<u8>>, CliError> {
        let mut tries = 0;
        let mut met = None;
        loop {
            tries += 1;
            // Whoever waits for the next try holds no place, and a server that is slow is no reason to wait for one.
            let place = timeout(PATIENCE, self.places.acquire()).await;
            let (asked, turn) = (Instant::now(), self.transport.turn());
            let exchanged = timeout(self.deadline.request(), exchange()).await.unwrap_or(Err(TransportError::Slow));
            drop(place);
            self.tell(path, &exchanged, asked.elapsed());
            let mut answered = exchanged.is_ok();
            let cut_short = matches!(exchanged, Err(TransportError::Slow)) && asked.elapsed() < FAIR;
            let (mut why, retry_after) = match exchanged {
                Ok(answer) => match passing(answer.status()) {
                    None => return Ok(answer),
                    Some(why) => (format!("{why} ({})", answer.status().as_u16()), retry_after(&answer)),
                },
                Err(trouble) if trouble.is_transient() => (trouble.to_string(), None),
                Err(trouble) => return Err(self.explain(&trouble)),
            };
            if let Some(before) = met.take().filter(|_| cut_short) {
                (why, answered) = before;
            }
            match self.deadline.wait(tries, retry_after) {
                Ok(wait) => {
                    self.announce(&why);
                    self.transport.end_turn(turn);
                    tokio::time::sleep(wait).await;
                    met = Some((why, answered));
                }
                Err(reason) => return Err(self.give_up(&why, answered, reason, tries)),
            }
        }
    }

    /// What was asked where, and how long the answer took.
    fn tell(&self, path: &str, exchanged: &Result<Response<Vec<u8>>, TransportError>, took: Duration) {
        let micros = took.as_micros();
        let took = format_args!("{}.{} ms", micros / 1000, micros / 100 % 10);
        match exchanged {
            Ok(answer) => {
                let status = answer.status().as_u16();
                self.logger.debug(format_args!("asked {} for {path}: {status} after {took}", self.address));
            }
            Err(trouble) => {
                self.logger.debug(format_args!("asked {} for {path}: {trouble} after {took}", self.address));
            }
        }
    }

    /// Says once what is being waited for.
    fn announce(&self, why: &str) {
        if !self.announced.replace(true) {
            let total = humantime::format_duration(self.deadline.total());
            self.logger.warn(format_args!("waiting for {}: {why} (for {total} at most)", self.address));
        }
    }

    fn give_up(&self, why: &str, answered: bool, reason: GiveUp, tries: u32) -> CliError {
        let address = self.address;
        let total = humantime::format_duration(self.deadline.total());
        let end = match reason {
            GiveUp::Time => format!("gave up after {total} (--timeout)"),
            GiveUp::RetryAfter(asked) => {
                format!("it asks to wait {}, --timeout is {total}", humantime::format_duration(asked))
            }
            GiveUp::Attempts if tries == 1 => "gave up after 1 try (--attempts)".into(),
            GiveUp::Attempts => format!("gave up after {tries} tries (--attempts)"),
        };
        let source = &self.address.source;
        let proxy = self.proxy.map_or(String::new(), |source| format!(", the proxy from {source}"));
        let advice = if answered {
            "`bao status` and the server's log tell more"
        } else {
            "check that the server runs and is reachable"
        };
        let mut hint = format!("{advice}; the address is from {source}{proxy}");
        if self.address.url.scheme() == "http" && why == "connection reset" {
            hint.push_str("; if it speaks TLS, write https://");
        }
        CliError::new(format!("{address}: {why}; {end}")).hint(hint)
    }

    fn explain(&self, trouble: &TransportError) -> CliError {
        let failure = CliError::new(format!("{}: {trouble}", self.address));
        let trouble = if let TransportError::AfterRedirect(_, trouble) = trouble { trouble } else { trouble };
        if let TransportError::TlsSetup(error) = trouble {
            return match Diagnostic::from(error).hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            };
        }
        let source = &self.address.source;
        match trouble {
            TransportError::Certificate(CertificateError::UnknownIssuer) => {
                failure.hint("give the authority that signed it with --ca-cert or VAULT_CACERT")
            }
            TransportError::Certificate(
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => failure.hint("renew the server's certificate, or set the clock of this machine"),
            TransportError::Certificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => failure.hint(format!(
                "write an address that the certificate is for (this one is from {source}), or say with \
                 --tls-server-name what it is for"
            )),
            TransportError::Certificate(fault) if is_authority(fault) => {
                failure.hint("sign another one for the server with it, or make it anew with basicConstraints=CA:FALSE")
            }
            TransportError::Certificate(_) => failure.hint("give the server a valid certificate, or the right address"),
            TransportError::Alert(
                AlertDescription::CertificateRequired
                | AlertDescription::BadCertificate
                | AlertDescription::UnknownCA
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::UnsupportedCertificate,
            ) => failure.hint("it wants a certificate that it believes: give one with --client-cert and --client-key"),
            TransportError::Alert(_) | TransportError::Handshake => {
                failure.hint("TLS 1.2 or 1.3 is needed, and the server may want a --client-cert and --client-key")
            }
            TransportError::ProxyLogin => failure.hint(format!(
                "write them into its address, http://user:password@host:port, which is from {}",
                self.proxy.unwrap_or_default()
            )),
            TransportError::ProxyRefused(_) => failure.hint(format!(
                "have the proxy let us through to the server, or do without it; it is from {}",
                self.proxy.unwrap_or_default()
            )),
            TransportError::NotTls => failure
                .hint(format!("if it is meant to speak plain HTTP, write http:// (the address is from {source})")),
            TransportError::NotHttp => failure.hint(format!("is this Vault's port? The address is from {source}")),
            TransportError::Redirect(..) => failure.hint("give the address of the active server"),
            TransportError::ResourceLimit(_, way_out) => failure.hint(way_out),
            TransportError::TooLarge => failure.hint("spread the secret over several paths"),
            _ => failure,
        }
    }

    /// The failure for a status that nothing here expects.
    pub(super) fn unexpected(&self, answer: &Response<Vec<u8>>) -> CliError {
        let status = answer.status();
        if status == StatusCode::BAD_REQUEST
            && answer.body().starts_with(b"Client sent an HTTP request to an HTTPS server")
        {
            return CliError::new(format!("{}: the server speaks TLS", self.address))
                .hint(format!("write https:// (the address is from {})", self.address.source));
        }
        if !is_vaults(answer) || status == StatusCode::OK {
            let why = format!("{}: the server answered {}, but not as Vault does", self.address, status.as_u16());
            return CliError::new(why).hint(format!("is this Vault's address? It is from {}", self.address.source));
        }
        let reason = status.canonical_reason().unwrap_or("a status of its own").to_lowercase();
        CliError::new(format!("{}: the server answered {} ({reason})", self.address, status.as_u16()))
            .hint("check the path, --kv and --mount, and look into the server's log")
    }
}

impl<'a> Session<'a> {
    /// The server it is with.
    pub(super) const fn client(&self) -> &Client<'a> {
        self.client
    }

    /// Whether it is for an agent to add a token.
    pub(super) const fn is_anonymous(&self) -> bool {
        self.middleware.token.is_empty()
    }

    /// Sends one of vaultrs' requests until there is an answer that trying again would not change.
    pub(super) async fn send(&self, endpoint: impl Endpoint) -> Result<Response<Vec<u8>>, CliError> {
        let request = endpoint.with_middleware(&self.middleware);
        self.client.persist(&request.path(), async || self.exchange(&request).await).await
    }

    /// Sends it once.
    pub(super) async fn once(&self, endpoint: impl Endpoint) -> Result<Response<Vec<u8>>, TransportError> {
        self.within(self.client.deadline.request(), endpoint).await
    }

    /// Sends it once, with a time of its own.
    pub(super) async fn within(
        &self,
        limit: Duration,
        endpoint: impl Endpoint,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let request = endpoint.with_middleware(&self.middleware);
        tokio::time::timeout(limit, self.exchange(&request)).await.unwrap_or(Err(TransportError::Slow))
    }

    async fn exchange(&self, request: &impl Endpoint) -> Result<Response<Vec<u8>>, TransportError> {
        // What the server tells strangers, too, costs nothing.
        if !request.path().starts_with("sys/internal/ui/") {
            self.sent.set(self.sent.get() + 1);
        }
        Ok(request.exec(&self.client.transport).await?.response)
    }

    /// With a token that is good for so many requests, or for any number if that is 0.
    pub(super) fn limited_to(self, uses: u64) -> Self {
        Self { uses, ..self }
    }

    /// How many more requests the token is good for, below 0 if it was good for fewer than were sent.
    pub(super) fn left(&self) -> Option<i64> {
        (self.uses > 0).then(|| i64::try_from(self.uses).unwrap_or(i64::MAX).saturating_sub_unsigned(self.sent.get()))
    }
}

/// A plain read.
pub(super) fn get(path: &str) -> GetSecretRequest {
    let (mount, path) = path.split_once('/').unwrap_or((path, ""));
    GetSecretRequest { mount: mount.into(), path: path.into() }
}

/// A plain write of text fields.
pub(super) fn post<'a>(path: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> SetSecretRequest {
    let (mount, path) = path.split_once('/').unwrap_or((path, ""));
    let fields: BTreeMap<_, _> = fields.into_iter().collect();
    let data = serde_json::to_vec(&fields).unwrap_or_default();
    SetSecretRequest { mount: mount.into(), path: path.into(), data }
}

/// The body of an answer. The errors of serde quote what they did not expect, so none leaves this line.
pub(super) fn parse<'a, T: Deserialize<'a>>(answer: &'a Response<Vec<u8>>) -> Option<T> {
    serde_json::from_slice(answer.body()).ok()
}

/// What a status says that another try may change.
fn passing(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        412 => "the server has not caught up with its leader yet",
        429 => "too many requests, or a standby",
        472 => "a disaster-recovery standby",
        473 => "a performance standby",
        501 => return None,
        503 => "sealed or not ready",
        500..=599 => "the server has a problem",
        _ => return None,
    })
}

/// Seconds, as Vault sends them. A date is not understood and leaves the usual wait.
fn retry_after(answer: &Response<Vec<u8>>) -> Option<Duration> {
    answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// What every answer of Vault holds at least one of.
#[derive(Deserialize)]
struct Words {
    request_id: Option<String>,
    errors: Option<Vec<String>>,
    warnings: Option<Vec<String>>,
}

/// Whether one of the errors or warnings in an answer holds this text. What they say is for nobody else's eyes.
pub(super) fn says(answer: &Response<Vec<u8>>, text: &str) -> bool {
    let words: Option<Words> = parse(answer);
    words.is_some_and(|words| [words.errors, words.warnings].iter().flatten().flatten().any(|word| word.contains(text)))
}

/// Whether it is Vault that answered, and not a proxy or another server.
pub(super) fn is_vaults(answer: &Response<Vec<u8>>) -> bool {
    parse(answer).is_some_and(|words: Words| words.request_id.is_some() || words.errors.is_some())
}
