//! `[os]` Ends the process without unwinding: panics, exhausted memory, signals.
#![allow(unsafe_code, reason = "`_exit`, which is safe in an allocator and in a signal handler")]

use std::time::Duration;

use nix::libc;

use super::cleanup::remove_files;
use super::stdio::write_stderr;
use crate::error::ExitCode;

/// Ends the process with 125 as [`exit_with`] does.
pub(super) fn abort_with(message: &str) -> ! {
    exit_with(message, ExitCode::Failed as i32)
}

/// Removes the files for the program, writes `message` to stderr if that does not block, and ends the process with `code`. It
/// allocates nothing and runs no destructor.
pub(super) fn exit_with(message: &str, code: i32) -> ! {
    remove_files();
    write_stderr(message.as_bytes(), Duration::ZERO);
    // SAFETY: it only ends the process.
    unsafe { libc::_exit(code) }
}

/// Reports the location of a panic and ends the process with 125. The panic's own message is left out because it may
/// quote a secret value.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        abort_with(&format!(
            "vault-exec: internal error at {location} (this is a bug); the program was not started\nhint: please report it\n"
        ));
    }));
}
