//! From which moment on other processes of the same user have no access.
#![allow(unsafe_code, reason = "the traced process asks for it between fork and exec")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::wait::{NOBODY, as_nobody, for_everyone};
use crate::support::process::vault_exec;

/// What the C library itself calls before any code of the program.
const OF_THE_C_LIBRARY: [libc::c_long; 11] = [
    libc::SYS_arch_prctl,
    libc::SYS_brk,
    libc::SYS_getrandom,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_prlimit64,
    libc::SYS_readlink,
    libc::SYS_readlinkat,
    libc::SYS_rseq,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
];

/// Stopped by its `execve`, and killed at the end.
struct Stopped(Child);

impl Stopped {
    fn start(command: &mut Command) -> Self {
        // SAFETY: a single system call, which is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let stopped = Self(child);
        let first = waitpid(stopped.pid(), None).expect("a stop");
        assert!(matches!(first, WaitStatus::Stopped(_, Signal::SIGTRAP)), "{first:?}");
        let options = Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL;
        ptrace::setoptions(stopped.pid(), options).expect("options");
        stopped
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().try_into().expect("a process id"))
    }

    /// Number and first two arguments of the next system call.
    fn next_call(&self) -> (libc::c_long, [u64; 2]) {
        loop {
            ptrace::syscall(self.pid(), None).expect("go on");
            let status = waitpid(self.pid(), None).expect("a stop");
            assert!(matches!(status, WaitStatus::PtraceSyscall(_)), "{status:?}");
            let info = ptrace::syscall_info(self.pid()).expect("the system call");
            if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
                // SAFETY: the kernel has said which part of the union it filled in.
                let entry = unsafe { info.u.entry };
                return (entry.nr.try_into().expect("a number"), [entry.args[0], entry.args[1]]);
            }
        }
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn hardening_is_the_first_thing_that_vault_exec_does() {
    let process = Stopped::start(Command::new(vault_exec()).arg("--version"));
    let dumpable = u64::from(libc::PR_SET_DUMPABLE.unsigned_abs());
    loop {
        match process.next_call() {
            (libc::SYS_prctl, arguments) if arguments == [dumpable, 0] => break,
            (call, _) => assert!(OF_THE_C_LIBRARY.contains(&call), "system call {call} comes before"),
        }
    }
}

/// What mode 0711 adds, and what is left without it.
#[test]
#[ignore = "root: starts vault-exec as another user"]
fn a_program_that_its_user_cannot_read_is_inaccessible_from_its_first_instruction() {
    for (mode, owner, error) in [("0711", 0, "Permission denied"), ("0755", NOBODY, "Input/output error")] {
        let program = for_everyone(mode);
        let process = Stopped::start(&mut as_nobody(&[&program, "--version"]));
        let memory = format!("/proc/{}/mem", process.0.id());
        assert_eq!(fs::metadata(&memory).expect("the process lives").uid(), owner, "{mode}");
        let output = as_nobody(&["head", "-c", "1", &memory]).output().expect("head");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains(error), "{mode}: {stderr}");
    }
}
