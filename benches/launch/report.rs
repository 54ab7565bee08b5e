//! The report: a section of RESULTS.md for this machine.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::launcher::{Launcher, Run, State};
use crate::server::{BenchServer, stdout_of};
use crate::stats::{Estimate, estimate_median, estimate_ratio, median};

/// The section: its heading names the machine.
pub(crate) fn section(server: &BenchServer, binary: &str, launchers: &[Launcher]) -> anyhow::Result<String> {
    let mut text = heading(server, binary, launchers)?;
    text.push_str(&goals(launchers));
    for (state, title) in [
        (State::Found, "As a container finds the files"),
        (State::Copied, "Freshly copied"),
        (State::Installed, "Other launchers, as installed"),
    ] {
        let rows: Vec<_> = launchers.iter().filter(|launcher| launcher.state == state).collect();
        if rows.is_empty() {
            continue;
        }
        write!(
            text,
            "\n### {title}\n\n| | wall, ms | 95 % | × floor | 95 % | user + sys, ms | peak, MB | page faults | on disk, MB | \
             instructions |\n|---|---|---|---|---|---|---|---|---|---|\n"
        )?;
        for launcher in rows {
            text.push_str(&row(launcher, launchers, server)?);
        }
    }
    Ok(text)
}

/// Machine, date and versions.
fn heading(server: &BenchServer, binary: &str, launchers: &[Launcher]) -> anyhow::Result<String> {
    let first_line = |text: String| text.lines().next().unwrap_or_default().to_owned();
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown");
    let load = fs::read_to_string("/proc/loadavg")?;
    let openbao = first_line(stdout_of(Command::new(&server.bao).arg("version"))?);
    let mut versions = vec![
        first_line(stdout_of(Command::new(binary).arg("--version"))?),
        openbao.split(',').next().unwrap_or_default().to_owned(),
        stdout_of(Command::new("valgrind").arg("--version"))?,
    ];
    if launchers.iter().any(|launcher| launcher.state == State::Installed) {
        let curl = first_line(stdout_of(Command::new("curl").arg("--version"))?);
        versions.push(curl.split(" (").next().unwrap_or_default().to_owned());
        versions.push(stdout_of(Command::new("jq").arg("--version"))?);
        versions.push(stdout_of(Command::new("python3").arg("--version"))?);
    }
    let mut text = format!(
        "## {} × {}, Linux {}\n\n",
        std::thread::available_parallelism()?,
        model.trim_start_matches(['\t', ':', ' ']),
        fs::read_to_string("/proc/sys/kernel/osrelease")?.trim_end(),
    );
    let fast = launchers.iter().map(|launcher| launcher.runs.len()).max().unwrap_or_default();
    let slow = launchers.iter().map(|launcher| launcher.runs.len()).min().unwrap_or_default();
    writeln!(
        text,
        "* {}, {fast} runs of each launcher, {slow} of the slowest; load {}",
        stdout_of(Command::new("date").args(["-u", "+%F"]))?,
        load.split(' ').next().unwrap_or_default()
    )?;
    writeln!(text, "* {}", versions.join(", "))?;
    Ok(text)
}

fn row(launcher: &Launcher, launchers: &[Launcher], server: &BenchServer) -> anyhow::Result<String> {
    let wall = estimate_median(&launcher.numbers(|run| run.wall_ms));
    let floor = launchers.iter().find(|other| {
        let state = if launcher.state == State::Installed { State::Found } else { launcher.state };
        other.name == "C floor" && other.shape == launcher.shape && other.state == state
    });
    let ratio = floor.map(|floor| ratio(launcher, floor, |run| run.wall_ms));
    let [ratio, ratio_interval] =
        ratio.map_or([String::new(), String::new()], |ratio| [format!("{:.2}", ratio.value), interval(ratio)]);
    let number = |number: fn(&Run) -> f64| median(&launcher.numbers(number));
    let instructions = if launcher.state == State::Found && launcher.shape == "HTTP" {
        format!("{:.2} M", launcher.instructions(server)? / 1e6)
    } else {
        String::new()
    };
    let crashed = if launcher.crashes > 0 { format!(" (crashed {} times)", launcher.crashes) } else { String::new() };
    let name = match (launcher.state, launcher.shape) {
        (State::Installed, _) | (_, "") => launcher.name.clone(),
        (_, shape) => format!("{}, {shape}", launcher.name),
    };
    Ok(format!(
        "| {name}{crashed} | {:.2} | {} | {ratio} | {ratio_interval} | {:.2} | {:.2} | {:.0} | {:.2} | {instructions} |\n",
        wall.value,
        interval(wall),
        number(|run| run.cpu_ms),
        number(|run| run.peak_mb),
        number(|run| run.page_faults),
        launcher.size()?
    ))
}

fn ratio(launcher: &Launcher, other: &Launcher, number: fn(&Run) -> f64) -> Estimate {
    estimate_ratio(&launcher.numbers(number), &other.numbers(number))
}

fn interval(estimate: Estimate) -> String {
    format!("{:.2} – {:.2}", estimate.low, estimate.high)
}

/// A table of the goals, all in the state that a container finds. One is met or missed if the whole interval is on that side.
fn goals(launchers: &[Launcher]) -> String {
    let find = |name: &str, shape: &str| {
        launchers.iter().find(|other| other.state == State::Found && other.name == name && other.shape == shape)
    };
    let wall = |run: &Run| run.wall_ms;
    let compare = |shape: &str, name: &str, other_shape: &str, number: fn(&Run) -> f64| {
        Some(ratio(find("vault-exec", shape)?, find(name, other_shape)?, number))
    };
    let own = launchers.iter().filter(|other| other.state == State::Found && other.name == "vault-exec");
    let peaks = own.map(|own| estimate_median(&own.numbers(|run| run.peak_mb)));
    let peak = peaks.max_by(|one, other| one.value.total_cmp(&other.value));
    let store = "TLS, system's store";
    let mut text = String::from("\n| goal | at most | measured | 95 % | |\n|---|---|---|---|---|\n");
    for (goal, most, measured) in [
        ("HTTP ÷ C floor", 1.4, compare("HTTP", "C floor", "HTTP", wall)),
        ("HTTP ÷ C floor of glibc", 1.0, compare("HTTP", "C floor, glibc", "HTTP", wall)),
        ("TLS with a given CA ÷ C floor", 1.3, compare("TLS", "C floor", "TLS", wall)),
        ("TLS with the system's store ÷ with a given CA", 1.1, compare(store, "vault-exec", "TLS", wall)),
        ("AppRole with revocation ÷ C floor", 1.15, compare("AppRole", "C floor", "AppRole", wall)),
        ("ten paths ÷ C floor", 1.3, compare("ten paths", "C floor", "ten paths", wall)),
        ("HTTP, user + sys ÷ C floor", 2.0, compare("HTTP", "C floor", "HTTP", |run| run.cpu_ms)),
        ("the highest peak, MB", 2.3, peak),
    ] {
        let Some(measured) = measured else { continue };
        let verdict = match measured {
            Estimate { high, .. } if high <= most => "met",
            Estimate { low, .. } if low > most => "missed",
            _ => "undecided",
        };
        let _ = writeln!(text, "| {goal} | {most} | {:.2} | {} | {verdict} |", measured.value, interval(measured));
    }
    text
}
