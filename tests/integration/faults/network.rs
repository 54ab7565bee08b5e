//! Faults of the network, of name resolution, of TLS handshakes and of certificates.

use std::any::Any;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use crate::connection::certificates::{CLOCK, NAME, NOT_THE_CA, refuses};
use crate::connection::resolver::{HOSTS, NSSWITCH, NameServer, answer, coded, with_resolv_conf};
use crate::connection::single_node;
use crate::faults::request::{Effect, Step, again, at_once, cut, expected, reset};
use crate::faults::{Row, Section, Trial, run_within};
use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, Reply, UNREACHABLE, set_linger_zero};
use crate::support::process::requires_root;
use crate::support::vault::TestVault;

/// A call, and the guards that live until it has ended.
type Setup = (TestVault, Vec<Box<dyn Any>>);

/// A fault of a read, tried with one attempt and with as many as the timeout allows.
fn row(name: &str, effect: &Effect, setup: impl Fn() -> Setup + Send + Sync + Clone + 'static) -> Row {
    let trial = |one_try: bool| {
        let (expected, setup, understood) =
            (expected(Step::Read, effect, one_try), setup.clone(), matches!(effect, Effect::Accepted));
        Trial {
            name: format!("{name}, one try: {one_try}"),
            waits: true,
            needs_root: false,
            check: Box::new(move || {
                let (vault, _guards) = setup();
                let timeout = format!("{}s", expected.timeout.as_secs());
                let vault = vault.args(["--timeout", &timeout]).args(one_try.then_some("--attempts=1"));
                let outcome = run_within(&vault, Duration::from_secs(if expected.is_short() { 2 } else { 10 }));
                let outcome = outcome.stderr_is(&expected.stderr);
                if understood {
                    let _ = outcome.exits(0).has("A", CANARY);
                } else {
                    let _ = outcome.exits(125).stdout_is("");
                }
            }),
        }
    };
    let [when, said] = effect.columns();
    Row { columns: vec![name.to_owned(), when, said], trials: vec![trial(true), trial(false)] }
}

/// A row with one trial.
fn single(name: &str, when: &str, said: &str, waits: bool, check: impl Fn() + Send + Sync + 'static) -> Row {
    let trial = Trial { name: name.to_owned(), waits, needs_root: false, check: Box::new(check) };
    Row { columns: vec![name.to_owned(), when.to_owned(), super::cell(said)], trials: vec![trial] }
}

/// Reads `secret/app` at this address.
fn at(address: impl Into<String>) -> TestVault {
    TestVault::bare().env("VAULT_ADDR", address.into()).env("VAULT_TOKEN", TOKEN).args([
        "--path",
        "secret/app",
        "--kv",
        "2",
    ])
}

/// Runs in a network namespace with the loopback device and what a line of shell adds.
fn alone(vault: TestVault, more: &str) -> TestVault {
    requires_root("this test makes a network namespace");
    let script = format!("ip link set lo up && {more} && exec \"$@\"");
    vault.under(["unshare", "--net", "--mount", "sh", "-c", &script, "sh"])
}

/// A network whose only neighbour takes every packet and never responds.
const HOLE: &str = "ip link add hole0 type veth peer name hole1 && ip addr add 10.9.0.1/24 dev hole0 && \
                    ip link set hole0 up && ip link set hole1 up && \
                    ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev hole0";

/// The last byte of the address of the next name server.
fn last() -> u8 {
    static NEXT: AtomicU8 = AtomicU8::new(100);
    NEXT.fetch_add(1, Ordering::SeqCst)
}

/// Looks `vault.test` up with these name servers.
fn named(name: &str, servers: Vec<NameServer>, options: &str) -> Setup {
    let fake = FakeServer::answering([Reply::secret(&[("a", CANARY)])]);
    let vault = at(format!("http://{name}:{}", fake.port()));
    let lines = servers.iter().map(|server| format!("nameserver {}\n", server.address)).collect::<Vec<_>>().concat();
    let vault = with_resolv_conf(vault, HOSTS, &format!("{lines}options {options}\n"), NSSWITCH);
    let mut guards: Vec<Box<dyn Any>> = vec![Box::new(fake)];
    guards.extend(servers.into_iter().map(|server| Box::new(server) as Box<dyn Any>));
    (vault, guards)
}

fn names() -> Vec<Row> {
    const USUAL: &str = "timeout:5 attempts:5";
    let not_found = |why: &str| Effect::Retried {
        why: why.into(),
        hint: "hint: check the name, and the name servers of this machine; the address is from VAULT_ADDR\n".into(),
    };
    let unknown = |name: &str| not_found(&format!("{name}: Name or service not known"));
    let failed = not_found("vault.test: Temporary failure in name resolution");
    let nobody = not_found("vault.test: No address associated with hostname");
    let replying = |reply: fn(&[u8]) -> Option<Vec<u8>>| {
        move || named("vault.test", vec![NameServer::new(last(), Duration::ZERO, reply)], "timeout:1 attempts:1")
    };
    vec![
        row("a name that nobody knows (NXDOMAIN)", &unknown("vault.invalid"), || {
            named("vault.invalid", vec![NameServer::knowing_vault_test(last())], USUAL)
        })
        .needing_root(),
        row("a name that has no address", &nobody, replying(|query| Some(coded(query, 0)))).needing_root(),
        row("SERVFAIL", &failed, replying(|query| Some(coded(query, 2)))).needing_root(),
        row("a name server that refuses (REFUSED)", &failed, replying(|query| Some(coded(query, 5)))).needing_root(),
        row("a name server that answers nonsense", &failed, replying(|_| Some(b"canary".to_vec()))).needing_root(),
        row("a name server that is not there", &failed, || {
            // musl does not notice that the port is closed: it waits for `timeout`.
            let (vault, mut guards) = named("vault.test", vec![NameServer::silent(last())], "timeout:1 attempts:1");
            let _gone = guards.pop();
            (vault, guards)
        })
        .needing_root(),
        row("no name server", &failed, || named("vault.test", vec![], "timeout:1 attempts:1")).needing_root(),
        row("a name server that never answers", &Effect::TimesOut, || {
            named("vault.test", vec![NameServer::silent(last())], USUAL)
        })
        .needing_root(),
        row("the first of two name servers never answers", &Effect::Accepted, || {
            named("vault.test", vec![NameServer::silent(last()), NameServer::knowing_vault_test(last())], USUAL)
        })
        .needing_root(),
        single("a name server that answers after 12 s", "accepted", LATE, true, || {
            let late = NameServer::new(last(), Duration::from_secs(12), |query| Some(answer(query)));
            let (vault, _guards) = named("vault.test", vec![late], "timeout:30 attempts:1");
            let outcome = run_within(&vault, Duration::from_secs(12));
            let _ = outcome.exits(0).has("A", CANARY).stderr_is(&format!("{LATE}\n"));
        })
        .needing_root(),
        row("a name server in a network that carries nothing", &Effect::TimesOut, || {
            let vault = at("http://vault.test:8200");
            let vault = with_resolv_conf(vault, HOSTS, &format!("nameserver 10.9.0.2\noptions {USUAL}\n"), NSSWITCH);
            let inner = "for file in hosts resolv.conf nsswitch.conf; do mount --bind \"$HOME/$file\" /etc/$file; done";
            (alone(vault, &format!("{HOLE} && {inner}")), vec![])
        })
        .needing_root(),
    ]
}

const LATE: &str = "vault-exec: waiting for {addr}: no response in time (for 1m at most)";

/// The port of a server that reads once and then runs this function.
fn peer(then: fn(TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind to the loopback");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let _ = client.read(&mut [0; 4096]);
            then(client);
        }
    });
    port
}

fn tls(name: &str, effect: &Effect, then: fn(TcpStream)) -> Row {
    row(name, effect, move || (at(format!("https://127.0.0.1:{}", peer(then))), vec![]))
}

fn handshakes() -> Vec<Row> {
    let not_tls = at_once(
        "the server does not speak TLS",
        "if the server uses plain HTTP, write http:// (the address is from VAULT_ADDR)",
    );
    let alert = at_once(
        "the server rejected the TLS handshake (HandshakeFailure)",
        "the server must support TLS 1.2 or 1.3, and may require --client-cert and --client-key",
    );
    vec![
        tls("closed instead of a handshake", &cut(), |client| drop(client.shutdown(Shutdown::Both))),
        tls("reset instead of a handshake", &reset(), |client| {
            set_linger_zero(client.as_raw_fd());
        }),
        tls("silence instead of a handshake", &Effect::TimesOut, |mut client| {
            thread::spawn(move || client.read_to_end(&mut Vec::new()));
        }),
        tls("HTTP instead of a handshake", &not_tls, |mut client| {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }),
        tls("SSH instead of a handshake", &not_tls, |mut client| {
            let _ = client.write_all(b"SSH-2.0-OpenSSH_9.9 canary\r\n");
        }),
        tls("an alert instead of a handshake", &alert, |mut client| {
            let _ = client.write_all(b"\x15\x03\x03\x00\x02\x02\x28");
        }),
        tls("closed in the handshake", &cut(), |mut client| {
            let _ = client.write_all(b"\x16\x03\x03\x00\x7a\x02\x00");
            let _ = client.shutdown(Shutdown::Write);
        }),
    ]
}

pub(super) fn section() -> Section {
    let refused = again("connection refused");
    let unreachable = |why: &str| again(why);
    let mut rows = vec![
        row("nobody listens", &refused, || (at("http://127.0.0.1:1"), vec![])),
        row("nobody listens, TLS", &refused, || (at("https://127.0.0.1:1"), vec![])),
        row("nobody listens at an IPv6 address", &refused, || (alone(at("http://[::1]:1"), "true"), vec![]))
            .needing_root(),
        row("no network", &unreachable("network unreachable"), || (alone(at("http://10.9.0.2:8200"), "true"), vec![]))
            .needing_root(),
        row("a router that knows no way", &unreachable("host unreachable"), || {
            (alone(at("http://10.9.0.2:8200"), "ip route add unreachable 10.9.0.0/24"), vec![])
        })
        .needing_root(),
        row("a router that forbids it", &unreachable("permission denied"), || {
            (alone(at("http://10.9.0.2:8200"), "ip route add prohibit 10.9.0.0/24"), vec![])
        })
        .needing_root(),
        row("a black hole in the routes", &unreachable("invalid argument"), || {
            (alone(at("http://10.9.0.2:8200"), "ip route add blackhole 10.9.0.0/24"), vec![])
        })
        .needing_root(),
        row("every packet is lost", &Effect::TimesOut, || (alone(at("http://10.9.0.2:8200"), HOLE), vec![]))
            .needing_root(),
        row("every packet is lost, TLS", &Effect::TimesOut, || (alone(at("https://10.9.0.2:8200"), HOLE), vec![]))
            .needing_root(),
        single("every packet is lost: a connection has 5 s", "retried", PATIENCE_OVER, true, || {
            let vault = alone(at("http://10.9.0.2:8200"), HOLE).args(["--attempts", "1"]);
            let outcome = run_within(&vault, Duration::from_secs(5)).exits(125).stdout_is("");
            let _ = outcome.stderr_is(&format!("{PATIENCE_OVER}\n{UNREACHABLE}"));
        })
        .needing_root(),
        single("silence: a request has 10 s", "retried", PATIENCE_OVER, true, || {
            let fake = FakeServer::answering([Reply::silence()]);
            let vault = at(fake.url()).args(["--attempts", "1"]);
            let outcome = run_within(&vault, Duration::from_secs(10)).exits(125).stdout_is("");
            let _ = outcome.stderr_is(&format!("{PATIENCE_OVER}\n{UNREACHABLE}"));
        }),
        row("a socket that is not there", &again("no such socket"), || (at("unix:///nowhere/agent.sock"), vec![])),
        row("a socket that nobody listens at", &refused, || {
            let vault = at("unix:///nowhere").file("agent.sock", "");
            (vault.env("VAULT_ADDR", "unix://{home}/agent.sock"), vec![])
        }),
    ];
    let sealed = "vault-exec: waiting for {addr}: sealed or not ready (503) (for 1m at most)";
    rows.push(single("a real server is not initialized, or sealed", "retried", sealed, true, || {
        single_node::a_sealed_server_is_waited_for();
    }));
    let killed =
        "vault-exec: waiting for {addr}: the connection was closed before the response was complete (for 1m at most)";
    rows.push(single("a real server is killed in an answer, and started again", "retried", killed, true, || {
        single_node::a_server_that_is_killed_in_an_answer_is_waited_for();
    }));
    rows.extend(names());
    rows.extend(handshakes());
    Section {
        title: "The network",
        about: "Tried by a read with `--attempts 1` and with `--timeout 2s`, some in network and mount namespaces. The messages \
                are those of the first section.",
        columns: &["the network", "result", "message"],
        rows,
    }
}

const PATIENCE_OVER: &str = "vault-exec: read secret/app: {addr}: no response in time; gave up after 1 attempt \
    (--attempts)";

/// An invalid certificate ends the start at once, after one connection to a real server.
fn certificate(name: &str, listener: &'static str, host: &'static str, why: &str, hint: &str) -> Row {
    let stderr = format!("{why}\n{hint}");
    let said = stderr.clone();
    single(name, "at once", &said, false, move || refuses(listener, host, &stderr))
}

pub(super) fn certificates() -> Section {
    let other = |names: &str, host: &str| format!("the server's certificate is for {names}, not for {host}");
    let unknown = "the server's certificate is signed by an unknown authority";
    Section {
        title: "The certificate",
        about: "Of a real server; one connection is made. A certificate that has expired or is not valid yet stands for a \
                wrong clock.",
        columns: &["the certificate is", "result", "message"],
        rows: vec![
            certificate("from an unknown authority", "theirs", "127.0.0.1", unknown, NOT_THE_CA),
            certificate("its own authority", "leaf", "127.0.0.1", unknown, NOT_THE_CA),
            certificate("expired", "expired", "127.0.0.1", "the server's certificate has expired", CLOCK),
            certificate("not valid yet", "early", "127.0.0.1", "the server's certificate is not valid yet", CLOCK),
            certificate("for another name", "other", "127.0.0.1", &other("other.test", "127.0.0.1"), NAME),
            certificate("for another name than a name", "other", "localhost", &other("other.test", "localhost"), NAME),
            certificate("for an address", "address", "localhost", &other("127.0.0.1", "localhost"), NAME),
            certificate("for no name", "nameless", "localhost", &other("no host", "localhost"), NAME),
        ],
    }
}
