//! Dynamic credentials of a real database.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::support::api::{Api, policy, text};
use crate::support::canary::assert_no_secrets;
use crate::support::process::{dependency, free_port, spawn_supervised};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// Shared by all tests.
pub(crate) static POSTGRES: LazyLock<Postgres> = LazyLock::new(Postgres::start);

/// A real `PostgreSQL` server that ends with this process.
pub(crate) struct Postgres {
    pub(crate) port: u16,
    /// The directory of its sockets and of its `data`.
    pub(crate) sockets: PathBuf,
    _lifeline: ChildStdin,
}

impl Postgres {
    fn start() -> Self {
        let bin = dependency("postgres");
        let dir = new_dir("postgres");
        let user = fs::metadata("/proc/self").unwrap().uid();
        // PostgreSQL refuses to run as root.
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
        let postgres = Self { port, _lifeline: spawn_supervised(&mut supervisor), sockets: dir };
        wait_until("PostgreSQL", || postgres.asks("select 1").is_some());
        postgres
    }

    /// The result of a query by the superuser, if it succeeds.
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

/// A locked test vault with an `AppRole` that may also read credentials of the real database, from
/// `db-{kv}/creds/ROLE`. The first eight characters of `role` must be unique.
pub(crate) fn with_database(role: &str, token: &Value) -> TestVault {
    let (sockets, port) = (POSTGRES.sockets.display(), POSTGRES.port);
    let url = format!("postgresql:///postgres?host={sockets}&port={port}&user=postgres");
    let config = json!({"plugin_name": "postgresql-database-plugin", "allowed_roles": ["*"], "connection_url": url});
    let create = r#"create role "{{name}}" login password '{{password}}' valid until '{{expiration}}'"#;
    let settings = json!({"db_name": "main", "creation_statements": [create], "default_ttl": "1h", "max_ttl": "2h"});
    let vault = TestVault::locked_kv1()
        .posted("sys/mounts/db-{kv}", &json!({"type": "database"}))
        .posted("db-{kv}/config/main", &config)
        .posted(&format!("db-{{kv}}/roles/{role}"), &settings)
        .with_approle(token);
    let path = format!("db-{{kv}}/creds/{role}");
    let policy = [path.as_str(), "{kv}/a"].map(|path| text(&policy(path)["policy"])).join("\n");
    vault.post("sys/policies/acl/{kv}", &json!({"policy": policy}));
    let vault = vault.env("PGHOST", "127.0.0.1").env("PGPORT", port.to_string()).env("PGDATABASE", "postgres");
    vault.args(["--path", &path])
}

/// The number of users of the database that `with_database` made for this role: `v-approle-ROLE-…`.
pub(crate) fn database_users(role: &str) -> usize {
    let count = format!("select count(*) from pg_roles where rolname like 'v-approle-{role:.8}-%'");
    POSTGRES.asks(&count).unwrap().trim_end().parse().unwrap()
}

/// `psql` with user name and password of the secret.
pub(crate) const PSQL: [&str; 3] =
    ["sh", "-c", "PGUSER=$USERNAME PGPASSWORD=$PASSWORD exec psql -Atc 'select current_user'"];

fn leased(role: &str, ttl: &str) -> String {
    format!("vault-exec: db-{{kv}}/creds/{role}: the server revokes these values after {ttl}\n")
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn dynamic_credentials_work_in_the_program() {
    let vault = with_database("leased", &json!({"token_ttl": "3h"}));
    let outcome = vault.run(PSQL).exits(0).stderr_is(&leased("leased", "1h"));
    let user = String::from_utf8(outcome.stdout).unwrap();
    assert!(user.starts_with("v-approle-leased-"), "{user}");
    assert_eq!(database_users("leased"), 1);

    assert_eq!(vault.token_count(), 1, "the token lives on, or the lease would end with it");
    assert!(vault.requests().iter().all(|request| !request.contains("revoke")));
    assert!(!outcome.stderr.contains(user.trim_end()));

    let loud = vault.clone().args(["-vv", "--log-format", "json"]).run(PSQL).exits(0);
    assert_no_secrets(&vault, &loud);
    let warnings: Vec<Value> = loud.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned = warnings.iter().find(|line| line["level"] == "warn").unwrap();
    assert_eq!(format!("vault-exec: {}\n", text(&warned["message"])), vault.fill(&leased("leased", "1h")));

    // The database does check passwords.
    let wrong = ["sh", "-c", "PGUSER=$USERNAME PGPASSWORD=x exec psql -Atc 'select current_user' 2>/dev/null"];
    vault.run(wrong).exits(2);
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn a_token_with_a_lease_is_not_revoked() {
    let vault = with_database("given", &json!({"token_ttl": "3h"}));
    let token = text(&vault.post("auth/token/create", &json!({"policies": ["{kv}"]}))["auth"]["client_token"]);
    vault.clone().without("VAULT_ROLE_ID").env("VAULT_TOKEN", &token).run(PSQL).exits(0);
    assert!(Api::shared().knows(&token));
    vault.clone().args(["--path", "{kv}/a"]).run(PSQL).exits(0);
    assert!(vault.requests().iter().all(|request| !request.contains("revoke")));
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn a_failed_start_revokes_its_lease() {
    let vault = with_database("nothing", &json!({"token_ttl": "3h"}));
    // The server may keep credentials of a client that disconnects while they are made, so the other read fails later.
    let recorded = vault.clone();
    let failing = vault.args(["--path", "{kv}/absent"]).intercepted(move |request| {
        if request.path().ends_with("/absent") {
            wait_until("the credentials", || recorded.requests().iter().any(|request| request.contains("/creds/")));
        }
        None
    });
    failing.run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert_eq!(failing.token_count(), 0);
    wait_until("the end of the credentials", || database_users("nothing") == 0);
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn a_lease_ends_with_its_token() {
    let vault = with_database("capped", &json!({"token_ttl": "20m"}));
    vault.run(PSQL).exits(0).stderr_is(&leased("capped", "20m"));

    for kind in ["service", "batch"] {
        let name = format!("ends-{kind}");
        let vault = with_database(&name, &json!({"token_ttl": "4s", "token_type": kind}));
        let outcome = vault.run(PSQL).exits(0);
        // A second may pass between the login and the read.
        let known_lives = ["3s", "4s"].map(|ttl| vault.fill(&leased(&name, ttl)));
        assert!(known_lives.contains(&outcome.stderr), "{outcome}");
        assert_eq!(database_users(&name), 1);
        wait_until("the end of the credentials", || database_users(&name) == 0);
    }
}
