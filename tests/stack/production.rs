//! The production file as it is: three nodes of which any may die, services that can start again at any time, and what
//! those get to see who watch, save, or break in.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};

use crate::compose::Compose;
use crate::docker::{self, Outcome, docker};

const NODES: [&str; 3] = ["vault-1", "vault-2", "vault-3"];

/// What a service starts with, and what the test needs beside it.
const UP: [&str; 5] = ["up", "--detach", "backend", "snapshot", "prometheus"];

/// The whole, up and running.
struct Production {
    compose: Compose,
    /// Where it is reached.
    backend: String,
    prometheus: String,
}

/// What the operator collects, and the token that he gets for it.
struct Operator {
    recovery_keys: Vec<String>,
    password: String,
    token: String,
}

#[test]
fn production_survives_the_loss_of_a_node_and_keeps_its_secrets() {
    let system = Production::up();
    let mut operator = system.collect();
    let secrets = system.secrets(&operator);

    system.has_three_voters(&operator);
    system.has_no_living_token_of_root(&operator);
    system.speaks_tls_to_those_who_know_its_authority();
    system.gives_a_secret_id_for_one_use();
    system.shows_its_jobs_no_secret();
    system.writes_down_who_read_but_not_what(&operator, &secrets);
    system.is_watched();
    system.is_saved_and_restored(&operator, &secrets);

    system.keeps("before the leader died");
    let leader = system.leader(&operator);
    docker(&["kill", &system.compose.container(leader)]);
    system.compose.ok(&["restart", "backend"]);
    system.keeps("after the leader died");
    assert_ne!(system.leader(&operator), leader);
    docker(&["start", &system.compose.container(leader)]);
    system.has_three_voters(&operator);

    // The nodes unseal themselves, nothing is set up twice, and what the services know still fits what Vault knows.
    system.compose.ok(&["stop"]);
    system.compose.ok(&UP);
    system.keeps("after everything was stopped");
    operator.token = system.log_in(&operator.password);
    system.has_three_voters(&operator);
    assert_eq!(system.secrets(&operator), secrets);
    assert_eq!(docker(&["logs", "--tail=1", &system.compose.container("vault-init")]), "there is a cluster");
}

impl Production {
    fn up() -> Self {
        let [backend, prometheus] = [free_port(), free_port()].map(|port| port.to_string());
        let variables = [("BACKEND_PORT", &*backend), ("PROMETHEUS_PORT", &*prometheus), ("SNAPSHOT_INTERVAL", "5")];
        let compose = Compose::new("compose.prod.yaml", &variables);
        compose.ok(&["build", "--quiet", "postgres", "minio", "backend"]);
        compose.ok(&UP);
        let [backend, prometheus] = [backend, prometheus].map(|port| format!("http://127.0.0.1:{port}"));
        Self { compose, backend, prometheus }
    }

    /// The server's own client, where it finds the server and knows its authority.
    fn call_bao(&self, token: &str, line: &str) -> Outcome {
        let token = format!("VAULT_TOKEN={token}");
        let words: Vec<_> = line.split(' ').collect();
        self.compose.call(&[&["exec", "-T", "-e", &token, "snapshot", "bao"], &words[..]].concat())
    }

    /// What it says, if all is well.
    #[track_caller]
    fn bao(&self, token: &str, line: &str) -> String {
        self.call_bao(token, line).exits(0).stdout.trim_end().to_owned()
    }

    /// Starts vault-exec as the backend starts, but with another program.
    fn vault_exec(&self, options: &[&str]) -> Outcome {
        self.compose.call(&[&["run", "--rm", "--no-deps", "-T"], options, &["backend", "true"]].concat())
    }

    /// As docker/README.md says. What was collected is there no more.
    fn collect(&self) -> Operator {
        let script = "cat /run/handover/handover && rm /run/handover/handover && ls -A /run/handover";
        let handover = self.compose.ok(&["run", "--rm", "-T", "operator", "-c", script]);
        let lines: Vec<_> = handover.lines().filter_map(|line| line.split_once(": ")).collect();
        let [(_, one), (_, two), (_, three), ("User", "operator"), ("Password", password)] = lines[..] else {
            panic!("{handover}");
        };
        let recovery_keys = [one, two, three].map(str::to_owned).into();
        Operator { recovery_keys, password: password.to_owned(), token: self.log_in(password) }
    }

    fn log_in(&self, password: &str) -> String {
        self.bao("", &format!("login -method=userpass -no-store -token-only username=operator password={password}"))
    }

    /// Each value that nobody may see.
    fn secrets(&self, operator: &Operator) -> Vec<String> {
        let mut secrets = Vec::new();
        for name in ["postgres", "redis", "minio", "backend", "airflow", "mlflow"] {
            let secret = json(&self.bao(&operator.token, &format!("kv get -format=json -mount=secret {name}")));
            let values = secret["data"]["data"].as_object().unwrap().values();
            secrets.extend(values.map(|value| value.as_str().unwrap().to_owned()).filter(|value| value.len() > 16));
        }
        assert!(secrets.len() > 15, "{}", secrets.len());
        secrets
    }

    /// Each of them has a vote, and has unsealed itself.
    fn has_three_voters(&self, operator: &Operator) {
        eventually("three voters", || {
            let peers = self.call_bao(&operator.token, "operator raft list-peers -format=json");
            let servers = json(&peers.stdout)["data"]["config"]["servers"].clone();
            let servers = servers.as_array().map_or(&[][..], |servers| servers);
            servers.len() == 3 && servers.iter().all(|server| server["voter"] == true)
        });
        for node in NODES {
            eventually("an unsealed node", || {
                let status = self.call_bao("", &format!("status -format=json -address=https://{node}:8200"));
                let status = json(&status.stdout);
                status["sealed"] == false && status["type"] == "static" && status["storage_type"] == "raft"
            });
        }
    }

    fn leader(&self, operator: &Operator) -> &'static str {
        let peers = json(&self.bao(&operator.token, "operator raft list-peers -format=json"));
        let servers = peers["data"]["config"]["servers"].as_array().unwrap();
        let leader = servers.iter().find(|server| server["leader"] == true).unwrap();
        NODES.into_iter().find(|node| leader["node_id"] == *node).unwrap()
    }

    fn has_no_living_token_of_root(&self, operator: &Operator) {
        let accessors = json(&self.bao(&operator.token, "list -format=json auth/token/accessors"));
        let mut policies = Vec::new();
        for accessor in accessors.as_array().unwrap() {
            let line = format!("token lookup -format=json -accessor {}", accessor.as_str().unwrap());
            // One or the other is gone by now.
            let Outcome { code: Some(0), stdout, .. } = self.call_bao(&operator.token, &line) else { continue };
            policies.push(json(&stdout)["data"]["policies"].clone());
        }
        assert!(policies.contains(&json!(["default", "operator"])), "{policies:?}");
        assert!(!policies.iter().any(|policies| policies.to_string().contains("root")), "{policies:?}");
    }

    fn speaks_tls_to_those_who_know_its_authority(&self) {
        let unwrap = "vault-exec: log in at auth/approle: unwrap the secret_id:";
        let plain = self.vault_exec(&["-e", "VAULT_EXEC_ADDRESS=http://vault:8200"]).exits(125);
        plain.says(&format!("{unwrap} http://vault:8200: the server speaks TLS\n"));

        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = std::env::temp_dir().join(docker::unique());
        fs::write(&file, authority.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
        let volume = format!("{}:/another.pem:ro", file.display());
        let outcome = self.vault_exec(&["-v", &volume, "-e", "VAULT_EXEC_CA_CERT=/another.pem"]);
        fs::remove_file(file).unwrap();
        outcome.exits(125).says(&format!(
            "{unwrap} https://vault:8200: the server's certificate is signed by an unknown \
                authority\n"
        ));
    }

    fn gives_a_secret_id_for_one_use(&self) {
        let issued =
            || self.compose.ok(&["exec", "-T", "secret-id-issuer", "cat", "/run/secret-ids/backend/secret_id"]);
        let wrapped = issued();
        let made_by = self.bao("", &format!("write -field=creation_path sys/wrapping/lookup token={wrapped}"));
        assert_eq!(made_by, "auth/approle/role/backend/secret-id");
        let given = format!("VAULT_SECRET_ID={wrapped}");
        // It is not the secret_id itself.
        self.vault_exec(&["-e", &given, "-e", "VAULT_EXEC_SECRET_ID_WRAPPED=false"]).exits(125);
        self.vault_exec(&[]).exits(0);
        let used = "unwrap the secret_id: the wrapping token is used up, expired or unknown to this server\n";
        self.vault_exec(&["-e", &given]).exits(125).says(used);
        eventually("another secret_id", || issued() != wrapped);
        self.vault_exec(&[]).exits(0);
    }

    /// Their certificates open no secret, nor each other's door, and who makes `secret_id`s cannot log in with them.
    fn shows_its_jobs_no_secret(&self) {
        let make = "bao write -force auth/approle/role/backend/secret-id";
        for (job, user, another) in [("secret-id-issuer", "65534", "snapshot"), ("snapshot", "100", "secret-id-issuer")]
        {
            // Somebody has broken in and has its certificate.
            let volume = format!("{}:/run/identity:ro", self.volume(&format!("identity-{job}")));
            let run = |line: &str| {
                let script = format!(
                    "export VAULT_CLIENT_CERT=/run/identity/client.pem VAULT_CLIENT_KEY=/run/identity/client.pem
                    VAULT_TOKEN=$(bao login -method=cert -no-store -token-only name={job}) || exit 9
                    export VAULT_TOKEN
                    {line}"
                );
                self.compose.call(&["run", "--rm", "-T", "--user", user, "-v", &volume, "operator", "-c", &script])
            };
            for line in ["bao read secret/data/backend", "bao read auth/approle/role/backend/role-id", make] {
                run(line).exits(2).says("permission denied");
            }
            run(&format!("bao login -method=cert -no-store -token-only name={another}")).exits(2);
            let wrapped = run(&make.replace("-force", "-force -wrap-ttl=60s"));
            assert_eq!(wrapped.code == Some(0), job == "secret-id-issuer", "{wrapped}");
        }
    }

    /// The engine's name for a volume.
    fn volume(&self, name: &str) -> String {
        let filter = format!("label=com.docker.compose.volume={name}");
        let project = docker(&[
            "inspect",
            "--format",
            "label=com.docker.compose.project={{index .Config.Labels \"com.docker.compose.project\"}}",
            &self.compose.container("backend"),
        ]);
        docker(&["volume", "ls", "--quiet", "--filter", &filter, "--filter", &project])
    }

    fn writes_down_who_read_but_not_what(&self, operator: &Operator, secrets: &[String]) {
        let audit = NODES.map(|node| self.compose.ok(&["exec", "-T", node, "cat", "/node/audit/audit.log"])).join("\n");
        let reads = audit.lines().map(json).filter(|entry| {
            entry["type"] == "response"
                && entry["request"]["path"] == "secret/data/backend"
                && entry["auth"]["metadata"]["role_name"] == "backend"
                && entry["response"]["data"]["data"]["postgres_password"].to_string().starts_with("\"hmac-sha256:")
        });
        assert_ne!(reads.count(), 0);
        let logs = self.compose.ok(&["logs"]);
        let containers = self.compose.ok(&["ps", "--all", "--quiet"]);
        let inspected = docker(&[&["inspect"], &containers.lines().collect::<Vec<_>>()[..]].concat());
        for secret in secrets.iter().chain(&operator.recovery_keys).chain([&operator.password]) {
            for (place, text) in [("the audit log", &audit), ("the logs", &logs), ("what inspect tells", &inspected)] {
                assert!(!text.contains(secret.as_str()), "a secret is in {place}");
            }
        }
    }

    fn is_watched(&self) {
        let ask =
            |path: &str| get(&format!("{}/api/v1/{path}", self.prometheus)).map_or(Value::Null, |text| json(&text));
        let value = |query: &str| ask(&format!("query?query={query}"))["data"]["result"][0]["value"][1].clone();
        eventually("metrics of three nodes", || value("sum(up%7Bjob=%22vault%22%7D)") == "3");
        eventually("one leader", || value("sum(vault_core_active)") == "1");
        eventually("the age of a snapshot", || value("count(prometheus_sd_file_mtime_seconds)") == "1");
        let rules = ask("rules")["data"]["groups"][0]["rules"].clone();
        let rules = rules.as_array().unwrap();
        assert!(rules.len() > 5 && rules.iter().all(|rule| rule["health"] != "err"), "{rules:?}");
        for check in [["check", "rules", "rules.yaml"], ["test", "rules", "rules-test.yaml"]] {
            let [verb, noun, file] = check;
            let file = format!("/etc/prometheus/{file}");
            self.compose.ok(&["exec", "-T", "prometheus", "promtool", verb, noun, &file]);
        }
        // Nothing else is behind this door.
        let script = "import http.client, ssl
tls = ssl.create_default_context(cafile='/run/ca/ca.pem')
for path in '/v1/sys/metrics', '/v1/sys/health':
    vault = http.client.HTTPSConnection('vault-1', 8210, context=tls)
    vault.request('GET', path)
    print(vault.getresponse().status)";
        let statuses = self.compose.ok(&["exec", "-T", "secret-id-issuer", "python3", "-c", script]);
        assert_eq!(statuses, "200\n404");
    }

    fn is_saved_and_restored(&self, operator: &Operator, secrets: &[String]) {
        let put = |value: &str| self.bao(&operator.token, &format!("kv put -mount=secret answer is={value}"));
        put("before-the-snapshot");
        let snapshot = self.next_snapshot();
        put("after-the-snapshot");

        let read = self.compose.call(&["exec", "-T", "snapshot", "tar", "-xzOf", &snapshot]).exits(0).stdout;
        assert!(read.contains("vault-1:8201"), "the wrapping can be read");
        let secrets = secrets.iter().map(String::as_str).chain(["before-the-snapshot"]);
        assert!(!secrets.into_iter().any(|secret| read.contains(secret)), "and so can a secret");

        // A standby does not pass it on: it seals itself and says that all is well.
        let leader = r#"-address="$(bao read -field=leader_address sys/leader)""#;
        let restore = format!("bao operator raft snapshot restore {leader} {snapshot}");
        let token = format!("VAULT_TOKEN={}", operator.token);
        self.compose.ok(&["run", "--rm", "-T", "-e", &token, "operator", "-c", &restore]);
        eventually("the value of the snapshot", || {
            self.call_bao(&operator.token, "kv get -mount=secret -field=is answer").stdout == "before-the-snapshot"
        });
    }

    /// One that is begun now.
    fn next_snapshot(&self) -> String {
        let newest = || {
            let list = self.compose.ok(&["exec", "-T", "snapshot", "ls", "/snapshots"]);
            list.lines().filter(|name| name.contains(".snap")).max().map(|name| format!("/snapshots/{name}"))
        };
        for _ in 0..2 {
            let before = newest();
            eventually("another snapshot", || newest() > before);
        }
        newest().unwrap()
    }

    /// The backend answers, writes this down where its credentials let it, and has what it wrote before.
    fn keeps(&self, note: &str) {
        eventually("the backend", || get(&format!("{}/health", self.backend)).is_ok());
        let (notes, object) = (format!("{}/notes", self.backend), format!("{}/objects/note", self.backend));
        let body = json!({ "text": note }).to_string();
        ureq::post(&notes).content_type("application/json").send(body).unwrap();
        ureq::put(&object).content_type("application/octet-stream").send(note).unwrap();
        let notes = get(&notes).unwrap();
        assert!(notes.contains("before the leader died") && notes.contains(note), "{notes}");
        assert_eq!(get(&object).unwrap(), note);
    }
}

fn get(url: &str) -> Result<String, ureq::Error> {
    ureq::get(url).call()?.body_mut().read_to_string()
}

/// What is none is null.
fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

#[track_caller]
fn eventually(what: &str, is_true: impl FnMut() -> bool) {
    docker::eventually(what, Duration::from_mins(2), is_true);
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
