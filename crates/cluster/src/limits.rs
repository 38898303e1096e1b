//! How hard we lean on the API server: calls a second, calls in flight, and the pauses between attempts.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

use crate::clock::instant;

/// What a client may ask of the API server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls a second in the long run; 0 sets no limit.
    pub qps: f32,
    /// Calls that may go out at once after a pause.
    pub burst: u32,
    /// Calls that wait for an answer at the same time; watches and streams do not count.
    pub in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { qps: 100.0, burst: 100, in_flight: 64 }
    }
}

/// Holds calls back until [`Limits`] let them go.
pub(crate) struct Gate {
    bucket: TokenBucket,
    in_flight: Semaphore,
}

impl Gate {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            bucket: TokenBucket::new(limits.qps, limits.burst),
            in_flight: Semaphore::new(limits.in_flight.max(1)),
        }
    }

    /// Waits for a turn; the call is in flight until the permit is dropped. None once the gate is closed, which
    /// it never is.
    pub(crate) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        let permit = self.in_flight.acquire().await.ok();
        self.bucket.take().await;
        permit
    }

    /// Waits for a turn of a call that may stay open for hours.
    pub(crate) async fn enter_long(&self) {
        self.bucket.take().await;
    }
}

/// A token bucket, kept as the instant at which it would be full again.
struct TokenBucket {
    interval: Duration,
    slack: Duration,
    full_at: Mutex<Option<Instant>>,
}

impl TokenBucket {
    fn new(qps: f32, burst: u32) -> Self {
        let interval = if qps > 0.0 { Duration::from_secs_f32(1.0 / qps) } else { Duration::ZERO };
        Self { interval, slack: interval * burst.saturating_sub(1), full_at: Mutex::new(None) }
    }

    async fn take(&self) {
        let now = instant();
        let at = self.reserve(now);
        if at > now {
            sleep_until(at).await;
        }
    }

    /// Takes the next token, and says when it may be used.
    fn reserve(&self, now: Instant) -> Instant {
        let mut full_at = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let start = full_at.map_or(now, |at| at.max(now));
        *full_at = Some(start + self.interval);
        start.checked_sub(self.slack).unwrap_or(now)
    }
}

/// Pauses that double up to a cap, each shortened by chance so that many clients do not come back together.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    next: Duration,
    first: Duration,
    cap: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration, cap: Duration) -> Self {
        Self { next: first, first, cap }
    }

    /// The next pause: between half of it and all of it.
    pub(crate) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.cap);
        whole / 2 + (whole / 2).mul_f64(chance())
    }

    /// Begins again with the shortest pause.
    pub(crate) fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number from 0 to 1, good enough to spread pauses.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long each of `count` calls that come at once has to wait, in milliseconds.
    fn waits(bucket: &TokenBucket, now: Instant, count: usize) -> Vec<u128> {
        let wait = |_| bucket.reserve(now).saturating_duration_since(now).as_millis();
        (0..count).map(wait).collect()
    }

    #[test]
    fn a_burst_goes_out_at_once_and_the_rest_at_the_rate() {
        let bucket = TokenBucket::new(10.0, 3);
        assert_eq!(waits(&bucket, Instant::now(), 6), [0, 0, 0, 100, 200, 300]);
    }

    #[test]
    fn a_pause_fills_the_bucket_no_further_than_the_burst() {
        let bucket = TokenBucket::new(10.0, 2);
        let now = Instant::now();
        assert_eq!(waits(&bucket, now, 1), [0]);
        assert_eq!(waits(&bucket, now + Duration::from_secs(60), 4), [0, 0, 100, 200]);
    }

    #[test]
    fn no_rate_means_no_waiting() {
        assert_eq!(waits(&TokenBucket::new(0.0, 0), Instant::now(), 1000), [0; 1000]);
    }

    #[test]
    fn pauses_double_up_to_the_cap_and_start_over() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(300));
        for whole in [100, 200, 300, 300] {
            let pause = backoff.pause().as_millis();
            assert!((whole / 2..=whole).contains(&pause), "{pause} of {whole}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_millis(100));
    }
}
