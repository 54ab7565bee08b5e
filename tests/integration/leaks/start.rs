//! Faults after the secrets were read: names, sizes, files, the program, memory, defects, signals.

use std::process::Command;

use crate::leaks::canary::{canary, found};
use crate::leaks::settings::injected;
use crate::leaks::{Cases, reply, secret, secret_text, with_canaries};
use crate::support::fake_server::{FakeServer, Reply};
use crate::support::scratch::TmpfsDir;
use crate::support::vault::TestVault;

pub(super) fn add(cases: &mut Cases) {
    mapped(cases);
    composed(cases);
    files(cases);
    programs(cases);
    process(cases);
}

/// A secret with these keys and others. `~` stands for a value.
fn keys(keys: &str) -> Reply {
    reply(200, secret_text().replacen(r#""text""#, &format!("{}\"text\"", keys.replace('~', &text())), 1))
}

fn text() -> String {
    serde_json::Value::from(canary("value")).to_string()
}

fn only(keys: &str) -> Reply {
    reply(200, format!(r#"{{"data": {{"data": {{{}}}, "metadata": {{"version": 1}}}}}}"#, keys.replace('~', &text())))
}

fn mapped(cases: &mut Cases) {
    for odd in [
        r#""": ~, "#,
        r#""1": ~, "#,
        r#""1'; x": ~, "#,
        r#""Text": ~, "#,
        r#""te.xt": ~, "te-xt": ~, "#,
        r#""te.xt": ~, "te-xt": ~, "1": ~, "path": ~, "#,
        r#""null": null, "#,
        r#""path": ~, "#,
        r#""ld_preload'": ~, "#,
        r#""vault_addr": ~, "ssl_cert_file": ~, "#,
    ] {
        cases.fake([keys(odd)], |vault| vault);
    }
    let nul = serde_json::Value::from(format!("{}\0{}", canary("value"), canary("value"))).to_string();
    cases.fake([keys(&format!(r#""nul": {nul}, "#))], |vault| vault);
    cases.fake([keys(&format!(r#""nul": {nul}, "#))], |vault| {
        vault.args(["--skip", "nul", "--set", "A={nul}", "--file", "B={nul}"])
    });
    cases.fake([only("")], |vault| vault.args(["--set", "A={key}"]));
    let many: Vec<_> = (0..12).map(|number| format!(r#""key{number}": ~"#)).collect();
    cases.fake([only(&many.join(", "))], |vault| vault.args(["--set", "A={text}"]));
    cases.fake([secret()], |vault| vault.args(["--only", "nothing"]));
    cases.fake([secret()], |vault| vault.args(["--skip", "text,number"]));
    cases.fake([only(r#""text": ~"#)], |vault| vault.args(["--skip", "text"]));
    cases.fake([secret()], |vault| vault.args(["--on-conflict", "error"]));
    cases.fake([secret()], |vault| vault.args(["--on-conflict", "env"]));
    cases.fake([secret()], |vault| vault.args(["--on-duplicate", "error", "--path", "secret/other"]));
    cases.fake([secret()], |vault| vault.args(["--require", "NOTHING", "--require", "TEXT"]));
    let long = format!(r#""long": "{}", "#, canary("token").repeat(4000));
    cases.fake([keys(&long)], |vault| vault);
    let long = canary("token").repeat(2500);
    let many = format!(r#""a": "{long}", "b": "{long}", "c": "{long}", "d": "{long}", "#);
    cases.fake([keys(&many)], |vault| vault.under(["prlimit", "--stack=1048576"]));
}

fn composed(cases: &mut Cases) {
    cases.fake([secret()], |vault| {
        let set = format!("DSN={}{{text|url}}{{number|base64}}", canary("literal"));
        vault.args(["--set", &set, "--file", "F={text}", "--set", "TEXT={number}", "--path", "secret/other"])
    });
}

fn files(cases: &mut Cases) {
    let file = |vault: TestVault| vault.args(["--file", "F={text}", "--explicit"]);
    for fault in ["memfd_create:error=EMFILE", "memfd_create:error=ENOSPC", "fchmod:error=EIO"] {
        cases.fake([secret()], move |vault| file(vault).under(injected(fault)));
    }
    let without_proc = r#"mount -t tmpfs none /proc && exec "$@""#;
    cases.fake([secret()], move |vault| file(vault).under(["unshare", "--mount", "sh", "-c", without_proc, "sh"]));
    cases.fake([secret()], move |vault| file(vault).under_sh(r#"trap "" XFSZ; exec prlimit --fsize=4 "$@""#));
    for directory in [".", "/dev/null", "/none", "/proc", "/dev/shm"] {
        cases.fake([secret()], move |vault| file(vault).args(["--file-dir", directory]));
    }
    for (script, fault) in [
        (r#"ln -s /none "$0"/F; exec "$@""#, None),
        (r#"chown 65534 "$0"; exec "$@""#, None),
        (r#"chmod 777 "$0"; exec "$@""#, None),
        (r#"exec "$@""#, Some("/^renameat:error=EACCES")),
        (r#"exec "$@""#, Some("getcwd:error=ENOENT")),
    ] {
        cases.with(&["true"], move || {
            let (memory, fake) = (TmpfsDir::new(), FakeServer::answering([secret()]));
            let directory = format!("../../../../../../../..{}", memory.path());
            let vault = file(with_canaries(fake.vault())).args(["--no-config", "--file-dir", &directory]);
            let vault = match fault {
                None => vault.under(["sh", "-c", script, memory.path()]),
                Some(fault) => vault.under(injected(fault)),
            };
            (vault, Box::new((memory, fake)))
        });
    }
}

fn programs(cases: &mut Cases) {
    let mut starting = |program: &'static [&'static str], change: fn(TestVault) -> TestVault| {
        cases.with(program, move || {
            let fake = FakeServer::answering([secret()]);
            (change(with_canaries(fake.vault()).under::<&str>(["env"])), Box::new(fake))
        });
    };
    starting(&["nope"], |vault| vault);
    starting(&["./nope"], |vault| vault);
    starting(&[""], |vault| vault);
    starting(&["nope nope"], |vault| vault);
    starting(&["/usr"], |vault| vault);
    starting(&["./text"], |vault| vault.file("text", canary("value")));
    starting(&["./text"], |vault| vault.program("text", canary("value")));
    starting(&["./text"], |vault| vault.program("text", "#!/none\n"));
    starting(&["./text"], |vault| vault.program("text", "#!/bin/sh\n").under_sh(r#"exec "$@" 9>>text"#));
    for fault in ["E2BIG", "EIO", "ETXTBSY"] {
        cases.fake([secret()], move |vault| vault.under(injected(&format!("execve:error={fault}:when=1"))));
    }
}

fn process(cases: &mut Cases) {
    cases.fake([secret()], |vault| vault.under(injected("mlock2:error=EPERM")));
    cases.fake([secret()], |vault| vault.args(["--require-mlock"]).under(injected("mlock2:error=EPERM")));
    cases.fake([secret()], |vault| vault.args(["--check"]).under_sh(r#"exec "$@" >/dev/full"#));
    cases.fake([secret()], |vault| vault.under(injected("prctl:error=EPERM")));
    cases.fake([secret()], |vault| vault.args(["--require-mlock"]).under(injected("prctl:error=EPERM")));
    cases.fake([secret()], |vault| vault.under(injected("geteuid:retval=1")));
    let large = format!(r#""a": "{}", "#, canary("token").repeat(180_000));
    // One of these limits is enough to start with and too low for the value.
    for limit in ["8000000", "12000000", "16000000", "20000000", "24000000", "28000000"] {
        let reply = keys(&large);
        cases.fake([reply], move |vault| vault.under(["prlimit", &format!("--as={limit}")]));
    }
    cases.fake([secret()], |vault| vault.under(["prlimit", "--stack=262144"]));
    cases.fake([secret()], |vault| vault.under(injected("socket:error=EMFILE")));
    // The standard library and the event loop panic if these fail.
    for call in ["getrandom", "epoll_wait,epoll_pwait"] {
        cases.fake([secret()], move |vault| vault.under(injected(&format!("{call}:error=EIO"))));
    }
    for signal in ["TERM", "INT", "HUP"] {
        cases.fake([Reply::silence()], move |vault| vault.under(["timeout", "--signal", signal, "0.5"]));
    }
}

/// The message of a panic may quote a value. The child process is this test, in which the library panics.
#[test]
fn a_panic_prints_its_location_and_nothing_else() {
    const CHILD: &str = "SILENCE_OF_A_PANIC";
    if let Some(how) = std::env::var_os(CHILD) {
        let value = canary("value").to_owned();
        vault_exec::process::install_panic_hook();
        match how.to_str() {
            Some("text") => panic!("{value}"),
            Some("error") => value.parse().map(|_: u8| ()).map_err(|_| value).unwrap(),
            Some("slice") => _ = &value[value.len() + 1..],
            _ => std::panic::panic_any(value),
        }
    }
    for how in ["text", "error", "slice", "any"] {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "leaks::start::a_panic_prints_its_location_and_nothing_else", "--nocapture"]);
        let output = child.env(CHILD, how).env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace").output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(125), "{text}");
        let place = format!("vault-exec: internal error at {}:", file!());
        assert!(text.contains(&place) && text.contains("; the program was not started\n"), "{text}");
        assert_eq!(found(text.as_bytes()), [""; 0], "{text}");
    }
}
