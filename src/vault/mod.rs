//! `[net]` Everything that goes over the network, within one deadline.

mod client;
mod error;
mod github;
mod http;
mod login;
mod read;

use futures_util::stream::{self, StreamExt};

use crate::about::ConnectionReport;
use crate::config::Config;
use crate::error::{CliError, Diagnostics, Mode};
use crate::kv::KvSecret;
use crate::log::Logger;
use crate::retry::RetryPolicy;
use crate::secret::Secret;
use client::{Client, Session};
use login::Token;

/// What the server gave.
#[derive(Debug, Default)]
pub struct Answer {
    /// The secrets that are there, in the order of the paths.
    pub secrets: Vec<KvSecret>,
    /// The token they were read with; an agent may have needed none.
    pub token: Option<Secret>,
    /// How it was reached, where this is a check.
    pub about: Option<ConnectionReport>,
}

/// Logs in, reads every path, concurrently, and revokes the token that the login brought. All or nothing, unless the
/// problems are collected.
///
/// On return the runtime, the connections and every copy of the token but the one in the answer are gone.
///
/// # Errors
/// The first failure, with the path or the stage it belongs to.
pub fn fetch(config: &Config, logger: &Logger, problems: &mut Diagnostics) -> anyhow::Result<Answer> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_io_events_per_tick(4 * AT_ONCE).build();
    let runtime = runtime.map_err(|error| CliError::file_error("start the network part", &error))?;
    let deadline = RetryPolicy::new(config.connection.timeout, config.connection.max_attempts);
    let client = Client::new(&config.connection, deadline, logger)?;
    runtime.block_on(async {
        let token = login::token(&client, config).await?;
        let session = client.session(token.secret(), config.connection.namespace.clone()).limited_to(token.uses());
        let secrets = read(&session, config, problems).await;
        let about = if problems.mode == Mode::Check { Some(about(&session, config).await) } else { None };
        let leased = secrets.iter().flatten().any(|secret| secret.lease_duration.is_some());
        // Nobody is going to use what a check was lent.
        if let Token::Obtained(obtained) = &token
            && config.revoke
            && (!leased || (problems.mode == Mode::Check))
            && !obtained.batch
            && session.left().is_none_or(|left| left > 0)
        {
            login::revoke(&client, obtained).await;
        }
        let secrets = secrets?;
        for (secret, lease) in secrets.iter().filter_map(|secret| secret.lease_duration.map(|lease| (secret, lease))) {
            let life = humantime::format_duration(token.limit(lease));
            logger.warn(format_args!("{}: the server takes these values back after {life}", secret.path));
        }
        Ok(Answer { secrets, token: token.into_secret(), about })
    })
}

/// As many paths are read at the same time.
const AT_ONCE: usize = 16;

async fn read(session: &Session<'_>, config: &Config, problems: &mut Diagnostics) -> anyhow::Result<Vec<KvSecret>> {
    let reads = config.secret_requests.iter().map(|read| read::read(session, config, read));
    let numbered = reads.enumerate().map(|(number, read)| async move { (number, read.await) });
    let mut results = Vec::with_capacity(config.secret_requests.len());
    let mut next = stream::iter(numbered).buffer_unordered(AT_ONCE);
    while let Some((number, result)) = next.next().await {
        // The first failure ends it, whichever path it is of.
        results.push((number, if problems.mode == Mode::Check { result } else { Ok(result?) }));
    }
    results.sort_unstable_by_key(|(number, _)| *number);
    let secrets: Vec<_> =
        results.into_iter().map(|(_, result)| problems.capture(result)).collect::<anyhow::Result<_>>()?;
    Ok(secrets.into_iter().flatten().flatten().collect())
}

async fn about(session: &Session<'_>, config: &Config) -> ConnectionReport {
    let client = session.client();
    ConnectionReport {
        server: client.address.to_string(),
        trust: client.trust().to_owned(),
        login: login::describe(&config.credential),
        token: login::look_up(session).await,
    }
}
