//! The OpenBao server that the launchers read from, and its secrets.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::BENCHES;

/// The server's root token.
pub(crate) const TOKEN: &str = "bench-root";

/// An OpenBao server in dev mode with the secrets `secret/bench1` to `secret/bench10`. Drop stops it and removes `dir`.
pub(crate) struct BenchServer {
    /// Holds the compiled C programs, the certificates and the configuration files.
    pub(crate) dir: PathBuf,
    /// The path of the `bao` binary.
    pub(crate) bao: String,
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    process: Option<Child>,
}

impl Drop for BenchServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl BenchServer {
    pub(crate) fn new() -> anyhow::Result<Self> {
        // On the file system of the build: /tmp may be in memory.
        let exe = std::env::current_exe()?;
        let parent = exe.parent().context("the benchmark is in no directory")?;
        let dir = PathBuf::from(stdout_of(Command::new("mktemp").arg("--directory").arg(parent.join("bench.XXXXXX")))?);
        let bao = stdout_of(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-deps/openbao.sh")))?;
        let mut server = Self { dir, bao, http_port: free_port()?, tls_port: free_port()?, process: None };
        let dir = server.dir.display().to_string();
        stdout_of(Command::new(format!("{BENCHES}/compile.sh")).arg(&server.dir))?;
        fs::write(server.dir.join("no-program"), "")?;
        fs::set_permissions(server.dir.join("no-program"), PermissionsExt::from_mode(0o755))?;
        let new_key = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9";
        stdout_of(server.command("sh").arg("-c").arg(format!(
            "{new_key} -subj /CN=ca -keyout ca.key -out ca.pem &&
             {new_key} -subj /CN=server -CA ca.pem -CAkey ca.key -addext subjectAltName=IP:127.0.0.1,DNS:localhost \
             -addext basicConstraints=CA:FALSE -keyout server.key -out server.pem"
        )))?;
        // As Debian adds an authority of the machine's administrator to the others.
        let store = fs::read_to_string("/etc/ssl/certs/ca-certificates.crt")?;
        fs::write(server.dir.join("store.pem"), store + &fs::read_to_string(server.dir.join("ca.pem"))?)?;
        let tls_files = format!("tls_cert_file = \"{dir}/server.pem\"\ntls_key_file = \"{dir}/server.key\"");
        let listener = format!("listener \"tcp\" {{\naddress = \"127.0.0.1:{}\"\n{tls_files}\n}}\n", server.tls_port);
        fs::write(server.dir.join("server.hcl"), listener)?;
        fs::write(server.dir.join("token"), TOKEN)?;
        fs::write(
            server.dir.join("agent.hcl"),
            format!(
                "vault {{\naddress = \"http://127.0.0.1:{}\"\n}}\nauto_auth {{\nmethod \"token_file\" {{\nconfig = {{\n\
                 token_file_path = \"{dir}/token\"\n}}\n}}\n}}\nenv_template \"PASSWORD1\" {{\ncontents = \
                 \"{{{{ with secret \\\"secret/data/bench1\\\" }}}}{{{{ .Data.data.password1 }}}}{{{{ end }}}}\"\n}}\n\
                 exec {{\ncommand = [\"{dir}/target\"]\n}}\n",
                server.http_port
            ),
        )?;
        let manifest = "[project]\nname = \"bench\"\nrevision = \"1.0\"\n[profiles.default]\n\
                        PASSWORD1 = { description = \"a password\" }\n";
        fs::write(server.dir.join("secretspec.toml"), manifest)?;
        let mut command = server.command(&server.bao);
        command.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={TOKEN}")]);
        command.args([&format!("-dev-listen-address=127.0.0.1:{}", server.http_port), "-config=server.hcl"]);
        server.process = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let mut attempts = 0;
        while let Err(error) = server.bao(&["status"]) {
            attempts += 1;
            ensure!(attempts < 100, "the server did not start within 10 s: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        for path in 1..=10 {
            let pairs = [format!("user{path}=someone"), format!("password{path}=value{path}")];
            server.bao(&["kv", "put", "-mount=secret", &format!("bench{path}"), &pairs[0], &pairs[1]])?;
        }
        server.bao(&["kv", "put", "-mount=secret", "secretspec/bench/default/PASSWORD1", "value=value1"])?;
        server.bao(&["secrets", "enable", "-path=kv1", "-version=1", "kv"])?;
        server.bao(&["kv", "put", "-mount=kv1", "bench1", "password1=value1"])?;
        fs::write(server.dir.join("policy.hcl"), "path \"secret/data/*\" {\ncapabilities = [\"read\"]\n}\n")?;
        server.bao(&["policy", "write", "bench", "policy.hcl"])?;
        server.bao(&["auth", "enable", "approle"])?;
        server.bao(&["write", "auth/approle/role/bench", "token_policies=bench"])?;
        Ok(server)
    }

    /// A command that runs in `dir`, with `PATH` and `HOME` as its only variables.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.dir);
        command
    }

    /// Runs the CLI with the root token.
    pub(crate) fn bao(&self, args: &[&str]) -> anyhow::Result<String> {
        let address = format!("http://127.0.0.1:{}", self.http_port);
        stdout_of(self.command(&self.bao).args(args).env("BAO_ADDR", address).env("BAO_TOKEN", TOKEN))
    }
}

/// The standard output of a command, without trailing whitespace. Fails if the command fails.
pub(crate) fn stdout_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
