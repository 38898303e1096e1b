//! How long an operation that fails is tried again before it is given up. What a person has to put right is found out in
//! minutes, and must not hold up the queue; an outage is waited for.

use jiff::{SignedDuration, Timestamp};

/// Failures of one kind in a row before anything is given up: a single answer is no proof.
const FAILURES_MIN: u32 = 5;
/// How long what does not pass by itself is tried: wrong credentials, a bucket that went, a full disk.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// How long what may pass by itself is tried: a store or an API server that does not answer.
const PATIENCE_WITH_OUTAGES: SignedDuration = SignedDuration::from_hours(4);

/// The failures of one operation in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    all: Row,
    /// Those since the last that may pass by itself: an outage that ends proves nothing by its last words.
    lasting: Option<Row>,
}

/// Failures, and when they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Row {
    failures: u32,
    since: Timestamp,
}

impl Row {
    fn and_one(earlier: Option<Self>, now: Timestamp) -> Self {
        let Self { failures, since } = earlier.unwrap_or(Self { failures: 0, since: now });
        Self { failures: failures.saturating_add(1), since }
    }

    fn is_enough(self, patience: SignedDuration, now: Timestamp) -> bool {
        self.failures >= FAILURES_MIN && now.duration_since(self.since) >= patience
    }
}

impl Attempts {
    /// What failed before, and one more failure. `passing` says that this one may pass by itself.
    pub fn and_one(earlier: Option<Self>, passing: bool, now: Timestamp) -> Self {
        let lasting = earlier.and_then(|earlier| earlier.lasting);
        Self {
            all: Row::and_one(earlier.map(|earlier| earlier.all), now),
            lasting: (!passing).then(|| Row::and_one(lasting, now)),
        }
    }

    /// Whether these are enough.
    pub fn are_enough(self, now: Timestamp) -> bool {
        let lasting = self.lasting.is_some_and(|row| row.is_enough(PATIENCE, now));
        lasting || self.all.is_enough(PATIENCE_WITH_OUTAGES, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The minute in which failures that come every half minute are enough. `passing` says it of each by its number.
    fn given_up(passing: impl Fn(i64) -> bool) -> Option<i64> {
        let mut attempts = None;
        (0..2000).find_map(|number| {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(30 * number);
            let so_far = Attempts::and_one(attempts, passing(number), now);
            attempts = Some(so_far);
            so_far.are_enough(now).then_some(number / 2)
        })
    }

    #[test]
    fn what_lasts_is_given_up_in_minutes_and_an_outage_in_hours() {
        assert_eq!(given_up(|_| false), Some(2));
        assert_eq!(given_up(|_| true), Some(240));
        // The last words of an outage are no proof, and neither is one odd answer in an outage.
        assert_eq!(given_up(|number| number < 40), Some(22));
        assert_eq!(given_up(|number| number % 4 != 0), Some(240));
    }

    #[test]
    fn a_few_failures_are_never_enough() {
        let first = Attempts::and_one(None, false, Timestamp::UNIX_EPOCH);
        assert!(!first.are_enough(Timestamp::UNIX_EPOCH + SignedDuration::from_hours(99)));
    }
}
