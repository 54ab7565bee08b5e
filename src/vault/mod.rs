//! `[net]` Everything that goes over the network, within one deadline.

mod accept;
mod client;
mod error;
mod github;
mod http;
mod login;
mod login_request;
mod read;
mod read_error;
pub mod report;
mod request;
mod response;
mod retry;
mod server_text;
mod token;
mod wrapping;
mod write;

use std::cell::RefCell;
use std::time::Duration;

use anyhow::{Error, Result};
use futures_util::stream::{self, StreamExt};

use crate::config::{Config, Connection, Credential, KvVersion, SecretRequest};
use crate::deadline::Deadline;
use crate::error::{CliError, Diagnostic, Diagnostics, Mode};
use crate::kv::KvSecret;
use crate::log::Logger;
use crate::secret::Secret;
use client::{Client, Session};
use read::Reader;
use report::ConnectionReport;
use retry::RetryPolicy;
use token::Token;
use write::Body;

/// Paths that are read, or written, concurrently.
const MAX_CONCURRENT_READS: usize = 16;

/// What to read, where, and with which credential.
#[derive(Clone, Copy, Debug)]
pub struct FetchOptions<'a> {
    /// The server.
    pub connection: &'a Connection,
    /// The token or the login.
    pub credential: &'a Credential,
    /// The paths to read and to write.
    pub secret_requests: &'a [SecretRequest],
    /// The type of their engines.
    pub kv: KvVersion,
    /// See [`Config::min_lease`].
    pub min_lease: Option<Duration>,
    /// Whether to revoke the token of a login if no secret has a lease.
    pub revoke: bool,
}

impl<'a> From<&'a Config> for FetchOptions<'a> {
    fn from(config: &'a Config) -> Self {
        Self {
            connection: &config.connection,
            credential: &config.credential,
            secret_requests: &config.secret_requests,
            kv: config.kv,
            min_lease: config.min_lease,
            revoke: config.revoke,
        }
    }
}

/// The index of a path, and what the server returned for it.
type PathResult<'a> = (usize, &'a SecretRequest, Result<Option<KvSecret>, CliError>);

/// What the server returned.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The secrets that exist, in the order of the paths.
    pub secrets: Vec<KvSecret>,
    /// The token they were read with; `None` if an agent added its own.
    pub token: Option<Secret>,
}

/// Logs in, reads every path, concurrently, sends the writes if that succeeded, and revokes the token of the login. All or
/// nothing, unless errors are collected; a check sends no write.
///
/// On return the runtime, the connections and every copy of the token but the returned one are gone. `report` gets what is
/// known, also if there is an error.
///
/// # Errors
/// That of the login, or of the last path that failed; those of other paths are logged.
pub fn fetch(
    options: &FetchOptions,
    deadline: Deadline,
    logger: &Logger,
    diagnostics: &mut Diagnostics,
    report: &mut ConnectionReport,
) -> Result<Fetched> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_io_events_per_tick(4 * MAX_CONCURRENT_READS).build();
    let runtime = runtime.map_err(|error| CliError::file_error("start the network runtime", &error))?;
    let connection = options.connection;
    let client = Client::new(connection, RetryPolicy::new(deadline, connection), logger)?;
    report.trust = Some(client.transport.trust.clone());
    runtime.block_on(fetch_with(&client, options, diagnostics, report))
}

async fn fetch_with(
    client: &Client<'_>,
    options: &FetchOptions<'_>,
    diagnostics: &mut Diagnostics,
    report: &mut ConnectionReport,
) -> Result<Fetched> {
    let is_check = diagnostics.mode == Mode::Check;
    let fields = diagnostics.capture(write::read_fields(client, options.secret_requests))?.unwrap_or_default();
    let namespace = options.connection.namespace.as_deref();
    let token = login::obtain_token(client, options.credential, namespace).await;
    let token = token.map_err(|error| with_server_reason(error, client))?;
    let login = token.as_ref().and_then(|token| token.login.as_ref());
    let session = client
        .session(token.as_ref().map(|token| &token.header), namespace)
        .with_use_limit(login.and_then(|login| login.num_uses));
    let (secrets, errors) = read_all(&session, options, token.as_ref(), &fields, diagnostics.mode).await;
    if is_check {
        report.login = Some(login::describe(options.credential));
        report.token = login::lookup_self(&session).await;
    }
    let has_lease = errors.is_empty() && secrets.iter().any(|secret| secret.lease_duration.is_some());
    // A check uses no lease, so that it may end with the token.
    if let (Some(token), Some(login)) = (&token, login)
        && options.revoke
        && (!has_lease || is_check)
        && !login.is_batch
        && session.uses_left().is_none_or(|left| left > 0)
    {
        login::revoke(client, token, login).await;
    }
    let errors = errors.into_iter().map(|error| with_server_reason(error, client));
    report_all(errors.collect(), client, diagnostics)?;
    for (secret, lease) in secrets.iter().filter_map(|secret| secret.lease_duration.map(|lease| (secret, lease))) {
        let ttl = token.as_ref().map_or(lease, |token| token.effective_ttl(lease));
        let ttl = report::lifetime(ttl);
        client.logger.warn(format_args!("{}: the server revokes these values after {ttl}", secret.path));
    }
    Ok(Fetched { secrets, token: token.map(|token| token.secret) })
}

/// Returns the secrets that exist and the errors, both in the order of the paths; paths with the same error share one.
async fn read_all(
    session: &Session<'_>,
    options: &FetchOptions<'_>,
    token: Option<&Token>,
    fields: &[Body<'_>],
    mode: Mode,
) -> (Vec<KvSecret>, Vec<Error>) {
    let reader = &Reader {
        session,
        kv: options.kv,
        mounts: RefCell::default(),
        reads: RefCell::default(),
        policy_prefix: options.credential.policy_prefix(options.connection.namespace.as_deref()),
        min_lease: options.min_lease,
        token,
    };
    let requests = || options.secret_requests.iter().enumerate();
    let reads = requests().map(|(index, request)| async move {
        let result = match request.fields {
            None => reader.read(request).await,
            Some(_) => reader.require_writable(&request.path).await.map(|()| None),
        };
        (index, request, result)
    });
    let mut results = run_all(session.client, mode, reads).await;
    if mode == Mode::Start && results.iter().all(|(.., result)| result.is_ok()) {
        let writes = requests().filter(|(_, request)| request.fields.is_some()).map(|(index, request)| async move {
            (index, request, reader.write(request, &fields[index]).await.map(Some))
        });
        results.extend(run_all(session.client, mode, writes).await);
    }
    results.sort_unstable_by_key(|(index, ..)| *index);
    let (mut secrets, mut errors) = (Vec::with_capacity(results.len()), Vec::<(String, CliError)>::new());
    for (_, SecretRequest { path, fields, .. }, result) in results {
        let verb = if fields.is_some() { "write" } else { "read" };
        match result {
            Ok(secret) => secrets.extend(secret),
            Err(error) => {
                match errors.iter_mut().find(|(step, known)| step.starts_with(verb) && known.is_same_message(&error)) {
                    Some((step, known)) => {
                        *step = format!("{step}, {path}");
                        known.merge(error);
                    }
                    None => errors.push((format!("{verb} {path}"), error)),
                }
            }
        }
    }
    (secrets, errors.into_iter().map(|(step, error)| Error::from(error).context(step)).collect())
}

/// Reads or writes concurrently. Returns the results as they come.
async fn run_all<'a>(
    client: &Client<'_>,
    mode: Mode,
    tasks: impl Iterator<Item: Future<Output = PathResult<'a>>>,
) -> Vec<PathResult<'a>> {
    let mut tasks = stream::iter(tasks).buffer_unordered(MAX_CONCURRENT_READS);
    let mut results = Vec::new();
    while let Some(result) = tasks.next().await {
        // The others are still waited for, so that every error is reported.
        if result.2.is_err() && mode == Mode::Start {
            client.stop_retrying();
        }
        results.push(result);
    }
    results
}

/// Appends the server's reason to the message, unless it contains a secret: all of this start are known by now.
fn with_server_reason(mut error: Error, client: &Client) -> Error {
    if let Some(error) = error.downcast_mut::<CliError>() {
        error.show_server_reason(|reason| client.known.reason(reason));
    }
    error
}

/// Reports every error: to the logger, but for the last one of a start, which is returned.
fn report_all(errors: Vec<Error>, client: &Client, diagnostics: &mut Diagnostics) -> Result<()> {
    let mut errors = errors.into_iter().peekable();
    while let Some(error) = errors.next() {
        if diagnostics.mode == Mode::Check || errors.peek().is_none() {
            diagnostics.capture(Err::<(), _>(error))?;
        } else {
            let mut diagnostic = Diagnostic::from(&error);
            // Keeps the next message apart from a policy.
            if let Some(hint) = diagnostic.hint.as_mut().filter(|hint| hint.contains('\n')) {
                hint.push('\n');
            }
            client.logger.error(&diagnostic, client.retry.deadline);
        }
    }
    Ok(())
}
