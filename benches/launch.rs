//! What a start costs, next to other ways to bring a secret into an environment: `make bench`, or `make bench n=100`.
//!
//! One server on loopback, one static program that ends at once if it finds the secret, and every launcher in turn, n
//! times round. Prints tables and writes them to `RESULTS.md`.
#![allow(clippy::print_stdout, reason = "it is a report")]
#![allow(clippy::cast_precision_loss, reason = "nothing here needs more than 15 digits")]

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools");
const TOKEN: &str = "bench-root";

/// What takes less than so many milliseconds is run so many times in turn for each run of the others: little differences
/// want many numbers.
const FAST: f64 = 50.0;
const TURNS: usize = 10;

/// One way to start the program.
struct Launcher {
    name: &'static str,
    line: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// What it consists of, without interpreters and shared libraries.
    files: Vec<PathBuf>,
    /// Whether instructions are counted: for the history of this project alone.
    counted: bool,
    runs: Vec<Run>,
    /// Runs that a signal ended, as a crash does, and that were made again.
    crashes: usize,
}

/// What one start took: milliseconds, milliseconds of the processor, MB at the peak.
struct Run {
    wall: f64,
    busy: f64,
    peak: f64,
}

/// The server, its secrets, and a directory that ends with it.
struct Site {
    room: PathBuf,
    bao: String,
    plain: u16,
    tls: u16,
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

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let built = arguments.next().context("the binary to measure is missing: see `make bench`")?;
    let rounds: usize = arguments.next().context("the number of rounds is missing")?.parse()?;
    ensure!(rounds > 0, "no rounds are no measurement");
    ensure!(Command::new(format!("{BENCHES}/peers.sh")).status()?.success(), "the peers were not installed");

    let site = Site::new()?;
    // A copy, as every installation is: the pages of what a linker wrote are scattered.
    let binary = site.room.join("vault-exec").display().to_string();
    fs::copy(built, &binary)?;
    let mut launchers = launchers(&site, &binary)?;
    for launcher in &mut launchers {
        launcher.run(&site)?;
    }
    let (mut fast, mut slow): (Vec<_>, Vec<_>) =
        launchers.iter_mut().partition(|launcher| launcher.runs[0].wall < FAST);
    for _ in 0..rounds {
        for launcher in &mut slow {
            launcher.measure(&site)?;
        }
        for _ in 0..TURNS {
            for launcher in &mut fast {
                launcher.measure(&site)?;
            }
        }
    }
    for launcher in &mut launchers {
        // The very first run found nothing in memory.
        launcher.runs.remove(0);
    }
    let mut report = heading(&site, &binary, rounds)?;
    let floor = launchers[1].median(|run| run.wall);
    report
        .push_str("\n| | wall, ms | quartiles | × floor | user + sys, ms | peak, MB | on disk, MB | instructions |\n");
    report.push_str("|---|---|---|---|---|---|---|---|\n");
    for launcher in &launchers {
        report.push_str(&launcher.row(&site, floor)?);
    }
    report.push_str(&goals(&launchers));
    fs::write(format!("{BENCHES}/RESULTS.md"), &report)?;
    println!("{report}");
    Ok(())
}

fn launchers(site: &Site, binary: &str) -> anyhow::Result<Vec<Launcher>> {
    let room = site.room.display().to_string();
    let target = format!("{room}/target");
    let plain = || vec![("VAULT_ADDR", format!("http://127.0.0.1:{}", site.plain)), ("VAULT_TOKEN", TOKEN.into())];
    let tls = || vec![("VAULT_ADDR", format!("https://127.0.0.1:{}", site.tls)), ("VAULT_TOKEN", TOKEN.into())];
    let role = [("role-id", "read"), ("secret-id", "write")].map(|(what, verb)| -> anyhow::Result<String> {
        let field = format!("-field={}", what.replace('-', "_"));
        let path = format!("auth/approle/role/bench/{what}");
        let line = if verb == "read" { vec![verb, &field, &path] } else { vec![verb, "-force", &field, &path] };
        site.bao(&line)
    });
    let [role_id, secret_id] = role;
    let role = vec![plain().remove(0), ("VAULT_ROLE_ID", role_id?), ("VAULT_SECRET_ID", secret_id?)];
    let floor = |paths: &str| vec![format!("{room}/floor"), site.plain.to_string(), paths.into(), target.clone()];
    let ours = |paths: usize, more: &[&str]| {
        let mut line = vec![binary.to_owned()];
        line.extend(more.iter().map(|&word| word.into()));
        line.extend((1..=paths).flat_map(|path| ["--path".into(), format!("secret/bench{path}")]));
        line.extend(["--".into(), target.clone()]);
        line
    };
    let authority = ["--ca-cert", &format!("{room}/ca.pem")];
    let words = |line: &[&str]| line.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let found = |tool: &str| text(Command::new("sh").args(["-c", &format!("command -v {tool}")])).map(PathBuf::from);
    // What a version manager puts in its place takes longer than Python itself.
    let interpreter = text(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    let script = format!(
        "PASSWORD1=$(curl -sf -H \"X-Vault-Token: $VAULT_TOKEN\" \"$VAULT_ADDR/v1/secret/data/bench1\" | \
         jq -er .data.data.password1) || exit; export PASSWORD1; unset VAULT_TOKEN; exec {target}"
    );
    let python = |package: &str, environment: Vec<(&'static str, String)>| {
        [environment, vec![("PYTHONPATH", format!("{TOOLS}/{package}"))]].concat()
    };
    let cli = vec![("VAULT_CLI_URL", plain()[0].1.clone()), ("VAULT_CLI_TOKEN", TOKEN.into())];
    let secretspec = format!("{TOOLS}/secretspec/bin/secretspec");
    let provider = format!("openbao://127.0.0.1:{}/secret?tls=false", site.plain);

    let new = |name, line, environment, files: Vec<PathBuf>, counted| Launcher {
        name,
        line,
        environment,
        files,
        counted,
        runs: Vec::new(),
        crashes: 0,
    };
    let us = || vec![PathBuf::from(binary)];
    let mut launchers = vec![
        new("bare exec", vec![target.clone()], vec![("PASSWORD1", "value1".into())], vec![target.clone().into()], true),
        new("C floor", floor("1"), plain(), vec![site.room.join("floor")], true),
        new("C floor, ten paths", floor("10"), plain(), vec![site.room.join("floor")], true),
        new("C floor, AppRole", floor("1"), role.clone(), vec![site.room.join("floor")], false),
        new("vault-exec", ours(1, &[]), plain(), us(), true),
        new("vault-exec, ten paths", ours(10, &[]), plain(), us(), true),
        new("vault-exec, TLS", ours(1, &authority), tls(), us(), true),
        new("vault-exec, TLS, ten paths", ours(10, &authority), tls(), us(), false),
        new("vault-exec, AppRole", ours(1, &[]), role, us(), false),
        new("sh, curl and jq", words(&["sh", "-c", &script]), plain(), vec![found("curl")?, found("jq")?], false),
        new(
            "Python with hvac",
            words(&[&interpreter, &format!("{BENCHES}/with_hvac.py"), &target]),
            python("hvac", plain()),
            vec![format!("{TOOLS}/hvac").into()],
            false,
        ),
        new(
            "vault-cli env (KV v1)",
            words(&[
                &interpreter,
                &format!("{TOOLS}/vault-cli/bin/vault-cli"),
                "env",
                "--path",
                "kv1/bench1",
                "--",
                &target,
            ]),
            python("vault-cli", cli),
            vec![format!("{TOOLS}/vault-cli").into()],
            false,
        ),
        new(
            "bao agent, exec",
            words(&[&site.bao, "agent", "-log-level=error", &format!("-config={room}/agent.hcl")]),
            Vec::new(),
            vec![site.bao.clone().into()],
            false,
        ),
    ];
    if Path::new(&secretspec).exists() {
        let line = words(&[&secretspec, "run", "--provider", &provider, "--", &target]);
        launchers.push(new("secretspec run", line, plain(), vec![secretspec.into()], false));
    }
    Ok(launchers)
}

impl Launcher {
    /// Runs twice, and the second run counts: the first finds a server that had a rest, and caches full of what ran before.
    fn measure(&mut self, site: &Site) -> anyhow::Result<()> {
        self.run(site)?;
        self.runs.pop();
        self.run(site)
    }

    fn run(&mut self, site: &Site) -> anyhow::Result<()> {
        let told = site.room.join("told");
        let output = site.command("./measure").arg(&told).args(&self.line).envs(self.environment.clone()).output()?;
        if output.status.code() > Some(128) && !self.name.starts_with("vault-exec") && self.crashes < 9 {
            self.crashes += 1;
            return self.run(site);
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}\n{stderr}", self.name, output.status);
        let told = fs::read_to_string(told)?;
        let numbers = told.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [wall, busy, peak] = numbers[..] else { bail!("measure told {told}") };
        self.runs.push(Run { wall: wall / 1e6, busy: busy / 1e3, peak: peak * 1024.0 / 1e6 });
        Ok(())
    }

    fn sorted(&self, number: impl Fn(&Run) -> f64) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.runs.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers
    }

    fn median(&self, number: impl Fn(&Run) -> f64) -> f64 {
        self.sorted(number)[self.runs.len() / 2]
    }

    fn row(&self, site: &Site, floor: f64) -> anyhow::Result<String> {
        let (wall, count) = (self.sorted(|run| run.wall), self.runs.len());
        let (median, busy, peak) = (wall[count / 2], self.median(|run| run.busy), self.median(|run| run.peak));
        let instructions =
            if self.counted { format!("{:.2} M", self.instructions(site)? / 1e6) } else { String::new() };
        let crashed = if self.crashes > 0 { format!(" (crashed {} times)", self.crashes) } else { String::new() };
        Ok(format!(
            "| {}{crashed} | {median:.2} | {:.2} – {:.2} | {:.2} | {busy:.2} | {peak:.2} | {:.2} | {instructions} |\n",
            self.name,
            wall[count / 4],
            wall[count * 3 / 4],
            median / floor,
            self.size()?
        ))
    }

    /// Until `execve`: what is started is no program, so that the launcher goes no further and is not replaced.
    fn instructions(&self, site: &Site) -> anyhow::Result<f64> {
        let mut line = self.line.clone();
        if let Some(program) = line.last_mut().filter(|_| self.line.len() > 1) {
            *program = site.room.join("no-program").display().to_string();
        }
        let mut command = site.command("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(line).envs(self.environment.clone());
        let stderr = String::from_utf8(command.output()?.stderr)?;
        let refs = stderr.lines().find_map(|line| line.split_once("refs:")).context("callgrind counted nothing")?.1;
        Ok(refs.trim().replace(',', "").parse()?)
    }

    fn size(&self) -> anyhow::Result<f64> {
        let output = Command::new("du").args(["--bytes", "--summarize", "--total"]).args(&self.files).output()?;
        let text = String::from_utf8(output.stdout)?;
        let total = text.lines().last().and_then(|line| line.split_whitespace().next()).context("du")?;
        Ok(total.parse::<f64>()? / 1e6)
    }
}

impl Site {
    fn new() -> anyhow::Result<Self> {
        let room = PathBuf::from(text(Command::new("mktemp").args(["--directory"]))?);
        let bao = text(&mut Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openbao.sh")))?;
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
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.room).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", &self.room);
        command
    }

    fn bao(&self, line: &[&str]) -> anyhow::Result<String> {
        let address = format!("http://127.0.0.1:{}", self.plain);
        text(self.command(&self.bao).args(line).env("BAO_ADDR", address).env("BAO_TOKEN", TOKEN))
    }
}

/// What a command prints, without the end of the line.
fn text(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim_end().to_owned())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn heading(site: &Site, binary: &str, rounds: usize) -> anyhow::Result<String> {
    let first = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    let load = fs::read_to_string("/proc/loadavg")?;
    let versions = [
        first(text(Command::new(binary).arg("--version"))?),
        first(text(Command::new(&site.bao).arg("version"))?).split(',').next().unwrap_or_default().to_owned(),
        first(text(Command::new("curl").arg("--version"))?).split(" (").next().unwrap_or_default().to_owned(),
        text(Command::new("jq").arg("--version"))?,
        text(Command::new("python3").arg("--version"))?,
        text(Command::new("valgrind").arg("--version"))?,
    ];
    let mut report = String::from("# What a start costs\n\nWritten by `make bench`.\n\n");
    writeln!(
        report,
        "* {}, {rounds} runs each, in turn, and {} of what takes less than {FAST} ms",
        text(Command::new("date").args(["-u", "+%F"]))?,
        rounds * TURNS
    )?;
    writeln!(
        report,
        "* {} × {}, Linux {}, load {}",
        std::thread::available_parallelism()?,
        model.trim_start_matches(['\t', ':', ' ']),
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim_end(),
        load.split(' ').next().unwrap_or_default()
    )?;
    writeln!(report, "* {}", versions.join(", "))?;
    Ok(report)
}

fn goals(launchers: &[Launcher]) -> String {
    let wall = |name: &str| {
        let launcher = launchers.iter().find(|launcher| launcher.name == name);
        launcher.map_or(f64::NAN, |launcher| launcher.median(|run| run.wall))
    };
    let ours = || launchers.iter().filter(|launcher| launcher.name.starts_with("vault-exec"));
    let peak = ours().map(|launcher| launcher.median(|run| run.peak)).fold(0.0, f64::max);
    let size = ours().filter_map(|launcher| launcher.size().ok()).fold(0.0, f64::max);
    let mut report = String::from("\n| goal | at most | measured |\n|---|---|---|\n");
    for (goal, most, measured) in [
        ("one path, of the C floor", 1.25, wall("vault-exec") / wall("C floor")),
        ("ten paths, of one", 1.3, wall("vault-exec, ten paths") / wall("vault-exec")),
        ("AppRole, of a token", 2.0, wall("vault-exec, AppRole") / wall("vault-exec")),
        ("TLS with a given authority, of HTTP", 1.8, wall("vault-exec, TLS") / wall("vault-exec")),
        ("peak, MB", 3.5, peak),
        ("on disk, MB", 3.0, size),
    ] {
        let verdict = if measured <= most { "" } else { ", missed" };
        let _ = writeln!(report, "| {goal} | {most} | {measured:.2}{verdict} |");
    }
    let _ = writeln!(
        report,
        "\nWhat the server takes for ten paths, and for a login and the revocation of its token, is not ours to save: the C \
         floor takes {:.2} × and {:.2} × its time for one path. vault-exec takes {:.2} × and {:.2} × the floor's time for \
         the same.",
        wall("C floor, ten paths") / wall("C floor"),
        wall("C floor, AppRole") / wall("C floor"),
        wall("vault-exec, ten paths") / wall("C floor, ten paths"),
        wall("vault-exec, AppRole") / wall("C floor, AppRole"),
    );
    report
}
