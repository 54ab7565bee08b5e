//! `[net]` Names become addresses on a thread of their own: `getaddrinfo(3)` cannot be interrupted, and the deadline does
//! not wait for it.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;

use tokio::sync::oneshot;
use url::{Host, Url};

use crate::vault::material;
use crate::vault::trouble::Trouble;

/// Enough for `getaddrinfo`, and little to lock.
const STACK: usize = 256 * 1024;

/// Looks the host of a URL up as every other program on the machine does.
pub(super) async fn look_up(url: &Url) -> Result<Vec<SocketAddr>, Trouble> {
    let port = url.port_or_known_default().unwrap_or_default();
    let name = match url.host() {
        Some(Host::Ipv4(ip)) => return Ok(vec![(ip, port).into()]),
        Some(Host::Ipv6(ip)) => return Ok(vec![(ip, port).into()]),
        Some(Host::Domain(name)) => name.to_owned(),
        None => return Err(Trouble::Request),
    };
    let (answer, answered) = oneshot::channel();
    let look_up = move || {
        let addresses = (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody listens any more when the deadline is over.
        let _ = answer.send(addresses.map_err(|error| format!("{name}: {}", plain(&error))));
    };
    crate::hygiene::keep_name_modules_out();
    let thread = thread::Builder::new().stack_size(STACK).spawn(look_up);
    thread.map_err(|error| Trouble::Lookup(format!("no thread to look it up: {}", material::why(&error))))?;
    let over = Err("the look-up ended without an answer".into());
    answered.await.unwrap_or(over).map_err(Trouble::Lookup)
}

/// `Name or service not known`, without the words Rust puts in front of it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.strip_prefix("failed to lookup address information: ").unwrap_or(&text).to_owned()
}
