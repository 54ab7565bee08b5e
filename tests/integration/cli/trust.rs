//! A found project file has no effect until its user trusts it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::project::{APP, NAME, NO_PATH, Projects, vault};
use super::project_trust::as_somebody;
use crate::support::process::requires_root;
use crate::support::vault::TestVault;

const HINT: &str = "hint: vault-exec --trust shows what it sets and trusts it; --config FILE names a file that needs no \
                    trust, --no-config reads none";
const STATE_HINT: &str = "hint: the trusted files are recorded there, in directories that only you can write to";
const STORE: &str = "{home}/.local/state/vault-exec/trusted";

/// With a file at home that is not trusted.
fn untrusted() -> TestVault {
    let vault = vault();
    let text = vault.fill(APP);
    vault.file(NAME, text)
}

trait Trusts {
    fn ignores(&self, file: &str, reason: &str);
    fn trust_of_state_fails(&self, path: &str, reason: &str);
    fn mode(&self, path: &str, mode: u32);
}

impl Trusts for TestVault {
    #[track_caller]
    fn ignores(&self, file: &str, reason: &str) {
        self.fails(&format!("vault-exec: {file}: {reason}\n{HINT}\n"));
    }

    /// Neither trusts a file nor obeys one that was trusted.
    #[track_caller]
    fn trust_of_state_fails(&self, path: &str, reason: &str) {
        self.with_only("--trust")
            .alone()
            .exits(125)
            .stderr_is(&format!("vault-exec: {path}: {reason}\n{STATE_HINT}\n"));
        self.ignores("{home}/.vault-exec.toml", &format!("not trusted: {path}: {reason}"));
    }

    fn mode(&self, path: &str, mode: u32) {
        fs::set_permissions(self.fill(path), Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn a_found_project_file_has_no_effect_until_it_is_trusted() {
    let vault = untrusted().recorded();
    let file = "{home}/.vault-exec.toml";
    vault.ignores(file, "not trusted");
    vault.clone().args(["--check"]).ignores(file, "not trusted");
    vault.clone().path("other").ignores(file, "not trusted");
    vault.clone().at("{home}/below").ignores(file, "not trusted");
    vault.clone().env("VAULT_EXEC_TRUST", "1").ignores(file, "not trusted");
    vault.clone().file(NAME, "not = TOML").ignores(file, "not trusted");
    assert_eq!(vault.requests(), [""; 0]);
    vault.clone().args(["--no-config"]).fails(NO_PATH);

    let vault = untrusted().trusted();
    vault.environ().has("USER", "me");
    vault.clone().at("{home}/below").environ().has("USER", "me");
    let text = vault.fill(APP);
    vault.clone().file(NAME, format!("{text}\n")).ignores(file, "changed since it was trusted");
    vault.clone().file(NAME, &text).environ().has("USER", "me");
    let untrust = |outcome: &str| {
        vault
            .with_only("--untrust")
            .alone()
            .exits(0)
            .stdout_is(vault.fill(&format!("{file} {outcome}\n")))
            .stderr_is("");
    };
    untrust("is no longer trusted");
    vault.ignores(file, "not trusted");
    untrust("was not trusted");
    vault.args(["--config", NAME]).environ().has("USER", "me");
}

#[test]
fn trust_prints_what_the_file_sets() {
    let text = "path = [\"a/b\", \"c/d\\u001b[2J\"]\nexplicit = true\n[set]\nPGUSER = \"{user}\"\n";
    let vault = vault().file(NAME, text);
    let done = "{home}/.vault-exec.toml is trusted until it changes; vault-exec --untrust takes that back\n";
    let printed =
        "{home}/.vault-exec.toml sets\nexplicit = true\npath = a/b\npath = c/d\\u{1b}[2J\nset = PGUSER={user}\n";
    vault.with_only("--trust").alone().exits(0).stdout_is(vault.fill(printed) + &vault.fill(done)).stderr_is("");
    // All of it, however long.
    let long = format!("set = A={}; id {}", "x".repeat(20_000), "x".repeat(20_000));
    let text = long.replace("set = A", "set = 'A") + "'\npath = 'a/b'\n";
    let printed = vault.fill(&format!("{{home}}/.vault-exec.toml sets\npath = a/b\n{long}\n{done}"));
    vault.clone().file(NAME, text).with_only("--trust").alone().exits(0).stdout_is(printed);
    // No two settings look alike.
    let similar =
        vault.clone().file(NAME, "path = 'a/b'\nset = [\"A=x\\ny\", \"B=x\\\\ny\"]").with_only("--trust").alone();
    let printed = "{home}/.vault-exec.toml sets\npath = a/b\nset = A=x\\ny\nset = B=x\\\\ny\n";
    similar.exits(0).stdout_is(vault.fill(printed) + &vault.fill(done));
    // It is recorded only after it was shown.
    let unread = vault.clone().file(NAME, "path = 'a/b'").under_sh(r#""$@" >&-"#);
    unread.with_only("--trust").alone().exits(125).stderr_is("vault-exec: standard output: Bad file number\n");
    vault.ignores("{home}/.vault-exec.toml", "changed since it was trusted");
}

#[test]
fn the_project_file_in_use_is_named() {
    let vault = vault().project(APP);
    let run = vault.clone().args(["-v"]).run(["true"]).exits(0);
    assert!(run.stderr.contains(&vault.fill("project file {home}/.vault-exec.toml\n")), "{run}");
    let check = vault.clone().args(["--check", "--format", "json"]).alone().exits(0);
    let report: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!(report["project_file"], vault.fill("{home}/.vault-exec.toml"));
    let check = vault.args(["--check", "--config", NAME]).alone().exits(0);
    assert!(String::from_utf8_lossy(&check.stdout).contains("project   .vault-exec.toml\n"), "{check}");
}

#[test]
fn trust_takes_no_program_and_no_other_option() {
    let vault = untrusted();
    for option in ["--trust", "--untrust"] {
        let message = format!(
            "vault-exec: {option} takes no program and no other option\n\
             hint: run it alone, in the directory of the project file\n"
        );
        vault.with_only(option).fails(&message);
        for other in [&["--path", "a/b"][..], &["--config", NAME], &["--no-config"], &["--check"]] {
            vault.with_only(option).args(other.iter().copied()).alone_fails(&message);
        }
    }
    let both = vault.with_only("--untrust").args(["--trust"]);
    both.alone().exits(125).stdout_is("");
    vault.ignores("{home}/.vault-exec.toml", "not trusted");
    let none = vault.at("/").with_only("--trust");
    none.alone_fails(
        "vault-exec: no .vault-exec.toml in the working directory or above it\n\
         hint: run it in the directory of the file\n",
    );
}

#[test]
fn a_trusted_file_that_is_moved_or_linked_is_not_trusted() {
    let vault = vault().project(APP);
    fs::create_dir(vault.fill("{home}/moved")).unwrap();
    let file = "{home}/moved/.vault-exec.toml";
    fs::copy(vault.fill("{home}/.vault-exec.toml"), vault.fill(file)).unwrap();
    let moved = vault.clone().at("{home}/moved");
    moved.ignores(file, "not trusted");
    // A hostile directory must not choose a file that the user trusts elsewhere.
    fs::remove_file(vault.fill(file)).unwrap();
    symlink(vault.fill("{home}/.vault-exec.toml"), vault.fill(file)).unwrap();
    moved.ignores(file, "not trusted");
    // A link is trusted with the content of its target, and with this target.
    let moved = moved.trusted();
    moved.environ().has("USER", "me");
    fs::copy(vault.fill("{home}/.vault-exec.toml"), vault.fill("{home}/other.toml")).unwrap();
    fs::remove_file(vault.fill(file)).unwrap();
    symlink(vault.fill("{home}/other.toml"), vault.fill(file)).unwrap();
    moved.ignores(file, "changed since it was trusted");
    let moved = moved.trusted();
    fs::write(vault.fill("{home}/other.toml"), "path = 'x/y'").unwrap();
    moved.ignores(file, "changed since it was trusted");
    // Another way to the same directory does not matter.
    symlink(vault.fill("{home}"), vault.fill("{home}/way")).unwrap();
    vault.at("{home}/way").environ().has("USER", "me");
}

#[test]
fn the_content_that_was_hashed_is_the_one_that_is_used() {
    // Long enough that the file is replaced several times between its check and its use.
    let [trusted, hostile] = [APP, "path = \"{kv}/other\"\n"].map(|text| text.to_owned() + &"#".repeat(500_000));
    let vault = vault().project(&trusted);
    let [file, new, one, other] =
        [".vault-exec.toml", "new", "one", "other"].map(|name| vault.fill(&format!("{{home}}/{name}")));
    fs::write(&one, vault.fill(&hostile)).unwrap();
    fs::write(&other, vault.fill(&trusted)).unwrap();
    let over = AtomicBool::new(false);
    let runs: Vec<_> = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for text in [&one, &other] {
                    fs::hard_link(text, &new).unwrap();
                    fs::rename(&new, &file).unwrap();
                }
            }
        });
        let runs = (0..40).map(|_| vault.run(["cat", "/proc/self/environ"])).collect();
        over.store(true, Ordering::Relaxed);
        runs
    });
    for run in runs {
        match run.status.code() {
            Some(0) => drop(run.has("USER", "me").lacks("K")),
            _ => assert!(run.stderr.contains("changed since it was trusted"), "{run}"),
        }
    }
}

#[test]
fn a_clone_with_umask_002_can_be_trusted() {
    let vault = untrusted();
    for mode in [0o664, 0o666] {
        vault.mode("{home}/.vault-exec.toml", mode);
        vault.clone().trusted().environ().has("USER", "me");
    }
    fs::remove_dir_all(vault.fill("{home}/.local")).unwrap();
    let state = vault.under_sh(r#"umask 002; mkdir -p .local/state; exec "$@""#).trusted();
    assert_eq!(fs::metadata(state.fill("{home}/.local/state")).unwrap().permissions().mode() & 0o777, 0o775);
    state.environ().has("USER", "me");
    let mode = |path: &str| fs::metadata(state.fill(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(STORE), mode("{home}/.local/state/vault-exec")), (0o700, 0o700));
    let entries: Vec<_> = fs::read_dir(state.fill(STORE)).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(mode(entries[0].to_str().unwrap()), 0o600);
    // As sha256sum prints it.
    let entry = fs::read_to_string(&entries[0]).unwrap();
    assert!(entry.len() > 66 && entry[64..] == state.fill("  {home}/.vault-exec.toml\n"), "{entry}");
}

#[test]
fn the_state_directory_is_absolute() {
    let vault = untrusted();
    let neither = "neither XDG_STATE_HOME nor HOME is an absolute path";
    let hint = "hint: set HOME, below which the trusted files are recorded, or name the file with --config FILE";
    for vault in [
        vault.clone().without("HOME"),
        vault.clone().env("HOME", ""),
        vault.clone().env("HOME", ".").env("XDG_STATE_HOME", "state"),
    ] {
        vault.with_only("--trust").alone_fails(&format!("vault-exec: {neither}\n{hint}\n"));
        vault.ignores("{home}/.vault-exec.toml", &format!("not trusted: {neither}"));
    }
    let relative = vault.clone().env("XDG_STATE_HOME", "state").trusted();
    relative.environ().has("USER", "me");
    assert!(!fs::exists(vault.fill("{home}/state")).unwrap());
    let other = vault.env("XDG_STATE_HOME", "{home}/state");
    other.ignores("{home}/.vault-exec.toml", "not trusted");
    other.clone().trusted().without("HOME").environ().has("USER", "me");
    let lost = other.env("XDG_STATE_HOME", "{home}/.vault-exec.toml");
    lost.with_only("--trust").alone().exits(125);
    lost.ignores("{home}/.vault-exec.toml", "not trusted: {home}/.vault-exec.toml/vault-exec: Not a directory");
}

#[test]
fn a_state_directory_that_others_can_write_to_is_not_used() {
    let vault = vault().project(APP);
    let entry = fs::read_dir(vault.fill(STORE)).unwrap().next().unwrap().unwrap().path();
    for (path, modes) in [
        ("{home}/.local/state", &[0o757, 0o777][..]),
        ("{home}/.local/state/vault-exec", &[0o770, 0o702]),
        (STORE, &[0o777, 0o720]),
        (entry.to_str().unwrap(), &[0o666, 0o620]),
    ] {
        for &mode in modes {
            vault.mode(path, mode);
            vault.trust_of_state_fails(path, "writable by other users");
        }
        vault.mode(path, 0o700);
        vault.clone().trusted().environ().has("USER", "me");
    }
    vault.mode("{home}/.local/state", 0o775);
    vault.environ().has("USER", "me");
    // Nor one that a link leads to.
    fs::rename(vault.fill(STORE), vault.fill("{home}/elsewhere")).unwrap();
    symlink(vault.fill("{home}/elsewhere"), vault.fill(STORE)).unwrap();
    vault.trust_of_state_fails(STORE, "Not a directory");
}

#[test]
#[ignore = "root: makes a mount namespace"]
fn a_read_only_state_directory_is_used_but_not_changed() {
    let read_only = r#"mount --bind "$HOME" "$HOME" && mount -o remount,bind,ro "$HOME" && cd "$HOME""#;
    let trusted = vault().project(APP).with_mounts(read_only);
    trusted.environ().has("USER", "me");
    let untrusted = untrusted().with_mounts(read_only);
    let failed = untrusted.with_only("--trust").alone().exits(125);
    failed.stderr_is(&format!("vault-exec: {STORE}: Read-only file system\n{STATE_HINT}\n"));
    untrusted.ignores("{home}/.vault-exec.toml", "not trusted");
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn each_user_trusts_for_themselves() {
    requires_root("this test changes the owner of files");
    let vault = untrusted();
    // As after `sudo` that keeps HOME.
    let user = as_somebody(vault.clone(), 65534, ".");
    chown(vault.fill("{home}"), Some(65534), None).unwrap();
    vault
        .with_only("--trust")
        .alone()
        .exits(125)
        .stderr_is(&format!("vault-exec: {{home}}: owned by another user\n{STATE_HINT}\n"));
    let user = user.trusted();
    user.environ().has("USER", "me");
    vault.trust_of_state_fails("{home}/.local/state", "owned by another user");
    // Whoever owns the file, each user trusts it for themselves.
    let root = vault.clone().env("XDG_STATE_HOME", "{home}/root");
    fs::create_dir(vault.fill("{home}/root")).unwrap();
    root.ignores("{home}/.vault-exec.toml", "not trusted");
    let root = root.trusted();
    chown(vault.fill("{home}/.vault-exec.toml"), Some(65533), None).unwrap();
    root.environ().has("USER", "me");
    user.environ().has("USER", "me");
    // A part of the state directory that belongs to somebody else.
    let entry = fs::read_dir(vault.fill(STORE)).unwrap().next().unwrap().unwrap().path();
    for path in [entry.to_str().unwrap(), STORE, "{home}/.local/state/vault-exec", "{home}/.local/state"] {
        vault.mode(path, 0o755);
        chown(vault.fill(path), Some(65533), None).unwrap();
        user.ignores("{home}/.vault-exec.toml", &format!("not trusted: {path}: owned by another user"));
        chown(vault.fill(path), Some(65534), None).unwrap();
    }
}

#[test]
#[ignore = "root: starts vault-exec as another user"]
fn a_project_file_that_cannot_be_read_is_an_error() {
    let vault = untrusted();
    vault.mode("{home}/.vault-exec.toml", 0o600);
    let readable =
        "hint: it must exist and be readable UTF-8 text; --config names another file, --no-config reads none";
    as_somebody(vault.clone(), 65533, ".").project_fails("", &format!("Permission denied\n{readable}"));
    as_somebody(vault.args(["--no-config"]), 65533, ".").fails(NO_PATH);
}
