//! The clocks of the machine, and the only place that reads them: the time of day; the time since boot, which no
//! administrator sets back and which goes on while the machine sleeps; the runtime's time, which waits are measured on
//! and which tests pause.

use std::time::Duration;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

/// An instant: how long after the machine's boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct BootTime(pub Duration);

impl BootTime {
    /// The instant `by` later.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }

    /// How long it is from `earlier` until now; zero where it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// What leases read the time from.
pub trait LeaseClock: Send + Sync + 'static {
    /// The time since boot: what is decided on.
    fn boot(&self) -> BootTime;
    /// The time of day: what is written down for people.
    fn wall(&self) -> Timestamp;
}

/// The clocks of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl LeaseClock for SystemClock {
    fn boot(&self) -> BootTime {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
        BootTime(Duration::new(seconds, nanoseconds))
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The runtime's time now.
pub fn instant() -> Instant {
    Instant::now()
}

/// When the patience of whoever waits ends, in the runtime's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline(Instant);

impl Deadline {
    /// The deadline of a patience that begins now.
    pub fn after(patience: Duration) -> Self {
        Self(instant() + patience)
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        instant() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_runs_forward() {
        let first = SystemClock.boot();
        assert!(first > BootTime::default());
        assert!(SystemClock.boot() >= first);
        assert_eq!(BootTime(Duration::from_secs(1)).since(BootTime(Duration::from_secs(2))), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_kept_in_the_time_that_tests_pause() {
        let deadline = Deadline::after(Duration::from_secs(3600));
        assert!(!deadline.has_passed());
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert!(deadline.has_passed());
    }
}
