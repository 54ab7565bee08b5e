//! The program starts as if vault-exec had never run.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;

use nix::libc;

use crate::support::process::vault_exec;
use crate::support::vault::TestVault;

/// A test vault with a secret and its path.
fn ready() -> TestVault {
    TestVault::kv2().secret("a", [("k", "v")]).path("a")
}

#[test]
fn the_exit_code_is_that_of_the_program() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a");
        for code in [0, 1, 7, 125, 126, 127, 255] {
            vault.run(["sh", "-c", &format!("exit {code}")]).exits(code).stderr_is("").stdout_is("");
        }
        let outcome = vault.run(["sh", "-c", "kill -9 $$"]);
        assert_eq!(outcome.status.signal(), Some(9), "{outcome}");
    }
}

#[test]
fn a_missing_program_is_127_before_any_request() {
    let vault = ready().env("PATH", "{home}/bin::/nowhere").recorded();
    let not_found = |vault: &TestVault, program: &str, stderr: &str| {
        vault.run([program, "x"]).exits(127).stderr_is(stderr).stdout_is("").asked([]);
    };
    not_found(&vault, "nope", "vault-exec: `nope` was not found\nhint: PATH is {home}/bin::/nowhere\n");
    not_found(
        &vault,
        "",
        "vault-exec: the name of the program is empty\nhint: a variable that should hold it may be unset\n",
    );
    let no_file = "no such file\nhint: the path must exist where vault-exec runs\n";
    not_found(&vault, "./nope", &format!("vault-exec: ./nope: {no_file}"));
    not_found(&vault, "/dev/null/nope", &format!("vault-exec: /dev/null/nope: {no_file}"));
    let hint = "no shell splits it: give its arguments as words of their own, or a shell as the program: sh -c '...'";
    not_found(&vault, "echo bar", &format!("vault-exec: `echo bar` was not found\nhint: {hint}\n"));
    not_found(&vault, "/bin/echo bar", &format!("vault-exec: /bin/echo bar: no such file\nhint: {hint}\n"));
    ready().program("with space", "#!/bin/sh\nprintf %s \"$1\"\n").run(["{home}/with space", "x"]).stdout_is("x");
    let unset = vault.without("PATH");
    not_found(&unset, "nope", "vault-exec: `nope` was not found\nhint: PATH is /bin:/usr/bin\n");
}

#[test]
fn variables_of_rust_affect_only_the_program() {
    let vault = ready().env("RUST_BACKTRACE", "full").env("RUST_LIB_BACKTRACE", "1").env("RUST_MIN_STACK", "1");
    vault.environ().has("RUST_BACKTRACE", "full").has("RUST_LIB_BACKTRACE", "1").has("RUST_MIN_STACK", "1");
    vault
        .env("PATH", "/nowhere")
        .run(["nope"])
        .exits(127)
        .stderr_is("vault-exec: `nope` was not found\nhint: PATH is /nowhere\n");
}

#[test]
fn a_program_that_cannot_be_executed_is_126_before_any_request() {
    let vault = ready().file("text", "#!/bin/sh\n").env("PATH", "/nowhere:{home}").recorded();
    let refused = |program: &str, stderr: &str| {
        vault.run([program]).exits(126).stderr_is(stderr).stdout_is("").asked([]);
    };
    let mode = "cannot be executed: permission denied\n\
                hint: chmod +x it; its file system must not be mounted noexec\n";
    refused("./text", &format!("vault-exec: ./text {mode}"));
    refused("text", &format!("vault-exec: {{home}}/text {mode}"));
    let directory = "cannot be executed: is a directory\nhint: name the program in it\n";
    refused("/usr", &format!("vault-exec: /usr {directory}"));
    refused("/usr/", &format!("vault-exec: /usr/ {directory}"));
}

#[test]
fn a_failed_execve_is_126() {
    let vault = ready().program("interpreted", "#!/nowhere/sh\n").program("text", "echo the program was started\n");
    vault.run(["./interpreted"]).exits(126).stdout_is("").stderr_is(
        "vault-exec: ./interpreted cannot be executed: its interpreter or loader does not exist\n\
         hint: check its #! line, or the loader it was linked for\n",
    );
    vault.run(["./text"]).exits(126).stdout_is("").stderr_is(
        "vault-exec: ./text cannot be executed: not an executable format\n\
         hint: a script needs a first line such as #!/bin/sh\n",
    );
}

#[test]
fn the_program_is_looked_up_as_a_shell_does() {
    let vault = ready().program("here", "#!/bin/sh\necho started").file("echo", "not executable");
    vault.clone().env("PATH", "/nowhere::/bin").run(["here"]).exits(0).stdout_is("started\n");
    vault.clone().env("PATH", "{home}:/bin:/usr/bin").run(["echo", "next"]).exits(0).stdout_is("next\n");
    vault.clone().without("PATH").run(["echo", "default"]).exits(0).stdout_is("default\n");
    vault
        .secret("path", [("path", "/nowhere")])
        .path("path")
        .args(["--allow-name", "PATH"])
        .run(["sh", "-c", "echo $PATH"])
        .stdout_is("/nowhere\n");
}

#[test]
fn the_program_has_the_same_pid_and_no_children() {
    let children = "import os; print(os.getpid(), open(f'/proc/self/task/{os.getpid()}/children').read())";
    let outcome = ready().under_sh(r#"echo $$; exec "$@""#).run(["python3", "-c", children]).exits(0);
    let text = String::from_utf8(outcome.stdout.clone()).unwrap();
    let [before, after] = text.lines().map(str::trim).collect::<Vec<_>>()[..] else { panic!("{outcome}") };
    assert_eq!(before, after, "the same process, and nothing behind it: {outcome}");
}

#[test]
fn arguments_pass_byte_for_byte() {
    let odd = [&b"-x"[..], b"--path", b"--", b"", b" spaces \n", b"\xff\xfe", b"$HOME *", b"{a}", b"--help"];
    let show = ["sh", "-c", "cat /proc/$$/cmdline; :"];
    let program = || show.map(OsString::from).into_iter().chain(odd.map(|bytes| OsString::from_vec(bytes.to_vec())));
    let expected: Vec<u8> =
        show.map(str::as_bytes).iter().chain(&odd).flat_map(|bytes| [*bytes, b"\0"].concat()).collect();
    ready().run(program()).exits(0).stdout_is(&expected);
    ready().args(program()).alone().exits(0).stdout_is(&expected);
}

#[test]
fn the_program_inherits_signal_mask_and_dispositions() {
    let bit = |signal: u32| 1_u64 << (signal - 1);
    let (hup, usr1, pipe, xfsz) = (bit(1), bit(10), bit(13), bit(25));
    let vault = ready();
    let [blocked, ignored] = signals(vault.without_vault_exec(SHOW_SIGNALS));
    assert_eq!(signals(vault.command(SHOW_SIGNALS)), [blocked, ignored]);

    let nohup = vault.clone().under_sh(r#"trap "" HUP; exec "$@""#);
    assert_eq!(signals(nohup.command(SHOW_SIGNALS)), [blocked, ignored | hup]);

    let python = vault.under(["python3", "-c", BLOCK_USR1]);
    assert_eq!(signals(python.without_vault_exec(SHOW_SIGNALS)), [blocked | usr1, ignored | pipe | xfsz]);
    assert_eq!(signals(python.command(SHOW_SIGNALS)), [blocked | usr1, ignored | xfsz], "SIGPIPE is the default again");
}

/// The C library hides its own signals (32 to 34) from a program that asks for its mask, and sets it without them.
#[test]
#[allow(unsafe_code, reason = "the mask of the C library's own signals is set by a system call")]
fn the_program_inherits_the_signal_mask_of_the_kernel() {
    let block_all = || {
        // SAFETY: a single system call, which reads eight bytes.
        let set = unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const ALL, 0, 8) };
        if set == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    };
    let with_all_blocked = |mut command: Command| {
        // SAFETY: the closure makes only an async-signal-safe call and allocates nothing.
        unsafe { command.pre_exec(block_all) };
        signals(command)
    };
    let vault = ready();
    let inherited = with_all_blocked(vault.without_vault_exec(SHOW_SIGNALS));
    assert_eq!(with_all_blocked(vault.command(SHOW_SIGNALS)), inherited);
    // A message takes a timer, whose signal must not be blocked.
    assert_eq!(with_all_blocked(vault.args(["-v"]).command(SHOW_SIGNALS)), inherited);
}

static ALL: u64 = u64::MAX;

/// Python ignores `SIGPIPE` and `SIGXFSZ` and hands both on.
const BLOCK_USR1: &str = "import os, signal, sys\n\
                          signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n\
                          os.execvp(sys.argv[1], sys.argv[1:])";

const SHOW_SIGNALS: [&str; 4] = ["sed", "-n", "s/^Sig[BI][lg][kn]:.//p", "/proc/self/status"];

/// The sets of blocked and of ignored signals that [`SHOW_SIGNALS`] prints.
fn signals(mut command: Command) -> [u64; 2] {
    let text = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let sets: Vec<_> = text.lines().map(|set| u64::from_str_radix(set, 16).unwrap()).collect();
    sets.try_into().unwrap()
}

#[test]
fn a_closed_pipe_ends_the_program_silently() {
    ready().under_sh(r#""$@" | head -n 1"#).run(["yes"]).exits(0).stdout_is("y\n").stderr_is("");
}

#[test]
fn the_program_inherits_descriptors() {
    let show = ["sh", "-c", "ls /proc/$$/fd > open; :"];
    for redirected in ["", "7</dev/null", "<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
        let vault = ready().under_sh(&format!(r#"exec "$@" {redirected}"#));
        let open = |mut command: Command| {
            assert!(command.status().unwrap().success());
            std::fs::read_to_string(vault.fill("{home}/open")).unwrap()
        };
        assert_eq!(open(vault.command(show)), open(vault.without_vault_exec(show)), "exec {redirected}");
    }
}

#[test]
fn standard_input_is_left_unread() {
    ready().stdin("one\ntwo\n\0\u{ff}").run(["cat"]).exits(0).stdout_is("one\ntwo\n\0\u{ff}");
}

#[test]
fn the_program_inherits_the_limit_on_core_files() {
    let show = ["sh", "-c", "ulimit -S -c; ulimit -H -c"];
    for lowered in ["", "ulimit -S -c 0; ", "ulimit -c 0; "] {
        let vault = ready().under_sh(&format!(r#"{lowered}exec "$@""#));
        let expected = vault.without_vault_exec(show).output().unwrap().stdout;
        vault.run(show).exits(0).stdout_is(expected);
    }
}

#[test]
fn the_program_is_dumpable_and_unlocked() {
    let show = "import ctypes; print(ctypes.CDLL(None).prctl(3)); print(open('/proc/self/status').read())";
    let outcome = ready().run(["python3", "-c", show]).exits(0);
    let text = String::from_utf8_lossy(&outcome.stdout);
    assert!(text.starts_with("1\n") && text.contains("VmLck:\t       0 kB"), "{outcome}");
}

#[test]
fn standard_output_belongs_to_the_program() {
    let vault = ready();
    for option in ["-v", "-vv", "--log-format=json"] {
        vault.clone().args([option]).run(["echo", "mine"]).exits(0).stdout_is("mine\n");
    }
    vault.run(["true"]).exits(0).stdout_is("").stderr_is("");
}

#[test]
fn the_binary_needs_no_loader() {
    const PT_INTERP: u32 = 3;
    let binary = std::fs::read(vault_exec()).unwrap();
    assert_eq!(&binary[..5], b"\x7fELF\x02", "a 64-bit ELF file");
    let half = |at: usize| usize::from(u16::from_le_bytes([binary[at], binary[at + 1]]));
    let headers = usize::try_from(u64::from_le_bytes(binary[32..40].try_into().unwrap())).unwrap();
    let (size, count) = (half(54), half(56));
    assert!(count > 0);
    for header in binary[headers..].chunks(size).take(count) {
        assert_ne!(u32::from_le_bytes(header[..4].try_into().unwrap()), PT_INTERP);
    }
}
