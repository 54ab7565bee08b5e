//! `[net]` Everything that goes over the network, within one deadline.

mod client;
mod dns;
mod github;
mod login;
mod material;
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
use login::Token;
use retry::Deadline;

/// What the server gave.
#[derive(Debug)]
pub struct Answer {
    /// The secrets that are there, in the order of the paths.
    pub secrets: Vec<KvSecret>,
    /// The token they were read with; an agent may have needed none.
    pub token: Option<Secret>,
}

/// Logs in, reads every path, concurrently, and revokes the token that the login brought. All or nothing.
///
/// On return the runtime, the connections and every copy of the token but the one in the answer are gone.
///
/// # Errors
/// The first failure, with the path or the stage it belongs to.
pub fn fetch(config: &Config, story: &Story) -> anyhow::Result<Answer> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the network part")?;
    let deadline = Deadline::new(config.connection.timeout, config.connection.attempts);
    let client = Client::new(&config.connection, deadline, story)?;
    runtime.block_on(async {
        let token = login::token(&client, config).await?;
        let session = client.session(token.secret(), config.connection.namespace.clone());
        let read = try_join_all(config.reads.iter().map(|read| read::read(&session, config, read))).await;
        let secrets = read.map(|secrets| secrets.into_iter().flatten().collect::<Vec<_>>());
        let leased = secrets.iter().flatten().any(|secret| secret.lease.is_some());
        if let Token::Obtained(obtained) = &token
            && config.revoke
            && !leased
            && !obtained.used_up(session.sent())
        {
            login::revoke(&client, obtained).await;
        }
        let secrets = secrets?;
        for secret in &secrets {
            if let Some(lease) = secret.lease {
                let life = humantime::format_duration(lease);
                story.warn(format_args!("{}: the server takes these values back after {life}", secret.path));
            }
        }
        Ok(Answer { secrets, token: token.into_secret() })
    })
}
