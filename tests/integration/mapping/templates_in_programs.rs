//! Templates and files as real programs use them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::LazyLock;

use crate::auth::lease::POSTGRES;
use crate::support::process::dependency;
use crate::support::scratch::TmpfsDir;
use crate::support::tls::Authority;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// A password that a URL must not be taken in by.
const PASSWORD: &str = "p@ss:/?#%";

/// Where `SQLAlchemy` is imported from, fetched if it is not there yet.
static SQLALCHEMY: LazyLock<String> = LazyLock::new(|| dependency("sqlalchemy"));

fn app() -> TestVault {
    TestVault::kv2().secret("app", [("user", "me"), ("password", PASSWORD)]).path("app")
}

#[test]
fn sqlalchemy_reads_a_composed_url() {
    let line = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=\
                postgresql+psycopg2://{postgres_user|url}:{postgres_password|url}@postgres/{postgres_db}";
    let script = "import os, sqlalchemy.engine\n\
                  url = sqlalchemy.engine.make_url(os.environ['AIRFLOW__DATABASE__SQL_ALCHEMY_CONN'])\n\
                  print(url.drivername, url.username, url.password, url.host, url.port, url.database, sep='\\n', end='')";
    let all: String = (' '..='~').collect();
    for vault in TestVault::each() {
        for (user, password) in [("airflow", PASSWORD), ("air flow@", &all), ("é", "100%+1 ü\t\u{1f511}")] {
            let keys = [("postgres_user", user), ("postgres_password", password), ("postgres_db", "airflow")];
            let vault = vault.clone().secret("airflow", keys).path("airflow").args(["--set", line]);
            let vault = vault.env("PYTHONPATH", &*SQLALCHEMY).env("PYTHONUTF8", "1");
            let read = format!("postgresql+psycopg2\n{user}\n{password}\npostgres\nNone\nairflow");
            vault.run(["python3", "-c", script]).exits(0).stdout_is(read).stderr_is("");
        }
    }
}

/// A user of the real database, and a test vault whose programs connect to it.
fn database(role: &str, password: &str) -> TestVault {
    POSTGRES.asks(&format!("create role {role} login password '{password}'")).unwrap();
    TestVault::kv2()
        .secret("db", [("user", role), ("password", password)])
        .path("db")
        .args(["--explicit"])
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", POSTGRES.port.to_string())
        .env("PGDATABASE", "postgres")
        .env("PGUSER", role)
}

const WHO: [&str; 4] = ["psql", "-wAtc", "select current_user", "-X"];

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn psql_takes_its_password_from_the_file() {
    let vault = database("by_passfile", "p@ss/?#%").args(["--file", "PGPASSFILE=*:*:*:{user}:{password}\n"]);
    vault.run(WHO).exits(0).stdout_is("by_passfile\n").stderr_is("");
    vault
        .clone()
        .run(["sh", "-c", r#"for n in 1 2; do "$@"; done"#, "sh", WHO[0], WHO[1], WHO[2]])
        .exits(0)
        .stdout_is("by_passfile\nby_passfile\n");

    let open = vault.clone().args(["--file-mode", "0444"]).run(WHO).exits(2).stdout_is("");
    assert!(
        open.stderr.starts_with("WARNING: password file \"/proc/self/fd/64\" has group or world access; permissions"),
        "{open}"
    );
    assert!(open.stderr.contains("no password supplied"), "{open}");
    vault.args(["--set", "PGPASSFILE_IS_NO_LONGER_SET=1"]).run(["sh", "-c", r#"test -r "$PGPASSFILE""#]).exits(0);
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn psql_takes_a_url_with_any_password() {
    let vault = database("by_url", PASSWORD).args(["--set", "URL=postgresql://{user|url}:{password|url}@/postgres"]);
    vault.run(["sh", "-c", r#"psql -wXAtc 'select current_user' "$URL""#]).exits(0).stdout_is("by_url\n").stderr_is("");
    // A service file knows no escapes and needs none.
    let vault = database("by_service", PASSWORD).env("PGSERVICE", "db");
    let vault = vault.args(["--file", "PGSERVICEFILE=[db]\nuser={user}\npassword={password}\n"]);
    vault.run(WHO).exits(0).stdout_is("by_service\n").stderr_is("");
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn psql_shows_a_certificate_whose_key_is_in_the_file() {
    let authority = Authority::new("test");
    let owner = fs::metadata(POSTGRES.sockets.join("data")).unwrap();
    let (server, server_key) = authority.issue(&["localhost"]);
    let give = |name: &str, content: &str| {
        let path = POSTGRES.sockets.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        path.display().to_string()
    };
    let files = [("ssl_cert_file", server), ("ssl_key_file", server_key), ("ssl_ca_file", authority.pem().to_owned())];
    for (setting, content) in files {
        let path = give(setting, &content);
        POSTGRES.asks(&format!("alter system set {setting} = '{path}'")).unwrap();
    }
    POSTGRES.asks("alter system set ssl = on").unwrap();
    let rules = fs::read_to_string(POSTGRES.sockets.join("data/pg_hba.conf")).unwrap();
    give("data/pg_hba.conf", &format!("hostssl all by_certificate 127.0.0.1/32 cert\n{rules}"));
    POSTGRES.asks("select pg_reload_conf()").unwrap();
    wait_until("TLS", || POSTGRES.asks("show ssl").as_deref() == Some("on\n"));

    let (certificate, key) = authority.issue(&["by_certificate"]);
    let vault =
        database("by_certificate", "unused").secret("tls", [("crt", &*certificate), ("key", &*key)]).path("tls");
    let vault = vault.env("PGSSLMODE", "require").args(["--file", "PGSSLCERT={crt}", "--file", "PGSSLKEY={key}"]);
    vault.run(WHO).exits(0).stdout_is("by_certificate\n").stderr_is("");
    let open = vault.args(["--file-mode", "0444"]).run(WHO).exits(2);
    assert!(open.stderr.contains("private key file \"/proc/self/fd/65\" has group or world access"), "{open}");
}

#[test]
fn docker_entrypoints_read_file_variables() {
    // As the images of the Docker library have it.
    let entrypoint = r#"
        file_env() {
            local var="$1"
            local fileVar="${var}_FILE"
            if [ "${!var:-}" ] && [ "${!fileVar:-}" ]; then
                printf >&2 'error: both %s and %s are set (but are exclusive)\n' "$var" "$fileVar"
                exit 1
            fi
            local val=""
            if [ "${!var:-}" ]; then
                val="${!var}"
            elif [ "${!fileVar:-}" ]; then
                val="$(< "${!fileVar}")"
            fi
            export "$var"="$val"
            unset "$fileVar"
        }
        file_env PASSWORD
        exec sh -c 'printf "%s %s" "$PASSWORD" "${PASSWORD_FILE-unset}"'"#;
    let vault = app().args(["--file", "PASSWORD_FILE={password}"]);
    vault.clone().args(["--explicit"]).run(["bash", "-c", entrypoint]).exits(0).stdout_is(format!("{PASSWORD} unset"));
    // Which is what --explicit, or --skip, is for.
    let both = vault.clone().run(["bash", "-c", entrypoint]).exits(1);
    assert!(both.stderr.starts_with("error: both PASSWORD and PASSWORD_FILE are set"), "{both}");
    vault.args(["--skip", "password"]).run(["bash", "-c", entrypoint]).exits(0).stdout_is(format!("{PASSWORD} unset"));
}

fn python(script: &str) -> [&str; 3] {
    ["python3", "-c", script]
}

#[test]
fn python_reads_a_file_repeatedly() {
    let script = "import os\n\
                  f = os.environ['F']\n\
                  print(open(f).read() + open(f).read(), os.path.getsize(f), os.path.isfile(f), end='')";
    let vault = app().args(["--file", "F={user}"]);
    vault.run(python(script)).exits(0).stdout_is("meme 2 True").stderr_is("");
}

#[test]
#[ignore = "root: starts a program that changes its user"]
fn a_program_without_privileges_reads_a_file_if_its_mode_allows() {
    let script = "import os\nos.setgid(65534)\nos.setuid(65534)\nprint(open(os.environ['F']).read(), end='')";
    let memory = TmpfsDir::new();
    for more in [vec![], vec!["--file-dir", memory.path()]] {
        let vault = app().args(["--file", "F={user}"]).args(more);
        let refused = vault.run(python(script)).exits(1);
        assert!(refused.stderr.contains("PermissionError"), "{refused}");
        vault.args(["--file-mode", "0444"]).run(python(script)).exits(0).stdout_is("me");
    }
}

#[test]
fn a_program_that_closes_descriptors_reads_a_file_in_a_directory() {
    let script = "import os\nos.closerange(3, 4096)\nprint(open(os.environ['F']).read(), end='')";
    let vault = app().args(["--file", "F={password}"]);
    let closed = vault.run(python(script)).exits(1);
    assert!(closed.stderr.contains("FileNotFoundError"), "{closed}");

    let memory = TmpfsDir::new();
    let vault = vault.args(["--file-dir", memory.path()]);
    vault.run(python(script)).exits(0).stdout_is(PASSWORD).stderr_is("");
    let metadata = fs::metadata(format!("{}/F", memory.path())).unwrap();
    assert_eq!((metadata.mode() & 0o7777, metadata.nlink(), metadata.len()), (0o600, 1, PASSWORD.len() as u64));
}

#[test]
fn files_are_not_written_to_a_disk() {
    let memory = TmpfsDir::new();
    let hint = "hint: name a directory on tmpfs, for example in /dev/shm\n";
    let refused = |directory: &str, why: &str| {
        let vault = app().args(["--file", "A={user}", "--file-dir", directory]);
        vault.fails(&format!("vault-exec: --file A: {}: {why}\n{hint}", vault.fill(directory)));
    };
    refused(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), "not on tmpfs");
    assert!(!fs::exists(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/A")).unwrap());
    refused("{home}/none", "No such file or directory");
    let link = format!("{}/link", memory.path());
    std::os::unix::fs::symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"), &link).unwrap();
    refused(&link, "not on tmpfs");
    refused("/dev/null", "Not a directory");
}

#[test]
fn the_path_of_a_file_is_absolute() {
    let memory = TmpfsDir::new();
    let vault = app().args(["--file", "F={user}", "--file-dir", "."]);
    let vault = vault.under_sh(&format!(r#"cd {} && exec "$@""#, memory.path()));
    vault.run(["sh", "-c", r#"cd / && cat "$F""#]).exits(0).stdout_is("me");
}

#[test]
fn a_failed_start_leaves_no_file() {
    let memory = TmpfsDir::new();
    let vault = app().args(["--file", "F={user}", "--file-dir", memory.path()]).program("junk", "junk");
    let junk = "vault-exec: {home}/junk cannot be executed: not an executable format\n\
                hint: a script needs a first line such as #!/bin/sh\n";
    vault.run(["{home}/junk"]).exits(126).stderr_is(junk);
    assert_eq!(memory.names(), [""; 0]);

    vault.clone().args(["--require", "ABSENT"]).run(["true"]).exits(125);
    assert_eq!(memory.names(), [""; 0]);
    vault.clone().args(["--set", "A={absent}"]).run(["true"]).exits(125);
    vault.args(["--file", "G={absent}"]).run(["true"]).exits(125);
    assert_eq!(memory.names(), [""; 0]);
}
