//! What is measured against: a server with secrets in it.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::BENCHES;

/// The token that may do everything.
pub(crate) const TOKEN: &str = "bench-root";

/// The server, its secrets, and a directory that ends with it.
pub(crate) struct Site {
    pub(crate) room: PathBuf,
    pub(crate) bao: String,
    pub(crate) plain: u16,
    pub(crate) tls: u16,
    server: Option<Child>,
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        let _ = fs::remove_dir_all(&self.room);
    }
}

impl Site {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let room = PathBuf::from(text(Command::new("mktemp").args(["--directory"]))?);
        let bao = text(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/test-deps/openbao.sh")))?;
        let mut site = Self { room, bao, plain: free_port()?, tls: free_port()?, server: None };
        let place = site.room.display().to_string();
        for program in ["floor", "measure", "target"] {
            let source = format!("{BENCHES}/{program}.c");
            text(site.command("cc").args(["-O2", "-static", "-Wall", "-o", program, &source]))?;
        }
        fs::write(site.room.join("no-program"), "")?;
        fs::set_permissions(site.room.join("no-program"), PermissionsExt::from_mode(0o755))?;
        let new_key = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9";
        text(site.command("sh").arg("-c").arg(format!(
            "{new_key} -subj /CN=ca -keyout ca.key -out ca.pem &&
             {new_key} -subj /CN=server -CA ca.pem -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 \
             -addext basicConstraints=CA:FALSE -keyout server.key -out server.pem"
        )))?;
        let files = format!("tls_cert_file = \"{place}/server.pem\"\ntls_key_file = \"{place}/server.key\"");
        let listener = format!("listener \"tcp\" {{\naddress = \"127.0.0.1:{}\"\n{files}\n}}\n", site.tls);
        fs::write(site.room.join("server.hcl"), listener)?;
        fs::write(site.room.join("token"), TOKEN)?;
        fs::write(
            site.room.join("agent.hcl"),
            format!(
                "vault {{\naddress = \"http://127.0.0.1:{}\"\n}}\nauto_auth {{\nmethod \"token_file\" {{\nconfig = {{\n\
                 token_file_path = \"{place}/token\"\n}}\n}}\n}}\nenv_template \"PASSWORD1\" {{\ncontents = \
                 \"{{{{ with secret \\\"secret/data/bench1\\\" }}}}{{{{ .Data.data.password1 }}}}{{{{ end }}}}\"\n}}\n\
                 exec {{\ncommand = [\"{place}/target\"]\n}}\n",
                site.plain
            ),
        )?;
        let manifest = "[project]\nname = \"bench\"\nrevision = \"1.0\"\n[profiles.default]\n\
                        PASSWORD1 = { description = \"a password\" }\n";
        fs::write(site.room.join("secretspec.toml"), manifest)?;
        let mut server = site.command(&site.bao);
        server.args(["server", "-dev", "-dev-no-store-token", &format!("-dev-root-token-id={TOKEN}")]);
        server.args([&format!("-dev-listen-address=127.0.0.1:{}", site.plain), "-config=server.hcl"]);
        site.server = Some(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let mut tries = 0;
        while let Err(error) = site.bao(&["status"]) {
            tries += 1;
            ensure!(tries < 100, "the server does not start: {error}");
            std::thread::sleep(Duration::from_millis(100));
        }
        for path in 1..=10 {
            let pairs = [format!("user{path}=someone"), format!("password{path}=value{path}")];
            site.bao(&["kv", "put", "-mount=secret", &format!("bench{path}"), &pairs[0], &pairs[1]])?;
        }
        site.bao(&["kv", "put", "-mount=secret", "secretspec/bench/default/PASSWORD1", "value=value1"])?;
        site.bao(&["secrets", "enable", "-path=kv1", "-version=1", "kv"])?;
        site.bao(&["kv", "put", "-mount=kv1", "bench1", "password1=value1"])?;
        fs::write(site.room.join("policy.hcl"), "path \"secret/data/*\" {\ncapabilities = [\"read\"]\n}\n")?;
        site.bao(&["policy", "write", "bench", "policy.hcl"])?;
        site.bao(&["auth", "enable", "approle"])?;
        site.bao(&["write", "auth/approle/role/bench", "token_policies=bench"])?;
        Ok(site)
    }

    /// In the directory, and in an environment with nothing of the caller's.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.room).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.room);
        command
    }

    pub(crate) fn bao(&self, line: &[&str]) -> anyhow::Result<String> {
        let address = format!("http://127.0.0.1:{}", self.plain);
        text(self.command(&self.bao).args(line).env("BAO_ADDR", address).env("BAO_TOKEN", TOKEN))
    }
}

/// What a command prints, without the end of the line.
pub(crate) fn text(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
