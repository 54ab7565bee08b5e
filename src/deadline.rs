//! `[os]` The time a run has until the program starts: `--timeout`.

use std::time::{Duration, Instant};

/// When the time is over, by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    end: Instant,
    total: Duration,
}

impl Deadline {
    /// `total` from now on.
    #[must_use]
    pub fn new(total: Duration) -> Self {
        Self { end: Instant::now() + total, total }
    }

    /// The whole time, for messages.
    #[must_use]
    pub const fn total(&self) -> Duration {
        self.total
    }

    /// The time that is left, zero once it is over.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}
