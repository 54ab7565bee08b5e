//! What the tests stand on: one real `OpenBao` for the whole run, and sentences about what vault-exec does with it.
//!
//! ```text
//! Bed::kv2().secret("airflow", [("user", "me")]).path("airflow").environ().has("USER", "me");
//! Bed::kv2().path("airflow").fails("vault-exec: read {kv}/airflow: no such secret\nhint: …\n");
//! ```
//!
//! Each bed has a mount and a home of its own. In arguments, values of variables and expected texts, `{kv}` stands for
//! the mount, `{home}` for the home and `{addr}` for the address of the server.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// The root token of every server here, too odd to be in an output by chance.
pub(crate) const ROOT: &str = "bed-root-token";

/// What is said of `{kv}/a` where the token does not even have the default policy, or is none.
pub(crate) const DOUBTED: &str = "\
    vault-exec: read {kv}/a: permission denied (403): the token may not read it, or is expired, revoked or unknown to \
    this server\n\
    hint: log in again if it should be valid; else a policy of the token must hold\n\
    path \"{kv}/data/a\" {\n  capabilities = [\"read\"]\n}\n\
    check --kv and --mount: the server did not say which engine holds the path\n";

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    Server::start(&[], |authority| {
        let health = AGENT.get(format!("http://{authority}/v1/sys/health")).call();
        health.is_ok_and(|answer| answer.status() == 200)
    })
});

static AGENT: LazyLock<ureq::Agent> =
    LazyLock::new(|| ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into());

/// The directory of everything this run writes. A shell that waits for our end removes it, however we end.
static RUN: LazyLock<(PathBuf, ChildStdin)> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("vault-exec-test-{}", std::process::id()));
    fs::create_dir_all(&dir).unwrap();
    let mut janitor = Command::new("sh");
    janitor.args(["-c", r#"read -r _; rm -rf "$0""#]).arg(&dir);
    let lifeline = outliving_us(&mut janitor);
    (dir, lifeline)
});

/// A real server that ends when this process does, however that ends: it holds the other end of the lifeline.
pub(crate) struct Server {
    /// Host and port.
    pub(crate) authority: String,
    _lifeline: ChildStdin,
}

impl Server {
    /// Starts `bao server -dev`; `ready` tells whether it answers at this host and port.
    pub(crate) fn start(more: &[&str], ready: impl Fn(&str) -> bool) -> Self {
        // Another process may take the port before the server does.
        (0..5).find_map(|_| Self::try_start(more, &ready)).expect("the server did not start")
    }

    fn try_start(more: &[&str], ready: impl Fn(&str) -> bool) -> Option<Self> {
        let authority = format!("127.0.0.1:{}", free_port());
        let home = new_dir("server");
        let log = home.join("log");
        let output = fs::File::create(&log).unwrap();
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", r#""$@" & server=$!; read -r _; kill $server; wait"#, "sh", bao()])
            .args(["server", "-dev", "-dev-no-store-token"])
            .arg(format!("-dev-root-token-id={ROOT}"))
            .arg(format!("-dev-listen-address={authority}"))
            .args(more)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let lifeline = outliving_us(&mut supervisor);
        let patience = Instant::now() + Duration::from_secs(60);
        while Instant::now() < patience {
            if ready(&authority) {
                return Some(Self { authority, _lifeline: lifeline });
            }
            if fs::read_to_string(&log).is_ok_and(|text| text.contains("address already in use")) {
                return None;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("the server is not ready: {}", fs::read_to_string(&log).unwrap_or_default());
    }
}

/// Starts a helper that ends by itself when its standard input does. Ctrl-C is for the tests, not for it.
pub(crate) fn outliving_us(helper: &mut Command) -> ChildStdin {
    helper.stdin(Stdio::piped()).process_group(0).spawn().unwrap().stdin.take().unwrap()
}

/// A new directory that is removed in the end.
pub(crate) fn new_dir(name: &str) -> PathBuf {
    let dir = RUN.0.join(format!("{name}-{}", unique()));
    fs::create_dir_all(&dir).unwrap();
    dir
}

/// The `bao` binary, fetched if it is not there yet.
pub(crate) fn bao() -> &'static str {
    static BAO: LazyLock<String> = LazyLock::new(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-deps/openbao.sh");
        let output = Command::new("sh").arg(script).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "{script} failed");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    });
    &BAO
}

/// A port of the loopback that nobody listened on a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The program under test.
pub(crate) fn vault_exec() -> OsString {
    std::env::var_os("VAULT_EXEC_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_vault-exec").into())
}

/// A mount of its own, and how vault-exec is called there: by default with nothing but `PATH`, `HOME`, `VAULT_ADDR` and
/// a `VAULT_TOKEN` that may do everything.
#[derive(Clone)]
#[must_use = "a bed does nothing until something is run on it"]
pub(crate) struct Bed {
    mount: String,
    home: PathBuf,
    namespace: Option<String>,
    variables: BTreeMap<OsString, OsString>,
    line: Vec<OsString>,
    wrapper: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    heard: Option<Arc<Mutex<Vec<String>>>>,
}

/// The keys and values of a secret: pairs of strings, any JSON object, or its exact text.
pub(crate) trait Keys {
    fn json(&self) -> String;
}

impl<const N: usize> Keys for [(&str, &str); N] {
    fn json(&self) -> String {
        let object: serde_json::Map<_, _> = self.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Value::Object(object).to_string()
    }
}

impl Keys for Value {
    fn json(&self) -> String {
        self.to_string()
    }
}

impl Keys for &str {
    fn json(&self) -> String {
        (*self).into()
    }
}

impl Bed {
    /// With a KV version 1 engine.
    pub(crate) fn kv1() -> Self {
        Self::bare().connected().mounted(&format!("kv1-{}", unique()), "1")
    }

    /// With a KV version 2 engine.
    pub(crate) fn kv2() -> Self {
        Self::bare().connected().mounted(&format!("kv2-{}", unique()), "2")
    }

    /// Both, for what must not depend on the version.
    pub(crate) fn each() -> [Self; 2] {
        [Self::kv1(), Self::kv2()]
    }

    /// Both, at mounts of three segments.
    pub(crate) fn each_nested() -> [Self; 2] {
        [1, 2].map(|version| {
            let mount = format!("kv{version}-{}/team/kv", unique());
            Self::bare().connected().mounted(&mount, &version.to_string())
        })
    }

    /// With a KV version 2 engine in a namespace of its own.
    pub(crate) fn in_namespace(name: &str) -> Self {
        let bed = Self::bare().connected();
        bed.post(&format!("sys/namespaces/{name}"), "");
        Self { namespace: Some(name.into()), ..bed }.mounted("secret", "2")
    }

    /// With nothing but `PATH` and `HOME`: no server is started for it.
    pub(crate) fn bare() -> Self {
        let home = new_dir("home");
        let variables = [
            ("PATH".into(), std::env::var_os("PATH").unwrap_or_default()),
            ("HOME".into(), home.clone().into_os_string()),
        ];
        Self {
            mount: String::new(),
            home,
            namespace: None,
            variables: variables.into(),
            line: Vec::new(),
            wrapper: Vec::new(),
            stdin: None,
            heard: None,
        }
    }

    fn connected(self) -> Self {
        self.env("VAULT_ADDR", format!("http://{}", SERVER.authority)).env("VAULT_TOKEN", ROOT)
    }

    /// Mounts a KV engine, which `{kv}` then stands for. Version 2 gets ready in its own time.
    fn mounted(mut self, mount: &str, version: &str) -> Self {
        self.mount = mount.into();
        self.post(&format!("sys/mounts/{mount}"), &json!({"type": "kv", "options": {"version": version}}).to_string());
        let ready = || version == "1" || self.api("GET", &format!("{mount}/config"), "").0 == 200;
        while !ready() {
            thread::sleep(Duration::from_millis(5));
        }
        self
    }

    /// Writes a secret; again and again for the versions of KV v2.
    #[allow(clippy::needless_pass_by_value, reason = "a sentence reads better without the ampersand")]
    pub(crate) fn secret(self, name: &str, keys: impl Keys) -> Self {
        let keys = keys.json();
        if self.is_kv1() {
            self.post(&format!("{{kv}}/{name}"), &keys);
        } else {
            self.post(&format!("{{kv}}/data/{name}"), &format!(r#"{{"data":{keys}}}"#));
        }
        self
    }

    /// Whether the engine is KV version 1.
    pub(crate) fn is_kv1(&self) -> bool {
        self.mount.starts_with("kv1")
    }

    /// Has the server do something else, which must work.
    pub(crate) fn having(self, path: &str, body: &Value) -> Self {
        self.post(path, &body.to_string());
        self
    }

    /// Calls with a token that has this policy and the default one.
    pub(crate) fn token_with_policy(self, policy: &str) -> Self {
        let name = format!("policy-{}", unique());
        self.post(&format!("sys/policies/acl/{name}"), &json!({"policy": self.fill(policy)}).to_string());
        let answer = self.post("auth/token/create", &json!({"policies": [name]}).to_string());
        let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        self.env("VAULT_TOKEN", token)
    }

    /// Adds `--path` for a secret of the mount.
    pub(crate) fn path(self, name: &str) -> Self {
        self.args(["--path".to_owned(), format!("{{kv}}/{name}")])
    }

    /// Adds options.
    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        let args: Vec<OsString> = args.into_iter().map(|arg| self.fill_os(&arg.into())).collect();
        self.line.extend(args);
        self
    }

    /// Sets a variable that vault-exec inherits.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let value = self.fill_os(&value.into());
        self.variables.insert(name.into(), value);
        self
    }

    /// Takes a variable away.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    /// Writes a file below the home.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.home.join(name), content).unwrap();
        self
    }

    /// Writes an executable file below the home. A shell does, because a thread of ours that starts something at this
    /// moment would hold the file open for writing, and the kernel executes no such file.
    pub(crate) fn program(self, name: &str, text: &str) -> Self {
        let script = r#"printf %s "$1" > "$0" && chmod 755 "$0""#;
        let status = Command::new("sh").args(["-c", script]).arg(self.home.join(name)).arg(text).status();
        assert!(status.unwrap().success());
        self
    }

    /// Gives the program standard input.
    pub(crate) fn stdin(self, text: impl Into<Vec<u8>>) -> Self {
        Self { stdin: Some(text.into()), ..self }
    }

    /// Starts vault-exec through another program, which gets the whole command line as its last arguments.
    pub(crate) fn under<A: Into<OsString>>(self, wrapper: impl IntoIterator<Item = A>) -> Self {
        Self { wrapper: wrapper.into_iter().map(Into::into).collect(), ..self }
    }

    /// Starts vault-exec through a line of shell, in which `"$@"` is the command line.
    pub(crate) fn under_sh(self, script: &str) -> Self {
        self.under(["sh", "-c", script, "sh"])
    }

    /// Puts a relay in front of the server that hears every request, see [`Outcome::asked`].
    pub(crate) fn overheard(self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ears = Arc::clone(&heard);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let ears = Arc::clone(&ears);
                thread::spawn(move || relay(client, ears));
            }
        });
        Self { heard: Some(heard), ..self.env("VAULT_ADDR", address) }
    }

    /// The command, for whoever wants to start it in another way. `program` goes behind `--`, if there is any.
    pub(crate) fn command<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Command {
        let mut line = vec![vault_exec()];
        line.extend(self.line.iter().cloned());
        let mut program = program.into_iter().map(|arg| self.fill_os(&arg.into())).peekable();
        if program.peek().is_some() {
            line.push("--".into());
            line.extend(program);
        }
        self.without_vault_exec(line)
    }

    /// The same for the program alone: how it starts where there are no secrets.
    pub(crate) fn without_vault_exec<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Command {
        let mut line = self.wrapper.iter().cloned().chain(program.into_iter().map(Into::into));
        let mut command = Command::new(line.next().unwrap());
        command.args(line).env_clear().envs(&self.variables).current_dir(&self.home);
        command
    }

    /// Calls vault-exec with a program to start.
    pub(crate) fn run<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = self.command(program);
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), &self.stdin) {
            // A program that does not read is no failure of the test.
            let _ = stdin.write_all(text);
        }
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Outcome { bed: self.clone(), command, status: output.status, stdout: output.stdout, stderr }
    }

    /// Starts a program that shows the block it was started with, see [`Outcome::has`].
    pub(crate) fn environ(&self) -> Outcome {
        self.run(["cat", "/proc/self/environ"]).exits(0)
    }

    /// Fails with this message and code 125. The program would have written something.
    #[track_caller]
    pub(crate) fn fails(&self, stderr: &str) -> Outcome {
        self.run(["echo", "the program was started"]).exits(125).stderr_is(stderr).stdout_is("")
    }

    /// Fails like that on the options alone, whatever they are: nothing is put behind them.
    #[track_caller]
    pub(crate) fn alone_fails(&self, stderr: &str) -> Outcome {
        self.alone().exits(125).stderr_is(stderr).stdout_is("")
    }

    /// Calls vault-exec with the options alone.
    pub(crate) fn alone(&self) -> Outcome {
        self.run::<OsString>([])
    }

    fn post(&self, path: &str, body: &str) -> Value {
        let (status, text) = self.api("POST", path, body);
        assert!((200..300).contains(&status), "POST {path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}/v1/{}", SERVER.authority, self.fill(path)))
            .header("X-Vault-Token", ROOT)
            .header("X-Vault-Namespace", self.namespace.as_deref().unwrap_or_default());
        let answer = if body.is_empty() {
            AGENT.run(request.body(()).unwrap())
        } else {
            AGENT.run(request.body(body.to_owned()).unwrap())
        };
        let mut answer = answer.unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    }

    /// Puts in what `{kv}`, `{home}` and `{addr}` stand for.
    pub(crate) fn fill(&self, text: &str) -> String {
        let address = self.variables.get(OsStr::new("VAULT_ADDR")).and_then(|value| value.to_str());
        text.replace("{kv}", &self.mount)
            .replace("{home}", self.home.to_str().unwrap())
            .replace("{addr}", address.unwrap_or_default())
    }

    fn fill_os(&self, text: &OsStr) -> OsString {
        text.to_str().map_or_else(|| text.into(), |text| self.fill(text).into())
    }
}

/// What came of a call.
pub(crate) struct Outcome {
    bed: Bed,
    command: Command,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "exit code of {self}");
        self
    }

    /// Standard error is this text and nothing else.
    #[track_caller]
    pub(crate) fn stderr_is(self, text: &str) -> Self {
        assert_eq!(self.stderr, self.bed.fill(text), "standard error of {self}");
        self
    }

    /// Standard output is these bytes and nothing else.
    #[track_caller]
    pub(crate) fn stdout_is(self, bytes: impl AsRef<[u8]>) -> Self {
        assert!(self.stdout == bytes.as_ref(), "standard output of {self}");
        self
    }

    /// The program was started with this variable, once.
    #[track_caller]
    pub(crate) fn has(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        assert_eq!(self.values(name.as_ref()), [value.as_ref()], "{self}");
        self
    }

    /// The program was started without this variable.
    #[track_caller]
    pub(crate) fn lacks(self, name: &str) -> Self {
        assert!(self.values(name.as_ref()).is_empty(), "{name} in {self}");
        self
    }

    /// The program was started with these variables and no others, in any order.
    #[track_caller]
    pub(crate) fn has_only<const N: usize>(self, mut variables: [&str; N]) -> Self {
        let block = String::from_utf8(self.stdout.clone()).unwrap();
        let mut entries: Vec<_> = block.split_terminator('\0').collect();
        entries.sort_unstable();
        variables.sort_unstable();
        assert_eq!(entries, variables.map(|text| self.bed.fill(text)), "{self}");
        self
    }

    fn values(&self, name: &[u8]) -> Vec<&[u8]> {
        let entries = self.stdout.split(|&byte| byte == 0);
        entries.filter_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"=")).collect()
    }

    /// These requests reached the relay, in any order.
    #[track_caller]
    pub(crate) fn asked<const N: usize>(self, requests: [&str; N]) -> Self {
        let mut heard = self.heard();
        heard.sort_unstable();
        let mut expected = requests.map(|request| format!("GET /v1/{}", self.bed.fill(request)));
        expected.sort_unstable();
        assert_eq!(heard, expected, "{self}");
        self
    }

    /// See [`Bed::fill`].
    pub(crate) fn fill(&self, text: &str) -> String {
        self.bed.fill(text)
    }

    /// The method and path of each request that reached the relay.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.bed.heard.as_ref().expect("the bed must be overheard()").lock().unwrap().clone()
    }
}

/// The whole of it, for whoever has to find out why a test failed.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stdout = self.stdout.escape_ascii().to_string();
        let shown = stdout.get(..4000).unwrap_or(&stdout);
        write!(f, "{:?}\n{}\nstdout: {shown}\nstderr: {}", self.command, self.status, self.stderr)
    }
}

fn relay(mut client: TcpStream, ears: Arc<Mutex<Vec<String>>>) {
    let mut server = TcpStream::connect(&SERVER.authority).unwrap();
    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || listen(from, to, &ears));
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
}

/// Passes requests on, line by line. A request line is known by its end.
fn listen(from: impl Read, mut to: TcpStream, ears: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if let Some(request) = line.strip_suffix(b" HTTP/1.1\r\n") {
            ears.lock().unwrap().push(String::from_utf8_lossy(request).into_owned());
        }
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
