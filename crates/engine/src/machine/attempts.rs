//! How long an operation that fails is tried again before it is given up. What a person has to put right is found out in
//! minutes, and must not hold up the queue; an outage is waited for.

use jiff::{SignedDuration, Timestamp};

/// Tries before anything is given up: a single answer is no proof.
const TRIES_MIN: u32 = 5;
/// How long what does not pass by itself is tried: wrong credentials, a bucket that went, a full disk.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// How long what may pass by itself is tried: a store or an API server that does not answer.
const PATIENCE_WITH_OUTAGES: SignedDuration = SignedDuration::from_hours(4);

/// The failures of one operation in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempts {
    failed: u32,
    since: Timestamp,
}

impl Attempts {
    /// A first failure.
    pub fn first(now: Timestamp) -> Self {
        Self { failed: 1, since: now }
    }

    /// One more.
    #[must_use]
    pub fn and_another(self) -> Self {
        Self { failed: self.failed.saturating_add(1), ..self }
    }

    /// Whether these are enough. `passing` says that the last failure may pass by itself.
    pub fn are_enough(self, passing: bool, now: Timestamp) -> bool {
        let patience = if passing { PATIENCE_WITH_OUTAGES } else { PATIENCE };
        self.failed >= TRIES_MIN && now.duration_since(self.since) >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_given_up_in_minutes_and_an_outage_in_hours() {
        let start = Timestamp::UNIX_EPOCH;
        let (few, many) = (
            Attempts::first(start).and_another(),
            (0..7).fold(Attempts::first(start), |so_far, _| so_far.and_another()),
        );
        for (attempts, passing, minutes, enough) in [
            (many, false, 1, false),
            (many, false, 2, true),
            (few, false, 60, false),
            (many, true, 2, false),
            (many, true, 239, false),
            (many, true, 240, true),
        ] {
            let now = start + SignedDuration::from_mins(minutes);
            assert_eq!(attempts.are_enough(passing, now), enough, "{attempts:?} {passing} {minutes}");
        }
    }
}
