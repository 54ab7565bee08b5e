//! What other processes can see of vault-exec before the program starts.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::random;
use super::search::Search;
use crate::support::canary::TOKEN;
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::process::{RunningProcess, requires_root, vault_exec};
use crate::support::scratch::new_dir;
use crate::support::vault::TestVault;

/// A server that sends one secret and never responds to the request for the other, so that vault-exec holds the first
/// one.
pub(super) fn half_silent(secret: &str) -> (FakeServer, TestVault) {
    let fake = FakeServer::answering([Reply::silence()]).and_at("secret/data/app", [Reply::secret(&[("a", secret)])]);
    let vault = fake.unwatched_vault().args(["--path", "secret/other"]);
    (fake, vault)
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn other_processes_see_no_credential_while_it_waits() {
    let secrets: [String; 8] = std::array::from_fn(|_| random(32));
    let [held, secret_id, jwt, id_token, password, own, proxy, job] = &secrets;
    let (fake, vault) = half_silent(held);
    let vault = vault
        .env("BAO_TOKEN", TOKEN)
        .env("VAULT_SECRET_ID", secret_id)
        .env("VAULT_JWT", jwt)
        .env("VAULT_ID_TOKEN", id_token)
        .env("BAO_PASSWORD", password)
        .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", job)
        .env("VAULT_EXEC_PREFIX", format!("P{own}"))
        .env("VAULT_EXEC_PROXY", format!("http://me:{proxy}@127.0.0.1:1"))
        .env("LANG", "C.UTF-8");
    let running = RunningProcess::start(vault.command(["true"]));
    fake.await_requests(2);

    let [environ, line] = ["environ", "cmdline"].map(|name| {
        let bytes = fs::read(format!("/proc/{}/{name}", running.pid())).expect("as root");
        String::from_utf8(bytes).expect("text")
    });
    let mut search = Search::default();
    for secret in secrets.iter().map(String::as_str).chain([TOKEN]) {
        search.add("credential", secret.as_bytes());
    }
    for text in [&environ, &line] {
        assert!(!search.in_bytes(text.as_bytes()), "{text:?}");
    }
    for kept in ["LANG=C.UTF-8".to_owned(), format!("VAULT_ADDR={}", fake.url())] {
        assert!(environ.split('\0').any(|entry| entry == kept), "no {kept} in {environ:?}");
    }
    assert!(line.contains("\0secret/other\0"), "{line:?}");
}

/// A copy of the program under test that every user may execute: cargo's directory may belong to one user alone.
/// Another process makes it, because a thread of this one that forks at the same time would keep the file open for
/// writing, and the kernel does not execute such a file.
pub(super) fn for_everyone(mode: &str) -> String {
    let dir = new_dir("for-everyone");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("an own directory");
    let copy = dir.join("vault-exec");
    let status = Command::new("install").args(["-m", mode]).arg(vault_exec()).arg(&copy).status();
    assert!(status.expect("install").success());
    copy.to_str().expect("an own name").to_owned()
}

pub(super) const NOBODY: u32 = 65534;

/// Started by an ordinary user.
pub(super) fn as_nobody(line: &[&str]) -> Command {
    requires_root("this test starts vault-exec as another user");
    let mut command = Command::new(line[0]);
    command.args(&line[1..]);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").uid(NOBODY).gid(NOBODY);
    command
}

pub(super) fn of_process(pid: u32, name: &str) -> String {
    fs::read_to_string(format!("/proc/{pid}/{name}")).expect("as root")
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn the_same_user_cannot_read_the_process() {
    let (fake, _) = half_silent(&random(32));
    let program = for_everyone("0755");
    let mut command = as_nobody(&[&program, "--path", "secret/app", "--path", "secret/other", "--", "true"]);
    command.env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    let running = RunningProcess::start(command);
    fake.await_requests(2);

    let process = format!("/proc/{}", running.pid());
    for name in ["environ", "mem", "maps"] {
        let owner = fs::metadata(format!("{process}/{name}")).expect("the process lives").uid();
        assert_eq!(owner, 0, "a dumpable process would leave {name} to its user");
    }
    for name in ["environ", "maps"] {
        let output = as_nobody(&["cat", &format!("{process}/{name}")]).output().expect("cat");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{name} was read");
        assert!(stderr.contains("Permission denied"), "{stderr}");
    }
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn the_program_is_dumpable_again() {
    let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
    let program = for_everyone("0755");
    let mut command = as_nobody(&[&program, "--path", "secret/app", "--", "cat", "/proc/self/environ"]);
    command.env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    let (status, stdout, stderr) = RunningProcess::start(command).wait();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    assert!(stdout.split('\0').any(|entry| entry == "A=b"), "{stdout:?}");
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn no_core_file_is_written_until_the_program_starts() {
    for (given, held, passed) in [("4096:8192", ["0", "8192"], ["4096", "8192"]), ("0:0", ["0", "0"], ["0", "0"])] {
        let limit = format!("--core={given}");
        let (fake, vault) = half_silent(&random(32));
        let running = RunningProcess::start(vault.under(["prlimit", &limit]).command(["true"]));
        fake.await_requests(2);
        assert_eq!(core_limit(&of_process(running.pid(), "limits")), held);

        let fake = FakeServer::answering([Reply::secret(&[("a", "b")])]);
        let outcome = fake.unwatched_vault().under(["prlimit", &limit]).run(["cat", "/proc/self/limits"]).exits(0);
        assert_eq!(core_limit(&String::from_utf8_lossy(&outcome.stdout)), passed);
    }
}

/// The soft and the hard limit.
fn core_limit(limits: &str) -> [String; 2] {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("the limit");
    let mut fields = line.split_whitespace().map(str::to_owned);
    [fields.next(), fields.next()].map(|field| field.expect("a limit"))
}
