//! Processes that the tests start, and what they need from the machine.
//!
//! A test that needs root or packages of Debian is `#[ignore]`d with a reason that starts with `root:` or `Debian:`.
//! `make test` includes these tests, and a missing right or package fails them; `make test-unprivileged` leaves them
//! out and prints their names and reasons.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::wait::wait_until;

/// The program under test.
pub(crate) fn vault_exec() -> OsString {
    std::env::var_os("VAULT_EXEC_TEST_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_vault-exec").into())
}

/// Runs the script that installs a dependency of the tests if it is missing, and returns the path that it prints.
pub(crate) fn dependency(name: &str) -> String {
    let script = format!("{}/tests/{name}.sh", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("sh").arg(&script).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{script} failed");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Fails a test that needs root if it runs as another user. Such a test is marked `#[ignore = "root: …"]`.
#[track_caller]
pub(crate) fn requires_root(reason: &str) {
    let user = fs::metadata("/proc/self").expect("/proc is mounted").uid();
    assert_eq!(user, 0, "{reason}, which takes root; `make test-unprivileged` leaves this test out");
}

/// A port of the loopback that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts the process with the default action for each signal that its parents may ignore: `nohup` ignores SIGHUP, and
/// a shell script ignores SIGINT and SIGQUIT in its background jobs.
#[allow(unsafe_code, reason = "the standard library has no way to set the action of a signal in a child")]
pub(crate) fn reset_signals(command: &mut Command) -> &mut Command {
    let reset = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGPIPE] {
            // SAFETY: a single system call, which is async-signal-safe.
            if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe calls and allocates nothing.
    unsafe { command.pre_exec(reset) }
}

/// Starts a process that ends by itself at the end of its standard input: when the returned pipe is dropped, or this
/// process ends. Ctrl-C does not reach it.
pub(crate) fn spawn_supervised(command: &mut Command) -> ChildStdin {
    command.stdin(Stdio::piped()).process_group(0).spawn().unwrap().stdin.take().unwrap()
}

/// A process that is killed when this one ends, or when it is dropped.
pub(crate) struct SupervisedProcess {
    pid: Pid,
    lifeline: Option<ChildStdin>,
    supervisor: Child,
    log: PathBuf,
}

impl SupervisedProcess {
    /// Starts a process that writes its output to the file `log`. Its home is the directory of the file.
    pub(crate) fn start(command: &[&str], log: PathBuf) -> Self {
        let output = fs::File::create(&log).unwrap();
        let mut supervisor = Command::new("sh");
        supervisor
            .args(["-c", r#"log=$1; shift; "$@" >"$log" 2>&1 </dev/null & echo $!; read -r _; kill -9 $!; wait"#, "sh"])
            .arg(&log)
            .args(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", log.parent().unwrap())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(output)
            .process_group(0);
        let mut supervisor = supervisor.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let pid = Pid::from_raw(line.trim().parse().unwrap());
        Self { pid, lifeline: supervisor.stdin.take(), supervisor, log }
    }

    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// Its output until now.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Kills it, so that it cannot clean up.
    pub(crate) fn kill(&self) {
        kill(self.pid, Signal::SIGKILL).unwrap();
    }
}

impl Drop for SupervisedProcess {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.supervisor.wait();
    }
}

/// A call of vault-exec that runs beside the test and is killed when it is dropped.
pub(crate) struct RunningProcess {
    child: Child,
    stderr: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl RunningProcess {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = reset_signals(&mut command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let (mut pipe, sink) = (child.stderr.take().expect("a pipe"), Arc::clone(&stderr));
        let reader = Some(thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = pipe.read(&mut piece) {
                sink.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        }));
        Self { child, stderr, reader }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap()).into_owned()
    }

    /// Waits until standard error contains this text.
    #[track_caller]
    pub(crate) fn await_stderr(&self, text: &str) {
        wait_until(text, || self.stderr().contains(text));
    }

    /// Waits until the process ends. Returns the status, standard output and standard error.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, String, String) {
        let mut stdout = self.child.stdout.take().expect("a pipe");
        let mut status = None;
        wait_until("the end of the process", || {
            status = self.child.try_wait().expect("a child of this process");
            status.is_some()
        });
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let mut text = String::new();
        stdout.read_to_string(&mut text).expect("standard output is text");
        (status.expect("it has ended"), text, self.stderr())
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn send_signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a process id"));
    kill(pid, signal).unwrap_or_else(|error| panic!("{signal} to {pid}: {error}"));
}

/// A field of `/proc/PID/status`.
pub(crate) fn status_field(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).expect("a live process");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}
