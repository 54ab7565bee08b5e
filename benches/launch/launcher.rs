//! One way to start the program, and what it costs.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::server::{BenchServer, stdout_of};

/// How the files of a launcher, and of the program that it starts, lie in the page cache. Right after they were written they
/// are in large folios, which makes a start faster by up to a third than when they were read from a disk.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum State {
    /// The page cache was dropped, then filled by running, as on a node that unpacked an image a while ago.
    Found,
    /// Written and not dropped.
    Copied,
    /// Another launcher, as it is installed.
    Installed,
}

pub(crate) struct Launcher {
    pub(crate) name: String,
    pub(crate) shape: &'static str,
    pub(crate) state: State,
    pub(crate) argv: Vec<String>,
    pub(crate) environment: Vec<(&'static str, String)>,
    /// The files it consists of, without interpreters and shared libraries.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) runs: Vec<Run>,
    /// Runs that were ended by a signal and repeated.
    pub(crate) crashes: usize,
}

/// The cost of one start.
pub(crate) struct Run {
    pub(crate) wall_ms: f64,
    /// User and system time.
    pub(crate) cpu_ms: f64,
    /// The peak of the resident memory, in 10⁶ bytes.
    pub(crate) peak_mb: f64,
    pub(crate) page_faults: f64,
}

impl Launcher {
    pub(crate) fn run(&mut self, server: &BenchServer) -> anyhow::Result<()> {
        let file = server.dir.join("output");
        let mut command = server.command("./measure");
        let result = command.arg(&file).args(&self.argv).envs(self.environment.clone()).output()?;
        if result.status.code() > Some(128) && self.state == State::Installed && self.crashes < 9 {
            self.crashes += 1;
            return self.run(server);
        }
        let stderr = String::from_utf8_lossy(&result.stderr);
        ensure!(result.status.success(), "{}, {}: {}\n{stderr}", self.shape, self.name, result.status);
        let output = fs::read_to_string(file)?;
        let numbers = output.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [wall_ns, cpu_us, peak_kib, page_faults] = numbers[..] else {
            bail!("unexpected output of measure: {output}")
        };
        self.runs.push(Run {
            wall_ms: wall_ns / 1e6,
            cpu_ms: cpu_us / 1e3,
            peak_mb: peak_kib * 1024.0 / 1e6,
            page_faults,
        });
        Ok(())
    }

    pub(crate) fn numbers(&self, number: impl Fn(&Run) -> f64) -> Vec<f64> {
        self.runs.iter().map(number).collect()
    }

    /// Instructions up to `execve`: the program to start is an empty file, so `execve` fails and the launcher exits.
    pub(crate) fn instructions(&self, server: &BenchServer) -> anyhow::Result<f64> {
        let mut argv = self.argv.clone();
        if let Some(program) = argv.last_mut() {
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

    /// In 10⁶ bytes.
    pub(crate) fn size(&self) -> anyhow::Result<f64> {
        let total = stdout_of(Command::new("du").args(["--bytes", "--summarize", "--total"]).args(&self.files))?;
        let bytes = total.lines().last().and_then(|line| line.split_whitespace().next());
        Ok(bytes.context("no total in the output of du")?.parse::<f64>()? / 1e6)
    }
}
