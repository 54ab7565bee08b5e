//! What the tests are written in: a mount of the shared `OpenBao` server, and how vault-exec is called with it.
//!
//! ```text
//! TestVault::kv2().secret("airflow", [("user", "me")]).path("airflow").environ().has("USER", "me");
//! TestVault::kv2().path("airflow").fails("vault-exec: read {kv}/airflow: no such secret\nhint: …\n");
//! ```
//!
//! In arguments, paths and bodies of requests, values of variables and expected texts, `{kv}` stands for the mount,
//! `{home}` for the home directory and `{addr}` for the address of the server.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustls::ServerConfig;
use serde_json::{Value, json};

use super::api::{Api, text};
use super::login::VALUE;
use super::openbao::ROOT;
use super::process::{reset_signals, vault_exec};
use super::recording_proxy::{Exchange, Intercept, RecordingProxy, credentials};
use super::scratch::{new_dir, unique};
use super::wait::wait_until;

pub(crate) use super::outcome::Outcome;

/// The message about `{kv}/a` if the token is invalid or lacks even the default policy.
pub(crate) const DOUBTED: &str = "\
    vault-exec: read {kv}/a: permission denied (403): the token lacks the permission, or is expired, revoked or \
    unknown to this server\n\
    hint: log in again if it should be valid; otherwise, a policy of the token must contain the stanza for the engine of \
    this path; the server did not report it, so check --kv and --mount\n\n\
    # KV v2 at {kv}/\npath \"{kv}/data/a\" {\n  capabilities = [\"read\"]\n}\n\n\
    # KV v1 or another engine\npath \"{kv}/a\" {\n  capabilities = [\"read\"]\n}\n";

/// A mount with one engine, and how vault-exec is called with it: by default with nothing but `PATH`, `HOME`,
/// `VAULT_ADDR` and the root token in `VAULT_TOKEN`.
#[derive(Clone)]
#[must_use = "nothing is run yet"]
pub(crate) struct TestVault {
    mount: String,
    home: PathBuf,
    /// Of the requests that configure the server.
    namespace: Option<Api>,
    variables: BTreeMap<OsString, OsString>,
    options: Vec<OsString>,
    wrapper: Vec<OsString>,
    stdin: Option<Vec<u8>>,
    proxy: Option<Arc<RecordingProxy>>,
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

impl TestVault {
    /// With a KV version 1 engine.
    pub(crate) fn kv1() -> Self {
        Self::bare().connected().mounted(&format!("kv1-{}", unique()), "1")
    }

    /// With a KV version 2 engine.
    pub(crate) fn kv2() -> Self {
        Self::bare().connected().mounted(&format!("kv2-{}", unique()), "2")
    }

    /// Both, for tests that do not depend on the version.
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

    /// With a KV version 2 engine at `secret/` in a new namespace.
    pub(crate) fn in_namespace(name: &str) -> Self {
        let namespace = Some(Api::shared().in_namespace(name));
        Self { namespace, ..Self::bare().connected() }.mounted("secret", "2")
    }

    /// With nothing but `PATH` and `HOME`, and without a server.
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
            options: Vec::new(),
            wrapper: Vec::new(),
            stdin: None,
            proxy: None,
        }
    }

    fn connected(self) -> Self {
        self.env("VAULT_ADDR", Api::shared().origin).env("VAULT_TOKEN", ROOT)
    }

    fn mounted(mut self, mount: &str, version: &str) -> Self {
        self.mount = mount.into();
        self.post(&format!("sys/mounts/{mount}"), &json!({"type": "kv", "options": {"version": version}}));
        // Version 2 is initialized in the background.
        let config = format!("{mount}/config");
        wait_until("the engine", || version == "1" || self.api().status(&config) == Some(200));
        self
    }

    fn api(&self) -> Api {
        self.namespace.clone().unwrap_or_else(Api::shared)
    }

    /// Writes a secret, or its next version.
    #[allow(clippy::needless_pass_by_value, reason = "a literal reads better without the ampersand")]
    pub(crate) fn secret(self, name: &str, keys: impl Keys) -> Self {
        let (keys, mount) = (keys.json(), &self.mount);
        if self.is_kv1() {
            self.api().post_text(&format!("{mount}/{name}"), &keys);
        } else {
            self.api().post_text(&format!("{mount}/data/{name}"), &format!(r#"{{"data":{keys}}}"#));
        }
        self
    }

    /// Whether the engine is KV version 1.
    pub(crate) fn is_kv1(&self) -> bool {
        self.mount.starts_with("kv1")
    }

    /// Sends a POST with the root token to the server, past any proxy, and expects success.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.api().post_text(&self.fill(path), &self.fill(&body.to_string()))
    }

    /// The same without the response.
    #[track_caller]
    pub(crate) fn posted(self, path: &str, body: &Value) -> Self {
        self.post(path, body);
        self
    }

    /// Sets a token with this policy and the default one.
    pub(crate) fn token_with_policy(self, policy: &str) -> Self {
        let name = format!("policy-{}", unique());
        self.post(&format!("sys/policies/acl/{name}"), &json!({ "policy": policy }));
        let token = text(&self.post("auth/token/create", &json!({"policies": [name]}))["auth"]["client_token"]);
        self.env("VAULT_TOKEN", token)
    }

    /// Adds `--path` for a secret of the mount.
    pub(crate) fn path(self, name: &str) -> Self {
        self.args(["--path".to_owned(), format!("{{kv}}/{name}")])
    }

    /// Adds options.
    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        let args: Vec<OsString> = args.into_iter().map(|arg| self.fill_os(&arg.into())).collect();
        self.options.extend(args);
        self
    }

    /// Sets a variable that vault-exec inherits.
    pub(crate) fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        let value = self.fill_os(&value.into());
        self.variables.insert(name.into(), value);
        self
    }

    /// Removes a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.variables.remove(OsStr::new(name));
        self
    }

    /// Writes a file below the home.
    pub(crate) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.home.join(name), content).unwrap();
        self
    }

    /// Writes an executable file below the home. A shell writes it: a thread of this process that forks at the same
    /// time would keep the file open for writing, and the kernel does not execute such a file.
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

    /// Trusts the project file that a call finds.
    pub(crate) fn trusted(self) -> Self {
        self.with_only("--trust").alone().exits(0).stderr_is("");
        self
    }

    /// Puts `--check` before all options.
    pub(crate) fn checking(mut self) -> Self {
        self.options.insert(0, "--check".into());
        self
    }

    /// With this option alone.
    pub(crate) fn with_only(&self, option: &str) -> Self {
        Self { options: vec![option.into()], stdin: None, ..self.clone() }
    }

    /// Puts a recording proxy in front of the server.
    pub(crate) fn recorded(self) -> Self {
        self.intercepted(|_| None)
    }

    /// The same with a proxy that answers some requests itself.
    pub(crate) fn intercepted(self, intercept: impl Intercept) -> Self {
        self.intercepted_over_tls(None, intercept)
    }

    /// The same with a proxy that speaks TLS if there is a configuration.
    pub(crate) fn intercepted_over_tls(self, tls: Option<ServerConfig>, intercept: impl Intercept) -> Self {
        let former = self.proxy.clone();
        let proxy = RecordingProxy::start(self.fill("{addr}"), tls, move |request| {
            // The server behind this proxy may be the former one.
            let _alive = &former;
            intercept(request)
        });
        let url = proxy.url();
        Self { proxy: Some(Arc::new(proxy)), ..self }.env("VAULT_ADDR", url)
    }

    /// What the proxy recorded until now; nothing without a proxy.
    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.proxy.as_ref().map_or_else(Vec::new, |proxy| proxy.exchanges())
    }

    /// Method and path of each recorded request, such as `GET secret/data/app`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let request = |Exchange { request, .. }: Exchange| format!("{} {}", request.method(), &request.target()[4..]);
        self.exchanges().into_iter().map(request).collect()
    }

    /// What no message may contain: the credentials that the proxy recorded, the value of a locked test vault and the
    /// root token.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let credentials = credentials(&self.exchanges()).into_iter().map(|(_, credential)| credential);
        credentials.chain([VALUE.into(), ROOT.into()]).collect()
    }

    /// The command line. `program` follows `--`, unless it is empty.
    pub(crate) fn command<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Command {
        let mut line = vec![vault_exec()];
        line.extend(self.options.iter().cloned());
        let mut program = program.into_iter().map(|arg| self.fill_os(&arg.into())).peekable();
        if program.peek().is_some() {
            line.push("--".into());
            line.extend(program);
        }
        self.without_vault_exec(line)
    }

    /// The same with the program instead of vault-exec.
    pub(crate) fn without_vault_exec<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Command {
        let mut line = self.wrapper.iter().cloned().chain(program.into_iter().map(Into::into));
        let mut command = Command::new(line.next().unwrap());
        command.args(line).env_clear().envs(&self.variables).current_dir(&self.home);
        reset_signals(&mut command);
        command
    }

    /// Calls vault-exec with a program to start.
    pub(crate) fn run<A: Into<OsString>>(&self, program: impl IntoIterator<Item = A>) -> Outcome {
        let mut command = self.command(program);
        let stdin = if self.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
        let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), &self.stdin) {
            // The program may not read it.
            let _ = stdin.write_all(text);
        }
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Outcome::new(self.clone(), command, output.status, output.stdout, stderr)
    }

    /// Starts a program that prints its environment block, see [`Outcome::has`].
    pub(crate) fn environ(&self) -> Outcome {
        self.run(["cat", "/proc/self/environ"]).exits(0)
    }

    /// Fails with this message and exit code 125, without starting the program.
    #[track_caller]
    pub(crate) fn fails(&self, stderr: &str) -> Outcome {
        self.run(["echo", "the program was started"]).exits(125).stderr_is(stderr).stdout_is("")
    }

    /// The same without a program.
    #[track_caller]
    pub(crate) fn alone_fails(&self, stderr: &str) -> Outcome {
        self.alone().exits(125).stderr_is(stderr).stdout_is("")
    }

    /// Calls vault-exec without a program.
    pub(crate) fn alone(&self) -> Outcome {
        self.run::<OsString>([])
    }

    /// Replaces `{kv}`, `{home}` and `{addr}`.
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
