//! `[os]` Signals while there is no program yet: they end the wait at once, also for PID 1, which the kernel protects
//! from every signal it has no handler for.
#![allow(unsafe_code, reason = "handlers and dispositions are its subject")]

use std::ffi::c_int;

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

use crate::output_format::OutputFormat;

/// Keeps a server that hangs up, and a reader of our messages that is gone, from ending the process with `SIGPIPE`, and a
/// limit on the size of files from ending it with `SIGXFSZ`: what is written fails, and that is told.
pub fn ignore_write_signals() {
    set(Signal::SIGPIPE, &SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty()));
    if !is_ignored(Signal::SIGXFSZ) {
        // Not ignored, which the program would inherit.
        set(Signal::SIGXFSZ, &SigAction::new(SigHandler::Handler(nothing), SaFlags::SA_RESTART, SigSet::empty()));
    }
}

extern "C" fn nothing(_: c_int) {}

/// Ends the process with 128 + n when one of `SIGTERM`, `SIGINT`, `SIGHUP` arrives, unless it was ignored before
/// (`nohup`).
pub fn arm(format: OutputFormat) {
    let end = match format {
        OutputFormat::Text => end::<false>,
        OutputFormat::Json => end::<true>,
    };
    let ending = SigAction::new(SigHandler::Handler(end), SaFlags::SA_RESTART, SigSet::empty());
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        if !is_ignored(signal) {
            set(signal, &ending);
        }
    }
}

/// Makes `SIGPIPE` what programs expect. The handlers need no undoing: `execve` sets caught signals to the default and
/// leaves ignored ones ignored.
pub fn disarm() {
    set(Signal::SIGPIPE, &SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty()));
}

fn set(signal: Signal, action: &SigAction) {
    // SAFETY: the handler only calls what signal-safety(7) allows. The call cannot fail for these signals.
    let _ = unsafe { sigaction(signal, action) };
}

fn is_ignored(signal: Signal) -> bool {
    let mut current = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: only asks, into memory of the right size, which is read only when it was filled in.
    unsafe {
        libc::sigaction(signal as c_int, std::ptr::null(), current.as_mut_ptr()) == 0
            && current.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

extern "C" fn end<const JSON: bool>(signal: c_int) {
    macro_rules! message {
        ($name:literal) => {
            if JSON {
                concat!("{\"level\":\"error\",\"message\":\"", $name, " came before the program was started\"}\n")
            } else {
                concat!("vault-exec: ", $name, " came before the program was started\n")
            }
        };
    }
    let message = match signal {
        libc::SIGTERM => message!("SIGTERM"),
        libc::SIGINT => message!("SIGINT"),
        _ => message!("SIGHUP"),
    };
    // SAFETY: write and _exit are async-signal-safe; the buffer is static.
    unsafe {
        libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
        libc::_exit(128 + signal);
    }
}
