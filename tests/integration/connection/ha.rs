//! Three real nodes with raft and TLS, and what starts meet while one of them dies.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::fake_server::RunningProcess;
use crate::support::tls::{Authority, Helper, Tap, api, assert_root, listener, must, wait_until, write};
use crate::support::vault::{TestVault, free_port, new_dir};

/// One of the cluster.
struct Node {
    host: String,
    dir: PathBuf,
    config: String,
    /// Plain HTTP, for the tests alone.
    origin: String,
    helper: Helper,
}

struct Cluster {
    nodes: Vec<Node>,
    ca: PathBuf,
    /// The same on every node, so that one name can stand for all.
    port: u16,
    key: String,
    root: String,
}

const SECRET_ID: &str = "of-the-app";

/// One test at a time, because one of them takes a node away for a while.
fn cluster() -> MutexGuard<'static, Cluster> {
    static CLUSTER: LazyLock<Mutex<Cluster>> = LazyLock::new(|| Mutex::new(Cluster::start()));
    CLUSTER.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Cluster {
    fn start() -> Self {
        let dir = new_dir("cluster");
        let ours = Authority::new("ours");
        let ca = dir.join("ca");
        fs::write(&ca, &ours.pem).unwrap();
        let hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
        let pair = ours.issue(&[&hosts[..], &["vault.test"]].concat(), |_| {});
        let port = free_port();
        let joins = hosts.iter().fold(String::new(), |mut text, host| {
            let _ = write!(
                text,
                "retry_join {{\n leader_api_addr = \"https://{host}:{port}\"\n leader_ca_cert_file = \"{}\"\n}}\n",
                ca.display()
            );
            text
        });
        let node = |host: &&str| {
            let dir = dir.join(host);
            fs::create_dir_all(dir.join("raft")).unwrap();
            let (plain, peers, unused) = (free_port(), free_port(), free_port());
            let peers = format!("{host}:{peers}");
            let config = format!(
                "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"{host}\"\n  performance_multiplier = 1\n{joins}}}\n\
                 api_addr = \"https://{host}:{port}\"\ncluster_addr = \"https://{peers}\"\n\
                 listener \"tcp\" {{\n  address = \"{host}:{plain}\"\n  cluster_address = \"{host}:{unused}\"\n  \
                 tls_disable = true\n}}\n",
                dir.join("raft").display(),
            ) + &listener(
                &dir,
                "server",
                &format!("{host}:{port}"),
                &pair,
                &format!("cluster_address = \"{peers}\""),
            );
            let helper = Helper::bao(&dir, &config);
            Node { host: (*host).to_owned(), origin: format!("http://{host}:{plain}"), dir, config, helper }
        };
        let nodes: Vec<Node> = hosts.iter().map(node).collect();
        let first = &nodes[0].origin.clone();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let mut answer = Value::Null;
        wait_until("the first node", || match api(first, "", "PUT", "sys/init", &shares) {
            Ok((200, body)) => {
                answer = body;
                true
            }
            _ => false,
        });
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let cluster = Self { ca, port, key: text(&answer["keys_base64"][0]), root: text(&answer["root_token"]), nodes };
        cluster.unseal(&cluster.nodes[0]);
        wait_until("a leader", || cluster.leader().is_some());
        cluster.must("POST", "sys/storage/raft/autopilot/configuration", &json!({"server_stabilization_time": "1s"}));
        for node in &cluster.nodes[1..] {
            cluster.unseal(node);
        }
        cluster.must("POST", "sys/mounts/secret", &json!({"type": "kv", "options": {"version": "2"}}));
        write(first, &cluster.root, "a", &json!({"one": "1", "two": "2"}));
        write(first, &cluster.root, "b", &json!({"three": "3"}));
        cluster.must("POST", "sys/auth/approle", &json!({"type": "approle"}));
        let policy = "path \"secret/data/*\" { capabilities = [\"read\"] }";
        cluster.must("POST", "sys/policies/acl/app", &json!({ "policy": policy }));
        cluster.must("POST", "auth/approle/role/app", &json!({"token_policies": ["app"]}));
        cluster.must("POST", "auth/approle/role/app/role-id", &json!({"role_id": "app"}));
        cluster.must("POST", "auth/approle/role/app/custom-secret-id", &json!({"secret_id": SECRET_ID}));
        cluster.settle();
        cluster
    }

    fn unseal(&self, node: &Node) {
        let key = json!({ "key": self.key });
        wait_until("an unsealed node", || {
            let _ = api(&node.origin, "", "PUT", "sys/unseal", &key);
            let state = api(&node.origin, "", "GET", "sys/seal-status", &Value::Null);
            state.is_ok_and(|(_, state)| state["sealed"] == false)
        });
    }

    /// Waits until each node may vote and answers.
    fn settle(&self) {
        wait_until("three voters", || {
            let path = "sys/storage/raft/configuration";
            let answer = api(&self.any().origin, &self.root, "GET", path, &Value::Null);
            let servers = answer.ok().and_then(|(_, body)| body["data"]["config"]["servers"].as_array().cloned());
            let servers = servers.unwrap_or_default();
            servers.len() == 3 && servers.iter().all(|server| server["voter"] == true)
        });
        for node in &self.nodes {
            wait_until("a node that answers", || {
                let answer = api(&node.origin, &self.root, "GET", "secret/data/b", &Value::Null);
                answer.is_ok_and(|(code, body)| code == 200 && body["data"]["data"]["three"] == "3")
            });
        }
    }

    fn any(&self) -> &Node {
        &self.nodes[self.leader().unwrap_or(0)]
    }

    /// The node that is active, as it says itself.
    fn leader(&self) -> Option<usize> {
        let active =
            |node: &Node| api(&node.origin, "", "GET", "sys/health", &Value::Null).is_ok_and(|(code, _)| code == 200);
        self.nodes.iter().position(active)
    }

    fn standby(&self) -> &Node {
        let leader = self.leader().unwrap();
        &self.nodes[(leader + 1) % 3]
    }

    #[track_caller]
    fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        must(&self.any().origin, &self.root, method, path, body)
    }

    /// A vault at this host, which may be a name for several nodes.
    fn at(&self, host: &str) -> TestVault {
        self.with(&format!("https://{host}:{}", self.port))
    }

    fn with(&self, address: &str) -> TestVault {
        TestVault::bare()
            .env("VAULT_ADDR", address)
            .env("VAULT_TOKEN", &self.root)
            .env("VAULT_CACERT", &self.ca)
            .args(["--path", "secret/a", "--path", "secret/b"])
    }

    /// A vault at a name that has these addresses, in this order.
    fn named<const N: usize>(&self, addresses: [&str; N]) -> TestVault {
        assert_root();
        let hosts = addresses.map(|address| format!("{address} vault.test\n")).concat();
        let mount = "mount --bind \"$HOME/hosts\" /etc/hosts && exec \"$@\"";
        self.at("vault.test").file("hosts", hosts).under(["unshare", "--mount", "sh", "-c", mount, "sh"])
    }
}

/// The same with a login, which only the leader can do.
fn logging_in(vault: TestVault) -> TestVault {
    vault.without("VAULT_TOKEN").env("VAULT_ROLE_ID", "app").env("VAULT_SECRET_ID", SECRET_ID)
}

#[track_caller]
fn works(vault: &TestVault) {
    vault.environ().has("ONE", "1").has("TWO", "2").has("THREE", "3").stderr_is("");
}

#[test]
fn every_node_answers_whether_it_leads_or_stands_by() {
    let cluster = cluster();
    for node in &cluster.nodes {
        works(&cluster.at(&node.host));
        // The token must be known to the node that the login came through, however late it hears of it.
        for _ in 0..10 {
            works(&logging_in(cluster.at(&node.host)));
        }
    }
}

#[test]
fn a_standby_that_does_not_forward_sends_us_to_the_leader() {
    let cluster = cluster();
    let relay = without_forwarding(cluster.standby().origin.trim_start_matches("http://").to_owned());
    let vault = logging_in(cluster.with(&format!("http://127.0.0.1:{relay}")));
    works(&vault);
    let leader = &cluster.nodes[cluster.leader().unwrap()].host;
    vault.args(["--disable-redirects"]).fails(&format!(
        "vault-exec: log in at auth/approle: {{addr}}: redirected to https://{leader}:{}, \
         but --disable-redirects is given\nhint: give the address of the active server\n",
        cluster.port
    ));
}

/// A relay to a node that asks it not to forward, as no client does by itself. Tells its port.
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
fn a_name_with_several_addresses_is_tried_at_each() {
    let cluster = cluster();
    // Nobody listens at these two.
    works(&cluster.named(["127.0.1.9", "127.0.1.8", "127.0.1.2"]));
    works(&cluster.named(["127.0.1.3", "127.0.1.9"]));
    let vault = cluster.named(["127.0.1.9", "127.0.1.8"]).args(["--timeout", "1s"]);
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let waiting = vault.fill("vault-exec: waiting for {addr}: connection refused (for 1s at most)\n");
    assert!(outcome.stderr.starts_with(&waiting), "{outcome}");
}

#[test]
fn an_address_that_swallows_everything_leaves_time_for_the_next() {
    let cluster = cluster();
    let hole = TcpListener::bind(("127.0.1.7", cluster.port)).unwrap();
    // A listener whose queue is full answers nobody.
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
fn starts_go_on_while_the_leader_is_killed() {
    const STARTS: usize = 200;
    let mut cluster = cluster();
    let leader = cluster.leader().unwrap();
    let addresses: Vec<&str> = cluster.nodes.iter().map(|node| node.host.as_str()).collect();
    // The leader comes first, so that its death is met by everybody.
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
    // A token whose login was the last thing the leader did may outlive it, which is told.
    let unrevoked = "vault-exec: the token of the login could not be revoked and lives on until it expires: ";
    for line in reasons.iter().flat_map(|reason| reason.lines()) {
        let waiting = line.starts_with("vault-exec: waiting for https://vault.test:");
        assert!(waiting || line.starts_with(unrevoked), "{line}");
    }

    let node = &mut cluster.nodes[leader];
    node.helper = Helper::bao(&node.dir, &node.config);
    cluster.unseal(&cluster.nodes[leader]);
    cluster.settle();
}

#[test]
fn a_sealed_node_is_left_for_the_next_address() {
    let cluster = cluster();
    let leader = cluster.leader().unwrap();
    let [sealed, other] = [1, 2].map(|next| &cluster.nodes[(leader + next) % 3]);
    must(&sealed.origin, &cluster.root, "PUT", "sys/seal", &json!({}));
    let vault = cluster.named([&sealed.host, &other.host]).args(["--timeout", "20s"]);
    for vault in [vault.clone(), logging_in(vault)] {
        let waiting = vault.fill("vault-exec: waiting for {addr}: sealed or not ready (503) (for 20s at most)\n");
        vault.environ().has("ONE", "1").has("TWO", "2").has("THREE", "3").stderr_is(&waiting);
    }
    cluster.unseal(sealed);
    cluster.settle();
}

#[test]
fn a_dead_node_alone_is_waited_for_until_the_timeout() {
    let cluster = cluster();
    let why = "{addr}: connection refused";
    let vault = cluster.at("127.0.1.9").args(["--timeout", "1s"]);
    let outcome = vault.run(["echo", "the program was started"]).exits(125).stdout_is("");
    let end = "; gave up after 1s (--timeout)\n\
               hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";
    let expected = ["a", "b"].map(|name| {
        vault.fill(&format!(
            "vault-exec: waiting for {why} (for 1s at most)\nvault-exec: read secret/{name}: {why}{end}"
        ))
    });
    assert!(expected.contains(&outcome.stderr), "{outcome}");
}

/// A single server that is not unsealed, or not even initialized, yet.
struct Lonely {
    dir: PathBuf,
    config: String,
    origin: String,
}

impl Lonely {
    fn new() -> (Self, Helper) {
        let dir = new_dir("lonely");
        let (port, peers) = (free_port(), free_port());
        let config = format!(
            "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"alone\"\n  performance_multiplier = 1\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"http://127.0.0.1:{peers}\"\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
             cluster_address = \"127.0.0.1:{peers}\"\n  tls_disable = true\n}}\n",
            dir.display()
        );
        let lonely = Self { dir, config, origin: format!("http://127.0.0.1:{port}") };
        let helper = lonely.start();
        (lonely, helper)
    }

    fn start(&self) -> Helper {
        let helper = Helper::bao(&self.dir, &self.config);
        wait_until("a server", || api(&self.origin, "", "GET", "sys/seal-status", &Value::Null).is_ok());
        helper
    }

    fn unseal(&self, key: &Value) {
        must(&self.origin, "", "PUT", "sys/unseal", key);
        let health = || api(&self.origin, "", "GET", "sys/health", &Value::Null);
        wait_until("a server that leads", || health().is_ok_and(|(code, _)| code == 200));
    }

    /// Makes it ready for the first time: the key that unseals it, and the root token.
    fn initialize(&self) -> (Value, String) {
        let answer = must(&self.origin, "", "PUT", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1}));
        (json!({ "key": answer["keys_base64"][0] }), answer["root_token"].as_str().unwrap().to_owned())
    }
}

/// A row of [`crate::faults`].
pub(crate) fn a_sealed_server_is_waited_for() {
    let (lonely, _helper) = Lonely::new();
    let origin = &lonely.origin;
    let vault = TestVault::bare().env("VAULT_ADDR", origin).args(["--path", "secret/a"]);
    let why = "{addr}: sealed or not ready (503)";
    let end = "gave up after 1s (--timeout)\n\
               hint: `bao status` and the server's log tell more; the address is from VAULT_ADDR\n";
    let fails = |vault: &TestVault| {
        vault
            .clone()
            .args(["--timeout", "1s"])
            .fails(&format!("vault-exec: waiting for {why} (for 1s at most)\nvault-exec: read secret/a: {why}; {end}"));
    };
    fails(&vault.clone().env("VAULT_TOKEN", "of-nobody"));

    let (key, root) = lonely.initialize();
    let vault = vault.env("VAULT_TOKEN", &root);
    fails(&vault);
    lonely.unseal(&key);
    must(origin, &root, "POST", "sys/mounts/secret", &json!({"type": "kv"}));
    must(origin, &root, "POST", "secret/a", &json!({"k": "v"}));
    vault.environ().has("K", "v").stderr_is("");
    must(origin, &root, "PUT", "sys/seal", &Value::Null);

    let mut command = vault.command(["printenv", "K"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut waiting).unwrap();
    assert_eq!(waiting, vault.fill(&format!("vault-exec: waiting for {why} (for 1m at most)\n")));
    lonely.unseal(&key);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"v\n"[..]));
}

/// A row of [`crate::faults`].
pub(crate) fn a_server_that_is_killed_in_an_answer_is_waited_for() {
    let (lonely, mut helper) = Lonely::new();
    let origin = &lonely.origin;
    let (key, root) = lonely.initialize();
    let value = "x".repeat(40_000);
    lonely.unseal(&key);
    must(origin, &root, "POST", "sys/mounts/secret", &json!({"type": "kv"}));
    must(origin, &root, "POST", "secret/a", &json!({"k": value}));

    let relay = killing(origin.trim_start_matches("http://").to_owned(), helper.pid());
    let vault = TestVault::bare().env("VAULT_ADDR", format!("http://127.0.0.1:{relay}")).env("VAULT_TOKEN", &root);
    let vault = vault.args(["--path", "secret/a", "--kv", "1"]);
    let running = RunningProcess::start(vault.command(["printenv", "K"]));
    let cut = "the connection was closed before the answer was complete";
    let waiting = vault.fill(&format!("vault-exec: waiting for {{addr}}: {cut} (for 1m at most)\n"));
    running.await_stderr(&waiting);
    helper = {
        drop(helper);
        lonely.start()
    };
    lonely.unseal(&key);
    let (status, stdout, stderr) = running.end();
    assert_eq!((status.code(), stderr), (Some(0), waiting));
    assert!(stdout == value + "\n", "{} bytes", stdout.len());
    drop(helper);
}

/// A relay to a server that is killed when the first part of its first answer has gone through. Tells its port.
fn killing(target: String, server: Pid) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut alive = true;
        for mut client in listener.incoming().flatten() {
            let Ok(mut server_side) = TcpStream::connect(&target) else { continue };
            let (mut from, mut to) = (client.try_clone().unwrap(), server_side.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from, &mut to));
            if std::mem::take(&mut alive) {
                let mut piece = [0; 4096];
                server_side.read_exact(&mut piece).unwrap();
                client.write_all(&piece).unwrap();
                kill(server, Signal::SIGKILL).unwrap();
                let _ = client.shutdown(Shutdown::Both);
            } else {
                thread::spawn(move || io::copy(&mut server_side, &mut client));
            }
        }
    });
    port
}

#[test]
fn no_path_needs_more_than_one_connection() {
    let cluster = cluster();
    let tap = Tap::at("127.0.0.1", format!("127.0.1.1:{}", cluster.port));
    let vault = cluster.with(&format!("https://127.0.0.1:{}", tap.port)).args(["--tls-server-name", "vault.test"]);
    works(&vault);
    let names = tap.names();
    assert!(names.len() <= 2 && names.iter().all(|name| name.as_deref() == Some("vault.test")), "{names:?}");
}
