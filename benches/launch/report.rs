//! The words around the numbers.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::site::{Site, text};
use crate::{FAST, Launcher, TURNS};

/// Where, when and with what it was measured.
pub(crate) fn heading(site: &Site, binary: &str, rounds: usize) -> anyhow::Result<String> {
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

/// What was to be reached, and what was.
pub(crate) fn goals(launchers: &[Launcher]) -> String {
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
