//! `[os]` The time a run has until the program starts: `--timeout`.

use std::time::{Duration, Instant};

/// When the time is over, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    start: Instant,
    total: Duration,
}

impl Deadline {
    /// `total` from now on.
    pub fn new(total: Duration) -> Self {
        Self { start: Instant::now(), total }
    }

    /// Changes the whole time, counted from the same start.
    pub const fn set_total(&mut self, total: Duration) {
        self.total = total;
    }

    /// The whole time, for messages.
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// The time that is left, zero once it is over.
    pub fn remaining(&self) -> Duration {
        self.total.saturating_sub(self.start.elapsed())
    }
}
