//! `[net]` Names become addresses on a thread of their own: `getaddrinfo(3)` cannot be interrupted, and the deadline does
//! not wait for it.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use futures_util::future::{FutureExt, Shared};
use tokio::sync::oneshot::{self, Receiver};
use url::{Host, Url};

use crate::vault::error::TransportError;

/// Enough for `getaddrinfo`, and little to lock.
const STACK: usize = 256 * 1024;

/// The look-ups that still run, by name. Where a name server is gone, one takes longer than a try: the next try goes on
/// waiting for it instead of beginning anew, or none would ever see its end.
#[derive(Default)]
pub(in crate::vault) struct Resolver(Mutex<HashMap<String, Lookup>>);

/// What several can wait for: the addresses, or what the C library says.
type Lookup = Shared<Receiver<Result<Vec<IpAddr>, String>>>;

impl Resolver {
    /// Looks the host of a URL up as every other program on the machine does.
    pub(in crate::vault) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, TransportError> {
        let port = url.port_or_known_default().unwrap_or_default();
        let name = match url.host() {
            Some(Host::Ipv4(ip)) => return Ok(vec![(ip, port).into()]),
            Some(Host::Ipv6(ip)) => return Ok(vec![(ip, port).into()]),
            Some(Host::Domain(name)) => name,
            None => return Err(TransportError::Request),
        };
        let ended = self.running(name)?.await;
        // The next one asks anew: the answer may be another one by then.
        self.all().remove(name);
        let over = Err("the look-up ended without an answer".into());
        let addresses = ended.unwrap_or(over).map_err(TransportError::Lookup)?;
        Ok(addresses.into_iter().map(|address| (address, port).into()).collect())
    }

    fn running(&self, name: &str) -> Result<Lookup, TransportError> {
        let mut all = self.all();
        if let Some(running) = all.get(name) {
            return Ok(running.clone());
        }
        let (answer, answered) = oneshot::channel();
        let asked = name.to_owned();
        let look_up = move || {
            let addresses = (asked.as_str(), 0).to_socket_addrs();
            let addresses = addresses.map(|addresses| addresses.map(|address| address.ip()).collect());
            // Nobody listens any more when the deadline is over.
            let _ = answer.send(addresses.map_err(|error| format!("{asked}: {}", plain(&error))));
        };
        crate::process::disable_nss_modules();
        let thread = thread::Builder::new().stack_size(STACK).spawn(look_up);
        thread.map_err(|_| TransportError::ResourceLimit("no thread is left to look the name up", MORE_THREADS))?;
        let running = answered.shared();
        all.insert(name.to_owned(), running.clone());
        Ok(running)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Lookup>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to do where no thread can be made.
const MORE_THREADS: &str = "raise the limit on processes (ulimit -u, docker run --pids-limit)";

/// `Name or service not known`, without the words Rust puts in front of it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}
