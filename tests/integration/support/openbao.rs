//! Real servers: `OpenBao`, or another one that `VAULT_EXEC_TEST_SERVER` names.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use super::api::Api;
use super::process::{SupervisedProcess, dependency, free_port};
use super::scratch::new_dir;
use super::wait::wait_until;

/// The root token of every server in development mode. No output contains it by chance.
pub(crate) const ROOT: &str = "bed-root-token";

/// The server that most tests share, with the auth methods `approle`, `userpass`, `jwt` and `kubernetes`. Each test has
/// mounts, policies and roles of its own.
pub(crate) static SHARED: LazyLock<OpenBao> = LazyLock::new(|| {
    let server = OpenBao::start(&[]);
    for method in ["approle", "userpass", "jwt", "kubernetes"] {
        server.api().post(&format!("sys/auth/{method}"), &serde_json::json!({"type": method}));
    }
    server
});

/// The server's binary, which is also its CLI.
pub(crate) fn bao() -> &'static str {
    static BAO: LazyLock<String> = LazyLock::new(|| dependency("server"));
    &BAO
}

/// Whether the server is `OpenBao`, whose configuration declares audit devices. `HashiCorp` Vault has an API for them.
pub(crate) fn is_openbao() -> bool {
    let output = Command::new(bao()).arg("version").output().unwrap();
    output.stdout.starts_with(b"OpenBao")
}

/// A server in development mode with a KV version 2 engine at `secret/`.
pub(crate) struct OpenBao {
    /// Host and port of its listener for plain HTTP.
    pub(crate) authority: String,
    process: SupervisedProcess,
}

impl OpenBao {
    /// Starts `bao server -dev` with more options and waits until it is ready.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_with(options, |authority| {
            Api::new(format!("http://{authority}"), ROOT).status("sys/health") == Some(200)
        })
    }

    /// The same for a server whose readiness another function finds out, given its host and port.
    pub(crate) fn start_with(options: &[&str], ready: impl Fn(&str) -> bool) -> Self {
        // Another process may take the port first.
        (0..5).find_map(|_| Self::try_start(options, &ready)).expect("the server did not start")
    }

    fn try_start(options: &[&str], ready: impl Fn(&str) -> bool) -> Option<Self> {
        let authority = format!("127.0.0.1:{}", free_port());
        let (root, listen) = (format!("-dev-root-token-id={ROOT}"), format!("-dev-listen-address={authority}"));
        let command = [&[bao(), "server", "-dev", "-dev-no-store-token", &root, &listen], options].concat();
        let process = SupervisedProcess::start(&command, new_dir("server").join("log"));
        let server = Self { authority, process };
        let (mut is_ready, mut lost_port) = (false, false);
        wait_until("the server", || {
            is_ready = ready(&server.authority);
            lost_port = server.process.log().contains("address already in use");
            is_ready || lost_port
        });
        is_ready.then_some(server)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// The API with the root token.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.origin(), ROOT)
    }
}

/// Starts a server that is not in development mode. `OpenBao` ignores `disable_mlock`, and `HashiCorp` Vault requires it with
/// raft.
pub(crate) fn start_server(dir: &Path, config: &str) -> SupervisedProcess {
    let file = dir.join("server.hcl");
    fs::write(&file, format!("disable_mlock = true\n{config}")).unwrap();
    SupervisedProcess::start(&[bao(), "server", &format!("-config={}", file.display())], dir.join("log"))
}
