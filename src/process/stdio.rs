//! `[os]` The standard descriptors.

use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode;
use nix::unistd::write;

use super::ticks::Ticks;

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

/// Writes to standard error, and gives up if nobody has read enough of it after `patience`; zero means that only what can
/// be written at once is. It is async-signal-safe.
///
/// `O_NONBLOCK` would affect every process that shares standard error, and cannot be set on a second descriptor where the
/// pipe or terminal belongs to another user. So the write is interrupted: another process may fill a pipe between `poll`
/// and `write`.
pub fn write_stderr(mut text: &[u8], patience: Duration) {
    let start = Instant::now();
    let stderr = std::io::stderr();
    let ticks = Ticks::start();
    while !text.is_empty() {
        let remaining = patience.saturating_sub(start.elapsed());
        let timeout = PollTimeout::try_from(remaining).unwrap_or(PollTimeout::MAX);
        let written = match poll(&mut [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)], timeout) {
            Ok(0) => return,
            Err(Errno::EINTR) => Err(Errno::EINTR),
            // Under a limit of no open files, `poll` fails, but `write` does not. It may block, unless it is interrupted.
            Err(_) if !ticks.is_running() => return,
            _ => write(&stderr, text),
        };
        match written {
            Ok(length) => text = &text[length..],
            Err(Errno::EINTR | Errno::EAGAIN) if !remaining.is_zero() => {}
            Err(_) => return,
        }
    }
}
