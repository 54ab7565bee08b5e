//! Every kind of connection, and faults before a valid response.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use rustls::version::{TLS12, TLS13};

use super::case::{MemoryCase, prove_all};
use super::keys::Tls;
use super::random;
use crate::support::fake_server::{FakeServer, Reply, secret_body};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;

/// A kind of connection, and its case.
type Connection = (&'static str, fn(&str) -> MemoryCase);

const CONNECTIONS: [Connection; 18] = [
    ("plain HTTP", |secret| answered([found(secret)])),
    ("TLS 1.2", |secret| answered_over(Tls::of(&TLS12), [found(secret)])),
    ("TLS 1.3", |secret| answered_over(Tls::of(&TLS13), [found(secret)])),
    ("TLS with anybody", |secret| {
        let tls = Tls::of(&TLS13);
        let fake = FakeServer::answering_over_tls(tls.config.clone(), [found(secret)]);
        MemoryCase::of(fake.unwatched_vault().args(["--tls-skip-verify"]))
            .with(fake)
            .none_of_later(move |_| tls.secrets())
    }),
    ("TLS with a server name", |secret| {
        let tls = Tls::new("vault.test", &TLS13, None);
        let fake = FakeServer::answering_over_tls(tls.config.clone(), [found(secret)]);
        let vault = trusting(fake.unwatched_vault(), &tls).args(["--tls-server-name", "vault.test"]);
        MemoryCase::of(vault).with(fake).none_of_later(move |_| tls.secrets())
    }),
    ("a name to look up", |secret| {
        let fake = FakeServer::answering([found(secret)]);
        MemoryCase::of(fake.unwatched_vault().env("VAULT_ADDR", format!("http://localhost:{}", fake.port()))).with(fake)
    }),
    ("a socket", |secret| {
        let fake = FakeServer::answering([found(secret)]);
        MemoryCase::of(fake.unwatched_vault().env("VAULT_ADDR", socket_to(fake.port()))).with(fake)
    }),
    ("a first try that failed", |secret| {
        answered([Reply::status(503), Reply::closed(), Reply::reset(), found(secret)])
    }),
    ("a first try that failed, over TLS", |secret| {
        answered_over(Tls::of(&TLS13), [Reply::status(503), Reply::closed(), Reply::reset(), found(secret)])
    }),
    ("a first answer that was cut off", |secret| {
        let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}", secret_body(&[("a", secret)]));
        answered([Reply::raw(whole), found(secret)])
    }),
    ("a redirect", |secret| {
        let active = FakeServer::answering([found(secret)]);
        answered([to(&active)]).with(active)
    }),
    ("a redirect from TLS to TLS", |secret| {
        let tls = Tls::of(&TLS13);
        let active = FakeServer::answering_over_tls(tls.config.clone(), [found(secret)]);
        answered_over(tls, [to(&active)]).with(active)
    }),
    ("a redirect from plain HTTP to TLS", |secret| {
        let tls = Tls::of(&TLS13);
        let active = FakeServer::answering_over_tls(tls.config.clone(), [found(secret)]);
        let standby = FakeServer::answering([to(&active)]);
        let case = MemoryCase::of(trusting(standby.unwatched_vault(), &tls)).with(standby);
        case.with(active).none_of_later(move |_| tls.secrets())
    }),
    ("a body in small chunks", |secret| {
        let mut answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        for chunk in secret_body(&[("a", secret)]).as_bytes().chunks(20) {
            write!(answer, "{:x}\r\n{}\r\n", chunk.len(), str::from_utf8(chunk).unwrap()).unwrap();
        }
        answered([Reply::raw(answer + "0\r\n\r\n")])
    }),
    ("a body of which nobody says how long it is", |secret| {
        answered([Reply::raw(format!("HTTP/1.1 200 OK\r\n\r\n{}", secret_body(&[("a", secret)])))])
    }),
    ("a proxy with a password", |secret| {
        let proxy = FakeServer::answering([found(secret)]);
        let (url, password) = proxy_at(proxy.port());
        let vault = proxy.unwatched_vault().env("VAULT_ADDR", "http://vault.test:8200").env("VAULT_EXEC_PROXY", url);
        MemoryCase::of(vault).with(proxy).never("password of the proxy", password)
    }),
    ("a tunnel through a proxy with a password", |secret| {
        let (case, port) = behind_proxy(secret);
        let (url, password) = proxy_at(port);
        case.env("VAULT_EXEC_PROXY", &url).never("password of the proxy", password)
    }),
    ("a tunnel through a proxy that the program may use, too", |secret| {
        let (case, port) = behind_proxy(secret);
        let (url, password) = proxy_at(port);
        case.inherited("HTTPS_PROXY", &url).never("password of the proxy", password)
    }),
];

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn no_connection_leaves_a_secret_in_memory() {
    prove_all(CONNECTIONS.iter().map(|(name, case)| {
        let [token, secret] = [random(32), random(32)];
        let case = case(&secret).env("VAULT_TOKEN", &token).never("token", token).once("A", secret);
        ((*name).to_owned(), case)
    }));
}

fn found(secret: &str) -> Reply {
    Reply::secret(&[("a", secret)])
}

fn to(active: &FakeServer) -> Reply {
    Reply::redirect(307, &format!("{}/v1/secret/data/app", active.url()))
}

fn answered(replies: impl IntoIterator<Item = Reply>) -> MemoryCase {
    let fake = FakeServer::answering(replies);
    MemoryCase::of(fake.unwatched_vault()).with(fake)
}

fn answered_over(tls: Tls, replies: impl IntoIterator<Item = Reply>) -> MemoryCase {
    let fake = FakeServer::answering_over_tls(tls.config.clone(), replies);
    MemoryCase::of(trusting(fake.unwatched_vault(), &tls)).with(fake).none_of_later(move |_| tls.secrets())
}

fn trusting(vault: TestVault, tls: &Tls) -> TestVault {
    vault.file("ca", &tls.ca).args(["--ca-cert", "ca"])
}

/// The address of a proxy, and the password in it, which has to be encoded there.
fn proxy_at(port: u16) -> (String, String) {
    let password = format!("{}@/{}", random(16), random(16));
    let encoded = password.replace('@', "%40").replace('/', "%2F");
    (format!("http://me:{encoded}@127.0.0.1:{port}"), password)
}

/// A server that only a proxy finds, and the port of that proxy.
fn behind_proxy(secret: &str) -> (MemoryCase, u16) {
    let tls = Tls::new("vault.test", &TLS13, None);
    let fake = FakeServer::answering_over_tls(tls.config.clone(), [found(secret)]);
    let port = tunnel_to(fake.port());
    let vault = trusting(fake.unwatched_vault(), &tls).env("VAULT_ADDR", "https://vault.test:8200");
    (MemoryCase::of(vault).with(fake).none_of_later(move |_| tls.secrets()), port)
}

/// The port of a proxy that requires a password and connects every client to `target`.
fn tunnel_to(target: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|length| length > 0) {
                request.push(byte[0]);
            }
            let request = String::from_utf8_lossy(&request).to_lowercase();
            assert!(
                request.starts_with("connect vault.test:8200 ") && request.contains("\nproxy-authorization: basic ")
            );
            client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let other = client.try_clone().unwrap();
            relay(client, other, target, |client| client.shutdown(Shutdown::Write));
        }
    });
    port
}

/// The address of a socket that leads to this port.
fn socket_to(target: u16) -> String {
    let path = new_dir("socket").join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let other = client.try_clone().unwrap();
            relay(client, other, target, |client: &UnixStream| client.shutdown(Shutdown::Write));
        }
    });
    format!("unix://{}", path.display())
}

/// Copies both directions until they end.
fn relay<S: Read + Write + Send + 'static>(
    mut from: S,
    mut to: S,
    target: u16,
    end: impl FnOnce(&S) -> io::Result<()> + Send + 'static,
) {
    let mut server = TcpStream::connect(("127.0.0.1", target)).unwrap();
    let mut answers = server.try_clone().unwrap();
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut to);
        end(&to)
    });
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut server);
        server.shutdown(Shutdown::Write)
    });
}
