//! Starts while a node of a cluster is sealed, dead or dying.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::cluster::{SECRET_ID, cluster};
use crate::support::openbao::start_server;
use crate::support::tls::SniRecorder;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// The same with a login, which only the leader can do.
fn logging_in(vault: TestVault) -> TestVault {
    vault.without("VAULT_TOKEN").env("VAULT_ROLE_ID", "app").env("VAULT_SECRET_ID", SECRET_ID)
}

#[track_caller]
fn works(vault: &TestVault) {
    vault.environ().has("ONE", "1").has("TWO", "2").has("THREE", "3").stderr_is("");
}

#[test]
fn every_node_of_a_cluster_serves_a_start() {
    let cluster = cluster();
    for node in &cluster.nodes {
        works(&cluster.at(&node.host));
        // The token must be known to the node that the login came through, however late it hears of it.
        for _ in 0..10 {
            let outcome =
                logging_in(cluster.at(&node.host)).environ().has("ONE", "1").has("TWO", "2").has("THREE", "3");
            // A node that cannot reach the leader in time answers with 500, on a busy machine.
            let busy =
                outcome.stderr.starts_with("vault-exec: waiting for ") && outcome.stderr.contains("server error (500)");
            assert!(outcome.stderr.is_empty() || busy, "{}", outcome.stderr);
        }
    }
}

#[test]
fn a_redirect_of_a_standby_to_the_leader_is_followed() {
    let cluster = cluster();
    let relay = without_forwarding(cluster.standby().origin.trim_start_matches("http://").to_owned());
    let vault = logging_in(cluster.with(&format!("http://127.0.0.1:{relay}")));
    works(&vault);
    let leader = &cluster.nodes[cluster.leader().unwrap()].host;
    vault.args(["--disable-redirects"]).fails(&format!(
        "vault-exec: log in at auth/approle: {{addr}}: redirected to https://{leader}:{}, \
         but --disable-redirects is given\nhint: give the address of the server that answers; this one is from VAULT_ADDR\n",
        cluster.port
    ));
}

/// The port of a relay that adds `X-Vault-No-Request-Forwarding` to each request.
fn without_forwarding(target: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let target = target.clone();
            thread::spawn(move || -> io::Result<()> {
                let mut server = TcpStream::connect(&target)?;
                let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
                thread::spawn(move || {
                    let mut buffer = [0; 16 * 1024];
                    while let Ok(length @ 1..) = from.read(&mut buffer) {
                        // Each request comes in a piece of its own, or begins one.
                        let header = " HTTP/1.1\r\nX-Vault-No-Request-Forwarding: 1\r\n";
                        let text = String::from_utf8_lossy(&buffer[..length]).replacen(" HTTP/1.1\r\n", header, 1);
                        let _ = to.write_all(text.as_bytes());
                    }
                    let _ = to.shutdown(Shutdown::Write);
                });
                io::copy(&mut server, &mut client)?;
                client.shutdown(Shutdown::Both)
            });
        }
    });
    port
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn a_name_with_several_addresses_is_tried_at_each() {
    let cluster = cluster();
    // No node has 127.0.1.8 or 127.0.1.9.
    works(&cluster.named(["127.0.1.9", "127.0.1.8", "127.0.1.2"]));
    works(&cluster.named(["127.0.1.3", "127.0.1.9"]));
    let vault = cluster.named(["127.0.1.9", "127.0.1.8"]).args(["--timeout", "1s"]);
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let waiting = vault.fill("vault-exec: waiting for {addr}: connection refused (for 1s at most)\n");
    assert!(outcome.stderr.starts_with(&waiting), "{outcome}");
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn an_unresponsive_address_leaves_time_for_the_next() {
    let cluster = cluster();
    let hole = TcpListener::bind(("127.0.1.7", cluster.port)).unwrap();
    // A listener with a full queue accepts no connection.
    let address = hole.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
        queue.push(stream);
    }
    let start = Instant::now();
    works(&cluster.named(["127.0.1.7", "127.0.1.2"]));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn starts_succeed_while_the_leader_is_killed() {
    const STARTS: usize = 200;
    let mut cluster = cluster();
    let leader = cluster.leader().unwrap();
    let addresses: Vec<&str> = cluster.nodes.iter().map(|node| node.host.as_str()).collect();
    // The leader is the first address, so that every start notices its death.
    let order = [addresses[leader], addresses[(leader + 1) % 3], addresses[(leader + 2) % 3]];
    let next = AtomicUsize::new(0);
    let killed = Mutex::new(None);
    let results: Mutex<Vec<(Instant, Duration, String)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let with_token = cluster.named(order).args(["--timeout", "40s"]);
                let with_login = logging_in(with_token.clone());
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    if number >= STARTS {
                        break;
                    }
                    if number == STARTS / 4 {
                        cluster.nodes[leader].helper.kill();
                        *killed.lock().unwrap() = Some(Instant::now());
                    }
                    // Any node reads, only the leader logs in.
                    let vault = if number.is_multiple_of(2) { &with_token } else { &with_login };
                    let start = Instant::now();
                    let outcome = vault.environ().has("ONE", "1").has("TWO", "2").has("THREE", "3");
                    results.lock().unwrap().push((start, start.elapsed(), outcome.stderr));
                }
            });
        }
    });
    let (results, killed) = (results.into_inner().unwrap(), killed.into_inner().unwrap().unwrap());
    assert_eq!(results.len(), STARTS);
    let waited: Vec<_> = results.iter().filter(|(_, _, stderr)| !stderr.is_empty()).collect();
    let longest = results.iter().map(|(_, took, _)| *took).max().unwrap();
    let end = waited.iter().map(|(start, took, _)| *start + *took).max().unwrap_or(killed);
    let mut reasons: Vec<_> = waited.iter().map(|(_, _, stderr)| stderr.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    let told = format!(
        "fail-over: {STARTS} starts, all with the right values; {} had to wait, the longest start took {longest:.1?}, \
         the last wait ended {:.1?} after the kill; they said\n{}",
        waited.len(),
        end.saturating_duration_since(killed),
        reasons.concat()
    );
    io::stderr().write_all(told.as_bytes()).unwrap();
    // A token that the leader issued just before its death cannot be revoked, which is a warning.
    let unrevoked = "vault-exec: the login token could not be revoked and stays valid until it expires: ";
    for line in reasons.iter().flat_map(|reason| reason.lines()) {
        let waiting = line.starts_with("vault-exec: waiting for https://vault.test:");
        assert!(waiting || line.starts_with(unrevoked), "{line}");
    }

    let node = &mut cluster.nodes[leader];
    node.helper = start_server(&node.dir, &node.config);
    cluster.unseal(&cluster.nodes[leader]);
    cluster.settle();
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn after_a_sealed_node_the_next_address_is_tried() {
    let mut cluster = cluster();
    let leader = cluster.leader().unwrap();
    // A node is sealed after it was restarted. `HashiCorp` Vault does not seal a standby on request.
    let restarted = (leader + 1) % 3;
    let node = &mut cluster.nodes[restarted];
    node.helper.kill();
    wait_until("the end of a node", || node.api("").status("sys/seal-status").is_none());
    node.helper = start_server(&node.dir, &node.config);
    wait_until("a sealed node", || node.api("").status("sys/seal-status") == Some(200));
    let [sealed, other] = [restarted, (leader + 2) % 3].map(|index| &cluster.nodes[index]);
    let vault = cluster.named([&sealed.host, &other.host]).args(["--timeout", "20s"]);
    for vault in [vault.clone(), logging_in(vault)] {
        let waiting = vault.fill("vault-exec: waiting for {addr}: sealed or not ready (503) (for 20s at most)\n");
        vault.environ().has("ONE", "1").has("TWO", "2").has("THREE", "3").stderr_is(&waiting);
    }
    cluster.unseal(sealed);
    cluster.settle();
}

#[test]
fn an_unreachable_cluster_is_retried_until_the_timeout() {
    let cluster = cluster();
    let why = "{addr}: connection refused";
    let vault = cluster.at("127.0.1.9").args(["--timeout", "1s"]);
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let end = "; gave up after 1s (--timeout)\n\
               hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";
    let paths = "secret/a, secret/b";
    let _ = outcome
        .stderr_is(&format!("vault-exec: waiting for {why} (for 1s at most)\nvault-exec: read {paths}: {why}{end}"));
}

#[test]
fn each_path_takes_at_most_one_connection() {
    let cluster = cluster();
    let tap = SniRecorder::start("127.0.0.1", format!("127.0.1.1:{}", cluster.port));
    let vault = cluster.with(&format!("https://127.0.0.1:{}", tap.port)).args(["--tls-server-name", "vault.test"]);
    works(&vault);
    let names = tap.names();
    assert!(names.len() <= 2 && names.iter().all(|name| name.as_deref() == Some("vault.test")), "{names:?}");
}
