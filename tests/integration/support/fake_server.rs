//! A server for what a real one cannot be made to do. Each request gets the next reply of a script.
//!
//! ```text
//! let fake = FakeServer::answering([Reply::status(503), Reply::secret(&[("a", "1")])]);
//! fake.vault().environ().has("A", "1");
//! assert_eq!(fake.requests().len(), 2);
//! ```

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::libc;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::canary::{CANARY, SECRET_ID, TOKEN};
use super::http::Request;
use super::vault::TestVault;
use super::wait::wait_until;

/// The hint if the server cannot be reached.
pub(crate) const UNREACHABLE: &str =
    "hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";

/// The same if the server closed a connection without TLS.
pub(crate) const CLOSED: &str = "hint: check that the server runs and is reachable; the address is from VAULT_ADDR; if the \
    server uses TLS, write https://\n";

/// The hint if the server responds, but is not ready.
pub(crate) const NOT_READY: &str = "hint: see `vault status` and the server's log; the address is from VAULT_ADDR\n";

/// The hint after a response with a status that vault-exec does not expect.
pub(crate) const ODD: &str = "hint: check the path, --kv and --mount, and see the server's log\n";

/// How long a call of a fake server may take before it is killed, in seconds.
const KILL_AFTER: &str = "30";

/// A server on its own port until it is dropped.
pub(crate) struct FakeServer {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

type Handler = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

#[derive(Default)]
struct Shared {
    script: Mutex<VecDeque<Reply>>,
    /// Scripts for single paths.
    apart: Mutex<Vec<(String, VecDeque<Reply>)>>,
    /// Takes the place of the scripts.
    handler: Option<Handler>,
    greeting: Mutex<Vec<u8>>,
    requests: Mutex<Vec<Request>>,
    /// The open connections, by descriptor.
    connections: Mutex<HashMap<RawFd, TcpStream>>,
    over: AtomicBool,
}

/// The response to one request, and what happens to the connection.
#[derive(Clone)]
pub(crate) struct Reply {
    head: Vec<String>,
    body: Vec<u8>,
    pace: Duration,
    then: Then,
}

#[derive(Clone)]
enum Then {
    /// The next request may come on the same connection.
    Listen,
    Close,
    /// Resets the connection.
    Reset,
    /// Keeps the connection open and sends nothing.
    Silence,
    /// Sends this until the client closes the connection.
    Endless(Vec<u8>),
}

impl Reply {
    /// A complete response.
    pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let head = vec![
            format!("HTTP/1.1 {status} {CANARY}"),
            "Content-Type: application/json".into(),
            format!("Content-Length: {}", body.len()),
        ];
        Self { head, body, pace: Duration::ZERO, then: Then::Listen }
    }

    /// An error of Vault with the credentials in its text.
    pub(crate) fn status(status: u16) -> Self {
        Self::errors(status, &[&format!("{CANARY} {TOKEN} {SECRET_ID}")])
    }

    /// An error of Vault for these reasons.
    pub(crate) fn errors(status: u16, reasons: &[&str]) -> Self {
        Self::answer(status, serde_json::json!({"errors": reasons}).to_string())
    }

    /// A KV v2 secret.
    pub(crate) fn secret(pairs: &[(&str, &str)]) -> Self {
        Self::answer(200, secret_body(pairs))
    }

    /// Exactly these bytes; then the connection is closed.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self { head: Vec::new(), body: bytes.into(), pace: Duration::ZERO, then: Then::Close }
    }

    /// The connection is closed without a response.
    pub(crate) fn closed() -> Self {
        Self::raw("")
    }

    pub(crate) fn reset() -> Self {
        Self::raw("").then_reset()
    }

    pub(crate) fn silence() -> Self {
        Self { then: Then::Silence, ..Self::raw("") }
    }

    /// These bytes and then `unit` without end.
    pub(crate) fn endless(start: &str, unit: &str) -> Self {
        // In large pieces, so that a megabyte does not take long.
        Self { then: Then::Endless(unit.repeat(65536 / unit.len() + 1).into()), ..Self::raw(start) }
    }

    pub(crate) fn redirect(status: u16, to: &str) -> Self {
        Self::status(status).header("Location", to)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push(format!("{name}: {value}"));
        self
    }

    /// The same, one byte every 100 ms.
    pub(crate) fn dripped(self) -> Self {
        Self { pace: Duration::from_millis(100), ..self }
    }

    /// Keeps the connection open afterwards and sends nothing more.
    pub(crate) fn then_silence(self) -> Self {
        Self { then: Then::Silence, ..self }
    }

    /// Resets the connection afterwards.
    pub(crate) fn then_reset(self) -> Self {
        Self { then: Then::Reset, ..self }
    }

    /// Keeps the connection open for the next request.
    pub(crate) fn then_listen(self) -> Self {
        Self { then: Then::Listen, ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.join("\r\n").into_bytes();
        if !bytes.is_empty() {
            bytes.extend_from_slice(b"\r\n\r\n");
        }
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The body of a KV v2 read.
pub(crate) fn secret_body(pairs: &[(&str, &str)]) -> String {
    let data: serde_json::Map<_, _> = pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    serde_json::json!({"data": {"data": data, "metadata": {"version": 1, "destroyed": false}}}).to_string()
}

impl FakeServer {
    /// Sends one reply per request; the last one also to all further requests.
    pub(crate) fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::on(loopback(), None, Shared::with_script(replies))
    }

    /// The same at this address. Panics if it is in use.
    pub(crate) fn answering_at(address: SocketAddr, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::on(TcpListener::bind(address).expect("a free address"), None, Shared::with_script(replies))
    }

    /// The same over TLS.
    pub(crate) fn answering_over_tls(config: ServerConfig, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::on(loopback(), Some(config), Shared::with_script(replies))
    }

    /// Has a function answer each request, over TLS if there is a configuration.
    pub(crate) fn handling(
        tls: Option<ServerConfig>,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::on(loopback(), tls, Shared { handler: Some(Box::new(handler)), ..Shared::default() })
    }

    fn on(listener: TcpListener, tls: Option<ServerConfig>, shared: Shared) -> Self {
        let address = listener.local_addr().expect("a bound socket has an address");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (shared, tls) = (Arc::new(shared), tls.map(Arc::new));
        let for_listener = Arc::clone(&shared);
        let listener = Some(thread::spawn(move || for_listener.listen(&listener, tls.as_ref())));
        Self { address, scheme, shared, listener }
    }

    /// Lets the server live until the tests end.
    pub(crate) fn forever(self) -> &'static Self {
        Box::leak(Box::new(self))
    }

    /// Sends other replies to requests for this path.
    pub(crate) fn and_at(self, path: &str, replies: impl IntoIterator<Item = Reply>) -> Self {
        self.shared.apart.lock().unwrap().push((format!("/v1/{path}"), replies.into_iter().collect()));
        self
    }

    /// Sends this text as soon as a client connects.
    pub(crate) fn greeting(self, text: &str) -> Self {
        *self.shared.greeting.lock().unwrap() = text.into();
        self
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// Scheme, host and port.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// A call that reads `secret/app` with [`TOKEN`], and is killed if it takes too long.
    pub(crate) fn vault(&self) -> TestVault {
        self.unwatched_vault().under(["timeout", "--signal=KILL", KILL_AFTER])
    }

    /// The same without the time limit, for a [`RunningProcess`](super::process::RunningProcess).
    pub(crate) fn unwatched_vault(&self) -> TestVault {
        TestVault::bare().env("VAULT_ADDR", self.url()).env("VAULT_TOKEN", TOKEN).args(["--path", "secret/app"])
    }

    /// The requests received until now.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The paths of the requests received until now.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests().iter().map(|request| request.path().to_owned()).collect()
    }

    /// Waits for this number of requests.
    #[track_caller]
    pub(crate) fn await_requests(&self, count: usize) {
        wait_until(&format!("{count} requests"), || self.shared.requests.lock().unwrap().len() >= count);
    }
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // A connection ends the wait of the listener.
        let _ = TcpStream::connect(self.address);
        for connection in self.shared.connections.lock().unwrap().values() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

fn loopback() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("the loopback")
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

impl Shared {
    fn with_script(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self { script: Mutex::new(replies.into_iter().collect()), ..Self::default() }
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
        let mut served = Vec::new();
        for client in listener.incoming().flatten() {
            if self.over.load(Ordering::SeqCst) {
                break;
            }
            let handle = client.try_clone().expect("another handle");
            self.connections.lock().unwrap().insert(client.as_raw_fd(), handle);
            let (shared, tls) = (Arc::clone(self), tls.cloned());
            served.push(thread::spawn(move || shared.serve(client, tls)));
        }
        for connection in served {
            let _ = connection.join();
        }
    }

    fn serve(&self, client: TcpStream, tls: Option<Arc<ServerConfig>>) {
        let raw = client.as_raw_fd();
        let mut stream: Box<dyn Stream> = match tls.map(ServerConnection::new) {
            None => Box::new(client),
            Some(connection) => Box::new(StreamOwned::new(connection.expect("a TLS configuration"), client)),
        };
        let _ = stream.write_all(&self.greeting.lock().unwrap());
        // In many tests the client closes the connection.
        while let Ok(Some(request)) = Request::read(&mut *stream) {
            let reply = self.next(&request);
            self.requests.lock().unwrap().push(request);
            if self.send(&reply, &mut stream).is_err() {
                break;
            }
            match reply.then {
                Then::Listen => continue,
                Then::Close | Then::Endless(_) => {}
                Then::Reset => set_linger_zero(raw),
                Then::Silence => {
                    let _ = io::copy(&mut stream, &mut io::sink());
                }
            }
            break;
        }
        // The other handle would keep the connection open.
        self.connections.lock().unwrap().remove(&raw);
        drop(stream);
    }

    /// The next reply of the script for the path; the last one stays.
    fn next(&self, request: &Request) -> Reply {
        let take = |script: &mut VecDeque<Reply>| {
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }.expect("a script has a reply")
        };
        if let Some(handler) = &self.handler {
            return handler(request);
        }
        let mut apart = self.apart.lock().unwrap();
        match apart.iter_mut().find(|(path, _)| path == request.path()) {
            Some((_, script)) => take(script),
            None => take(&mut self.script.lock().unwrap()),
        }
    }

    fn send(&self, reply: &Reply, stream: &mut dyn Stream) -> io::Result<()> {
        let bytes = reply.bytes();
        if reply.pace.is_zero() {
            stream.write_all(&bytes)?;
        }
        for byte in bytes.chunks(1).take_while(|_| !reply.pace.is_zero()) {
            if self.over.load(Ordering::SeqCst) {
                break;
            }
            stream.write_all(byte)?;
            stream.flush()?;
            thread::sleep(reply.pace);
        }
        while let Then::Endless(unit) = &reply.then {
            stream.write_all(unit)?;
        }
        stream.flush()
    }
}

/// Makes the close of a socket reset the connection.
#[allow(unsafe_code, reason = "the standard library has no stable way to set it")]
pub(crate) fn set_linger_zero(socket: libc::c_int) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = libc::socklen_t::try_from(mem::size_of_val(&at_once)).expect("a small size");
    // SAFETY: the option is of this type and this length, and only read.
    let set =
        unsafe { libc::setsockopt(socket, libc::SOL_SOCKET, libc::SO_LINGER, (&raw const at_once).cast(), length) };
    assert_eq!(set, 0, "SO_LINGER: {}", io::Error::last_os_error());
}
