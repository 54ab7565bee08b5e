//! The heading of the report, and the comparison with the goals.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::server::{BenchServer, stdout_of};
use crate::{FAST_MS, FAST_RUNS, Launcher};

/// Date, machine and versions.
pub(crate) fn heading(server: &BenchServer, binary: &str, rounds: usize) -> anyhow::Result<String> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    let load = fs::read_to_string("/proc/loadavg")?;
    let versions = [
        first_line(stdout_of(Command::new(binary).arg("--version"))?),
        first_line(stdout_of(Command::new(&server.bao).arg("version"))?)
            .split(',')
            .next()
            .unwrap_or_default()
            .to_owned(),
        first_line(stdout_of(Command::new("curl").arg("--version"))?).split(" (").next().unwrap_or_default().to_owned(),
        stdout_of(Command::new("jq").arg("--version"))?,
        stdout_of(Command::new("python3").arg("--version"))?,
        stdout_of(Command::new("valgrind").arg("--version"))?,
    ];
    let mut report = String::from("# What a start costs\n\nWritten by `make bench`.\n\n");
    writeln!(
        report,
        "* {}, {rounds} runs of each launcher, {} of those that take less than {FAST_MS} ms",
        stdout_of(Command::new("date").args(["-u", "+%F"]))?,
        rounds * FAST_RUNS
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

/// A table of the goals and the measured ratios.
pub(crate) fn goals(launchers: &[Launcher]) -> String {
    let wall = |name: &str| {
        let launcher = launchers.iter().find(|launcher| launcher.name == name);
        launcher.map_or(f64::NAN, |launcher| launcher.median(|run| run.wall_ms))
    };
    let vault_exec = || launchers.iter().filter(|launcher| launcher.name.starts_with("vault-exec"));
    let peak = vault_exec().map(|launcher| launcher.median(|run| run.peak_mb)).fold(0.0, f64::max);
    let size = vault_exec().filter_map(|launcher| launcher.size().ok()).fold(0.0, f64::max);
    let mut report = String::from("\n| goal | at most | measured |\n|---|---|---|\n");
    for (goal, most, measured) in [
        ("one path ÷ C floor", 1.25, wall("vault-exec") / wall("C floor")),
        ("ten paths ÷ one path", 1.3, wall("vault-exec, ten paths") / wall("vault-exec")),
        ("AppRole ÷ token", 2.0, wall("vault-exec, AppRole") / wall("vault-exec")),
        ("TLS with --ca-cert ÷ HTTP", 1.8, wall("vault-exec, TLS") / wall("vault-exec")),
        ("peak, MB", 3.5, peak),
        ("on disk, MB", 3.0, size),
    ] {
        let verdict = if measured <= most { "" } else { ", missed" };
        let _ = writeln!(report, "| {goal} | {most} | {measured:.2}{verdict} |");
    }
    let _ = writeln!(
        report,
        "\nTen paths, and a login with the revocation of its token, cost the server more: the C floor takes {:.2} × and \
         {:.2} × its time for one path. vault-exec takes {:.2} × and {:.2} × the floor's time for the same.",
        wall("C floor, ten paths") / wall("C floor"),
        wall("C floor, AppRole") / wall("C floor"),
        wall("vault-exec, ten paths") / wall("C floor, ten paths"),
        wall("vault-exec, AppRole") / wall("C floor, AppRole"),
    );
    report
}
