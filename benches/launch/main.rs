//! Measures what a start costs with vault-exec and with other launchers: `make bench`, or `make bench n=100`.
//!
//! All launchers read from one server on the loopback interface and start the same static program, which exits at once.
//! They run in turn, n rounds. The tables are printed and written to `RESULTS.md`.
#![allow(clippy::print_stdout, reason = "prints a report")]
#![allow(clippy::cast_precision_loss, reason = "no number has more than 15 digits")]

mod report;
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use report::{goals, heading};
use server::{BenchServer, TOKEN, stdout_of};

const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools");

/// Launchers that take less than this many milliseconds are measured [`FAST_RUNS`] times per round, because their
/// differences are small.
const FAST_MS: f64 = 50.0;
const FAST_RUNS: usize = 10;

/// One way to start the program.
struct Launcher {
    name: &'static str,
    argv: Vec<String>,
    environment: Vec<(&'static str, String)>,
    /// The files it consists of, without interpreters and shared libraries.
    files: Vec<PathBuf>,
    /// True for vault-exec and the C programs only: the numbers are compared across versions of this project.
    counts_instructions: bool,
    runs: Vec<Run>,
    /// Runs that were ended by a signal and repeated.
    crashes: usize,
}

/// The cost of one start.
struct Run {
    wall_ms: f64,
    /// User and system time.
    cpu_ms: f64,
    /// The peak of the resident memory, in 10⁶ bytes.
    peak_mb: f64,
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let built = arguments.next().context("missing argument: the binary to measure; see `make bench`")?;
    let rounds: usize = arguments.next().context("missing argument: the number of rounds")?.parse()?;
    ensure!(rounds > 0, "the number of rounds must not be 0");
    ensure!(Command::new(format!("{BENCHES}/peers.sh")).status()?.success(), "peers.sh failed");

    let server = BenchServer::new()?;
    // A copy, as after an installation: the linker leaves the file's pages scattered.
    let binary = server.dir.join("vault-exec").display().to_string();
    fs::copy(built, &binary)?;
    let mut launchers = launchers(&server, &binary)?;
    for launcher in &mut launchers {
        launcher.run(&server)?;
    }
    let (mut fast, mut slow): (Vec<_>, Vec<_>) =
        launchers.iter_mut().partition(|launcher| launcher.runs[0].wall_ms < FAST_MS);
    for _ in 0..rounds {
        for launcher in &mut slow {
            launcher.measure(&server)?;
        }
        for _ in 0..FAST_RUNS {
            for launcher in &mut fast {
                launcher.measure(&server)?;
            }
        }
    }
    for launcher in &mut launchers {
        // The first run had a cold page cache.
        launcher.runs.remove(0);
    }
    let mut report = heading(&server, &binary, rounds)?;
    let floor = launchers[1].median(|run| run.wall_ms);
    report
        .push_str("\n| | wall, ms | quartiles | × floor | user + sys, ms | peak, MB | on disk, MB | instructions |\n");
    report.push_str("|---|---|---|---|---|---|---|---|\n");
    for launcher in &launchers {
        report.push_str(&launcher.row(&server, floor)?);
    }
    report.push_str(&goals(&launchers));
    fs::write(format!("{BENCHES}/RESULTS.md"), &report)?;
    println!("{report}");
    Ok(())
}

fn launchers(server: &BenchServer, binary: &str) -> anyhow::Result<Vec<Launcher>> {
    let dir = server.dir.display().to_string();
    let target = format!("{dir}/target");
    let http = || vec![("VAULT_ADDR", format!("http://127.0.0.1:{}", server.http_port)), ("VAULT_TOKEN", TOKEN.into())];
    let tls = || vec![("VAULT_ADDR", format!("https://127.0.0.1:{}", server.tls_port)), ("VAULT_TOKEN", TOKEN.into())];
    let role_id = server.bao(&["read", "-field=role_id", "auth/approle/role/bench/role-id"])?;
    let secret_id = server.bao(&["write", "-force", "-field=secret_id", "auth/approle/role/bench/secret-id"])?;
    let approle = vec![http().remove(0), ("VAULT_ROLE_ID", role_id), ("VAULT_SECRET_ID", secret_id)];
    let floor = |paths: &str| vec![format!("{dir}/floor"), server.http_port.to_string(), paths.into(), target.clone()];
    let vault_exec = |paths: usize, options: &[&str]| {
        let mut argv = vec![binary.to_owned()];
        argv.extend(options.iter().map(|&option| option.into()));
        argv.extend((1..=paths).flat_map(|path| ["--path".into(), format!("secret/bench{path}")]));
        argv.extend(["--".into(), target.clone()]);
        argv
    };
    let ca_cert = ["--ca-cert", &format!("{dir}/ca.pem")];
    let to_argv = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let which =
        |tool: &str| stdout_of(Command::new("sh").args(["-c", &format!("command -v {tool}")])).map(PathBuf::from);
    // The interpreter itself: the wrapper of a version manager would add to its time.
    let interpreter = stdout_of(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    let script = format!(
        "PASSWORD1=$(curl -sf -H \"X-Vault-Token: $VAULT_TOKEN\" \"$VAULT_ADDR/v1/secret/data/bench1\" | \
         jq -er .data.data.password1) || exit; export PASSWORD1; unset VAULT_TOKEN; exec {target}"
    );
    let python = |package: &str, environment: Vec<(&'static str, String)>| {
        [environment, vec![("PYTHONPATH", format!("{TOOLS}/{package}"))]].concat()
    };
    let vault_cli = vec![("VAULT_CLI_URL", http()[0].1.clone()), ("VAULT_CLI_TOKEN", TOKEN.into())];
    let secretspec = format!("{TOOLS}/secretspec/bin/secretspec");
    let provider = format!("openbao://127.0.0.1:{}/secret?tls=false", server.http_port);

    let new = |name, argv, environment, files: Vec<PathBuf>, counts_instructions| Launcher {
        name,
        argv,
        environment,
        files,
        counts_instructions,
        runs: Vec::new(),
        crashes: 0,
    };
    let files = || vec![PathBuf::from(binary)];
    let mut launchers = vec![
        new("bare exec", vec![target.clone()], vec![("PASSWORD1", "value1".into())], vec![target.clone().into()], true),
        new("C floor", floor("1"), http(), vec![server.dir.join("floor")], true),
        new("C floor, ten paths", floor("10"), http(), vec![server.dir.join("floor")], true),
        new("C floor, AppRole", floor("1"), approle.clone(), vec![server.dir.join("floor")], false),
        new("vault-exec", vault_exec(1, &[]), http(), files(), true),
        new("vault-exec, ten paths", vault_exec(10, &[]), http(), files(), true),
        new("vault-exec, TLS", vault_exec(1, &ca_cert), tls(), files(), true),
        new("vault-exec, TLS, ten paths", vault_exec(10, &ca_cert), tls(), files(), false),
        new("vault-exec, AppRole", vault_exec(1, &[]), approle, files(), false),
        new("sh, curl and jq", to_argv(&["sh", "-c", &script]), http(), vec![which("curl")?, which("jq")?], false),
        new(
            "Python with hvac",
            to_argv(&[&interpreter, &format!("{BENCHES}/with_hvac.py"), &target]),
            python("hvac", http()),
            vec![format!("{TOOLS}/hvac").into()],
            false,
        ),
        new(
            "vault-cli env (KV v1)",
            to_argv(&[
                &interpreter,
                &format!("{TOOLS}/vault-cli/bin/vault-cli"),
                "env",
                "--path",
                "kv1/bench1",
                "--",
                &target,
            ]),
            python("vault-cli", vault_cli),
            vec![format!("{TOOLS}/vault-cli").into()],
            false,
        ),
        new(
            "bao agent, exec",
            to_argv(&[&server.bao, "agent", "-log-level=error", &format!("-config={dir}/agent.hcl")]),
            Vec::new(),
            vec![server.bao.clone().into()],
            false,
        ),
    ];
    if Path::new(&secretspec).exists() {
        let argv = to_argv(&[&secretspec, "run", "--provider", &provider, "--", &target]);
        launchers.push(new("secretspec run", argv, http(), vec![secretspec.into()], false));
    }
    Ok(launchers)
}

impl Launcher {
    /// Runs twice and keeps the second result: the first run finds an idle server and the caches of another launcher.
    fn measure(&mut self, server: &BenchServer) -> anyhow::Result<()> {
        self.run(server)?;
        self.runs.pop();
        self.run(server)
    }

    fn run(&mut self, server: &BenchServer) -> anyhow::Result<()> {
        let file = server.dir.join("output");
        let mut command = server.command("./measure");
        let result = command.arg(&file).args(&self.argv).envs(self.environment.clone()).output()?;
        if result.status.code() > Some(128) && !self.name.starts_with("vault-exec") && self.crashes < 9 {
            self.crashes += 1;
            return self.run(server);
        }
        let stderr = String::from_utf8_lossy(&result.stderr);
        ensure!(result.status.success(), "{}: {}\n{stderr}", self.name, result.status);
        let output = fs::read_to_string(file)?;
        let numbers = output.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [wall_ns, cpu_us, peak_kib] = numbers[..] else { bail!("unexpected output of measure: {output}") };
        self.runs.push(Run { wall_ms: wall_ns / 1e6, cpu_ms: cpu_us / 1e3, peak_mb: peak_kib * 1024.0 / 1e6 });
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

    fn row(&self, server: &BenchServer, floor: f64) -> anyhow::Result<String> {
        let (wall, count) = (self.sorted(|run| run.wall_ms), self.runs.len());
        let (median, cpu, peak) = (wall[count / 2], self.median(|run| run.cpu_ms), self.median(|run| run.peak_mb));
        let instructions =
            if self.counts_instructions { format!("{:.2} M", self.instructions(server)? / 1e6) } else { String::new() };
        let crashed = if self.crashes > 0 { format!(" (crashed {} times)", self.crashes) } else { String::new() };
        Ok(format!(
            "| {}{crashed} | {median:.2} | {:.2} – {:.2} | {:.2} | {cpu:.2} | {peak:.2} | {:.2} | {instructions} |\n",
            self.name,
            wall[count / 4],
            wall[count * 3 / 4],
            median / floor,
            self.size()?
        ))
    }

    /// Instructions up to `execve`: the program to start is an empty file, so `execve` fails and the launcher exits.
    fn instructions(&self, server: &BenchServer) -> anyhow::Result<f64> {
        let mut argv = self.argv.clone();
        if let Some(program) = argv.last_mut().filter(|_| self.argv.len() > 1) {
            *program = server.dir.join("no-program").display().to_string();
        }
        let mut command = server.command("valgrind");
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).args(argv).envs(self.environment.clone());
        let stderr = String::from_utf8(command.output()?.stderr)?;
        let refs = stderr
            .lines()
            .find_map(|line| line.split_once("refs:"))
            .context("no `refs:` line in the output of callgrind")?
            .1;
        Ok(refs.trim().replace(',', "").parse()?)
    }

    fn size(&self) -> anyhow::Result<f64> {
        let output = Command::new("du").args(["--bytes", "--summarize", "--total"]).args(&self.files).output()?;
        let text = String::from_utf8(output.stdout)?;
        let total = text
            .lines()
            .last()
            .and_then(|line| line.split_whitespace().next())
            .context("no total in the output of du")?;
        Ok(total.parse::<f64>()? / 1e6)
    }
}
