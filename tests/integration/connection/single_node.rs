//! A real server that is not ready, and one that dies in a response. These are rows of [`crate::faults`].

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::support::api::Api;
use crate::support::openbao::start_server;
use crate::support::process::{RunningProcess, SupervisedProcess, free_port};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// A server that starts sealed and without data.
struct SingleNode {
    dir: PathBuf,
    config: String,
    origin: String,
}

impl SingleNode {
    fn new() -> (Self, SupervisedProcess) {
        let dir = new_dir("node");
        let (port, peers) = (free_port(), free_port());
        let config = format!(
            "storage \"raft\" {{\n  path = \"{}\"\n  node_id = \"alone\"\n  performance_multiplier = 1\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"http://127.0.0.1:{peers}\"\n\
             listener \"tcp\" {{\n  address = \"127.0.0.1:{port}\"\n  \
             cluster_address = \"127.0.0.1:{peers}\"\n  tls_disable = true\n}}\n",
            dir.display()
        );
        let node = Self { dir, config, origin: format!("http://127.0.0.1:{port}") };
        let process = node.start();
        (node, process)
    }

    fn api(&self, token: &str) -> Api {
        Api::new(&self.origin, token)
    }

    fn start(&self) -> SupervisedProcess {
        let process = start_server(&self.dir, &self.config);
        wait_until("a server", || self.api("").status("sys/seal-status").is_some());
        process
    }

    fn unseal(&self, key: &Value) {
        self.api("").try_put("sys/unseal", key);
        wait_until("an active server", || self.api("").status("sys/health") == Some(200));
    }

    /// Initializes it. Returns the body of an unseal request and the root token.
    fn initialize(&self) -> (Value, String) {
        let answer = self.api("").post("sys/init", &json!({"secret_shares": 1, "secret_threshold": 1}));
        (json!({ "key": answer["keys_base64"][0] }), answer["root_token"].as_str().unwrap().to_owned())
    }
}

/// A row of [`crate::faults`].
pub(crate) fn a_sealed_server_is_waited_for() {
    let (node, _process) = SingleNode::new();
    let origin = &node.origin;
    let vault = TestVault::bare().env("VAULT_ADDR", origin).args(["--path", "secret/a"]);
    let why = "{addr}: sealed or not ready (503)";
    let end = "gave up after 1s (--timeout); the server reports: Vault is sealed\n\
               hint: see `vault status` and the server's log; the address is from VAULT_ADDR\n";
    let fails = |vault: &TestVault| {
        vault
            .clone()
            .args(["--timeout", "1s"])
            .fails(&format!("vault-exec: waiting for {why} (for 1s at most)\nvault-exec: read secret/a: {why}; {end}"));
    };
    fails(&vault.clone().env("VAULT_TOKEN", "of-nobody"));

    let (key, root) = node.initialize();
    let vault = vault.env("VAULT_TOKEN", &root);
    fails(&vault);
    node.unseal(&key);
    node.api(&root).post("sys/mounts/secret", &json!({"type": "kv"}));
    node.api(&root).post("secret/a", &json!({"k": "v"}));
    vault.environ().has("K", "v").stderr_is("");
    node.api(&root).post("sys/seal", &json!({}));

    let mut command = vault.command(["printenv", "K"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut waiting = String::new();
    BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut waiting).unwrap();
    assert_eq!(waiting, vault.fill(&format!("vault-exec: waiting for {why} (for 1m at most)\n")));
    node.unseal(&key);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(0), &b"v\n"[..]));
}

/// A row of [`crate::faults`].
pub(crate) fn a_server_that_is_killed_in_an_answer_is_waited_for() {
    let (node, mut process) = SingleNode::new();
    let origin = &node.origin;
    let (key, root) = node.initialize();
    let value = "x".repeat(40_000);
    node.unseal(&key);
    node.api(&root).post("sys/mounts/secret", &json!({"type": "kv"}));
    node.api(&root).post("secret/a", &json!({"k": value}));

    let relay = killing(origin.trim_start_matches("http://").to_owned(), process.pid());
    let vault = TestVault::bare().env("VAULT_ADDR", format!("http://127.0.0.1:{relay}")).env("VAULT_TOKEN", &root);
    let vault = vault.args(["--path", "secret/a", "--kv", "1"]);
    let running = RunningProcess::start(vault.command(["printenv", "K"]));
    let cut = "the connection was closed before the response was complete";
    let waiting = vault.fill(&format!("vault-exec: waiting for {{addr}}: {cut} (for 1m at most)\n"));
    running.await_stderr(&waiting);
    process = {
        drop(process);
        node.start()
    };
    node.unseal(&key);
    let (status, stdout, stderr) = running.wait();
    assert_eq!((status.code(), stderr), (Some(0), waiting));
    assert!(stdout == value + "\n", "{} bytes", stdout.len());
    drop(process);
}

/// The port of a relay that kills the server after the first part of its first response.
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
