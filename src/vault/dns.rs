//! `[net]` Names become addresses on a thread of their own: `getaddrinfo(3)` cannot be interrupted, and the deadline does
//! not wait for it.

use std::fmt;
use std::net::ToSocketAddrs;
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::oneshot;

use crate::vault::material;

/// Looks names up as every other program on the machine does.
#[derive(Debug)]
pub(super) struct SystemResolver {
    /// A name and the host that is looked up in its stead.
    pub(super) stand_in: Option<(String, String)>,
}

/// A name that could not be looked up.
#[derive(Debug)]
pub(super) struct LookupError(String);

/// Enough for `getaddrinfo`, and little to lock.
const STACK: usize = 256 * 1024;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let name = match &self.stand_in {
            Some((stand_in, host)) if stand_in == name.as_str() => host.trim_matches(['[', ']']).to_owned(),
            _ => name.as_str().to_owned(),
        };
        Box::pin(async move {
            let (answer, answered) = oneshot::channel();
            let look_up = move || {
                let addresses = (name.as_str(), 0).to_socket_addrs();
                // Nobody listens any more when the deadline is over.
                let _ = answer.send(addresses.map_err(|error| LookupError(format!("{name}: {}", plain(&error)))));
            };
            crate::hygiene::keep_name_modules_out();
            thread::Builder::new()
                .stack_size(STACK)
                .spawn(look_up)
                .map_err(|error| LookupError(format!("no thread to look it up: {}", material::why(&error))))?;
            let addresses = answered.await.map_err(|_| LookupError("the look-up ended without an answer".into()))??;
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// `Name or service not known`, without the words Rust puts in front of it.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LookupError {}
