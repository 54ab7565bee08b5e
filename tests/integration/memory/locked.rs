//! Which memory cannot be swapped out, and what limits on that do.

use std::fs;
use std::process::Command;

use nix::unistd::Pid;

use super::random;
use super::traced_process::{Mapping, mappings};
use super::wait::{for_everyone, half_silent, of_process};
use crate::support::canary::TOKEN;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{RunningProcess, vault_exec};

/// How much memory is locked, in KiB.
fn locked(status: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix("VmLck:")).expect("the size");
    line.trim().strip_suffix(" kB").expect("a unit").parse().expect("a number")
}

/// Root has `CAP_IPC_LOCK`.
#[test]
#[ignore = "root: reads the memory map of vault-exec"]
fn what_can_hold_a_secret_is_locked_until_the_program_starts() {
    let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
    let vault = fake.unwatched_vault().args(["--require-mlock"]);
    let outcome = vault.run(["cat", "/proc/self/status"]).exits(0).stderr_is("");
    assert_eq!(locked(&String::from_utf8_lossy(&outcome.stdout)), 0);

    let (fake, vault) = half_silent(&random(32));
    let running = RunningProcess::start(vault.command(["true"]));
    fake.await_requests(2);
    let total = locked(&of_process(running.pid(), "status"));
    assert!((32 * 1024..=64 * 1024).contains(&total), "the documentation says that 64 MiB are enough: {total} kB");
    let mappings = mappings(Pid::from_raw(running.pid().try_into().expect("a process id")));
    let program = fs::canonicalize(vault_exec()).expect("a program").display().to_string();
    let of = |is: &dyn Fn(&Mapping) -> bool| {
        let found: Vec<_> = mappings.iter().filter(|mapping| is(mapping)).collect();
        assert!(!found.is_empty(), "{mappings:#?}");
        found
    };
    let heap = of(&|mapping| mapping.length() >= 32 * 1024 * 1024);
    let stack = of(&|mapping| mapping.line.ends_with("[stack]"));
    let statics = of(&|mapping| mapping.is_writable() && mapping.line.ends_with(&program));
    for mapping in heap.into_iter().chain(stack).chain(statics.last().copied()) {
        assert!(mapping.is_locked, "{mapping:?}");
    }
    // It costs each start a third of its time to lock the program, too.
    for mapping in of(&|mapping| !mapping.is_writable() && mapping.line.ends_with(&program)) {
        assert!(!mapping.is_locked, "{mapping:?}");
    }
}

/// Started by an ordinary user under a limit on locked memory.
fn limited(fake: &FakeServer, limit: &str, arguments: &[&str]) -> Command {
    let program = for_everyone("0755");
    let mut command = Command::new("prlimit");
    command.arg(format!("--memlock={limit}:{limit}")).args(["setpriv", "--reuid=65534", "--regid=65534"]);
    command.args(["--clear-groups", &program, "--path", "secret/app"]).args(arguments);
    command.args(["--", "cat", "/proc/self/environ"]).current_dir("/");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    command
}

/// Exit code and standard error.
#[track_caller]
fn ends(command: Command) -> (Option<i32>, String) {
    let (status, stdout, stderr) = RunningProcess::start(command).wait();
    assert_eq!(stdout.split('\0').any(|entry| entry == "A=b"), status.success(), "{stdout:?}");
    (status.code(), stderr)
}

const TOO_LOW: &str = "vault-exec: --require-mlock: memory cannot be locked\n\
                       hint: raise the limit (ulimit -l unlimited, docker run --ulimit memlock=-1) or grant CAP_IPC_LOCK\n";

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn only_require_mlock_stops_without_locked_memory() {
    let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
    // No locked memory at all, an old default, and the default of Linux.
    for limit in ["0", "65536", "8388608"] {
        assert_eq!(ends(limited(&fake, limit, &[])), (Some(0), String::new()), "{limit}");
        let (_, stderr) = ends(limited(&fake, limit, &["-vv"]));
        assert!(stderr.contains("memory is not locked against swapping: the limit is too low\n"), "{limit}: {stderr}");

        let asked = fake.requests().len();
        let refused = ends(limited(&fake, limit, &["--require-mlock"]));
        assert_eq!(refused, (Some(125), TOO_LOW.to_owned()), "{limit}");
        assert_eq!(fake.requests().len(), asked, "nobody is asked for what cannot be kept");
    }
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn the_default_limit_of_linux_locks_what_a_start_uses() {
    let (fake, _) = half_silent(&random(32));
    let running = RunningProcess::start(limited(&fake, "8388608", &["--path", "secret/other"]));
    fake.await_requests(2);
    let status = of_process(running.pid(), "status");
    assert!((4 * 1024..8 * 1024).contains(&locked(&status)), "{status}");
    let mappings = mappings(Pid::from_raw(running.pid().try_into().expect("a process id")));
    assert!(mappings.iter().any(|mapping| mapping.line.ends_with("[stack]") && mapping.is_locked));
}

#[test]
#[ignore = "root: starts vault-exec as another user; Debian: installs strace"]
fn large_secrets_get_more_memory_which_is_locked_or_refused() {
    let fake = FakeServer::answering([Reply::secret(&[("a", "b"), ("large", &"x".repeat(8_000_000))])]);
    let paths: Vec<_> = (0..9).map(|number| format!("--path=secret/{number}")).collect();
    let arguments: Vec<&str> = paths.iter().map(String::as_str).chain(["--only", "a"]).collect();
    let vault = fake.unwatched_vault().args(&arguments);
    let _ = vault.clone().args(["--require-mlock"]).environ().has("A", "b").stderr_is("");
    assert_eq!(ends(limited(&fake, "8388608", &arguments)), (Some(0), String::new()));
    // The first ones are for the span that every start uses, the stack and the static variables.
    let refused = ["strace", "-f", "-o", "/dev/null", "-e", "inject=mlock2:error=ENOMEM:when=4+"];
    let _ = vault
        .under(refused)
        .fails("vault-exec: out of memory\nhint: raise the limit (ulimit -v, docker run --memory)\n");
}
