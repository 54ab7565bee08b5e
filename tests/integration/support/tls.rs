//! What the tests of the connection stand on besides [`crate::support::vault`]: certificates, helpers that end with us, a tap that
//! sees who connects, and a network of their own.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};

use crate::support::vault::{Outcome, bao};

static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None);
    config.timeout_global(Some(Duration::from_secs(20))).build().into()
});

/// Asks a server for something over plain HTTP: its status and its answer, or why there is none.
pub(crate) fn api(origin: &str, token: &str, method: &str, path: &str, body: &Value) -> Result<(u16, Value), String> {
    let request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("{origin}/v1/{path}"))
        .header("X-Vault-Token", token)
        .body(if body.is_null() { String::new() } else { body.to_string() });
    let mut answer = AGENT.run(request.unwrap()).map_err(|error| error.to_string())?;
    let text = answer.body_mut().read_to_string().map_err(|error| error.to_string())?;
    Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

/// The same for what must work.
#[track_caller]
pub(crate) fn must(origin: &str, token: &str, method: &str, path: &str, body: &Value) -> Value {
    match api(origin, token, method, path, body) {
        Ok((200..300, answer)) => answer,
        other => panic!("{method} {path}: {other:?}"),
    }
}

/// Writes a secret into the KV engine of a new server, which gets ready in its own time.
pub(crate) fn write(origin: &str, token: &str, name: &str, keys: &Value) {
    let (path, body) = (format!("secret/data/{name}"), json!({ "data": keys }));
    wait_until("the KV engine", || api(origin, token, "POST", &path, &body).is_ok_and(|(code, _)| code == 200));
}

/// Waits for something to become true.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < patience, "still waiting for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Somebody who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(&[], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// The PEM texts of a certificate for these names and addresses, changed at will, and of its key.
    pub(crate) fn issue(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
        let mut params = params(names, names.first().unwrap_or(&"nobody"));
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A certificate that nobody but its owner signed.
pub(crate) fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let mut params = params(names, names[0]);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn params(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

/// Writes the two files of a certificate and tells what a listener of `OpenBao` has to know of them.
pub(crate) fn listener(dir: &Path, name: &str, address: &str, pair: &(String, String), more: &str) -> String {
    let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    fs::write(&certificate, &pair.0).unwrap();
    fs::write(&key, &pair.1).unwrap();
    format!(
        "listener \"tcp\" {{\n  address = \"{address}\"\n  tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n  \
         {more}\n}}\n",
        certificate.display(),
        key.display()
    )
}

/// A process that ends when this one does, however that ends, or when it is dropped.
pub(crate) struct Helper {
    pid: Pid,
    lifeline: Option<ChildStdin>,
    supervisor: Child,
    log: PathBuf,
}

impl Helper {
    /// Starts it with its output in a file called `log`.
    pub(crate) fn start(command: &[&str], log: PathBuf) -> Self {
        let output = fs::File::create(&log).unwrap();
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", r#"log=$1; shift; "$@" >"$log" 2>&1 </dev/null & echo $!; read -r _; kill -9 $!; wait"#, "sh"])
            .arg(&log)
            .args(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", log.parent().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .process_group(0);
        let mut supervisor = supervisor.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap());
        Self { pid, lifeline: supervisor.stdin.take(), supervisor, log }
    }

    /// A server of `OpenBao` with this configuration.
    pub(crate) fn bao(dir: &Path, config: &str) -> Self {
        let file = dir.join("server.hcl");
        fs::write(&file, config).unwrap();
        Self::start(&[bao(), "server", &format!("-config={}", file.display())], dir.join("log"))
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Everything it wrote.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Ends it as a machine that loses its power would.
    pub(crate) fn kill(&self) {
        kill(self.pid, Signal::SIGKILL).unwrap();
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.supervisor.wait();
    }
}

/// Stands in front of a TLS port and sees who connects.
pub(crate) struct Tap {
    pub(crate) port: u16,
    names: Arc<Mutex<Vec<Option<String>>>>,
}

impl Tap {
    /// Listens at `host`, which is an address of the loopback.
    pub(crate) fn at(host: &str, target: String) -> Self {
        let listener = TcpListener::bind(format!("{host}:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&names);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (seen, target) = (Arc::clone(&seen), target.clone());
                thread::spawn(move || tap(client, &target, &seen));
            }
        });
        Self { port, names }
    }

    /// For each connection the name that was asked for (SNI), if any.
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        self.names.lock().unwrap().clone()
    }
}

fn tap(mut client: TcpStream, target: &str, seen: &Mutex<Vec<Option<String>>>) -> io::Result<()> {
    let (mut acceptor, mut hello, mut buffer) = (rustls::server::Acceptor::default(), Vec::new(), [0; 4096]);
    let name = loop {
        let length = client.read(&mut buffer)?;
        hello.extend_from_slice(&buffer[..length]);
        acceptor.read_tls(&mut &buffer[..length])?;
        match acceptor.accept() {
            Ok(None) if length > 0 => {}
            Ok(Some(accepted)) => break accepted.client_hello().server_name().map(str::to_owned),
            Ok(None) | Err(_) => break None,
        }
    };
    seen.lock().unwrap().push(name);
    let mut server = TcpStream::connect(target)?;
    server.write_all(&hello)?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut server);
    server.shutdown(Shutdown::Write)
}

/// What was written to standard error, with the times of `-v` taken out.
pub(crate) fn untimed(outcome: &Outcome) -> String {
    let line = |line: &str| match line.strip_prefix("vault-exec: [").and_then(|rest| rest.split_once(" ms] ")) {
        Some((_, message)) => format!("vault-exec: {message}\n"),
        None => format!("{line}\n"),
    };
    outcome.stderr.lines().map(line).collect()
}

/// Namespaces and mounts are made by root alone.
pub(crate) fn assert_root() {
    let root = fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    assert!(root, "this test makes namespaces: run it as root, as the CI does");
}

/// A network of its own, which only processes that are started in it see: the loopback with a few more addresses, none
/// of which counts as one of the loopback.
pub(crate) struct Net {
    _holder: Helper,
    dir: PathBuf,
    enter: String,
}

impl Net {
    pub(crate) fn new<const N: usize>(dir: PathBuf, addresses: [&str; N]) -> Self {
        assert_root();
        let add = addresses.map(|address| format!("ip addr add {address}/32 dev lo && ")).concat();
        let script = format!("ip link set lo up && {add}echo ready && exec sleep infinity");
        let holder = Helper::start(&["unshare", "--net", "sh", "-c", &script], dir.join("net.log"));
        wait_until("a network", || holder.log().contains("ready"));
        let enter = format!("--net=/proc/{}/ns/net", holder.pid());
        Self { _holder: holder, dir, enter }
    }

    /// What stands in front of a command line to run it there.
    pub(crate) fn enter(&self) -> [&str; 2] {
        ["nsenter", &self.enter]
    }

    /// The same with these lines as `/etc/hosts`.
    pub(crate) fn enter_with_hosts(&self, hosts: &str) -> Vec<String> {
        let file = self.dir.join(format!("hosts-{}", hosts.len()));
        fs::write(&file, hosts).unwrap();
        let script = format!("mount --bind {} /etc/hosts && exec \"$@\"", file.display());
        let line = ["nsenter", &self.enter, "unshare", "--mount", "sh", "-c", &script, "sh"];
        line.map(str::to_owned).into()
    }

    /// Starts a helper there.
    pub(crate) fn helper(&self, command: &[&str], log: &str) -> Helper {
        Helper::start(&[&self.enter()[..], command].concat(), self.dir.join(log))
    }
}
