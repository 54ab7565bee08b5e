//! Measures what a start costs with vault-exec, with a C program that does the same on the wire, and with other launchers:
//! `make bench`.
//!
//! All read from one server on the loopback interface and start the same static program, which exits at once. In each round
//! each of them runs once, in an order drawn anew, on whatever processor the kernel chooses.
#![allow(clippy::print_stdout, reason = "prints a report")]
#![allow(clippy::cast_precision_loss, reason = "no number has more than 15 digits")]

mod launcher;
mod launchers;
mod report;
mod results;
mod server;
mod stats;

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};

use launcher::Launcher;
use server::BenchServer;
use stats::Random;

const BENCHES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches");
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/.tools");

/// Launchers that take longer run in each [`SLOW_ROUNDS`]th round only.
const SLOW_MS: f64 = 50.0;
const SLOW_ROUNDS: usize = 10;
/// Runs that fill the caches and are not counted.
const WARM_UPS: usize = 3;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let rounds: usize = arguments.next().context("missing argument: the number of rounds")?.parse()?;
    let shapes = arguments.next().context("missing argument: a part of the names of shapes, or `all`")?;
    let binaries: Vec<String> = arguments.collect();
    ensure!(rounds > 0, "the number of rounds must not be 0");
    ensure!(!binaries.is_empty(), "missing argument: the binaries to measure");
    let whole = shapes == "all" && binaries.len() == 1;

    let server = BenchServer::new()?;
    let mut launchers = launchers::pairs(&server, &shapes, &binaries)?;
    if whole {
        ensure!(Command::new(format!("{BENCHES}/peers.sh")).status()?.success(), "peers.sh failed");
        launchers.extend(launchers::peers(&server)?);
    }
    measure(&mut launchers, &server, rounds)?;
    let section = report::section(&server, &binaries[0], &launchers)?;
    println!("{section}");
    if whole {
        let file = format!("{BENCHES}/RESULTS.md");
        fs::write(&file, results::replace_section(&fs::read_to_string(&file)?, &section))?;
    }
    Ok(())
}

fn measure(launchers: &mut [Launcher], server: &BenchServer, rounds: usize) -> anyhow::Result<()> {
    let mut is_slow = Vec::new();
    for launcher in &mut *launchers {
        for _ in 0..WARM_UPS {
            launcher.run(server)?;
        }
        is_slow.push(launcher.runs.drain(..).all(|run| run.wall_ms > SLOW_MS));
    }
    let mut random = Random::new(0);
    let mut order: Vec<usize> = (0..launchers.len()).collect();
    for round in 0..rounds {
        random.shuffle(&mut order);
        for &index in &order {
            if !is_slow[index] || round % SLOW_ROUNDS == 0 {
                launchers[index].run(server)?;
            }
        }
    }
    Ok(())
}
