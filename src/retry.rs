//! `[net]` One deadline for everything, and how long to wait before the next try.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

/// The time and the tries that are left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryPolicy {
    end: Instant,
    total: Duration,
    attempts: Option<u32>,
}

/// The first wait, doubled with each try, and the longest.
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(2);

/// With less than this left there is no point in another try.
const SHORTEST: Duration = Duration::from_millis(20);

/// A single request has at most this long.
const REQUEST: Duration = Duration::from_secs(10);

/// Why there is no next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GiveUp {
    /// The time of `--timeout` does not suffice.
    Time,
    /// The server asks to be left alone for longer than that.
    RetryAfter(Duration),
    /// `--attempts` are used up.
    Attempts,
}

impl RetryPolicy {
    pub(crate) fn new(total: Duration, attempts: Option<u32>) -> Self {
        Self { end: Instant::now() + total, total, attempts }
    }

    /// The time of `--timeout`.
    pub(crate) const fn total(&self) -> Duration {
        self.total
    }

    /// The time that one request may take.
    pub(crate) fn request(&self) -> Duration {
        self.left().min(REQUEST)
    }

    /// The time that is left of it.
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// How long to wait after `tries` tries: a random part of a doubled delay ("full jitter", so that many that failed
    /// together do not come back together), but no less than the server asked for.
    pub(crate) fn wait(&self, tries: u32, retry_after: Option<Duration>) -> Result<Duration, GiveUp> {
        if self.attempts.is_some_and(|attempts| tries >= attempts) {
            return Err(GiveUp::Attempts);
        }
        let ceiling = LONGEST.min(FIRST.saturating_mul(1 << (tries - 1).min(16)));
        #[allow(clippy::cast_precision_loss, reason = "53 random bits are plenty")]
        let part = RandomState::new().hash_one(tries) as f64 / u64::MAX as f64;
        let left = self.left();
        match retry_after {
            Some(asked) if asked >= left => Err(GiveUp::RetryAfter(asked)),
            Some(asked) => Ok(asked.max(ceiling.mul_f64(part)).min(left)),
            // Near the end the waits get shorter, so that the last try is made when the time is nearly over.
            None if left > SHORTEST => Ok(ceiling.mul_f64(part).min(left / 2)),
            None => Err(GiveUp::Time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary() {
        let deadline = RetryPolicy::new(Duration::from_secs(3600), None);
        for (tries, ceiling) in [(1, 100), (2, 200), (5, 1600), (6, 2000), (40, 2000), (u32::MAX, 2000)] {
            let waits: Vec<_> = (0..50).map(|_| deadline.wait(tries, None).unwrap()).collect();
            assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(ceiling)), "{tries}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }

    #[test]
    fn the_server_may_ask_for_more() {
        let deadline = RetryPolicy::new(Duration::from_secs(60), None);
        assert!(deadline.wait(1, Some(Duration::from_secs(30))).unwrap() >= Duration::from_secs(30));
        let long = Duration::from_secs(61);
        assert_eq!(deadline.wait(1, Some(long)), Err(GiveUp::RetryAfter(long)));
    }

    #[test]
    fn time_and_tries_end() {
        assert_eq!(RetryPolicy::new(Duration::ZERO, None).wait(1, None), Err(GiveUp::Time));
        assert_eq!(RetryPolicy::new(Duration::from_secs(60), Some(3)).wait(3, None), Err(GiveUp::Attempts));
        assert!(RetryPolicy::new(Duration::from_secs(60), Some(3)).wait(2, None).is_ok());
    }
}
