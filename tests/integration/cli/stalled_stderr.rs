//! A reader of standard error that has stalled delays nothing.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::termios::{FlowArg, tcflow};
use nix::unistd::{pipe2, write};

use super::signals::only_child;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{requires_root, send_signal};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// The kernel's smallest pipe, and the most that is written to one at once.
const PIPE_BYTES: usize = 4096;

/// Far below the timeout of a minute, and enough for a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// A standard error that takes nothing, and its other end.
type Stalled = (OwnedFd, Box<dyn Send>);

fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = small_pipe();
    assert_eq!(write(&writer, &[b'.'; PIPE_BYTES]), Ok(PIPE_BYTES));
    (reader, writer)
}

fn small_pipe() -> (OwnedFd, OwnedFd) {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let size = i32::try_from(PIPE_BYTES).unwrap();
    fcntl(&writer, FcntlArg::F_SETPIPE_SZ(size)).unwrap();
    (reader, writer)
}

fn stalled_pipe() -> Stalled {
    let (reader, writer) = full_pipe();
    (writer, Box::new(reader))
}

fn stalled_socket() -> Stalled {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    while (&theirs).write(&[b'.'; PIPE_BYTES]).is_ok() {}
    theirs.set_nonblocking(false).unwrap();
    (theirs.into(), Box::new(ours))
}

/// As after Ctrl-S.
fn stalled_terminal() -> Stalled {
    // Unlike `openpty`, it makes no descriptors that the programs of other tests inherit.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = posix_openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let slave = open(ptsname_r(&master).unwrap().as_str(), flags, Mode::empty()).unwrap();
    tcflow(&slave, FlowArg::TCOOFF).unwrap();
    (slave, Box::new(master))
}

/// A pipe into which another process writes whenever there is room, and from which little is read.
fn contended_pipe() -> Stalled {
    let (reader, writer) = small_pipe();
    let mut reader = fs::File::from(reader);
    thread::spawn(move || {
        let mut piece = [0; 3500];
        while reader.read(&mut piece).is_ok_and(|length| length > 0) {
            thread::sleep(Duration::from_millis(2));
        }
    });
    let mut other = Command::new("sh");
    other.args(["-c", "while :; do printf %3000s . || exit; done"]).stdout(writer.try_clone().unwrap());
    (writer, Box::new(Killed(other.stderr(Stdio::null()).spawn().unwrap())))
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

type Kind = (&'static str, fn() -> Stalled);

const KINDS: [Kind; 4] = [
    ("a full pipe", stalled_pipe),
    ("a full socket", stalled_socket),
    ("a stopped terminal", stalled_terminal),
    ("a contended pipe", contended_pipe),
];

fn start(vault: &TestVault, stderr: OwnedFd) -> Killed {
    let mut command = vault.command(["true"]);
    Killed(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().unwrap())
}

/// Ends with this code, in time.
#[track_caller]
fn ends(mut running: Killed, code: i32, what: &str) {
    let start = Instant::now();
    let mut status = None;
    wait_until(what, || {
        status = running.0.try_wait().unwrap();
        status.is_some()
    });
    assert!(start.elapsed() < SOON, "{what} took {:?}", start.elapsed());
    assert_eq!(status.unwrap().code(), Some(code), "{what}");
}

#[test]
fn a_start_does_not_wait_for_a_reader_of_its_messages() {
    for (what, stalled) in KINDS {
        // The first response is followed by a warning.
        let fake = FakeServer::answering([Reply::status(503), Reply::secret(&[("a", "b")])]);
        let (stderr, _other_end) = stalled();
        ends(start(&fake.unwatched_vault().args(["-vv"]), stderr), 0, what);
    }
}

#[test]
fn a_failure_waits_for_a_reader_at_most_a_second() {
    let fake = FakeServer::answering([Reply::status(404)]);
    for (what, stalled) in KINDS {
        let (stderr, _other_end) = stalled();
        ends(start(&fake.unwatched_vault(), stderr), 125, what);
    }
}

/// Its write blocks although `poll` reports room, as it does if another process writes first.
#[test]
fn a_message_that_fits_only_in_part_is_not_waited_for() {
    let (_reader, stderr) = small_pipe();
    let long = "a".repeat(PIPE_BYTES);
    ends(start(&TestVault::bare().args(["--path", &long]), stderr), 125, "a long message");
}

#[test]
fn all_failed_paths_together_wait_a_second() {
    let names: Vec<String> = (0..20).map(|number| format!("secret/{number}")).collect();
    let fake = names.iter().fold(FakeServer::answering([Reply::status(403)]), |fake, name| {
        fake.and_at(&name.replace('/', "/data/"), [Reply::errors(400, &[&format!("{name} is not to be read")])])
    });
    let (stderr, _other_end) = stalled_pipe();
    let paths: Vec<&str> = names.iter().flat_map(|name| ["--path", name]).collect();
    ends(start(&fake.unwatched_vault().args(&paths), stderr), 125, "a full pipe");
}

#[test]
fn a_signal_ends_the_wait_though_nobody_reads_messages() {
    for (what, stalled) in KINDS {
        let fake = FakeServer::answering([Reply::status(503).header("Retry-After", "30")]);
        let (stderr, _other_end) = stalled();
        let running = start(&fake.unwatched_vault(), stderr);
        fake.await_requests(1);
        send_signal(running.0.id(), Signal::SIGTERM);
        ends(running, 143, what);
    }
}

#[test]
#[ignore = "root: makes a process namespace"]
fn a_signal_ends_the_wait_of_pid_1_though_nobody_reads_messages() {
    requires_root("this test makes a process namespace");
    for (what, stalled) in KINDS {
        let fake = FakeServer::answering([Reply::status(503).header("Retry-After", "30")]);
        let (stderr, _other_end) = stalled();
        let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
        let running = start(&fake.unwatched_vault().under(namespace), stderr);
        fake.await_requests(1);
        send_signal(only_child(running.0.id()), Signal::SIGTERM);
        ends(running, 143, what);
    }
}

#[test]
fn an_error_message_arrives_if_its_reader_was_only_slow() {
    let (reader, writer) = full_pipe();
    let running = start(&TestVault::bare().args(["--path", "a/b"]), writer);
    thread::sleep(Duration::from_millis(300));
    let mut text = String::new();
    fs::File::from(reader).read_to_string(&mut text).unwrap();
    ends(running, 125, "the message");
    assert!(text.trim_start_matches('.').starts_with("vault-exec: no token: "), "{text}");
}

/// Other processes share standard error.
#[test]
fn standard_error_still_blocks_afterwards() {
    let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
    let (stderr, _reader) = stalled_pipe();
    let ours = stderr.as_fd().try_clone_to_owned().unwrap();
    ends(start(&fake.unwatched_vault().args(["-vv"]), stderr), 0, "a start");
    let flags = OFlag::from_bits_retain(fcntl(&ours, FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK));
}

#[test]
fn messages_leave_no_trace_in_the_program() {
    let show = ["grep", r"Sig\(Blk\|Ign\|Cgt\)\|ID", "/proc/self/status", "/proc/self/timers"];
    let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
    for script in [r#"exec "$@""#, r#"trap '' URG; exec "$@""#] {
        let vault = fake.unwatched_vault().under_sh(script);
        let expected = vault.without_vault_exec(show).output().unwrap().stdout;
        let outcome = vault.args(["-vv"]).run(show).exits(0);
        assert!(outcome.stderr.contains("start "), "{outcome}");
        let _ = outcome.stdout_is(expected);
    }
}
