//! `[os]` Signals before the program starts: they end the wait at once. The kernel delivers to PID 1 only signals that it
//! has a handler for, so vault-exec needs one.
#![allow(unsafe_code, reason = "installs signal handlers")]

use std::ffi::c_int;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::unistd::getpid;

use super::cleanup::remove_files;
use super::panic::abort_with;
use crate::output_format::OutputFormat;

/// Signals that end a process by default, are not caught, and can come from outside.
const OTHER_FATAL_SIGNALS: [Signal; 10] = [
    Signal::SIGABRT,
    Signal::SIGALRM,
    Signal::SIGIO,
    Signal::SIGPROF,
    Signal::SIGPWR,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGVTALRM,
    Signal::SIGXCPU,
];

/// Makes a write fail with an error, instead of ending the process, if the peer has closed the connection (`SIGPIPE`) or
/// the limit on file sizes is reached (`SIGXFSZ`).
pub(super) fn ignore_write_signals() {
    set(Signal::SIGPIPE, SigHandler::SigIgn, SaFlags::empty());
    if !is_ignored(Signal::SIGXFSZ) {
        // A handler, because the program would inherit an ignored signal.
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

/// Has the other signals that end a process remove the files for the program first. They do not end PID 1.
pub fn install_cleanup_handlers() {
    if getpid().as_raw() != 1 {
        for signal in OTHER_FATAL_SIGNALS.into_iter().filter(|signal| !is_ignored(*signal)) {
            set(signal, SigHandler::Handler(cleanup_handler), SaFlags::SA_RESETHAND);
        }
    }
}

/// Sets `SIGPIPE` to the default that programs expect. The handlers need no such call: `execve` resets caught signals
/// and leaves ignored ones ignored.
pub fn restore_sigpipe() {
    set(Signal::SIGPIPE, SigHandler::SigDfl, SaFlags::empty());
}

fn set(signal: Signal, handler: SigHandler, flags: SaFlags) {
    let action = SigAction::new(handler, flags, SigSet::empty());
    // SAFETY: the handlers only call what signal-safety(7) allows. The call cannot fail for these signals.
    let _ = unsafe { sigaction(signal, &action) };
}

fn is_ignored(signal: Signal) -> bool {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only queries, into memory of the right size, which is read only if it was filled in.
    unsafe {
        libc::sigaction(signal as c_int, std::ptr::null(), current.as_mut_ptr()) == 0
            && current.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

extern "C" fn noop(_: c_int) {}

/// The signal is blocked until the handler returns, and then ends the process.
extern "C" fn cleanup_handler(signal: c_int) {
    remove_files();
    let _ = Signal::try_from(signal).map(raise);
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
    abort_with(message, 128 + signal);
}
