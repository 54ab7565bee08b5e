//! `--file-dir`: where files are written, what they replace, and that only a program leaves them there.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::libc;
use nix::sys::signal::Signal;

use crate::cli::signals::only_child;
use crate::support::canary::{CANARY, TOKEN};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{RunningProcess, requires_root, send_signal, vault_exec};
use crate::support::scratch::{TmpfsDir, new_dir};
use crate::support::vault::TestVault;
use crate::support::wait::wait_until;

/// Writes this many files, so that a test can meet vault-exec between two of them.
const MANY: usize = 60;

fn fake() -> FakeServer {
    FakeServer::answering([Reply::secret(&[("a", CANARY)])])
}

fn with_file(fake: &FakeServer, directory: &str) -> TestVault {
    fake.unwatched_vault().args(["--explicit", "--file", "F={a}", "--file-dir", directory])
}

fn with_many_files(fake: &FakeServer, directory: &str) -> TestVault {
    let files = (0..MANY).flat_map(|number| ["--file".to_owned(), format!("F{number}={{a}}")]);
    fake.unwatched_vault().args(["--explicit", "--file-dir", directory]).args(files)
}

#[test]
fn a_file_of_an_earlier_start_is_replaced() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let path = format!("{}/F", memory.path());
    fs::write(&path, "of an earlier start, and longer than the new value, which is short").unwrap();
    let old = fs::metadata(&path).unwrap().ino();
    for mode in ["0400", "0444"] {
        let vault = with_file(&fake, memory.path()).args(["--file-mode", mode]);
        vault.run(["sh", "-c", r#"cat "$F""#]).exits(0).stdout_is(CANARY).stderr_is("");
    }
    let new = fs::metadata(&path).unwrap();
    assert_eq!((new.mode() & 0o7777, new.nlink()), (0o444, 1));
    assert_ne!(new.ino(), old, "who has the old file open reads the old value");
    assert_eq!(memory.names(), ["F"]);
}

#[test]
fn nothing_but_an_own_file_with_one_link_is_replaced() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let path = format!("{}/F", memory.path());
    let refused = || {
        let message = format!(
            "vault-exec: --file F: {path}: File exists\n\
             hint: only a regular file of the same user with a single link is replaced: remove it, or name another \
             --file-dir\n"
        );
        with_file(&fake, memory.path()).fails(&message);
    };
    fs::write(format!("{}/other", memory.path()), "theirs").unwrap();
    fs::hard_link(format!("{}/other", memory.path()), &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    symlink("other", &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    symlink("/nowhere", &path).unwrap();
    refused();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    refused();
    assert_eq!(memory.names(), ["F", "other"]);
    assert_eq!(fs::read(format!("{}/other", memory.path())).unwrap(), b"theirs");
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let own = "remove that permission (chmod go-w), or make a directory in it (mkdir -m 700)";
    // Like `/dev/shm`, whose permissions are not the user's to change.
    let shared = "make a directory in it (mkdir -m 700), and name that one";
    for (mode, hint) in [(0o1777, shared), (0o777, own), (0o775, own), (0o757, own)] {
        fs::set_permissions(memory.path(), fs::Permissions::from_mode(mode)).unwrap();
        let path = memory.path();
        with_file(&fake, path).fails(&format!("vault-exec: --file F: {path}: writable by other users\nhint: {hint}\n"));
    }
    fs::set_permissions(memory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(memory.names(), [""; 0]);
    with_file(&fake, memory.path()).run(["true"]).exits(0).stderr_is("");
}

#[test]
#[ignore = "root: changes owners"]
fn what_belongs_to_another_user_is_refused() {
    requires_root("this test changes owners");
    let (fake, memory) = (fake(), TmpfsDir::new());
    let path = format!("{}/F", memory.path());
    fs::write(&path, "theirs").unwrap();
    chown(&path, Some(65534), None).unwrap();
    let outcome = with_file(&fake, memory.path()).run(["true"]).exits(125);
    assert!(outcome.stderr.contains("/F: File exists\n"), "{outcome}");
    fs::remove_file(&path).unwrap();
    chown(memory.path(), Some(65534), None).unwrap();
    with_file(&fake, memory.path()).fails(&format!(
        "vault-exec: --file F: {}: owned by another user\n\
         hint: use a directory of root or of the user of vault-exec\n",
        memory.path()
    ));
    assert_eq!(memory.names(), [""; 0]);
}

/// A link to a directory is allowed, so it may change while vault-exec looks.
#[test]
fn a_link_that_flips_puts_no_secret_on_a_disk() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("flip-{}", std::process::id()));
    fs::create_dir_all(&disk).unwrap();
    let (links, over) = (new_dir("links"), AtomicBool::new(false));
    let link = links.join("link");
    let point_to = |target: &str| {
        symlink(target, links.join("new")).unwrap();
        fs::rename(links.join("new"), &link).unwrap();
    };
    point_to(memory.path());
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                point_to(disk.to_str().unwrap());
                point_to(memory.path());
            }
        });
        for _ in 0..100 {
            let _ = with_many_files(&fake, link.to_str().unwrap()).run(["true"]);
            // A version that stops at an existing file would only be tried once.
            memory.names().iter().for_each(|name| fs::remove_file(Path::new(memory.path()).join(name)).unwrap());
        }
        over.store(true, Ordering::Relaxed);
    });
    let leaked = fs::read_dir(&disk).unwrap().count();
    fs::remove_dir_all(&disk).unwrap();
    assert_eq!(leaked, 0, "files on the disk");
}

/// Sends the signal with this number some time after the first file was written. Returns whether the program had started by
/// then.
#[allow(unsafe_code, reason = "no safe function sends a real-time signal")]
fn interrupted(fake: &FakeServer, signal: i32, delay: Duration) -> bool {
    let memory = TmpfsDir::new();
    let running = RunningProcess::start(with_many_files(fake, memory.path()).command(["sleep", "60"]));
    while fs::read_dir(memory.path()).unwrap().next().is_none() {
        thread::yield_now();
    }
    thread::sleep(delay);
    // SAFETY: it only sends a signal, to a child that was not waited for.
    assert_eq!(unsafe { libc::kill(running.pid().try_into().unwrap(), signal) }, 0);
    let (status, _, stderr) = running.wait();
    // vault-exec says so, or was ended by the signal itself; so is the program, whose files stay.
    let names = memory.names();
    let has_started = names.len() == MANY && names.iter().all(|name| name.starts_with('F')) && stderr.is_empty();
    assert!(has_started || names.is_empty(), "{signal}: {status:?} {stderr} left {names:?}");
    has_started
}

/// Every signal that ends a process by default. `SIGKILL`, and the C library's own (32 and 33, and 34 with musl), cannot be
/// handled; `SIGPIPE` and `SIGXFSZ` do not end vault-exec.
#[test]
fn every_signal_that_ends_a_start_removes_its_files() {
    let fake = fake();
    let fatal = (1..=64).filter(|number| !matches!(number, 9 | 13 | 17..=23 | 25 | 28 | 32..=34));
    for signal in fatal {
        let is_in_time = (0..500).any(|_| !interrupted(&fake, signal, Duration::ZERO));
        assert!(is_in_time, "signal {signal} always came too late");
    }
}

#[test]
fn a_signal_after_a_file_was_written_removes_it() {
    let fake = fake();
    let mut started = 0;
    for round in 0..50 {
        let signal = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGQUIT][round % 5];
        started += usize::from(interrupted(&fake, signal as i32, Duration::from_micros(20 * round as u64)));
    }
    assert!(started < 50, "every signal came too late");
}

#[test]
fn an_error_after_a_file_was_written_removes_it() {
    let memory = TmpfsDir::new();
    let fake = fake();
    let vault = with_many_files(&fake, memory.path()).program("junk", "junk");
    vault.run(["{home}/junk"]).exits(126);
    assert_eq!(memory.names(), [""; 0]);
    vault.args(["--require", "ABSENT"]).run(["true"]).exits(125);
    assert_eq!(memory.names(), [""; 0]);
}

#[test]
fn a_failing_start_leaves_the_file_of_another_one() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let path = format!("{}/F", memory.path());
    let vault = with_file(&fake, memory.path());
    vault.run(["true"]).exits(0);
    let inode = || fs::metadata(&path).unwrap().ino();
    let first = inode();
    // Before and after it has written its own.
    vault.clone().args(["--set", "A={none}"]).run(["true"]).exits(125);
    vault.clone().args(["--require", "ABSENT"]).run(["true"]).exits(125);
    assert_eq!(inode(), first);
}

/// Neither who closes standard error nor who sends `SIGPIPE` changes how a start ends.
#[test]
#[ignore = "Debian: installs strace"]
fn a_signal_of_a_closed_pipe_leaves_no_file() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let slow = ["strace", "-qqo", "/dev/null", "-e", "inject=execve:error=EACCES:delay_enter=2000000:when=1"];
    let mut command = with_file(&fake, memory.path()).under(slow).command(["true"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut running = command.stderr(writer).spawn().unwrap();
    wait_until("the file", || fs::exists(format!("{}/F", memory.path())).unwrap());
    send_signal(only_child(running.id()), Signal::SIGPIPE);
    assert_eq!(running.wait().unwrap().code(), Some(126));
    assert_eq!(memory.names(), [""; 0]);
}

/// Another start renames its file while this one fails to execute its program.
#[test]
#[ignore = "Debian: installs strace"]
fn a_file_that_replaced_ours_stays() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let path = format!("{}/F", memory.path());
    let slow = ["strace", "-qqo", "/dev/null", "-e", "inject=execve:error=EACCES:delay_enter=2000000:when=1"];
    let failing = with_file(&fake, memory.path()).under(slow);
    let running = RunningProcess::start(failing.command(["true"]));
    wait_until("the file", || fs::exists(&path).unwrap());
    let replaced = fs::metadata(&path).unwrap().ino();
    with_file(&fake, memory.path()).run(["true"]).exits(0);
    let other = fs::metadata(&path).unwrap().ino();
    assert_ne!(other, replaced);
    assert_eq!(running.wait().0.code(), Some(126));
    assert_eq!(fs::metadata(&path).unwrap().ino(), other);
    assert_eq!(memory.names(), ["F"]);
}

#[test]
fn a_killed_start_is_followed_by_one_that_works() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let vault = with_many_files(&fake, memory.path());
    let leaves_a_file = || {
        memory.names().iter().for_each(|name| fs::remove_file(Path::new(memory.path()).join(name)).unwrap());
        let running = RunningProcess::start(vault.command(["true"]));
        while memory.names().is_empty() {
            thread::yield_now();
        }
        running.signal(Signal::SIGKILL);
        let _ = running.wait();
        memory.names().iter().any(|name| name.starts_with(".vault-exec."))
    };
    assert!((0..20).any(|_| leaves_a_file()), "SIGKILL always came too late");
    vault.run(["sh", "-c", r#"cat "$F7""#]).exits(0).stdout_is(CANARY).stderr_is("");
}

#[test]
fn concurrent_starts_in_one_directory_all_work() {
    let (fake, memory) = (fake(), TmpfsDir::new());
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = Command::new(vault_exec());
            command.env_clear().env("PATH", "/usr/bin:/bin").env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
            command.args(["--no-config", "--path", "secret/app", "--explicit", "--file", "F={a}", "--file-dir"]);
            command.arg(memory.path()).args(["--", "sh", "-c", r#"cat "$F""#]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), CANARY.as_bytes()));
    }
    assert_eq!(memory.names(), ["F"]);
}
