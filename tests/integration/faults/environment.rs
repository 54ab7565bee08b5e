//! Faults of the environment: files, descriptors, signals and namespaces. The server is a real one.

use std::fs;
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::faults::{PROGRAM, Row, Section, Trial, cell, run_within, seccomp};
use crate::support::canary::CANARY;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::RunningProcess;
use crate::support::vault::TestVault;

/// Shared by all rows.
static BED: LazyLock<TestVault> = LazyLock::new(|| TestVault::kv2().secret("a", [("k", "v")]).path("a"));

pub(super) fn vault() -> TestVault {
    BED.clone()
}

/// A row with one trial. `exit` and `said` are the other columns.
pub(super) fn row(name: &str, exit: &str, said: &str, check: impl Fn() + Send + Sync + 'static) -> Row {
    let trial = Trial { name: name.to_owned(), waits: false, needs_root: false, check: Box::new(check) };
    Row { columns: vec![name.to_owned(), exit.to_owned(), cell(said)], trials: vec![trial] }
}

/// The program starts with the right values and without a message.
pub(super) fn starts(name: &str, vault: impl Fn() -> TestVault + Send + Sync + 'static) -> Row {
    row(name, "started", "", move || {
        let _ = run_within(&vault(), Duration::ZERO).exits(0).stderr_is("").has("K", "v").lacks("VAULT_TOKEN");
    })
}

/// The same for a program with this output.
fn shows<const N: usize>(
    name: &str,
    program: [&'static str; N],
    stdout: &'static str,
    vault: impl Fn() -> TestVault + Send + Sync + 'static,
) -> Row {
    row(name, "started", "", move || {
        let _ = vault().run(program).exits(0).stderr_is("").stdout_is(stdout);
    })
}

/// The program does not start, for this reason.
pub(super) fn fails(name: &str, stderr: &'static str, vault: impl Fn() -> TestVault + Send + Sync + 'static) -> Row {
    row(name, "125", stderr, move || {
        let _ = run_within(&vault(), Duration::ZERO).exits(125).stderr_is(stderr).stdout_is("");
    })
}

/// As a user without privileges, with this limit, a copy of vault-exec that every user may execute, and a directory
/// without any permissions.
pub(super) fn nobodys(vault: TestVault, limit: &str) -> TestVault {
    let script = format!(
        "cp \"$1\" /dev/shm/own && chmod 755 /dev/shm/own && shift && cd / && \
         set -- setpriv --reuid=65534 --regid=65534 --clear-groups prlimit {limit} /dev/shm/own \"$@\""
    );
    vault.with_mounts(&format!("mount -t tmpfs -o mode=0755 none /dev/shm && mkdir -m 0 /dev/shm/closed && {script}"))
}

/// After a line of Python that no shell can express.
fn python(vault: TestVault, first: &str) -> TestVault {
    vault.under(["python3", "-c", &format!("import os, signal, sys\n{first}\nos.execvp(sys.argv[1], sys.argv[1:])")])
}

pub(super) fn surroundings() -> Section {
    let mut rows = streams();
    rows.extend(files());
    rows.extend(process());
    Section {
        title: "The environment",
        about: "Some are made in mount and process namespaces. The server is a real one.",
        columns: &["the fault", "exit code", "message"],
        rows,
    }
}

fn streams() -> Vec<Row> {
    let absent = || vault().path("none");
    let check = |redirected: &'static str, said: &'static str| {
        row(&format!("`--check {redirected}`"), "125", said, move || {
            let _ = vault()
                .args(["--check"])
                .under_sh(&format!("exec \"$@\" {redirected}"))
                .alone()
                .exits(125)
                .stderr_is(said);
        })
    };
    vec![
        starts("standard error is full", || vault().args(["-vv"]).under_sh(r#"exec "$@" 2>/dev/full"#)),
        row("a failure, and standard error is full", "125", "", move || {
            let _ = absent().under_sh(r#"exec "$@" 2>/dev/full"#).run(PROGRAM).exits(125).stdout_is("").stderr_is("");
        }),
        row("a failure, and nobody reads standard error", "125", "", move || {
            let script = r#"mkfifo p$$; sleep 60 <p$$ & exec 3>p$$; kill $!; wait $! 2>/dev/null; exec "$@" 2>&3 3>&-"#;
            let _ = absent().under_sh(script).run(PROGRAM).exits(125).stdout_is("");
        }),
        row("a failure, and all three are closed", "125", "", move || {
            let _ = absent().under_sh(r#"exec "$@" <&- >&- 2>&-"#).run(PROGRAM).exits(125);
        }),
        row("all three are closed", "started", "", || {
            let vault = vault().under_sh(r#"exec "$@" <&- >&- 2>&-"#);
            let _ = vault.run(["sh", "-c", "printenv K > closed"]).exits(0);
            assert_eq!(fs::read_to_string(vault.fill("{home}/closed")).unwrap(), "v\n");
        }),
        check(">/dev/full", "vault-exec: standard output: No space left on device\n"),
        check(">&-", "vault-exec: standard output: Bad file number\n"),
        row("`--check`, and nobody reads it", "125", "vault-exec: standard output: Broken pipe\n", || {
            let script = r#"mkfifo p$$; sleep 60 <p$$ & exec 3>p$$; kill $!; wait $! 2>/dev/null; exec "$@" >&3 3>&-"#;
            let outcome = vault().args(["--check"]).under_sh(script).alone().exits(125);
            let _ = outcome.stderr_is("vault-exec: standard output: Broken pipe\n");
        }),
        row("`--help >/dev/full`", "125", "vault-exec: standard output: No space left on device\n", || {
            let outcome = TestVault::bare().args(["--help"]).under_sh(r#"exec "$@" >/dev/full"#).alone().exits(125);
            let _ = outcome.stderr_is("vault-exec: standard output: No space left on device\n");
        }),
    ]
}

/// A value in a file, and a program that shows it.
pub(super) fn file(vault: TestVault) -> TestVault {
    vault.args(["--file", "F={k}"])
}

const SHOW: [&str; 3] = ["sh", "-c", r#"cat "$F""#];

fn files() -> Vec<Row> {
    let in_memory = |mount: &'static str| {
        move || {
            let options = ["--file", "F={k}", "--file-dir", "/mnt", "--set", "G={k}"];
            vault().args(options).with_mounts(&format!("mount -t tmpfs {mount} none /mnt && {FILL}"))
        }
    };
    let missing = |what: &str| format!("mount -t tmpfs none {what}");
    vec![
        starts("a root that cannot be written", || vault().with_mounts(READ_ONLY)).needing_root(),
        shows("a root that cannot be written, `--file`", SHOW, "v", || file(vault()).with_mounts(READ_ONLY))
            .needing_root(),
        shows("no /proc", ["printenv", "K"], "v\n", || vault().with_mounts("umount -l /proc")).needing_root(),
        fails("no /proc, `--file`", NO_PROC, || file(vault()).with_mounts("umount -l /proc")).needing_root(),
        fails("no /proc, `--file`, `--check`", NO_PROC, || file(vault()).with_mounts("umount -l /proc")).needing_root(),
        starts("no /dev", move || vault().with_mounts(&missing("/dev"))).needing_root(),
        row("a root that holds nothing but vault-exec", "started", "", || {
            let script = "mkdir root && cp \"$1\" root/own && chmod 755 root/own && shift && \
                          set -- chroot root /own \"$@\"";
            let outcome = vault().with_mounts(script).run(["/own", "--version"]).exits(0).stderr_is("");
            assert!(outcome.stdout.starts_with(b"vault-exec "), "{outcome}");
        })
        .needing_root(),
        fails("a full tmpfs, `--file-dir`", DIR_FULL, in_memory("-o mode=0755,size=4k")).needing_root(),
        fails("a tmpfs that cannot be written, `--file-dir`", DIR_READ_ONLY, in_memory("-o mode=0755,ro"))
            .needing_root(),
        starts("a working directory that is gone", || {
            vault().under_sh(r#"mkdir gone && cd gone && rmdir ../gone && exec "$@""#)
        }),
        shows("a umask of 777, `--file`", ["sh", "-c", r#"cat "$F"; stat -Lc %a "$F"; umask"#], "v400\n0777\n", || {
            file(vault()).under_sh(r#"umask 777; exec "$@""#)
        }),
        starts("HOME is not set", || vault().without("HOME")),
        row("HOME and the token are not set", "125", HOMELESS, || {
            let _ = vault().without("HOME").without("VAULT_TOKEN").fails(HOMELESS);
        }),
        fails("a HOME that cannot be read", HOME_CLOSED, || {
            nobodys(vault().without("VAULT_TOKEN").env("HOME", "/dev/shm/closed"), "--nproc=0")
        })
        .needing_root(),
        starts("PATH is not set", || vault().without("PATH")),
        starts("PATH is empty, and stands for the working directory", || {
            vault().env("PATH", "").under(["/bin/sh", "-c", r#"cd /bin && exec "$@""#, "sh"])
        }),
        starts("a PATH with empty and missing entries", || {
            vault().env("PATH", "/nowhere:::/dev/null").under(["/bin/sh", "-c", r#"cd /bin && exec "$@""#, "sh"])
        }),
    ]
}

const READ_ONLY: &str = "mount --bind / / && mount -o remount,ro,bind /";
const FILL: &str = "{ cat /dev/zero > /mnt/fill; true; } 2>/dev/null";
const NO_PROC: &str = "vault-exec: --file F: /proc is not mounted, and in-memory files are opened through it\n\
                       hint: mount /proc, or name a --file-dir on tmpfs\n";
const DIR_FULL: &str = "vault-exec: --file F: /mnt/F: No space left on device\n\
                        hint: free some memory: the file takes as much as the value is long\n";
const DIR_READ_ONLY: &str = "vault-exec: --file F: /mnt/F: Read-only file system\n\
                             hint: the user of vault-exec must have write permission there\n";
const HOMELESS: &str = "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and HOME is not set\n\
                        hint: set VAULT_TOKEN, give a --token-file, choose an --auth method, or log in with \
                        `vault login`\n";
const HOME_CLOSED: &str = "vault-exec: /dev/shm/closed/.vault-token: Permission denied\n\
                           hint: check that it exists and that the user of vault-exec can read it\n";

const EXPOSED: &str =
    "vault-exec: other processes of this user can read the memory of vault-exec: prctl is not permitted\n";
const REQUIRED: &str = "vault-exec: --require-mlock: other processes of this user can read the memory of vault-exec: prctl \
                        is not permitted\n\
                        hint: permit prctl with PR_SET_DUMPABLE in the seccomp profile\n";
const SETUID: &str = "vault-exec: running setuid or setgid is refused\n\
                      hint: remove the bits (chmod ug-s), or have sudo or setpriv change the user and the group \
                      completely\n";

/// Exit code and output where a seccomp filter refuses to make the process inaccessible.
fn without_prctl(vault: &TestVault) -> (Option<i32>, String, String) {
    let mut command = vault.command(["printenv", "K"]);
    seccomp::refuse_undumpable(&mut command);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn process() -> Vec<Row> {
    vec![
        starts("no_new_privs", || vault().under(["setpriv", "--no-new-privs"])),
        row("Docker's default seccomp profile", "started", "", || {
            let vault = file(vault());
            let vault = vault.clone().env("VAULT_ADDR", vault.fill("{addr}").replace("127.0.0.1", "localhost"));
            let mut command = vault.command(["sh", "-c", r#"cat "$F"; printenv K; unshare --user true"#]);
            seccomp::confine(&mut command);
            let output = command.stdin(Stdio::null()).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(String::from_utf8_lossy(&output.stdout), "vv\n", "{stderr}");
            assert!(stderr.starts_with("unshare:") && !output.status.success(), "the filter works: {stderr}");
        }),
        shows("PID 1", ["sh", "-c", "echo $$; printenv K"], "1\nv\n", || {
            vault().under(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"])
        })
        .needing_root(),
        starts("every signal is blocked", || {
            python(vault(), "signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())")
        }),
        row("a seccomp filter that refuses PR_SET_DUMPABLE", "started", EXPOSED, || {
            let (code, stdout, stderr) = without_prctl(&vault());
            assert_eq!((code, stderr.as_str()), (Some(0), EXPOSED));
            assert_eq!(stdout, "v\n");
        }),
        row("a seccomp filter that refuses PR_SET_DUMPABLE, `--require-mlock`", "125", REQUIRED, || {
            let (code, stdout, stderr) = without_prctl(&vault().args(["--require-mlock"]));
            assert_eq!((code, stdout.as_str(), stderr.as_str()), (Some(125), "", REQUIRED));
        }),
        row("started setuid or setgid", "125", SETUID, || {
            for mode in ["4755", "2755"] {
                let script = format!(
                    "install -m {mode} -o 1 -g 1 \"$1\" /mnt/own; shift; \
                     set -- setpriv --bounding-set -all --inh-caps -all --reuid 65534 --regid 65534 --clear-groups \
                     /mnt/own \"$@\""
                );
                let script = format!("mount -t tmpfs -o mode=0755 none /mnt && {script}");
                let _ = vault().with_mounts(&script).fails(SETUID);
            }
        })
        .needing_root(),
        row("SIGCHLD is ignored", "started", "", || {
            let vault = python(vault(), "signal.signal(signal.SIGCHLD, signal.SIG_IGN)");
            let outcome = vault.run(["sed", "-n", "s/^SigIgn:.//p", "/proc/self/status"]).exits(0).stderr_is("");
            let mask = String::from_utf8_lossy(&outcome.stdout).into_owned();
            let ignored = u64::from_str_radix(mask.trim(), 16).unwrap_or_else(|error| panic!("{error}: {outcome}"));
            assert_ne!(ignored & 1 << (Signal::SIGCHLD as u32 - 1), 0, "{outcome}");
        }),
        row("SIGTERM while everything is blocked", "started, and then SIGTERM", "", || {
            let fake =
                FakeServer::answering([Reply::status(503).header("Retry-After", "1"), Reply::secret(&[("a", CANARY)])]);
            let blocked = python(fake.unwatched_vault(), "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])");
            let running = RunningProcess::start(blocked.command(["grep", "SigPnd\\|ShdPnd", "/proc/self/status"]));
            fake.await_requests(1);
            running.signal(Signal::SIGTERM);
            let (status, stdout, _) = running.wait();
            assert_eq!(status.code(), Some(0));
            assert_eq!(stdout, "SigPnd:\t0000000000000000\nShdPnd:\t0000000000004000\n");
        }),
    ]
}
