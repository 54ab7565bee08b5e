//! Faults and their effects, as the table `tests/FAULTS.md`. Each row is tried in several situations, and the page is
//! generated from the same data.
//!
//! `make prove-faults` runs it; with `WRITE_FAULTS=1` in the environment it writes the page.

mod bodies;
mod environment;
mod limits;
mod network;
mod reasons;
mod request;
mod seccomp;
mod server;
mod statuses;
mod writes;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::process::requires_root;
use crate::support::vault::{Outcome, TestVault};

/// A part of the table.
struct Section {
    title: &'static str,
    /// The text between the title and the table.
    about: &'static str,
    columns: &'static [&'static str],
    rows: Vec<Row>,
}

/// One fault.
struct Row {
    /// The cells of the row; the name is the first.
    columns: Vec<String>,
    trials: Vec<Trial>,
}

/// The fault in one situation. `check` panics if the result differs from the row.
struct Trial {
    name: String,
    /// Whether it spends most of its time waiting.
    waits: bool,
    needs_root: bool,
    check: Box<dyn Fn() + Send + Sync>,
}

/// A program that prints its environment.
const PROGRAM: [&str; 2] = ["cat", "/proc/self/environ"];

/// How much longer than expected a start may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of concurrent trials that wait, and of those that compute.
const WORKERS: [(bool, usize); 2] = [(true, 24), (false, 3)];

impl Row {
    /// All of its trials need root.
    fn needing_root(mut self) -> Self {
        self.trials.iter_mut().for_each(|trial| trial.needs_root = true);
        self
    }
}

impl Section {
    /// Runs the trials that need no root, and reports all that fail.
    fn prove(self) {
        self.prove_trials(false);
    }

    /// The same with the trials that need root.
    fn prove_as_root(self) {
        requires_root("these trials make namespaces and change users");
        self.prove_trials(true);
    }

    fn prove_trials(self, needs_root: bool) {
        let failed = Mutex::new(Vec::new());
        let (waiting, computing): (VecDeque<_>, VecDeque<_>) = self
            .rows
            .into_iter()
            .flat_map(|row| row.trials)
            .filter(|trial| trial.needs_root == needs_root)
            .partition(|trial| trial.waits);
        let [waiting, computing] = [waiting, computing].map(Mutex::new);
        let work = |trials: &Mutex<VecDeque<Trial>>| {
            loop {
                let Some(trial) = trials.lock().unwrap().pop_front() else { break };
                if catch_unwind(AssertUnwindSafe(|| (trial.check)())).is_err() {
                    failed.lock().unwrap().push(trial.name);
                }
            }
        };
        thread::scope(|scope| {
            for (waits, workers) in WORKERS {
                for _ in 0..workers {
                    let trials = if waits { &waiting } else { &computing };
                    scope.spawn(|| work(trials));
                }
            }
        });
        let failed = failed.into_inner().unwrap();
        assert!(failed.is_empty(), "{} not as the table says:\n{}", failed.len(), failed.join("\n"));
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let columns: Vec<_> = self.columns.iter().map(|column| (*column).to_owned()).collect();
        let rule: Vec<_> = columns.iter().map(|_| "---".to_owned()).collect();
        let rows: String = self.rows.iter().map(|row| line(&row.columns)).collect();
        format!("## {}\n\n{}\n\n{}{}{rows}", self.title, self.about, line(&columns), line(&rule))
    }
}

/// A message as a cell of the table.
fn cell(text: &str) -> String {
    let line = |line: &str| format!("`{}`", line.replace('|', "\\|"));
    text.lines().filter(|line| !line.is_empty()).map(line).collect::<Vec<_>>().join("<br>")
}

/// Runs it within the time.
#[track_caller]
fn run_within(vault: &TestVault, time: Duration) -> Outcome {
    let start = Instant::now();
    let outcome = vault.run(PROGRAM);
    let took = start.elapsed();
    assert!(took < time + PATIENCE, "it took {took:?}: {outcome}");
    outcome
}

fn sections() -> Vec<Section> {
    vec![
        server::connections(),
        server::answers(),
        statuses::section(),
        bodies::section(),
        reasons::section(),
        writes::section(),
        network::section(),
        network::certificates(),
        limits::section(),
        environment::surroundings(),
    ]
}

#[test]
fn faults_of_the_connection() {
    server::connections().prove();
}

#[test]
fn faults_of_the_response() {
    server::answers().prove();
}

#[test]
fn every_status() {
    statuses::section().prove();
}

#[test]
fn faults_of_the_body() {
    bodies::section().prove();
}

#[test]
fn faults_of_a_write() {
    writes::section().prove();
}

#[test]
fn reasons_of_the_server() {
    reasons::section().prove();
}

#[test]
fn faults_of_the_network() {
    network::section().prove();
}

#[test]
#[ignore = "root: makes namespaces and changes users"]
fn faults_of_the_network_as_root() {
    network::section().prove_as_root();
}

#[test]
fn faults_of_the_certificate() {
    network::certificates().prove();
}

#[test]
fn resource_limits() {
    limits::section().prove();
}

#[test]
#[ignore = "root: makes namespaces and changes users"]
fn resource_limits_as_root() {
    limits::section().prove_as_root();
}

#[test]
fn faults_of_the_environment() {
    environment::surroundings().prove();
}

#[test]
#[ignore = "root: makes namespaces and changes users"]
fn faults_of_the_environment_as_root() {
    environment::surroundings().prove_as_root();
}

#[test]
fn faults_md_is_up_to_date() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/FAULTS.md");
    let sections = sections().iter().map(|section| format!("\n{}", section.markdown())).collect::<Vec<_>>();
    let table = format!("{HEAD}{}", sections.concat());
    if std::env::var_os("WRITE_FAULTS").is_some() {
        std::fs::write(file, &table).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap_or_default();
    let same = written.lines().zip(table.lines()).take_while(|(written, table)| written == table).count();
    assert!(written == table, "tests/FAULTS.md: line {} is not of the table; WRITE_FAULTS=1 writes it anew", same + 1);
}

const HEAD: &str = "\
# What goes wrong, and what vault-exec does then

`make prove-faults` tries each row and compares this page with what it tried. In every row the program starts with exactly
the right values or not at all, within the stated time, and no output contains a value or a token.

`{addr}` stands for the server's address. Unless a row says otherwise, the exit code is 125 and the program does not start.
";
