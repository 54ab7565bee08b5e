//! Signals before the program starts end the wait at once.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use crate::support::canary::CANARY;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{RunningProcess, requires_root, send_signal};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

const SIGNALS: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];
const PROGRAM: [&str; 2] = ["echo", "the program was started"];

/// The message about a signal.
fn came(signal: Signal) -> String {
    format!("vault-exec: interrupted by {signal} before the program started\n")
}

/// The process has ended because of the signal, well before the timeout of a minute.
#[track_caller]
fn ends_by(running: RunningProcess, signal: Signal, said_before: &str) {
    let start = Instant::now();
    let (status, stdout, stderr) = running.wait();
    assert!(start.elapsed() < Duration::from_secs(10), "it took {:?}", start.elapsed());
    let expected = (Some(128 + signal as i32), None, "", said_before.to_owned() + &came(signal));
    assert_eq!((status.code(), status.signal(), stdout.as_str(), stderr), expected);
}

#[test]
fn a_signal_ends_the_wait_for_a_response() {
    for signal in SIGNALS {
        let fake = FakeServer::answering([Reply::silence()]);
        let running = RunningProcess::start(fake.unwatched_vault().command(PROGRAM));
        fake.await_requests(1);
        running.signal(signal);
        ends_by(running, signal, "");
    }
}

#[test]
fn a_signal_ends_the_wait_for_the_next_attempt() {
    for signal in SIGNALS {
        let fake = FakeServer::answering([Reply::status(503).header("Retry-After", "30")]);
        let running = RunningProcess::start(fake.unwatched_vault().command(PROGRAM));
        let waiting = format!("vault-exec: waiting for {}: sealed or not ready (503) (for 1m at most)\n", fake.url());
        running.await_stderr(&waiting);
        running.signal(signal);
        ends_by(running, signal, &waiting);
        assert_eq!(fake.requests().len(), 1);
    }
}

#[test]
#[ignore = "root: makes a process namespace"]
fn a_signal_ends_the_wait_of_pid_1() {
    requires_root("this test makes a process namespace");
    for signal in SIGNALS {
        let fake = FakeServer::answering([Reply::silence()]);
        let vault = fake.unwatched_vault().under(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]);
        let running = RunningProcess::start(vault.command(PROGRAM));
        fake.await_requests(1);
        let inner = only_child(running.pid());
        assert_eq!(status_field(inner, "NSpid").split_whitespace().last(), Some("1"));
        send_signal(inner, signal);
        ends_by(running, signal, "");
    }
}

#[test]
fn a_signal_ends_the_wait_for_a_project_file_that_is_a_pipe() {
    let pipe = new_dir("pipe").join("config");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    for signal in SIGNALS {
        let mut command = TestVault::bare().command(PROGRAM);
        command.env("VAULT_EXEC_CONFIG", &pipe);
        let running = RunningProcess::start(command);
        // This returns when vault-exec has opened the pipe for reading.
        let _writer = File::options().write(true).open(&pipe).unwrap();
        running.signal(signal);
        ends_by(running, signal, "");
    }
}

#[test]
fn a_signal_is_reported_as_json() {
    let fake = FakeServer::answering([Reply::silence()]);
    let running = RunningProcess::start(fake.unwatched_vault().args(["--log-format", "json"]).command(PROGRAM));
    fake.await_requests(1);
    running.signal(Signal::SIGTERM);
    let (status, _, stderr) = running.wait();
    assert_eq!(status.code(), Some(143));
    let line: serde_json::Value = serde_json::from_str(&stderr).unwrap_or_else(|error| panic!("{error}: {stderr}"));
    assert_eq!(line["message"], "interrupted by SIGTERM before the program started");
}

#[test]
fn an_ignored_signal_stays_ignored() {
    for (signal, name) in [(Signal::SIGHUP, "HUP"), (Signal::SIGINT, "INT")] {
        let fake = FakeServer::answering([Reply::silence()]);
        let vault = fake.unwatched_vault().under_sh(&format!("trap '' {name}; exec \"$@\""));
        let running = RunningProcess::start(vault.command(PROGRAM));
        fake.await_requests(1);
        // Of two that are pending the lower number is delivered first: the ignored one would have won.
        running.signal(signal);
        running.signal(Signal::SIGTERM);
        ends_by(running, Signal::SIGTERM, "");
    }
}

#[test]
fn the_program_inherits_ignored_signals() {
    const LOOK: [&str; 3] = ["grep", "SigIgn", "/proc/self/status"];
    let mask = |stdout: &[u8]| {
        let line = String::from_utf8_lossy(stdout).into_owned();
        let mask = line.split_whitespace().last().expect("a mask");
        let mask = u64::from_str_radix(mask, 16).unwrap_or_else(|error| panic!("{line}: {error}"));
        // 32 and 33 are the C library's own.
        mask & !(3 << 31)
    };
    let ignored = |vault: TestVault| mask(&vault.run(LOOK).exits(0).stderr_is("").stdout);
    let inherited = mask(&TestVault::bare().without_vault_exec(LOOK).output().expect("grep").stdout);

    let fake = FakeServer::answering([Reply::secret(&[("a", CANARY)])]);
    let hup = 1 << (Signal::SIGHUP as u32 - 1);
    assert_eq!(ignored(fake.unwatched_vault()), inherited);
    assert_eq!(ignored(fake.unwatched_vault().under_sh("trap '' HUP; exec \"$@\"")), inherited | hup);
    // SIGPIPE is always reset.
    assert_eq!(ignored(fake.unwatched_vault().under_sh("trap '' PIPE; exec \"$@\"")), inherited);
}

pub(crate) fn only_child(pid: u32) -> u32 {
    let list = format!("/proc/{pid}/task/{pid}/children");
    let read = || fs::read_to_string(&list).ok()?.trim().parse().ok();
    wait_until("a child", || read().is_some());
    read().expect("a child that was there")
}

/// What `/proc/PID/status` says of one thing.
pub(crate) fn status_field(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process lives");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}
