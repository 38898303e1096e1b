//! The lock that somebody who upgrades a repository puts on it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Time;
use crate::time::nanoseconds;

/// An intent to upgrade. Clients see it by and by, so it holds for good only some time after it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UpgradeLock {
    #[serde(rename = "ownerID", default)]
    pub(super) owner: String,
    #[serde(rename = "creationTime")]
    created: Time,
    #[serde(rename = "advanceNoticeDuration", default, with = "nanoseconds")]
    notice: Duration,
    #[serde(rename = "ioDrainTimeout", default, with = "nanoseconds")]
    drain: Duration,
    #[serde(rename = "statusPollInterval", default, with = "nanoseconds")]
    poll: Duration,
    #[serde(rename = "maxPermittedClockDrift", default, with = "nanoseconds")]
    drift: Duration,
    #[serde(default)]
    pub(super) message: String,
}

impl UpgradeLock {
    /// Whether nobody but the owner may touch the repository any more.
    pub(super) fn holds(&self, now: Time) -> bool {
        let drained = self.drift.saturating_add(self.drain.saturating_mul(2));
        self.notice < drained || now >= self.created.plus(self.notice).minus(drained)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(notice: u64) -> UpgradeLock {
        UpgradeLock {
            owner: "a".to_owned(),
            created: Time::from_seconds(1000),
            notice: Duration::from_secs(notice),
            drain: Duration::from_secs(10),
            poll: Duration::ZERO,
            drift: Duration::from_secs(5),
            message: String::new(),
        }
    }

    #[test]
    fn a_lock_holds_from_its_notice_less_what_draining_takes() {
        assert!(lock(24).holds(Time::EPOCH), "there is less notice than draining takes");
        assert!(!lock(100).holds(Time::from_seconds(1074)));
        assert!(lock(100).holds(Time::from_seconds(1075)));
    }
}
