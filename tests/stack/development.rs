//! The development file as it is, seen as its user sees it: every program works, with credentials that nobody sees, and
//! rotation, rollback and a Vault that is away are no surprise.

use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::compose::Compose;
use crate::docker::{Outcome, docker, eventually};
use crate::http::{basic, escaped, get, parse, post, status};

/// Each service that has a credential, the role it logs in by, and what its first process is in the end.
const SERVICES: [(&str, &str, &str); 10] = [
    ("postgres", "postgres", "postgres"),
    ("redis", "redis", "redis-server *:6379"),
    ("minio", "minio", "/data"),
    ("backend", "backend", "uvicorn app.main:app"),
    ("mlflow", "mlflow", "mlflow server"),
    ("airflow-webserver", "airflow", "airflow api"),
    ("airflow-scheduler", "airflow", "airflow scheduler"),
    ("airflow-dag-processor", "airflow", "airflow dag-processor"),
    ("airflow-worker", "airflow", "celery"),
    ("flower", "airflow", "airflow celery flower"),
];

const ROLES: [&str; 6] = ["postgres", "redis", "minio", "backend", "airflow", "mlflow"];

/// A service that does its work, and a job that has done it.
const READY: [&str; 2] = ["running healthy", "exited 0"];

/// Others use the machine, too.
const PATIENCE: Duration = Duration::from_mins(5);

#[test]
fn development_works_as_its_user_sees_it() {
    let mut system = Development::up();
    system.backend_uses_its_credentials("HS256");
    system.dag_uses_its_credentials_on_the_worker();
    system.flower_wants_the_password();
    system.roles_read_their_own_secret_alone();
    system.programs_took_over();

    let before = system.secrets();
    system.rotates_and_rolls_back();
    system.init_again_changes_nothing();
    system.stops_at_once_and_waits_for_vault();
    // What was there before the rotation, too.
    system.shows_no_secret(&[before, system.secrets()].concat());
}

/// The whole, up and healthy.
struct Development {
    compose: Compose,
    /// Where they are reached.
    backend: String,
    airflow: String,
    flower: String,
    mlflow: String,
}

/// Tells what is wrong, before all of it is taken down.
impl Drop for Development {
    fn drop(&mut self) {
        if thread::panicking() {
            say(&self.compose.ok(&["ps", "--all"]));
            for (service, state) in self.states() {
                if !READY.contains(&&*state) {
                    say(&self.logs(&["--tail=40", &service]));
                }
            }
        }
    }
}

impl Development {
    /// All of it, and one service before there is any Vault: it must come up in the end like the others.
    fn up() -> Self {
        let names = ["VAULT_PORT", "BACKEND_PORT", "AIRFLOW_PORT", "FLOWER_PORT", "MLFLOW_PORT"];
        let ports = free_ports::<5>();
        let variables: Vec<_> = names.into_iter().zip(ports.iter().map(String::as_str)).collect();
        let url = |index: usize| format!("http://127.0.0.1:{}", ports[index]);
        let compose = Compose::new("compose.yaml", &variables);
        let system = Self { compose, backend: url(1), airflow: url(2), flower: url(3), mlflow: url(4) };

        say("build");
        system.compose.ok(&["build", "--quiet"]);
        say("start the backend alone");
        system.compose.ok(&["up", "--detach", "--no-deps", "backend"]);
        eventually("the backend finds no Vault", PATIENCE, || system.logs(&["backend"]).contains("vault-exec: "));
        say("start the rest");
        system.compose.ok(&["up", "--detach"]);
        let mut told = 0;
        eventually("everything is healthy", PATIENCE, || {
            let states = system.states();
            let ready = states.iter().filter(|(_, state)| READY.contains(&&**state)).count();
            if ready > told {
                say(&format!("{ready} of {} are ready", states.len()));
                told = ready;
            }
            ready == states.len()
        });
        system
    }

    /// Each service, whether it runs, and its health or, where it has none, its exit code.
    fn states(&self) -> Vec<(String, String)> {
        let containers = self.compose.ok(&["ps", "--all", "--quiet"]);
        let format = r#"{{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.ExitCode}}{{end}}"#;
        let lines = docker(&[&["inspect", "--format", format], &containers.lines().collect::<Vec<_>>()[..]].concat());
        lines.lines().filter_map(|line| line.split_once(' ')).map(|(name, state)| (name.into(), state.into())).collect()
    }

    fn logs(&self, options: &[&str]) -> String {
        let Outcome { stdout, stderr, .. } = self.compose.call(&[&["logs"], options].concat());
        stdout + &stderr
    }

    /// The token of root lies beside the server, for its own client alone.
    fn in_vault(&self, script: &str) -> String {
        self.compose.ok(&["exec", "-T", "vault", "sh", "-euc", script])
    }

    fn secret(&self, name: &str) -> Value {
        parse(&self.in_vault(&format!("bao kv get -format=json -mount=secret {name}")))["data"].clone()
    }

    /// Each value that nobody may see. A name or an algorithm is none.
    fn secrets(&self) -> Vec<String> {
        let value = |value: &Value| value.as_str().unwrap().to_owned();
        let values = ROLES.iter().flat_map(|name| {
            let secret = self.secret(name);
            secret["data"].as_object().unwrap().values().map(value).collect::<Vec<_>>()
        });
        let secrets: Vec<_> = values.filter(|value| value.len() > 16).collect();
        assert!(secrets.len() > 20, "{} secrets", secrets.len());
        secrets
    }

    /// Writes and reads in the database and in S3, signs and verifies.
    fn backend_uses_its_credentials(&self, algorithm: &str) {
        say("the backend");
        let note = format!("signed with {algorithm}");
        let written = post(&format!("{}/notes", self.backend), None, &json!({ "text": note })).unwrap();
        assert_eq!(written["text"], note);
        let notes = get(&format!("{}/notes", self.backend), None).unwrap();
        assert!(parse(&notes).as_array().unwrap().contains(&written), "{notes}");

        let object = format!("{}/objects/{algorithm}", self.backend);
        ureq::put(&object).content_type("application/octet-stream").send(&note).unwrap();
        assert_eq!(get(&object, None).unwrap(), note);

        let token = post(&format!("{}/token", self.backend), None, &json!({ "subject": "somebody" })).unwrap();
        let token = token["access_token"].as_str().unwrap();
        let header = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
        assert_eq!(parse(str::from_utf8(&header).unwrap())["alg"], algorithm);
        let whoami = |token: &str| get(&format!("{}/whoami", self.backend), Some(&format!("Bearer {token}")));
        assert_eq!(parse(&whoami(token).unwrap())["sub"], "somebody");
        assert_eq!(status(whoami(&format!("{token}x"))), 401);
    }

    fn dag_uses_its_credentials_on_the_worker(&self) {
        say("a DAG");
        let secret = self.secret("airflow");
        let log_in = |password: &str| {
            let body = json!({ "username": secret["data"]["admin_user"], "password": password });
            post(&format!("{}/auth/token", self.airflow), None, &body)
        };
        assert_eq!(status(log_in("wrong")), 401);
        assert!(get(&self.airflow, None).unwrap().contains("<title>Airflow"));
        let token = log_in(secret["data"]["admin_password"].as_str().unwrap()).unwrap();
        let bearer = format!("Bearer {}", token["access_token"].as_str().unwrap());
        let dag = format!("{}/api/v2/dags/credentials_at_work", self.airflow);
        let ask = |path: &str| get(&format!("{dag}{path}"), Some(&bearer)).map_or(Value::Null, |text| parse(&text));

        eventually("Airflow has read the DAG", PATIENCE, || ask("")["dag_id"].is_string());
        let run = post(&format!("{dag}/dagRuns"), Some(&bearer), &json!({ "logical_date": null })).unwrap();
        let run = run["dag_run_id"].as_str().unwrap();
        let path = format!("/dagRuns/{}", escaped(run));
        let mut state = Value::Null;
        eventually("the DAG has run", PATIENCE, || {
            state = ask(&path)["state"].clone();
            state == "success" || state == "failed"
        });
        assert_eq!(state, "success");

        let tasks = ask(&format!("{path}/taskInstances"))["task_instances"].clone();
        let worker = self.compose.container("airflow-worker");
        for task in tasks.as_array().unwrap() {
            assert!(worker.starts_with(task["hostname"].as_str().unwrap()), "{task}");
        }
        let query = format!("SELECT count(*) FROM proof WHERE run = '{run}'");
        let rows = self.compose.ok(&["exec", "-T", "postgres", "psql", "-Upostgres", "-dairflow", "-tAc", &query]);
        assert_eq!(rows, "1");
        // MLflow keeps it in S3, where what the DAG put there went, too.
        let logged = ask(&format!("{path}/taskInstances/log/xcomEntries/return_value"))["value"].clone();
        let artifact = format!("{}/get-artifact?path=proof.txt&run_uuid={}", self.mlflow, logged.as_str().unwrap());
        assert_eq!(get(&artifact, None).unwrap(), run);
    }

    fn flower_wants_the_password(&self) {
        say("flower");
        let workers = format!("{}/api/workers?refresh=1", self.flower);
        assert_eq!(status(get(&workers, None)), 401);
        assert_eq!(status(get(&workers, Some(&basic("admin", "wrong")))), 401);
        let password = self.secret("airflow")["data"]["admin_password"].as_str().unwrap().to_owned();
        let workers = get(&workers, Some(&basic("admin", &password))).unwrap();
        assert!(workers.contains("celery@"), "{workers}");
    }

    /// Not by root's token, but by what each service has.
    fn roles_read_their_own_secret_alone(&self) {
        say("the policies");
        let roles = ROLES.join(" ");
        let table = self.in_vault(&format!(
            "for role in {roles}; do
                token=$(bao write -field=token auth/approle/login role_id=$role secret_id=@/run/vault/$role/secret_id)
                [ $(VAULT_TOKEN=$token bao token lookup -field=ttl) -le 60 ]
                for name in {roles}; do
                    VAULT_TOKEN=$token bao kv get -mount=secret $name >/dev/null 2>/tmp/said && echo $role $name read ||
                        echo $role $name $(grep Code: /tmp/said)
                done
                VAULT_TOKEN=$token bao kv put -mount=secret $role a=b >/dev/null 2>&1 && echo $role may write
                VAULT_TOKEN=$token bao token revoke -self >/dev/null
            done"
        ));
        let expected = ROLES.iter().flat_map(|role| {
            ROLES.map(|name| format!("{role} {name} {}", if name == *role { "read" } else { "Code: 403. Errors:" }))
        });
        assert_eq!(table.lines().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    fn programs_took_over(&self) {
        say("the processes");
        for (service, role, program) in SERVICES {
            let container = self.compose.container(service);
            let table = docker(&["top", &container, "-o", "pid,args"]);
            let processes: Vec<_> = table.lines().skip(1).collect();
            assert!(!table.contains("vault-exec"), "{table}");
            // The first process need not have the lowest number: the kernel starts again once it has given out them all.
            let first = docker(&["inspect", "--format", "{{.State.Pid}}", &container]);
            let is_first = |row: &&&str| row.split_whitespace().next() == Some(first.trim());
            assert!(processes.iter().find(is_first).is_some_and(|row| row.contains(program)), "{first}{table}");
            assert!(service != "backend" || processes.len() == 1, "{table}");
            let own = format!("VAULT_EXEC_ROLE_ID={role}");
            assert!(docker(&["inspect", "--format", "{{.Config.Env}}", &container]).contains(&own));
        }
    }

    /// As docker/README.md says.
    fn rotates_and_rolls_back(&mut self) {
        say("a rotation");
        let old = self.secret("backend")["data"]["postgres_password"].as_str().unwrap().to_owned();
        let new = self.in_vault("bao write -field=random_bytes sys/tools/random/24 format=base64");
        self.backend_has_password(&new);
        self.in_vault(&format!(
            "bao kv patch -mount=secret postgres backend_password={new}
            bao kv patch -mount=secret backend postgres_password={new} jwt_algorithm=HS512"
        ));
        self.compose.ok(&["restart", "backend"]);
        self.backend_answers();
        self.backend_uses_its_credentials("HS512");

        say("back to the first version");
        self.backend_has_password(&old);
        self.compose.set("BACKEND_SECRET_VERSION", "@1");
        self.compose.ok(&["up", "--detach", "--no-deps", "backend"]);
        self.backend_answers();
        self.backend_uses_its_credentials("HS256");

        say("and forward again");
        self.backend_has_password(&new);
        self.compose.set("BACKEND_SECRET_VERSION", "");
        self.compose.ok(&["up", "--detach", "--no-deps", "backend"]);
        self.backend_answers();
        self.backend_uses_its_credentials("HS512");
    }

    fn backend_has_password(&self, password: &str) {
        let alter = format!("ALTER ROLE backend PASSWORD '{password}'");
        self.compose.ok(&["exec", "-T", "postgres", "psql", "-Upostgres", "-qc", &alter]);
    }

    fn backend_answers(&self) {
        eventually("the backend answers", PATIENCE, || get(&format!("{}/health", self.backend), None).is_ok());
    }

    fn init_again_changes_nothing(&self) {
        say("vault-init again");
        let state = || {
            let secrets = ROLES.map(|name| self.secret(name));
            (
                secrets,
                self.in_vault("sha256sum /run/vault/*/secret_id; bao auth list; bao secrets list; bao policy list"),
            )
        };
        let before = state();
        self.compose.ok(&["run", "--rm", "--no-deps", "-T", "vault-init"]);
        assert_eq!(state(), before);

        // Only a secret_id that is of no use any more, as after a restart of Vault; and to try it often shuts nobody out.
        let log_in = "bao write auth/approle/login role_id=redis secret_id=@/run/vault/redis/secret_id";
        self.in_vault(&format!(
            "echo another >/run/vault/redis/secret_id; for _ in 1 2 3 4 5 6; do ! {log_in} 2>/dev/null || exit 1; done"
        ));
        self.compose.ok(&["run", "--rm", "--no-deps", "-T", "vault-init"]);
        self.in_vault(log_in);
    }

    /// Its network is cut, because a dev server that is stopped forgets everything.
    fn stops_at_once_and_waits_for_vault(&self) {
        say("the end of the backend");
        let (backend, vault) = (self.compose.container("backend"), self.compose.container("vault"));
        stops_at_once(&backend, |_| get(&format!("{}/health", self.backend), None).is_ok());

        say("the backend without Vault");
        let networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}";
        let network = docker(&["inspect", "--format", networks, &vault]);
        docker(&["network", "disconnect", &network, &vault]);
        let waits = |since: &str| self.logs(&["--since", since, "backend"]).contains("vault-exec: waiting for");
        stops_at_once(&backend, waits);
        let since = start(&backend);
        eventually("it waits", PATIENCE, || waits(&since));
        docker(&["network", "connect", "--alias", "vault", &network, &vault]);
        self.backend_answers();
        self.backend_uses_its_credentials("HS512");
    }

    /// In whatever encoding.
    fn shows_no_secret(&self, secrets: &[String]) {
        say("what can be seen from outside");
        let containers = self.compose.ok(&["ps", "--all", "--quiet"]);
        let containers: Vec<_> = containers.lines().collect();
        let images = docker(&[&["inspect", "--format", "{{.Image}}"], &containers[..]].concat());
        let images: Vec<_> = images.lines().collect();
        let mut seen = vec![
            ("docker inspect", docker(&[&["inspect"], &containers[..]].concat())),
            ("docker image inspect", docker(&[&["image", "inspect"], &images[..]].concat())),
            ("docker compose config", self.compose.ok(&["config"])),
            ("docker compose logs", self.logs(&[])),
        ];
        seen.extend(images.iter().map(|image| ("docker history", docker(&["history", "--no-trunc", image]))));
        let running = self.compose.ok(&["ps", "--quiet"]);
        seen.extend(running.lines().map(|container| ("docker top", docker(&["top", container, "-o", "pid,args"]))));
        assert!(seen.iter().all(|(_, text)| text.len() > 20));
        let credentials =
            self.in_vault("for file in /run/root/.vault-token /run/vault/*/secret_id; do cat $file; echo; done");
        let credentials: Vec<_> = credentials.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        assert_eq!(credentials.len(), 1 + ROLES.len());
        for secret in secrets.iter().chain(&credentials) {
            for form in [secret.clone(), escaped(secret), BASE64_STANDARD.encode(secret)] {
                for (place, text) in &seen {
                    assert!(!text.contains(&form), "a secret is in {place}");
                }
            }
        }
    }
}

/// Progress, for whoever waits; the harness holds back what is merely printed.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "development: {text}");
}

/// Gives the time before. The one that Docker has is later than what vault-exec writes first.
fn start(container: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    docker(&["start", container]);
    now.as_secs_f64().to_string()
}

/// Docker kills what does not stop within 10 s. Others use the machine, too: one of three times is enough.
fn stops_at_once(container: &str, is_ready: impl Fn(&str) -> bool) {
    let mut took = Duration::MAX;
    for _ in 0..3 {
        let since = start(container);
        eventually("it runs", PATIENCE, || is_ready(&since));
        let begin = Instant::now();
        docker(&["stop", container]);
        took = took.min(begin.elapsed());
        assert_ne!(docker(&["inspect", "--format", "{{.State.ExitCode}}", container]), "137");
    }
    assert!(took < Duration::from_secs(2), "it took {took:?}");
}

/// Ports of the loopback that nobody listens on, below those that the kernel gives to connections: so they are still
/// free when a container that was stopped is started again.
fn free_ports<const N: usize>() -> [String; N] {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let mut free = (first..32_768).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    std::array::from_fn(|_| free.next().unwrap().to_string())
}
