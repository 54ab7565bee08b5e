//! `[os]` The standard descriptors.

use std::os::fd::AsRawFd;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Occupies the descriptors 0 to 2 if they are closed, so that no socket or file gets one of these numbers. Reading and
/// writing still fail, and the program finds them closed again: the placeholders close on `execve`.
pub(super) fn reserve_stdio() {
    // `open` returns the lowest free number.
    while let Ok(placeholder) = open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        if placeholder.as_raw_fd() > 2 {
            break;
        }
        std::mem::forget(placeholder);
    }
}
