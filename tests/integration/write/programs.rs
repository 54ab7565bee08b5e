//! What `--write` is for: real programs with credentials that real engines create for this start.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{ChildStdin, Command};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::auth::signer::Signer;
use crate::support::api::{Api, text};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::openbao::ROOT;
use crate::support::process::{dependency, free_port, spawn_supervised};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;
use crate::write::pki;

/// A certificate for this start, with its key in another file.
const CERTIFICATE: [&str; 6] = [
    "--write",
    "pki-{kv}/issue/web?common_name=localhost&ip_sans=127.0.0.1&ttl=1h",
    "--explicit",
    "--file",
    "TLS_CERT={certificate}\n{issuing_ca}\n",
    "--file",
];

/// The root certificate of the engine, in a file.
fn root_file(vault: &TestVault) -> String {
    let root = text(&Api::shared().get(&vault.fill("pki-{kv}/cert/ca"))["data"]["certificate"]);
    let file = new_dir("root").join("ca.pem");
    fs::write(&file, root).unwrap();
    file.display().to_string()
}

/// Runs vault-exec and the program it becomes until the returned pipe is dropped, with its output in the file `log`.
fn serve(vault: &TestVault, wrapper: &str, program: &[&str]) -> ChildStdin {
    let script =
        format!(r#"{wrapper} "$@" >log 2>&1 </dev/null & server=$!; read -r _ || true; kill -TERM $server; wait"#);
    spawn_supervised(&mut vault.clone().under_sh(&script).command(program.iter().copied()))
}

/// The serial number of the certificate that a server shows, verified with this root.
fn served_serial(port: u16, root: &str, starttls: &[&str]) -> Option<String> {
    let connect = format!("localhost:{port}");
    let mut client = Command::new("openssl");
    client.args(["s_client", "-connect", &connect, "-CAfile", root, "-verify_return_error", "-verify_hostname"]);
    let output = client.arg("localhost").args(starttls).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let verified = output.status.success() && shown.contains("Verify return code: 0 (ok)");
    let certificate = new_dir("served").join("cert.pem");
    fs::write(&certificate, shown).unwrap();
    let serial = Command::new("openssl").args(["x509", "-noout", "-serial", "-in"]).arg(certificate).output().unwrap();
    verified.then(|| String::from_utf8(serial.stdout).unwrap().trim_end().replace("serial=", ""))
}

/// The serial numbers of the engine's certificates, as openssl writes them.
fn issued_serials(vault: &TestVault) -> Vec<String> {
    let list = Api::shared().get(&vault.fill("pki-{kv}/certs?list=true"));
    let serials = list["data"]["keys"].as_array().unwrap().iter();
    serials.map(|serial| text(serial).replace(':', "").to_uppercase()).collect()
}

#[test]
#[ignore = "Debian: unpacks nginx"]
fn nginx_serves_a_certificate_of_this_start() {
    let nginx = dependency("nginx");
    let vault = pki().with_approle(&json!({})).args(CERTIFICATE).args(["TLS_KEY={private_key}"]);
    let root = root_file(&vault);
    let mut serials = Vec::new();
    for _ in 0..2 {
        let port = free_port();
        let dir = new_dir("nginx");
        let temporary =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|name| format!("{name}_temp_path temp;"));
        let config = format!(
            "daemon off;\npid pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{}\nserver {{\n\
             listen 127.0.0.1:{port} ssl;\nssl_certificate /proc/self/fd/64;\nssl_certificate_key /proc/self/fd/65;\n\
             location / {{ return 200 served; }}\n}}\n}}\n",
            temporary.join("\n")
        );
        fs::write(dir.join("nginx.conf"), config).unwrap();
        let dir = format!("{}/", dir.display());
        let server = serve(&vault, "", &[&nginx, "-p", &dir, "-c", "nginx.conf"]);
        wait_until("nginx", || served_serial(port, &root, &[]).is_some());
        serials.push(served_serial(port, &root, &[]).unwrap());
        let url = format!("https://localhost:{port}/");
        let page = Command::new("curl").args(["-sS", "--noproxy", "*", "--cacert", &root, &url]).output().unwrap();
        assert_eq!(page.stdout, b"served", "{}", String::from_utf8_lossy(&page.stderr));
        drop(server);
    }
    let issued = issued_serials(&vault);
    assert!(serials[0] != serials[1] && serials.iter().all(|serial| issued.contains(serial)), "{serials:?} {issued:?}");
    assert_eq!(issued.len(), 3, "the root and one for each start");
    assert_eq!(vault.token_count(), 0);
}

#[test]
#[ignore = "Debian: installs PostgreSQL"]
fn postgres_serves_a_certificate_of_this_start() {
    let bin = dependency("postgres");
    let (dir, port) = (new_dir("pg"), free_port());
    // PostgreSQL refuses to run as root, and a key that belongs to another user than its own.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let as_postgres = if is_root { "setpriv --reuid=postgres --regid=postgres --clear-groups" } else { "" };
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let data = dir.join("data").display().to_string();
    let initdb =
        format!("{as_postgres} {bin}/initdb --no-sync --auth=trust --username=postgres --pgdata={data} >/dev/null");
    assert!(Command::new("sh").args(["-c", &initdb]).status().unwrap().success());

    let vault = pki().with_approle(&json!({})).args(CERTIFICATE).args(["TLS_KEY={private_key}"]);
    let (root, port) = (root_file(&vault), port.to_string());
    let postgres = format!("{bin}/postgres");
    let program = [
        &*postgres,
        "-D",
        &data,
        "-p",
        &port,
        "-h",
        "127.0.0.1",
        "-k",
        dir.to_str().unwrap(),
        "-c",
        "fsync=off",
        "-c",
        "ssl=on",
        "-c",
        "ssl_cert_file=/proc/self/fd/64",
        "-c",
        "ssl_key_file=/proc/self/fd/65",
    ];
    let _server = serve(&vault, as_postgres, &program);
    let url = format!("host=localhost port={port} user=postgres sslmode=verify-full sslrootcert={root}");
    let ask = |sql: &str| {
        let output = Command::new("psql").args(["-XAtc", sql, &url]).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    wait_until("PostgreSQL", || ask("select 1").0);
    assert_eq!(ask("select ssl from pg_stat_ssl where pid = pg_backend_pid()"), (true, "t\n".into()));
    // Its key can be loaded again, as long as the process lives.
    assert_eq!(ask("select pg_reload_conf()"), (true, "t\n".into()));
    let starttls = ["-starttls", "postgres"];
    let serial = served_serial(port.parse().unwrap(), &root, &starttls).unwrap();
    assert!(issued_serials(&vault).contains(&serial), "{serial}");
    assert_eq!(vault.token_count(), 0);
}

#[test]
#[ignore = "Debian: installs ssh-keygen"]
fn ssh_keygen_knows_a_key_that_was_signed_for_this_start() {
    let vault = TestVault::kv2().posted("sys/mounts/ssh-{kv}", &json!({"type": "ssh"}));
    vault.post("ssh-{kv}/config/ca", &json!({"generate_signing_key": true, "key_type": "ed25519"}));
    let role = json!({
        "key_type": "ca", "allow_user_certificates": true, "allowed_users": "me,you", "default_user": "me", "ttl": "1h",
    });
    let vault = vault.posted("ssh-{kv}/roles/dev", &role);
    let dir = new_dir("ssh");
    let key = dir.join("id").display().to_string();
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", &key]).status();
    assert!(made.unwrap().success());
    let write = format!("ssh-{{kv}}/sign/dev?public_key=@{key}.pub&valid_principals=me");
    let vault = vault.args(["--write", &write, "--explicit", "--file", "CERT={signed_key}"]);
    let shown = vault.run(["sh", "-c", r#"ssh-keygen -L -f "$CERT""#]).exits(0).stderr_is("").stdout;
    let shown = String::from_utf8(shown).unwrap();
    for part in ["user certificate", "Principals: \n                me\n"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let other = vault.clone().args(["--write", "ssh-{kv}/sign/dev?public_key=x"]).run(["true"]).exits(125);
    assert!(other.stderr.contains("no other --write"), "{other}");
}

/// The API server of Kubernetes is a fake, the engine is real.
#[test]
fn kubernetes_creates_a_service_account_token_with_a_lease() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": "k", "sub": "system:serviceaccount:team:app", "iat": now, "exp": now + 3600});
    let token = Signer::new().sign(&claims);
    let expires = SystemTime::now() + Duration::from_hours(1);
    let response = json!({
        "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": {"audiences": ["k"]},
        "status": {"token": token, "expirationTimestamp": humantime::format_rfc3339_seconds(expires).to_string()},
    });
    let fake = FakeServer::handling(None, move |_| Reply::answer(201, response.to_string()));
    let config =
        json!({"kubernetes_host": fake.url(), "service_account_jwt": token_of(&claims), "disable_local_ca_jwt": true});
    let vault = TestVault::kv2().posted("sys/mounts/k-{kv}", &json!({"type": "kubernetes"}));
    vault.post("k-{kv}/config", &config);
    let role = json!({"allowed_kubernetes_namespaces": "*", "service_account_name": "app", "token_default_ttl": "1h"});
    let vault = vault.posted("k-{kv}/roles/r", &role).args(["--write", "k-{kv}/creds/r?kubernetes_namespace=team"]);
    let outcome = vault.environ().has("SERVICE_ACCOUNT_NAMESPACE", "team").has("SERVICE_ACCOUNT_NAME", "app");
    assert!(
        outcome.stderr.contains(&vault.fill("k-{kv}/creds/r: the server revokes these values after ")),
        "{outcome}"
    );
    assert_eq!(fake.requests().len(), 1);
    let asked = fake.requests()[0].clone();
    assert_eq!((asked.method(), asked.path()), ("POST", "/api/v1/namespaces/team/serviceaccounts/app/token"));
}

fn token_of(claims: &Value) -> String {
    Signer::new().sign(claims)
}

#[test]
fn transit_decrypts_a_value_for_this_start() {
    let vault =
        TestVault::kv2().posted("sys/mounts/t-{kv}", &json!({"type": "transit"})).posted("t-{kv}/keys/k", &json!({}));
    // Bytes that are no text, such as a keystore.
    let plaintext = "/u3+7QAAAAIAAAAA";
    let ciphertext = text(&vault.post("t-{kv}/encrypt/k", &json!({"plaintext": plaintext}))["data"]["ciphertext"]);
    let vault =
        vault.env("VAULT_TOKEN", ROOT).args(["--write", &format!("t-{{kv}}/decrypt/k?ciphertext={ciphertext}")]);
    let vault = vault.args(["--explicit", "--file", "KEYSTORE={t-{kv}/decrypt/k#plaintext|unbase64}"]);
    let bytes = vault.run(["sh", "-c", r#"cat "$KEYSTORE""#]).exits(0).stderr_is("").stdout;
    assert_eq!(bytes, [0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 0]);
}
