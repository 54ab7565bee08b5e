//! Credentials that the server makes for one start, from a real database.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::api::{Api, Door, discreet, eventually, policy, text};
use crate::support::vault::{Bed, free_port, new_dir, outliving_us};

/// One for the whole run.
pub(crate) static POSTGRES: LazyLock<Postgres> = LazyLock::new(Postgres::start);

/// A real `PostgreSQL` that ends when this process does, however that ends.
pub(crate) struct Postgres {
    pub(crate) port: u16,
    /// The directory of its sockets and of its `data`.
    pub(crate) sockets: PathBuf,
    _lifeline: ChildStdin,
}

impl Postgres {
    fn start() -> Self {
        let bin = postgres();
        let dir = new_dir("postgres");
        let user = fs::metadata("/proc/self").unwrap().uid();
        // It refuses to run as root.
        let as_postgres = if user == 0 { "setpriv --reuid=postgres --regid=postgres --clear-groups" } else { "" };
        let script = format!(
            r#"set -e
               cd "$0"
               [ -z "{as_postgres}" ] || chown postgres .
               {as_postgres} {bin}/initdb --auth-local=trust --auth-host=scram-sha-256 --username=postgres \
                   --no-sync --pgdata="$0/data" >"$0/log"
               {as_postgres} {bin}/postgres -D "$0/data" -p "$1" -h 127.0.0.1 -k "$0" -c fsync=off \
                   -c unix_socket_permissions=0777 </dev/null >>"$0/log" 2>&1 &
               server=$!
               read -r _ || true
               kill -QUIT $server
               wait || true
               rm -rf "$0""#
        );
        let port = free_port();
        let mut supervisor = Command::new("sh");
        supervisor.args(["-c", &script]).arg(&dir).arg(port.to_string());
        let postgres = Self { port, _lifeline: outliving_us(&mut supervisor), sockets: dir };
        eventually("PostgreSQL", || postgres.asks("select 1").is_some());
        postgres
    }

    /// What the database answers to its owner.
    pub(crate) fn asks(&self, sql: &str) -> Option<String> {
        let output = Command::new("psql")
            .arg("-h")
            .arg(&self.sockets)
            .args(["-p", &self.port.to_string(), "-U", "postgres", "-Atc", sql])
            .stderr(Stdio::null())
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }
}

/// The directory of its programs, installed if they are not there yet.
fn postgres() -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-deps/postgres.sh");
    let output = Command::new("sh").arg(script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The database engine in a namespace of its own, and an `AppRole` that may ask for credentials.
pub(crate) fn stage(name: &str, token: &Value) -> (Api, Bed) {
    let api = Api::shared().in_namespace(name);
    let (sockets, port) = (POSTGRES.sockets.display(), POSTGRES.port);
    let url = format!("postgresql:///postgres?host={sockets}&port={port}&user=postgres");
    let config = json!({"plugin_name": "postgresql-database-plugin", "allowed_roles": ["*"], "connection_url": url});
    let create = r#"create role "{{name}}" login password '{{password}}' valid until '{{expiration}}'"#;
    let role = json!({"db_name": "main", "creation_statements": [create], "default_ttl": "1h", "max_ttl": "2h"});
    api.post("sys/mounts/database", &json!({"type": "database"}));
    api.post("database/config/main", &config);
    api.post("database/roles/app", &role);
    let bed = Bed::locked_in(&api).with_approle_in(&api, token);
    let policy = ["database/creds/app", "secret/a"].map(|path| text(&policy(path)["policy"])).join("\n");
    api.post("sys/policies/acl/reader", &json!({"policy": policy}));
    let bed = bed.env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string()).env("PGDATABASE", "postgres");
    (api, bed.args(["--path", "database/creds/app"]))
}

/// How many of the credentials of this stage the database knows. Their names start with that of the stage.
pub(crate) fn known(stage: &str) -> usize {
    let count = format!("select count(*) from pg_roles where rolname like 'v-{stage:.8}%'");
    POSTGRES.asks(&count).unwrap().trim_end().parse().unwrap()
}

/// `psql` as whoever the secret says.
const PSQL: [&str; 3] = ["sh", "-c", "PGUSER=$USERNAME PGPASSWORD=$PASSWORD exec psql -Atc 'select current_user'"];

const LEASED: &str = "vault-exec: database/creds/app: the server takes these values back after 1h\n";

#[test]
fn a_database_knows_the_credentials_that_were_made_for_a_start() {
    let (api, bed) = stage("leased", &json!({"token_ttl": "3h"}));
    let before = api.accessors();
    let outcome = bed.run(PSQL).exits(0).stderr_is(LEASED);
    let user = String::from_utf8(outcome.stdout).unwrap();
    assert!(user.starts_with("v-leased-a-app-"), "{user}");
    assert_eq!(known("leased"), 1);

    assert_eq!(api.accessors(), before + 1, "the token lives on, or the lease would end with it");
    assert!(bed.requests().iter().all(|request| !request.contains("revoke")));
    assert!(!outcome.stderr.contains(user.trim_end()));

    let loud = bed.clone().args(["-vv", "--log-format", "json"]).run(PSQL).exits(0);
    discreet(&bed, &loud);
    let warnings: Vec<Value> = loud.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned = warnings.iter().find(|line| line["level"] == "warn").unwrap();
    assert_eq!(format!("vault-exec: {}\n", text(&warned["message"])), LEASED);

    // It also tells that the database minds passwords at all.
    let wrong = ["sh", "-c", "PGUSER=$USERNAME PGPASSWORD=x exec psql -Atc 'select current_user' 2>/dev/null"];
    bed.run(wrong).exits(2);
}

#[test]
fn a_lease_is_not_revoked_with_other_secrets_and_neither_with_a_given_token() {
    let (api, bed) = stage("given", &json!({"token_ttl": "3h"}));
    let token = text(&api.post("auth/token/create", &json!({"policies": ["reader"]}))["auth"]["client_token"]);
    bed.clone().without("VAULT_ROLE_ID").env("VAULT_TOKEN", &token).run(PSQL).exits(0);
    assert!(api.knows(&token));
    bed.clone().args(["--path", "secret/a"]).run(PSQL).exits(0);
    assert!(bed.requests().iter().all(|request| !request.contains("revoke")));
}

#[test]
fn a_lease_that_was_made_for_nothing_ends_with_its_token() {
    let (api, bed) = stage("nothing", &json!({"token_ttl": "3h"}));
    let failing = bed.args(["--path", "secret/absent"]);
    failing.run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert_eq!(api.accessors(), 0);
    eventually("the end of the credentials", || known("nothing") == 0);
}

#[test]
fn values_live_no_longer_than_the_token_they_hang_on() {
    let (_, bed) = stage("capped", &json!({"token_ttl": "20m"}));
    bed.run(PSQL).exits(0).stderr_is("vault-exec: database/creds/app: the server takes these values back after 20m\n");

    for kind in ["service", "batch"] {
        let name = format!("ends-{kind}");
        let (_, bed) = stage(&name, &json!({"token_ttl": "4s", "token_type": kind}));
        let outcome = bed.run(PSQL).exits(0);
        // The server counts from the login on, and by itself only for batch tokens.
        let known_lives = ["3s", "4s"].map(|life| LEASED.replace("1h", life));
        assert!(known_lives.contains(&outcome.stderr), "{outcome}");
        assert_eq!(known(&name), 1);
        eventually("the end of the credentials", || known(&name) == 0);
    }
}
