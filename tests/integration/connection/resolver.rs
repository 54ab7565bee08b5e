//! Name resolution.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::canary::CANARY;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{RunningProcess, status_field};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

fn fake() -> FakeServer {
    FakeServer::answering([Reply::secret(&[("a", CANARY)])])
}

/// A name server on port 53 of an address of the loopback that is its own.
pub(crate) struct NameServer {
    pub(crate) address: IpAddr,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NameServer {
    /// Knows `vault.test`, which is the loopback, and no other name.
    pub(crate) fn knowing_vault_test(last: u8) -> Self {
        Self::new(last, Duration::ZERO, |query| Some(answer(query)))
    }

    pub(crate) fn silent(last: u8) -> Self {
        Self::new(last, Duration::ZERO, |_| None)
    }

    /// Replies like this to each question, after a time.
    pub(crate) fn new(last: u8, delay: Duration, reply: fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        let address = IpAddr::from([127, 0, 53, last]);
        let socket = UdpSocket::bind((address, 53)).unwrap_or_else(|error| panic!("port 53 of {address}: {error}"));
        socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
        let (asked, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, end) = (Arc::clone(&asked), Arc::clone(&over));
        let thread = Some(thread::spawn(move || {
            let mut query = [0; 512];
            let mut replies = VecDeque::new();
            while !end.load(Ordering::SeqCst) {
                if let Ok((length, client)) = socket.recv_from(&mut query) {
                    count.fetch_add(1, Ordering::SeqCst);
                    replies.extend(reply(&query[..length]).map(|reply| (Instant::now() + delay, reply, client)));
                }
                while replies.front().is_some_and(|(due, ..)| *due <= Instant::now()) {
                    let (_, reply, client) = replies.pop_front().expect("the one that was looked at");
                    let _ = socket.send_to(&reply, client);
                }
            }
        }));
        Self { address, asked, over, thread }
    }

    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst) > 0
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// RFC 1035, for questions with one name: its address, no address of that type, or no such name.
pub(crate) fn answer(query: &[u8]) -> Vec<u8> {
    let (header, question) = query.split_at(12);
    let name_end = question.iter().position(|&byte| byte == 0).expect("the end of the name") + 1;
    let (name, kind) = (&question[..name_end], question[name_end + 1]);
    let known = name == b"\x05vault\x04test\0";
    let addresses = u8::from(known && kind == 1);
    let code = if known { 0 } else { 3 };
    let mut reply = vec![header[0], header[1], 0x81, 0x80 | code, 0, 1, 0, addresses, 0, 0, 0, 0];
    reply.extend_from_slice(&question[..name_end + 4]);
    if addresses == 1 {
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    reply
}

/// `answer` with another code and without its addresses.
pub(crate) fn coded(query: &[u8], code: u8) -> Vec<u8> {
    let mut reply = answer(query);
    reply[3] = 0x80 | code;
    reply[7] = 0;
    let name_end = reply[12..].iter().position(|&byte| byte == 0).expect("the end of the name");
    reply.truncate(12 + name_end + 5);
    reply
}

/// Calls with these files in the place of the machine's, which only this one process sees.
fn with_files(vault: TestVault, hosts: &str, name_server: Option<&NameServer>, nsswitch: &str) -> TestVault {
    let line = |server: &NameServer| format!("nameserver {}\noptions timeout:5 attempts:5\n", server.address);
    with_resolv_conf(vault, hosts, &name_server.map(line).unwrap_or_default(), nsswitch)
}

/// The same with the text of `resolv.conf`.
pub(crate) fn with_resolv_conf(vault: TestVault, hosts: &str, resolv_conf: &str, nsswitch: &str) -> TestVault {
    let files = [("hosts", hosts), ("resolv.conf", resolv_conf), ("nsswitch.conf", nsswitch)];
    let mounts = files.map(|(name, _)| format!("mount --bind \"$HOME/{name}\" /etc/{name}")).join(" && ");
    files.into_iter().fold(vault, |vault, (name, text)| vault.file(name, text)).with_mounts(&mounts)
}

pub(crate) const HOSTS: &str = "127.0.0.1 localhost\n";
pub(crate) const NSSWITCH: &str = "hosts: files dns\n";

fn at_name(fake: &FakeServer, name: &str) -> TestVault {
    fake.unwatched_vault().env("VAULT_ADDR", format!("http://{name}:{}", fake.port()))
}

#[test]
fn localhost_is_resolved() {
    let fake = fake();
    at_name(&fake, "localhost").environ().has("A", CANARY).stderr_is("");
    assert_eq!(fake.requests()[0].header("Host"), Some(format!("localhost:{}", fake.port()).as_str()));
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn a_name_of_the_hosts_file_is_resolved() {
    let fake = fake();
    with_files(at_name(&fake, "vault.test"), "127.0.0.1 vault.test\n", None, NSSWITCH)
        .environ()
        .has("A", CANARY)
        .stderr_is("");
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn a_name_of_the_name_server_is_resolved() {
    let (fake, names) = (fake(), NameServer::knowing_vault_test(1));
    with_files(at_name(&fake, "vault.test"), HOSTS, Some(&names), NSSWITCH).environ().has("A", CANARY).stderr_is("");
    assert!(names.was_asked());
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn name_service_modules_are_not_loaded() {
    // A static program would load them with a second C library and crash.
    let fake = fake();
    for (last, nsswitch) in [
        (2, "hosts: files myhostname dns\n"),
        (3, "hosts: compat hesiod files dns\n"),
        (4, "hosts: files mymachines resolve [!UNAVAIL=return] myhostname dns\n"),
        (5, ""),
    ] {
        let names = NameServer::knowing_vault_test(last);
        with_files(at_name(&fake, "vault.test"), HOSTS, Some(&names), nsswitch)
            .environ()
            .has("A", CANARY)
            .stderr_is("");
        assert!(names.was_asked(), "{nsswitch}");
    }
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn a_signal_ends_the_wait_for_a_name_server() {
    let (fake, names) = (fake(), NameServer::silent(9));
    let vault = with_files(at_name(&fake, "vault.test"), HOSTS, Some(&names), NSSWITCH);
    let running = RunningProcess::start(vault.command(["echo", "the program was started"]));
    wait_until("a question to the name server", || names.was_asked());
    let start = Instant::now();
    running.signal(Signal::SIGTERM);
    let (status, stdout, stderr) = running.wait();
    assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
    let expected = (Some(143), "", "vault-exec: interrupted by SIGTERM before the program started\n");
    assert_eq!((status.code(), stdout.as_str(), stderr.as_str()), expected);
}

/// A server at 127.0.0.2, and something else at the same port of 127.0.0.1, which another test may have at the moment.
fn at_two_addresses<T>(other: impl Fn(SocketAddr) -> Option<T>) -> (FakeServer, T) {
    let pair = || {
        let fake = FakeServer::answering_at(([127, 0, 0, 2], 0).into(), [Reply::secret(&[("a", CANARY)])]);
        other(([127, 0, 0, 1], fake.port()).into()).map(|other| (fake, other))
    };
    (0..20).find_map(|_| pair()).expect("a port that is free at both addresses")
}

const ADDRESSES: &str = "::1 vault.test\n127.0.0.1 vault.test\n127.0.0.2 vault.test\n";

#[test]
#[ignore = "root: makes a mount namespace"]
fn after_a_refused_connection_the_next_address_is_tried() {
    // A bound socket that does not listen keeps the port.
    let (fake, _refusing) = at_two_addresses(|address| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).ok()?;
        socket.bind(&address.into()).ok().map(|()| socket)
    });
    with_files(at_name(&fake, "vault.test"), ADDRESSES, None, NSSWITCH).environ().has("A", CANARY).stderr_is("");
}

#[test]
#[ignore = "root: makes a mount namespace"]
#[allow(unsafe_code, reason = "the standard library has no way to set the room of a listener")]
fn a_silent_address_does_not_delay_the_next() {
    let (fake, full) = at_two_addresses(|address| TcpListener::bind(address).ok());
    // With a full queue of one, the kernel drops further connections.
    // SAFETY: the socket is open.
    assert_eq!(unsafe { libc::listen(full.as_raw_fd(), 0) }, 0);
    let waiting = TcpStream::connect(full.local_addr().expect("an address")).expect("room for one");
    let start = Instant::now();
    with_files(at_name(&fake, "vault.test"), ADDRESSES, None, NSSWITCH).environ().has("A", CANARY).stderr_is("");
    assert!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
    drop(waiting);
}

#[test]
fn an_ip_address_needs_no_thread() {
    let fake = FakeServer::answering([Reply::silence()]);
    let running = RunningProcess::start(fake.unwatched_vault().command(["true"]));
    fake.await_requests(1);
    assert_eq!(status_field(running.pid(), "Threads"), "1");
}
