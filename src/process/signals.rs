//! `[os]` Signals before the program starts: they end the wait at once. The kernel delivers to PID 1 only signals that it
//! has a handler for, so vault-exec needs one.
#![allow(unsafe_code, reason = "installs signal handlers")]

use std::ffi::c_int;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use nix::unistd::getpid;

use super::cleanup::remove_files;
use super::panic::exit_with;
use crate::output_format::OutputFormat;

/// Signals that can be handled and do not end a process by default, see signal(7).
const HARMLESS_SIGNALS: [c_int; 7] =
    [libc::SIGCHLD, libc::SIGCONT, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU, libc::SIGURG, libc::SIGWINCH];

/// Makes a write fail with an error, instead of ending the process, if the peer has closed the connection (`SIGPIPE`) or
/// the limit on file sizes is reached (`SIGXFSZ`). Handlers, because the program would inherit an ignored signal: until
/// `execve` itself resets `SIGPIPE` to the default that programs expect, it neither ends the process nor leaves a file.
pub(super) fn ignore_write_signals() {
    set(Signal::SIGPIPE, SigHandler::Handler(noop), SaFlags::SA_RESTART);
    if !is_ignored(Signal::SIGXFSZ) {
        set(Signal::SIGXFSZ, SigHandler::Handler(noop), SaFlags::SA_RESTART);
    }
}

/// Ends the process with 128 + n when `SIGTERM`, `SIGINT` or `SIGHUP` arrives. A signal that was ignored stays ignored
/// (`nohup`).
pub fn install_handlers(format: OutputFormat) {
    let handler = match format {
        OutputFormat::Text => exit_handler::<false>,
        OutputFormat::Json => exit_handler::<true>,
    };
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        if !is_ignored(signal) {
            set(signal, SigHandler::Handler(handler), SaFlags::SA_RESTART);
        }
    }
}

/// Has every other signal that would end the process remove the files for the program first. They do not end PID 1. `SIGKILL`
/// and the C library's own signals (32 and 33, and 34 with musl) cannot be handled.
pub fn install_cleanup_handlers() {
    if getpid().as_raw() == 1 {
        return;
    }
    let signals = (1..=libc::SIGRTMAX()).filter(|signal| !HARMLESS_SIGNALS.contains(signal));
    for signal in signals.filter(|signal| disposition(*signal) == Some(libc::SIG_DFL)) {
        // SAFETY: all zeros is a valid action, and the handler only calls what signal-safety(7) allows.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = cleanup_handler as *const () as libc::sighandler_t;
            action.sa_flags = libc::SA_RESETHAND;
            libc::sigaction(signal, &raw const action, std::ptr::null_mut());
        }
    }
}

/// The signal mask as the kernel has it. The C library's functions leave out its own signals, and musl's unblock them when a
/// handler is installed.
pub(super) fn kernel_mask() -> Option<u64> {
    let mut mask = 0;
    rt_sigprocmask(std::ptr::null(), &raw mut mask).then_some(mask)
}

pub(super) fn set_kernel_mask(mask: u64) {
    rt_sigprocmask(&raw const mask, std::ptr::null_mut());
}

fn rt_sigprocmask(new: *const u64, old: *mut u64) -> bool {
    // SAFETY: the kernel reads or writes this number of bytes where a pointer is not null.
    unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, new, old, size_of::<u64>()) == 0 }
}

/// Lets `SIGPIPE` end the process, as for any program that only prints.
pub fn restore_sigpipe() {
    set(Signal::SIGPIPE, SigHandler::SigDfl, SaFlags::empty());
}

fn set(signal: Signal, handler: SigHandler, flags: SaFlags) {
    let action = SigAction::new(handler, flags, SigSet::empty());
    // SAFETY: the handlers only call what signal-safety(7) allows. The call cannot fail for these signals.
    let _ = unsafe { sigaction(signal, &action) };
}

fn is_ignored(signal: Signal) -> bool {
    disposition(signal as c_int) == Some(libc::SIG_IGN)
}

/// `None` for a signal of the C library.
fn disposition(signal: c_int) -> Option<libc::sighandler_t> {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only queries, into memory of the right size, which is read only if it was filled in.
    unsafe {
        let queried = libc::sigaction(signal, std::ptr::null(), current.as_mut_ptr()) == 0;
        queried.then(|| current.assume_init().sa_sigaction)
    }
}

extern "C" fn noop(_: c_int) {}

/// The signal is blocked until the handler returns, and then ends the process.
extern "C" fn cleanup_handler(signal: c_int) {
    remove_files();
    // SAFETY: it only sends a signal to this thread.
    unsafe { libc::raise(signal) };
}

extern "C" fn exit_handler<const JSON: bool>(signal: c_int) {
    macro_rules! message {
        ($name:literal) => {
            if JSON {
                concat!("{\"level\":\"error\",\"message\":\"interrupted by ", $name, " before the program started\"}\n")
            } else {
                concat!("vault-exec: interrupted by ", $name, " before the program started\n")
            }
        };
    }
    let message = match signal {
        libc::SIGTERM => message!("SIGTERM"),
        libc::SIGINT => message!("SIGINT"),
        _ => message!("SIGHUP"),
    };
    exit_with(message, 128 + signal);
}
