//! What vault-exec writes: every system call until the program starts is checked.

use std::fs;
use std::process::Command;

use rustls::version::TLS13;
use serde_json::json;

use super::keys::Tls;
use super::random;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::requires_root;
use crate::support::scratch::{TmpfsDir, new_dir};
use crate::support::vault::TestVault;

/// System calls that change a file or a directory.
const CHANGES: [&str; 46] = [
    "write",
    "writev",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "sendfile",
    "splice",
    "tee",
    "vmsplice",
    "copy_file_range",
    "creat",
    "rename",
    "renameat",
    "renameat2",
    "unlink",
    "unlinkat",
    "rmdir",
    "mkdir",
    "mkdirat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "mknod",
    "mknodat",
    "truncate",
    "ftruncate",
    "fallocate",
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "lchown",
    "fchown",
    "fchownat",
    "utimensat",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "mount",
    "io_uring_setup",
    "process_vm_writev",
];

/// The system calls that change a file, from one `execve` to the next.
fn left_in_files(vault: TestVault, command: impl FnOnce(&TestVault) -> Command) -> Vec<String> {
    requires_root("this test traces a process that is not dumpable");
    let trace = new_dir("trace").join("trace");
    let vault = vault.under(["strace", "-f", "-y", "-s", "0", "-o", trace.to_str().unwrap(), "--"]);
    let output = command(&vault).output().expect("strace, which scripts/tools.sh installs");
    let text = fs::read_to_string(&trace).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let calls: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start().to_owned())).collect();
    assert!(calls[0].starts_with("execve("), "{}", calls[0]);
    let own = calls.into_iter().skip(1).take_while(|call| !call.starts_with("execve("));
    own.filter(|call| leaves_something(call)).collect()
}

/// `write(2</dev/pts/0>, ""..., 12) = 12`
fn leaves_something(call: &str) -> bool {
    let Some((name, arguments)) = call.split_once('(') else { return false };
    let descriptor = arguments.split_once('<').and_then(|(number, rest)| {
        let number: u32 = number.parse().ok()?;
        Some((number, rest.split_once('>')?.0))
    });
    // A socket, a pipe or a file in memory leaves nothing behind.
    let fleeting = |(number, file): (u32, &str)| number == 2 || !file.starts_with('/') || file.starts_with("/memfd:");
    if matches!(name, "open" | "openat" | "openat2") {
        !arguments.contains("O_RDONLY") && !arguments.contains("O_PATH")
            || ["O_CREAT", "O_TRUNC", "O_TMPFILE", "O_APPEND"].iter().any(|flag| arguments.contains(flag))
    } else {
        CHANGES.contains(&name) && !descriptor.is_some_and(fleeting)
    }
}

fn started(vault: TestVault) -> Vec<String> {
    left_in_files(vault, |vault| vault.command(["true"]))
}

#[test]
#[ignore = "root: traces vault-exec; Debian: installs strace"]
fn no_file_is_written() {
    let approle = TestVault::locked();
    let (role_id, secret_id) = (approle.approle(&json!({})), approle.secret_id());
    let approle = approle.file("role", role_id).file("id", secret_id).env("VAULT_ROLE_ID_FILE", "role");
    let tls = Tls::of(&TLS13);
    let secret = Reply::secret(&[("a", &random(32))]);
    let over_tls = FakeServer::answering_over_tls(tls.config.clone(), [secret.clone()]);
    let by_name = FakeServer::answering([Reply::status(503), Reply::closed(), secret.clone()]);
    let refusing = FakeServer::answering([Reply::status(403)]);
    for vault in [
        approle.args(["--secret-id-file", "id", "-vv"]),
        over_tls.unwatched_vault().file("ca", &tls.ca).args(["--ca-cert", "ca", "--log-format", "json", "-v"]),
        by_name.unwatched_vault().env("VAULT_ADDR", format!("http://localhost:{}", by_name.port())),
        by_name.unwatched_vault().args(["--file", "F={a}", "--file", "G={a|base64}"]),
        refusing.unwatched_vault(),
    ] {
        assert_eq!(started(vault), [""; 0]);
    }
}

#[test]
#[ignore = "root: traces vault-exec; Debian: installs strace"]
fn only_the_requested_files_are_written() {
    let fake = FakeServer::answering([Reply::secret(&[("a", &random(32))])]);
    let directory = TmpfsDir::new();
    let vault = fake.unwatched_vault().args(["--file-dir", directory.path(), "--file", "F={a}"]);
    let left = started(vault);
    assert!(
        left.len() >= 2 && left.iter().all(|call| call.contains(".vault-exec.") && !call.contains("AT_FDCWD")),
        "{left:#?}"
    );
    assert_eq!(directory.names(), ["F"]);
}

/// Otherwise the tests above would prove nothing.
#[test]
#[ignore = "root: traces vault-exec; Debian: installs strace"]
fn the_trace_shows_what_other_programs_write() {
    let shell = ["echo > a", "echo >> a", ": <> a", "exec > a; echo", "exec 3< .; echo >&2; echo > a"];
    let shell = shell.map(|script| vec!["sh", "-c", script]);
    let others = [vec!["touch", "a"], vec!["mkdir", "a"], vec!["ln", "-s", "b", "a"]];
    for line in shell.into_iter().chain(others) {
        let left = left_in_files(TestVault::bare(), |vault| vault.without_vault_exec(line.iter().copied()));
        assert!(!left.is_empty(), "{line:?}");
    }
}
