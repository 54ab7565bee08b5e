//! `[net]` Everything that goes over the network, within one deadline.

mod client;
mod error;
mod github;
mod http;
mod login;
mod login_request;
mod quote;
mod read;
mod read_error;
pub mod report;
mod request;
mod response;
mod retry;
mod token;
mod wrapping;

use std::cell::RefCell;

use anyhow::Result;
use futures_util::stream::{self, StreamExt};

use crate::config::{Connection, Credential, KvVersion, SecretRequest};
use crate::deadline::Deadline;
use crate::error::{CliError, Diagnostics, Mode};
use crate::kv::KvSecret;
use crate::log::Logger;
use crate::secret::Secret;
use client::{Client, Session};
use read::Reader;
use report::ConnectionReport;
use retry::RetryPolicy;

/// Paths that are read concurrently.
const MAX_CONCURRENT_READS: usize = 16;

/// What to read, where, and with which credential.
#[derive(Clone, Copy, Debug)]
pub struct FetchOptions<'a> {
    /// The server.
    pub connection: &'a Connection,
    /// The token or the login.
    pub credential: &'a Credential,
    /// The paths.
    pub secret_requests: &'a [SecretRequest],
    /// The type of their engines.
    pub kv: KvVersion,
    /// Whether to revoke the token of a login if no secret has a lease.
    pub revoke: bool,
}

/// What the server returned.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The secrets that exist, in the order of the paths.
    pub secrets: Vec<KvSecret>,
    /// The token they were read with; `None` if an agent added its own.
    pub token: Option<Secret>,
    /// Only for `--check`.
    pub report: Option<ConnectionReport>,
}

/// Logs in, reads every path, concurrently, and revokes the token of the login. All or nothing, unless errors are
/// collected.
///
/// On return the runtime, the connections and every copy of the token but the returned one are gone.
///
/// # Errors
/// The first one, with its path or its stage.
pub fn fetch(
    options: &FetchOptions,
    deadline: Deadline,
    logger: &Logger,
    diagnostics: &mut Diagnostics,
) -> Result<Fetched> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_io_events_per_tick(4 * MAX_CONCURRENT_READS).build();
    let runtime = runtime.map_err(|error| CliError::file_error("start the network runtime", &error))?;
    let connection = options.connection;
    let client = Client::new(connection, RetryPolicy::new(deadline, connection), logger)?;
    runtime.block_on(fetch_with(&client, options, diagnostics))
}

async fn fetch_with(client: &Client<'_>, options: &FetchOptions<'_>, diagnostics: &mut Diagnostics) -> Result<Fetched> {
    let is_check = diagnostics.mode == Mode::Check;
    let namespace = options.connection.namespace.as_deref();
    let token = login::obtain_token(client, options.credential, namespace).await?;
    let login = token.as_ref().and_then(|token| token.login.as_ref());
    let session = client
        .session(token.as_ref().map(|token| &token.header), namespace)
        .with_use_limit(login.and_then(|login| login.num_uses));
    let secrets = read_all(&session, options, diagnostics).await;
    let report = if is_check { Some(report(&session, options.credential).await) } else { None };
    let has_lease = secrets.iter().flatten().any(|secret| secret.lease_duration.is_some());
    // A check uses no lease, so that it may end with the token.
    if let (Some(token), Some(login)) = (&token, login)
        && options.revoke
        && (!has_lease || is_check)
        && !login.is_batch
        && session.uses_left().is_none_or(|left| left > 0)
    {
        login::revoke(client, token, login).await;
    }
    let secrets = secrets?;
    for (secret, lease) in secrets.iter().filter_map(|secret| secret.lease_duration.map(|lease| (secret, lease))) {
        let ttl = token.as_ref().map_or(lease, |token| token.effective_ttl(lease));
        let ttl = humantime::format_duration(ttl);
        client.logger.warn(format_args!("{}: the server revokes these values after {ttl}", secret.path));
    }
    Ok(Fetched { secrets, token: token.map(|token| token.secret), report })
}

async fn read_all(
    session: &Session<'_>,
    options: &FetchOptions<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<KvSecret>> {
    let reader = &Reader {
        session,
        kv: options.kv,
        mounts: RefCell::default(),
        policy_prefix: options.credential.policy_prefix(options.connection.namespace.as_deref()),
    };
    let secret_requests =
        options.secret_requests.iter().enumerate().map(|(index, read)| async move { (index, reader.read(read).await) });
    let mut results = Vec::with_capacity(options.secret_requests.len());
    let mut next = stream::iter(secret_requests).buffer_unordered(MAX_CONCURRENT_READS);
    while let Some((index, result)) = next.next().await {
        // A start ends at the first error, whichever path it is of.
        results.push((index, if diagnostics.mode == Mode::Check { result } else { Ok(result?) }));
    }
    results.sort_unstable_by_key(|(index, _)| *index);
    let secrets: Vec<_> = results.into_iter().map(|(_, result)| diagnostics.capture(result)).collect::<Result<_>>()?;
    Ok(secrets.into_iter().flatten().flatten().collect())
}

async fn report(session: &Session<'_>, credential: &Credential) -> ConnectionReport {
    ConnectionReport {
        server: session.client.address.to_string(),
        trust: session.client.transport.trust.clone(),
        login: login::describe(credential),
        token: login::lookup_self(session).await,
    }
}
