//! A cluster of three real nodes with raft and TLS.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, MutexGuard};

use serde_json::{Value, json};

use crate::support::api::{Api, text};
use crate::support::openbao::start_server;
use crate::support::process::{SupervisedProcess, free_port};
use crate::support::scratch::new_dir;
use crate::support::tls::{Authority, listener};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// A node of the cluster.
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) dir: PathBuf,
    pub(crate) config: String,
    /// Plain HTTP, for the tests alone.
    pub(crate) origin: String,
    pub(crate) helper: SupervisedProcess,
}

pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    ca: PathBuf,
    /// The same on every node, so that one name can have all addresses.
    pub(crate) port: u16,
    key: String,
    pub(crate) root: String,
}

pub(crate) const SECRET_ID: &str = "of-the-app";

/// One test at a time, because some of them seal or kill nodes.
pub(crate) fn cluster() -> MutexGuard<'static, Cluster> {
    static CLUSTER: LazyLock<Mutex<Cluster>> = LazyLock::new(|| Mutex::new(Cluster::start()));
    CLUSTER.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Node {
    pub(crate) fn api(&self, token: &str) -> Api {
        Api::new(&self.origin, token)
    }
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let dir = new_dir("cluster");
        let ours = Authority::new("ours");
        let ca = dir.join("ca");
        fs::write(&ca, ours.pem()).unwrap();
        let hosts = ["127.0.1.1", "127.0.1.2", "127.0.1.3"];
        let pair = ours.issue(&[&hosts[..], &["vault.test"]].concat());
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
                 unsafe_allow_api_audit_creation = true\n\
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
            let helper = start_server(&dir, &config);
            Node { host: (*host).to_owned(), origin: format!("http://{host}:{plain}"), dir, config, helper }
        };
        let nodes: Vec<Node> = hosts.iter().map(node).collect();
        let shares = json!({"secret_shares": 1, "secret_threshold": 1});
        let mut answer = Value::Null;
        wait_until("the first node", || match nodes[0].api("").try_put("sys/init", &shares) {
            Some((200, body)) => {
                answer = body;
                true
            }
            _ => false,
        });
        let cluster = Self { ca, port, key: text(&answer["keys_base64"][0]), root: text(&answer["root_token"]), nodes };
        cluster.unseal(&cluster.nodes[0]);
        wait_until("a leader", || cluster.leader().is_some());
        cluster.api().post("sys/storage/raft/autopilot/configuration", &json!({"server_stabilization_time": "1s"}));
        for node in &cluster.nodes[1..] {
            cluster.unseal(node);
        }
        cluster.api().post("sys/mounts/secret", &json!({"type": "kv", "options": {"version": "2"}}));
        cluster.api().write_secret("a", &json!({"one": "1", "two": "2"}));
        cluster.api().write_secret("b", &json!({"three": "3"}));
        cluster.api().post("sys/auth/approle", &json!({"type": "approle"}));
        let policy = "path \"secret/data/*\" { capabilities = [\"read\"] }";
        cluster.api().post("sys/policies/acl/app", &json!({ "policy": policy }));
        cluster.api().post("auth/approle/role/app", &json!({"token_policies": ["app"]}));
        cluster.api().post("auth/approle/role/app/role-id", &json!({"role_id": "app"}));
        cluster.api().post("auth/approle/role/app/custom-secret-id", &json!({"secret_id": SECRET_ID}));
        cluster.settle();
        cluster
    }

    pub(crate) fn unseal(&self, node: &Node) {
        let key = json!({ "key": self.key });
        wait_until("an unsealed node", || {
            let _ = node.api("").try_put("sys/unseal", &key);
            let state = node.api("").try_get("sys/seal-status");
            state.is_some_and(|(_, state)| state["sealed"] == false)
        });
    }

    /// Waits until each node is a voter and serves reads.
    pub(crate) fn settle(&self) {
        wait_until("three voters", || {
            let path = "sys/storage/raft/configuration";
            let answer = self.api().try_get(path);
            let servers = answer.and_then(|(_, body)| body["data"]["config"]["servers"].as_array().cloned());
            let servers = servers.unwrap_or_default();
            servers.len() == 3 && servers.iter().all(|server| server["voter"] == true)
        });
        for node in &self.nodes {
            wait_until("a node that answers", || {
                let answer = node.api(&self.root).try_get("secret/data/b");
                answer.is_some_and(|(code, body)| code == 200 && body["data"]["data"]["three"] == "3")
            });
        }
    }

    pub(crate) fn any(&self) -> &Node {
        &self.nodes[self.leader().unwrap_or(0)]
    }

    /// The node that reports itself as active.
    pub(crate) fn leader(&self) -> Option<usize> {
        let active = |node: &Node| node.api("").try_get("sys/health").is_some_and(|(code, _)| code == 200);
        self.nodes.iter().position(active)
    }

    pub(crate) fn standby(&self) -> &Node {
        let leader = self.leader().unwrap();
        &self.nodes[(leader + 1) % 3]
    }

    /// The API of the leader, with the root token.
    pub(crate) fn api(&self) -> Api {
        self.any().api(&self.root)
    }

    /// A call with this host, which may be a name for several nodes.
    pub(crate) fn at(&self, host: &str) -> TestVault {
        self.with(&format!("https://{host}:{}", self.port))
    }

    pub(crate) fn with(&self, address: &str) -> TestVault {
        TestVault::bare()
            .env("VAULT_ADDR", address)
            .env("VAULT_TOKEN", &self.root)
            .env("VAULT_CACERT", &self.ca)
            .args(["--path", "secret/a", "--path", "secret/b"])
    }

    /// A call with a name that has these addresses, in this order.
    pub(crate) fn named<const N: usize>(&self, addresses: [&str; N]) -> TestVault {
        let hosts = addresses.map(|address| format!("{address} vault.test\n")).concat();
        self.at("vault.test").file("hosts", hosts).with_mounts("mount --bind \"$HOME/hosts\" /etc/hosts")
    }
}
