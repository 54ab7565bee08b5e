//! [net] Requests that are tried again until they are answered or the deadline is over.

use std::cell::Cell;
use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{Response, StatusCode};
use rustify::Endpoint;
use serde::Deserialize;
use vaultrs::api::EndpointMiddleware;

use crate::config::{Address, Connection};
use crate::failure::Failure;
use crate::secret::Secret;
use crate::story::Story;
use crate::vault::retry::{Deadline, GiveUp};
use crate::vault::transport::{Transport, Trouble};

/// A server, a token and a deadline.
pub(super) struct Client<'a> {
    transport: Transport,
    middleware: EndpointMiddleware,
    deadline: Deadline,
    address: &'a Address,
    pub(super) story: &'a Story,
    announced: Cell<bool>,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        connection: &'a Connection,
        token: &Secret,
        deadline: Deadline,
        story: &'a Story,
    ) -> anyhow::Result<Self> {
        // A token that has passed the check of unprintable characters is ASCII.
        let token = String::from_utf8_lossy(token.expose()).into_owned();
        let namespace = connection.namespace.clone();
        Ok(Self {
            transport: Transport::new(connection, story)?,
            middleware: EndpointMiddleware { token, version: "v1".into(), wrap: None, namespace },
            deadline,
            address: &connection.address,
            story,
            announced: Cell::new(false),
        })
    }

    /// Sends one of vaultrs' requests until there is an answer that trying again would not change.
    pub(super) async fn send(&self, endpoint: impl Endpoint) -> Result<Response<Vec<u8>>, Failure> {
        let request = endpoint.with_middleware(&self.middleware);
        let mut tries = 0;
        loop {
            tries += 1;
            let (why, retry_after) = match self.once(&request).await {
                Ok(answer) => match passing(answer.status()) {
                    None => return Ok(answer),
                    Some(why) => (format!("{why} ({})", answer.status().as_u16()), retry_after(&answer)),
                },
                Err(trouble) if trouble.may_pass() => (trouble.to_string(), None),
                Err(trouble) => return Err(self.explain(&trouble)),
            };
            self.story.debug(|| format!("{}: {why}, try {tries}", request.path()));
            match self.deadline.wait(tries, retry_after) {
                Ok(wait) => {
                    self.announce(&why);
                    tokio::time::sleep(wait).await;
                }
                Err(reason) => return Err(self.give_up(&why, reason, tries)),
            }
        }
    }

    async fn once(&self, request: &impl Endpoint) -> Result<Response<Vec<u8>>, Trouble> {
        match tokio::time::timeout(self.deadline.request(), request.exec(&self.transport)).await {
            Ok(Ok(answer)) => Ok(answer.response),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Trouble::Slow),
        }
    }

    /// Says once what is being waited for.
    fn announce(&self, why: &str) {
        if !self.announced.replace(true) {
            let total = humantime::format_duration(self.deadline.total());
            self.story.warn(format!("waiting for {}: {why} (for {total} at most)", self.address));
        }
    }

    fn give_up(&self, why: &str, reason: GiveUp, tries: u32) -> Failure {
        let address = self.address;
        let total = humantime::format_duration(self.deadline.total());
        let end = match reason {
            GiveUp::Time => format!("gave up after {total} (--timeout)"),
            GiveUp::RetryAfter(asked) => {
                format!("it asks to wait {}, --timeout is {total}", humantime::format_duration(asked))
            }
            GiveUp::Attempts => format!("gave up after {tries} tries (--attempts)"),
        };
        Failure::new(format!("{address}: {why}; {end}")).hint(format!(
            "check that the server runs, is unsealed and is reachable; the address is from {}",
            address.from
        ))
    }

    fn explain(&self, trouble: &Trouble) -> Failure {
        let failure = Failure::new(format!("{}: {trouble}", self.address));
        let from = &self.address.from;
        match trouble {
            Trouble::Certificate(rustls::CertificateError::UnknownIssuer) => {
                failure.hint("give the authority that signed it with --ca-cert or VAULT_CACERT")
            }
            Trouble::Certificate(_) => failure.hint("give the server a valid certificate, or the right address"),
            Trouble::NotTls => {
                failure.hint(format!("if it is meant to speak plain HTTP, write http:// (the address is from {from})"))
            }
            Trouble::NotHttp => failure.hint(format!("is this Vault's port? The address is from {from}")),
            Trouble::Redirect(..) => failure.hint("give the address of the active server"),
            _ => failure,
        }
    }

    /// The failure for a status that nothing here expects.
    pub(super) fn unexpected(&self, answer: &Response<Vec<u8>>) -> Failure {
        let status = answer.status();
        if status == StatusCode::BAD_REQUEST
            && answer.body().starts_with(b"Client sent an HTTP request to an HTTPS server")
        {
            return Failure::new(format!("{}: the server speaks TLS", self.address))
                .hint(format!("write https:// (the address is from {})", self.address.from));
        }
        let reason = status.canonical_reason().unwrap_or("a status of its own").to_lowercase();
        let failure = Failure::new(format!("{}: the server answered {} ({reason})", self.address, status.as_u16()));
        match status {
            StatusCode::OK => Failure::new(format!("{}: the server answered, but not as Vault does", self.address))
                .hint(format!("is this Vault? The address is from {}", self.address.from)),
            _ => failure,
        }
    }
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

/// Whether one of the errors in an answer holds this text. What they say is for nobody else's eyes.
pub(super) fn says(answer: &Response<Vec<u8>>, text: &str) -> bool {
    #[derive(Deserialize)]
    struct Errors {
        errors: Vec<String>,
    }
    serde_json::from_slice::<Errors>(answer.body())
        .is_ok_and(|body| body.errors.iter().any(|error| error.contains(text)))
}
