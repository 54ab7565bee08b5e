//! A server on a Unix socket that sends scripted responses and records the requests.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::{fs, io, panic, process, thread};

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{dup, dup2_stderr};

/// One request as received.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names are in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// A request and its scripted response.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub request: Request,
    pub response: Vec<u8>,
}

/// Listens on a socket whose file is already unlinked, so that a killed fuzzer leaves no file behind.
pub struct Server {
    /// For `VAULT_ADDR`.
    pub address: String,
    listener: UnixListener,
    socket: OwnedFd,
    stderr: Arc<OwnedFd>,
    dev_null: fs::File,
}

struct State<F> {
    respond: F,
    exchanges: Vec<Exchange>,
}

impl Server {
    pub fn start() -> Self {
        let path = std::env::temp_dir().join(format!("vault-exec-fuzz.{}", process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        let socket = open(&path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        fs::remove_file(&path).unwrap();
        let stderr = Arc::new(dup(io::stderr()).unwrap());
        let (panic_stderr, hook) = (Arc::clone(&stderr), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            let _ = dup2_stderr(&panic_stderr);
            hook(panic);
        }));
        let address = format!("unix:///proc/self/fd/{}", socket.as_raw_fd());
        Self { address, listener, socket, stderr, dev_null: fs::File::options().write(true).open("/dev/null").unwrap() }
    }

    /// Runs `work` while the server responds with what `respond` returns; `None` closes the connection. A response starts
    /// with `HTTP/`, or is a status, a line end and a body. Warnings that `work` prints on standard error are discarded.
    pub fn serve_during<T>(
        &self,
        respond: impl FnMut(&Request) -> Option<Vec<u8>> + Send,
        work: impl FnOnce() -> T,
    ) -> (T, Vec<Exchange>) {
        let state = Mutex::new(State { respond, exchanges: Vec::new() });
        let over = AtomicBool::new(false);
        // The scope waits for all connections: no request of this input is recorded for the next one.
        let done = thread::scope(|scope| {
            scope.spawn(|| {
                while let Ok((stream, _)) = self.listener.accept() {
                    scope.spawn(|| serve(stream, &state));
                    // The last connection is the one made below; earlier ones are still accepted before the loop ends.
                    self.listener.set_nonblocking(over.load(Ordering::SeqCst)).unwrap();
                }
                self.listener.set_nonblocking(false).unwrap();
            });
            dup2_stderr(&self.dev_null).unwrap();
            let done = work();
            dup2_stderr(&self.stderr).unwrap();
            over.store(true, Ordering::SeqCst);
            UnixStream::connect(format!("/proc/self/fd/{}", self.socket.as_raw_fd())).unwrap();
            done
        });
        (done, state.into_inner().unwrap().exchanges)
    }
}

fn serve<F: FnMut(&Request) -> Option<Vec<u8>>>(stream: UnixStream, state: &Mutex<State<F>>) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read_request(&mut reader) {
        let mut state = state.lock().unwrap();
        let Some(response) = (state.respond)(&request) else { return };
        state.exchanges.push(Exchange { request, response: response.clone() });
        drop(state);
        if response.starts_with(b"HTTP/") {
            let _ = reader.get_mut().write_all(&response);
            return;
        }
        let (status, body) = parts(&response);
        let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n\r\n", body.len());
        if reader.get_mut().write_all(&[head.as_bytes(), body].concat()).is_err() {
            return;
        }
    }
}

/// The status (200 if it is missing or invalid) and the body of a response that does not start with `HTTP/`.
pub fn parts(response: &[u8]) -> (u16, &[u8]) {
    let end = response.iter().position(|&byte| byte == b'\n').unwrap_or(response.len());
    let status = str::from_utf8(&response[..end]).ok().and_then(|status| status.trim().parse().ok());
    (status.filter(|status| (200..=599).contains(status)).unwrap_or(200), response.get(end + 1..).unwrap_or_default())
}

/// Reads one request and panics if it is malformed: no setting may inject a header or a second request.
fn read_request(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).ok()?;
        line.strip_suffix(b"\r\n").map(<[u8]>::to_vec)
    };
    let first = String::from_utf8(line()?).expect("a request line is ASCII");
    let [method, target, "HTTP/1.1"] = first.split(' ').collect::<Vec<_>>()[..] else { panic!("{first:?}") };
    let (method, target) = (method.to_owned(), target.to_owned());
    let mut headers = Vec::new();
    loop {
        let header = line()?;
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|&byte| byte == b':').expect("a header has a colon");
        let name = str::from_utf8(&header[..colon]).expect("a name is ASCII").to_ascii_lowercase();
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name:?}");
        headers.push((name, header[colon + 1..].trim_ascii().to_vec()));
    }
    let mut request = Request { method, target, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| str::from_utf8(length).unwrap().parse().unwrap());
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

impl Request {
    /// The value of a header. Panics if the header is repeated.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_slice());
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice");
        value
    }

    /// The percent-decoded segments of the path, without the query.
    pub fn path(&self) -> Vec<Vec<u8>> {
        let path = self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path);
        path.strip_prefix('/').expect("a path starts with a slash").split('/').map(percent_decode).collect()
    }
}

fn percent_decode(segment: &str) -> Vec<u8> {
    let mut bytes = segment.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit().expect("a digit behind %"), digit().expect("two digits behind %"));
                u8::try_from(high * 16 + low).unwrap()
            }
            byte => byte,
        });
    }
    decoded
}
