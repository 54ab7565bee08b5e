//! `[os]` Interrupts a system call that blocks, without the process-wide timers and flags that the program would inherit.
#![allow(unsafe_code, reason = "installs a signal handler")]

use std::ffi::c_int;
use std::time::Duration;

use nix::sys::signal::{
    SaFlags, SigAction, SigEvent, SigHandler, SigSet, SigevNotify, SigmaskHow, Signal, pthread_sigmask, sigaction,
};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;

/// The time between two interrupts: a call that begins after one is interrupted by the next.
const INTERVAL: Duration = Duration::from_millis(5);

/// No program relies on this signal reaching vault-exec, which ignores it by default.
const SIGNAL: Signal = Signal::SIGURG;

/// Interrupts until it is dropped, which restores the action and the mask of the signal. It is async-signal-safe.
pub(super) struct Ticks {
    timer: Option<Timer>,
    action: Option<SigAction>,
    mask: SigSet,
}

impl Ticks {
    /// Interrupts nothing where the kernel refuses timers (a seccomp filter).
    pub(super) fn start() -> Self {
        let mut mask = SigSet::empty();
        let _ = pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&SigSet::from(SIGNAL)), Some(&mut mask));
        // Without SA_RESTART, so that the call fails with `EINTR`.
        let noop = SigAction::new(SigHandler::Handler(noop), SaFlags::empty(), SigSet::empty());
        // SAFETY: the handler does nothing.
        let action = unsafe { sigaction(SIGNAL, &noop) }.ok();
        let event = SigEvent::new(SigevNotify::SigevSignal { signal: SIGNAL, si_value: 0 });
        let timer = Timer::new(ClockId::CLOCK_MONOTONIC, event).and_then(|mut timer| {
            timer.set(Expiration::Interval(INTERVAL.into()), TimerSetTimeFlags::empty()).map(|()| timer)
        });
        Self { timer: timer.ok(), action, mask }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.timer.is_some()
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.timer = None;
        if let Some(action) = &self.action {
            // SAFETY: it was installed before.
            let _ = unsafe { sigaction(SIGNAL, action) };
        }
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
    }
}

extern "C" fn noop(_: c_int) {}
