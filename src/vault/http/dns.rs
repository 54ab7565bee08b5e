//! `[net]` Names are resolved on a thread of their own: `getaddrinfo(3)` cannot be interrupted, and the deadline does not
//! wait for it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::thread;

use futures_util::future::{FutureExt, Shared};
use tokio::sync::oneshot::{self, Receiver};
use url::{Host, Url};

use crate::escape::truncate;
use crate::vault::error::{Result, TransportError};

/// Enough for `getaddrinfo`.
const RESOLVER_STACK_BYTES: usize = 256 * 1024;

const RAISE_THREADS_HINT: &str = "raise the limit on processes (ulimit -u, docker run --pids-limit)";

/// The look-ups under way, by name. If a name server is down, one takes longer than an attempt, so the next attempt
/// waits for the same look-up: a new one would not end in time either.
#[derive(Default)]
pub(super) struct Resolver(RefCell<HashMap<String, Lookup>>);

/// The addresses, or the C library's error.
type Lookup = Shared<Receiver<std::result::Result<Vec<IpAddr>, String>>>;

impl Resolver {
    /// Resolves the host of a URL as every other program on the machine does.
    ///
    /// # Errors
    /// [`TransportError::Dns`], or [`TransportError::ResourceLimit`] if no thread can be made.
    pub(super) async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>> {
        let port = url.port_or_known_default().unwrap_or_default();
        let name = match url.host() {
            Some(Host::Ipv4(ip)) => return Ok(vec![(ip, port).into()]),
            Some(Host::Ipv6(ip)) => return Ok(vec![(ip, port).into()]),
            Some(Host::Domain(name)) => name,
            None => return Err(TransportError::InvalidRequest),
        };
        let result = self.start_or_join(name)?.await;
        // Not a cache: the next result may be another one.
        self.0.borrow_mut().remove(name);
        let cancelled = Err("the lookup was cancelled".into());
        let addresses = result.unwrap_or(cancelled).map_err(TransportError::Dns)?;
        Ok(addresses.into_iter().map(|address| (address, port).into()).collect())
    }

    fn start_or_join(&self, name: &str) -> Result<Lookup> {
        let mut running = self.0.borrow_mut();
        if let Some(lookup) = running.get(name) {
            return Ok(lookup.clone());
        }
        let (sender, receiver) = oneshot::channel();
        let host = name.to_owned();
        let resolve = move || {
            let addresses = (host.as_str(), 0).to_socket_addrs();
            let addresses = addresses.map(|addresses| addresses.map(|address| address.ip()).collect());
            // The receiver is gone if the deadline is over.
            let _ = sender.send(addresses.map_err(|error| format!("{}: {}", truncate(&host), libc_reason(&error))));
        };
        crate::process::disable_nss_modules();
        let thread = thread::Builder::new().stack_size(RESOLVER_STACK_BYTES).spawn(resolve);
        thread.map_err(|_| {
            TransportError::ResourceLimit("cannot start a thread for the name lookup", RAISE_THREADS_HINT)
        })?;
        let lookup = receiver.shared();
        running.insert(name.to_owned(), lookup.clone());
        Ok(lookup)
    }
}

/// The reason in the words of glibc, which users know, without the prefix that the standard library adds.
fn libc_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let reason = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    // musl's words for EAI_NONAME, EAI_NODATA and EAI_AGAIN: gai_strerror(3).
    let reason = match reason {
        "Name does not resolve" => "Name or service not known",
        "Name has no usable address" => "No address associated with hostname",
        "Try again" => "Temporary failure in name resolution",
        other => other,
    };
    reason.to_owned()
}
