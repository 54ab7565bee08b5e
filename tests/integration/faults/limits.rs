//! Faults of the environment: limits. The server is a real one.

use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::faults::environment::{fails, nobodys, row, starts, vault};
use crate::faults::{Section, run_within};
use crate::mapping::names;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::vault_exec;
use crate::support::vault::TestVault;

/// With this limit (`prlimit(1)`).
fn limited(vault: TestVault, limit: &str) -> TestVault {
    vault.under(["prlimit", limit])
}

const MORE_FILES: &str = "hint: raise the limit on open files (ulimit -n, docker run --ulimit nofile=1024)\n";

/// With too few descriptors the start fails at once, whichever of them is missing.
fn few_descriptors() {
    let started = (0..=12).map(|limit| {
        let vault = limited(vault(), &format!("--nofile={limit}"));
        let outcome = run_within(&vault, Duration::ZERO);
        if outcome.status.success() {
            let _ = outcome.has("K", "v").stderr_is("");
            return true;
        }
        assert!(outcome.stderr.to_lowercase().contains(": too many open files\n"), "{limit}: {outcome}");
        assert!(outcome.stderr.ends_with(MORE_FILES), "{limit}: {outcome}");
        assert_eq!(outcome.stderr.lines().count(), 2, "{limit}: {outcome}");
        let _ = outcome.exits(125).stdout_is("");
        false
    });
    assert!(started.collect::<Vec<_>>().is_sorted_by(|less, more| less <= more));
    let _ = limited(vault(), "--nofile=12").environ().has("K", "v");
}

/// Below some limit the kernel kills the program while it loads it; above, it starts or reports the lack of memory.
fn little_memory(limit: &str) {
    let mut starts = 0;
    for step in 1..=128 {
        let vault = limited(vault(), &format!("--{limit}={}", step * 256 * 1024));
        // The program must fit as well.
        let outcome = vault.run([vault_exec(), "--version".into()]);
        match (outcome.status.code(), outcome.status.signal()) {
            (Some(0), _) => {
                starts += 1;
                let _ = outcome.stderr_is("");
                if starts == 8 {
                    break;
                }
            }
            (Some(125), _) => drop(outcome.stderr_is(OUT_OF_MEMORY).stdout_is("")),
            (None, Some(_)) => assert!(starts == 0 && outcome.stderr.is_empty(), "{outcome}"),
            // Only a build for glibc, which ends itself before `main`.
            (Some(127), _) => assert!(starts == 0 && outcome.stderr.starts_with("Fatal glibc error"), "{outcome}"),
            _ => panic!("{outcome}"),
        }
    }
    assert_eq!(starts, 8);
}

const OUT_OF_MEMORY: &str = "vault-exec: out of memory\nhint: raise the limit (ulimit -v, docker run --memory)\n";

pub(super) fn section() -> Section {
    let rows = vec![
        row("RLIMIT_NOFILE: any number that is too low", "125", "…: Too many open files\n…", few_descriptors),
        starts("RLIMIT_NPROC of 0, an address", || nobodys(vault(), "--nproc=0")).needing_root(),
        row("RLIMIT_NPROC of 0, a name", "125", NO_THREAD, || {
            let named = vault().fill("{addr}").replace("127.0.0.1", "localhost");
            let _ = nobodys(vault().env("VAULT_ADDR", named), "--nproc=0").fails(NO_THREAD);
        })
        .needing_root(),
        row("RLIMIT_AS: any that is too low", "125, or killed by the kernel", OUT_OF_MEMORY, || little_memory("as")),
        row("RLIMIT_DATA: any that is too low", "125, or killed by the kernel", OUT_OF_MEMORY, || {
            little_memory("data");
        }),
        row("RLIMIT_DATA of 8 MiB, an answer of 8 MiB", "125", OUT_OF_MEMORY, || {
            let fake = FakeServer::answering([Reply::secret(&[("a", &"x".repeat(8 * 1024 * 1024 - 200))])]);
            let _ = limited(fake.unwatched_vault(), "--data=8388608").fails(OUT_OF_MEMORY);
        }),
        starts("RLIMIT_MEMLOCK of 0", || limited(vault(), "--memlock=0")),
        starts("RLIMIT_MEMLOCK of 0, no privileges", || nobodys(vault(), "--memlock=0")).needing_root(),
        fails("RLIMIT_MEMLOCK of 0, no privileges, `--require-mlock`", UNLOCKED, || {
            nobodys(vault().args(["--require-mlock"]), "--memlock=0")
        })
        .needing_root(),
        starts("RLIMIT_FSIZE of 0", || limited(vault(), "--fsize=0")),
        fails("RLIMIT_FSIZE of 0, `--file`", FILE_SIZE, || limited(vault().args(["--file", "F={k}"]), "--fsize=0")),
        fails("RLIMIT_FSIZE of 0, `--file-dir`", DIR_SIZE, || {
            let vault = vault().args(["--file", "F={k}", "--file-dir", "/dev/shm/none/.."]);
            vault.with_mounts(
                "mount -t tmpfs -o mode=0755 none /dev/shm && mkdir /dev/shm/none && set -- prlimit --fsize=0 \"$@\"",
            )
        })
        .needing_root(),
        fails("RLIMIT_STACK of 1023 KiB", SMALL_STACK, || limited(vault(), "--stack=1047552")),
        starts("RLIMIT_STACK of 1 MiB", || limited(vault(), "--stack=1048576")),
        row("3,000 inherited variables", "started", "", || {
            let vault =
                (0..3000).fold(vault(), |vault, number| vault.env(format!("INHERITED_{number}"), format!("{number}")));
            let outcome =
                vault.environ().stderr_is("").has("K", "v").has("INHERITED_0", "0").has("INHERITED_2999", "2999");
            let count =
                outcome.stdout.split(|&byte| byte == 0).filter(|entry| entry.starts_with(b"INHERITED_")).count();
            assert_eq!(count, 3000);
        }),
        row(
            "the longest string, and a byte more",
            "125",
            LONG_STRING,
            names::the_longest_string_of_the_kernel_is_passed,
        ),
        row("several strings that are too long", "125", LONG_STRINGS, names::too_long_strings_are_sorted_by_size),
        row("the largest block, and a byte more", "125", LARGE_BLOCK, names::the_largest_block_of_the_kernel_is_passed),
    ];
    Section {
        title: "Limits",
        about: "Set by the process that starts vault-exec. The server is a real one.",
        columns: &["the limit", "exit code", "message"],
        rows,
    }
}

const NO_THREAD: &str = "vault-exec: read {kv}/a: {addr}: cannot start a thread for the name lookup\n\
                         hint: raise the limit on processes (ulimit -u, docker run --pids-limit)\n";
const UNLOCKED: &str = "vault-exec: --require-mlock: memory cannot be locked\n\
                        hint: raise the limit (ulimit -l unlimited, docker run --ulimit memlock=-1) or grant CAP_IPC_LOCK\n";
const FILE_SIZE: &str = "vault-exec: --file F: in-memory file: File too large\n\
                         hint: raise the limit on file sizes (ulimit -f)\n";
const DIR_SIZE: &str = "vault-exec: --file F: /dev/shm/none/../F: File too large\n\
                        hint: raise the limit on file sizes (ulimit -f)\n";
const SMALL_STACK: &str = "vault-exec: the stack is too small\nhint: raise the limit (ulimit -s 8192)\n";
const LONG_STRING: &str = "vault-exec: longer than the kernel limit of 128 KiB: BIG\n\
                           hint: leave it out with --skip, or make it a file with --file\n";
const LONG_STRINGS: &str = "vault-exec: longer than the kernel limit of 128 KiB: LARGE, MIDDLE\n\
                            hint: leave it out with --skip, or make it a file with --file\n";
const LARGE_BLOCK: &str = "vault-exec: arguments and environment exceed the kernel limit of 256 KiB; the largest: A, B, C\n\
                           hint: leave keys out with --skip, or start from --pristine\n";
