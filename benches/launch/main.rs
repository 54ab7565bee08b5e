//! What a start costs, next to other ways to bring a secret into an environment: `make bench`, or `make bench n=100`.
//!
//! One server on loopback, one static program that ends at once if it finds the secret, and every launcher in turn, n
//! times round. Prints tables and writes them to `RESULTS.md`.
#![allow(clippy::print_stdout, reason = "it is a report")]
#![allow(clippy::cast_precision_loss, reason = "nothing here needs more than 15 digits")]

mod report;
mod site;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use report::{goals, heading};
use site::{Site, TOKEN, text};

const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools");

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
