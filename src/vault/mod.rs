//! [net] Everything that goes over the network, within one deadline.

mod client;
mod dns;
mod login;
mod read;
mod retry;
mod tls;
mod transport;

use anyhow::Context;
use futures_util::future::try_join_all;

use crate::config::Config;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::story::Story;
use client::Client;
use retry::Deadline;

/// What the server gave.
#[derive(Debug)]
pub struct Answer {
    /// The secrets that are there, in the order of the paths.
    pub secrets: Vec<KvSecret>,
    /// The token they were read with.
    pub token: Secret,
}

/// Logs in and reads every path, concurrently. All or nothing.
///
/// On return the runtime, the connections and every copy of the token but the one in the answer are gone.
///
/// # Errors
/// The first failure, with the path or the stage it belongs to.
pub fn fetch(config: &Config, story: &Story) -> anyhow::Result<Answer> {
    let deadline = Deadline::new(config.connection.timeout, config.connection.attempts);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the network part")?;
    let token = login::token(&config.credential, story)?;
    let client = Client::new(&config.connection, &token, deadline, story)?;
    let secrets = runtime.block_on(try_join_all(config.reads.iter().map(|read| read::read(&client, config, read))))?;
    Ok(Answer { secrets: secrets.into_iter().flatten().collect(), token })
}
