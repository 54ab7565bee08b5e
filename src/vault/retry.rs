//! `[net]` How often a request is repeated, and how long to wait in between.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use humantime::format_duration;
use serde::de::IgnoredAny;

use crate::config::Connection;
use crate::deadline::Deadline;
use crate::vault::http::HttpResponse;
use crate::vault::response::Response;

/// The limits of `--timeout`, `--attempts` and their like.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPolicy {
    pub(super) deadline: Deadline,
    request_timeout: Duration,
    max_attempts: Option<(u32, &'static str)>,
}

/// The upper bound of the first wait; it doubles with each attempt.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);

/// The upper bound of every wait that the server did not ask for.
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// With less time than this, no further attempt is made.
const MIN_REMAINING: Duration = Duration::from_millis(20);

impl RetryPolicy {
    pub(super) const fn new(deadline: Deadline, connection: &Connection) -> Self {
        let Connection { request_timeout, max_attempts, .. } = connection;
        Self { deadline, request_timeout: *request_timeout, max_attempts: *max_attempts }
    }

    /// The limit of a request that is sent now.
    pub(super) fn request_timeout(&self) -> Duration {
        self.deadline.remaining().min(self.request_timeout)
    }

    /// The wait after this many attempts, at least 1: exponential with full jitter
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>), and at least `retry_after`.
    ///
    /// # Errors
    /// Why no further attempt is made, for the message.
    pub(super) fn backoff(&self, attempts: u32, retry_after: Option<Duration>) -> Result<Duration, String> {
        if let Some((_, source)) = self.max_attempts.filter(|(max, _)| attempts >= *max) {
            let plural = if attempts == 1 { "" } else { "s" };
            return Err(format!("gave up after {attempts} attempt{plural} ({source})"));
        }
        let ceiling = MAX_BACKOFF.min(INITIAL_BACKOFF.saturating_mul(1 << (attempts - 1).min(16)));
        #[allow(clippy::cast_precision_loss, reason = "53 random bits are plenty")]
        let jitter = RandomState::new().hash_one(attempts) as f64 / u64::MAX as f64;
        let (remaining, total) = (self.deadline.remaining(), format_duration(self.deadline.total()));
        match retry_after {
            Some(delay) if delay >= remaining => {
                Err(format!("the server asks to wait {}, --timeout is {total}", format_duration(delay)))
            }
            Some(delay) => Ok(delay.max(ceiling.mul_f64(jitter)).min(remaining)),
            // Near the end the waits get shorter, so that the last attempt is made just before the deadline.
            None if remaining > MIN_REMAINING => Ok(ceiling.mul_f64(jitter).min(remaining / 2)),
            None => Err(format!("gave up after {total} (--timeout)")),
        }
    }
}

/// Why a response with this status is not final. 472 and 473 are Vault's, see
/// <https://developer.hashicorp.com/vault/api-docs/system/health>.
pub(super) fn retryable_reason(status: StatusCode) -> Option<&'static str> {
    Some(match status.as_u16() {
        412 => "the server has not caught up with its leader yet",
        429 => "too many requests, or a standby",
        472 => "a disaster-recovery standby",
        473 => "a performance standby",
        501 => return None,
        503 => "sealed or not ready",
        500..=599 => "server error",
        _ => return None,
    })
}

/// Whether the server itself, rather than a proxy, answers that it did not act on the request.
pub(super) fn is_refusal(response: &Response<IgnoredAny>) -> bool {
    matches!(response.status.as_u16(), 412 | 429 | 472 | 473 | 503) && response.is_from_vault()
}

/// Seconds, the form that Vault sends; an HTTP date is ignored.
pub(super) fn retry_after(response: &HttpResponse) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(seconds: u64, max_attempts: Option<u32>) -> RetryPolicy {
        RetryPolicy {
            deadline: Deadline::new(Duration::from_secs(seconds)),
            request_timeout: Duration::MAX,
            max_attempts: max_attempts.map(|max| (max, "--attempts")),
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_maximum_and_varies() {
        for (attempts, ceiling) in [(1, 100), (2, 200), (5, 1600), (6, 2000), (40, 2000), (u32::MAX, 2000)] {
            let waits: Vec<_> = (0..50).map(|_| policy(3600, None).backoff(attempts, None).unwrap()).collect();
            assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(ceiling)), "{attempts}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]));
        }
    }

    #[test]
    fn retry_after_is_honoured_within_the_deadline() {
        assert!(policy(60, None).backoff(1, Some(Duration::from_secs(30))).unwrap() >= Duration::from_secs(30));
        let reason = policy(60, None).backoff(1, Some(Duration::from_secs(61))).unwrap_err();
        assert_eq!(reason, "the server asks to wait 1m 1s, --timeout is 1m");
    }

    #[test]
    fn time_and_attempts_are_limited() {
        assert_eq!(policy(0, None).backoff(1, None), Err("gave up after 0s (--timeout)".into()));
        assert_eq!(policy(60, Some(3)).backoff(3, None), Err("gave up after 3 attempts (--attempts)".into()));
        assert!(policy(60, Some(3)).backoff(2, None).is_ok());
    }
}
