//! `[os]` Ends the process without unwinding: panics, exhausted memory, signals.
#![allow(
    unsafe_code,
    reason = "`write` and `_exit`, the only calls that are safe in an allocator and in a signal handler"
)]

use std::io::Write;

use nix::libc;

use crate::error::ExitCode;

/// Writes `message` to stderr and ends the process with `code`. It allocates nothing and runs no destructor.
pub(super) fn abort_with(message: &'static str, code: i32) -> ! {
    // SAFETY: the message is static; `write` and `_exit` change nothing else of this process.
    unsafe {
        libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len());
        libc::_exit(code)
    }
}

/// Reports the location of a panic and ends the process with 125. The panic's own message is left out because it may
/// quote a secret value.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = format!(
            "vault-exec: internal error at {location} (this is a bug); the program was not started\nhint: please report it\n"
        );
        let _ = std::io::stderr().write_all(text.as_bytes());
        abort_with("", ExitCode::Failed as i32);
    }));
}
