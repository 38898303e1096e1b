//! What a candidate does next: a pure function of what it has seen and of the time since boot.

use std::time::Duration;

use crate::clock::BootTime;

/// How long things last. Renewing stops well before others may take the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long others wait after the last change of the lease before they take it.
    pub duration: Duration,
    /// How long after its last renewal a leader still is one.
    pub renew_deadline: Duration,
    /// The pause between renewals, and between looks at another's lease.
    pub retry: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry: Duration::from_secs(2),
        }
    }
}

/// A lease as it was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Who holds it; empty when it was released.
    pub holder: String,
    /// How long its holder asked for.
    pub duration: Duration,
    /// When it was first seen as it is: the clocks of others are not trusted.
    pub changed_at: BootTime,
}

/// What a candidate knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// Who we are.
    pub us: String,
    /// The lease; absent where there is none.
    pub lease: Option<Seen>,
    /// When our last successful renewal was sent, if we lead.
    pub renewed_at: Option<BootTime>,
}

/// What a candidate does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Create the lease.
    Create,
    /// Take the lease that nobody holds any more.
    Take,
    /// Renew our lease.
    Renew,
    /// Look again then.
    Wait(BootTime),
    /// We lead no more: stop what only a leader may do.
    Lost,
}

/// The next step.
pub fn next(observed: &Observed, terms: &Terms, now: BootTime) -> Step {
    match observed.renewed_at {
        Some(renewed_at) => as_leader(observed, terms, renewed_at, now),
        None => as_candidate(observed, terms, now),
    }
}

fn as_leader(observed: &Observed, terms: &Terms, renewed_at: BootTime, now: BootTime) -> Step {
    let ours = observed.lease.as_ref().is_some_and(|lease| lease.holder == observed.us);
    let renew_at = renewed_at.plus(terms.retry);
    match () {
        () if now >= renewed_at.plus(terms.renew_deadline) || !ours => Step::Lost,
        () if now < renew_at => Step::Wait(renew_at),
        () => Step::Renew,
    }
}

fn as_candidate(observed: &Observed, terms: &Terms, now: BootTime) -> Step {
    let Some(lease) = &observed.lease else { return Step::Create };
    let expires_at = lease.changed_at.plus(lease.duration);
    match () {
        () if lease.holder.is_empty() || lease.holder == observed.us || now >= expires_at => Step::Take,
        () => Step::Wait(expires_at.min(now.plus(terms.retry))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> BootTime {
        BootTime(Duration::from_millis(milliseconds))
    }

    fn seen(holder: &str, changed_at: u64) -> Option<Seen> {
        Some(Seen { holder: holder.into(), duration: Duration::from_secs(15), changed_at: at(changed_at) })
    }

    fn candidate(lease: Option<Seen>) -> Observed {
        Observed { us: "us".into(), lease, renewed_at: None }
    }

    fn leader(lease: Option<Seen>, renewed_at: u64) -> Observed {
        Observed { renewed_at: Some(at(renewed_at)), ..candidate(lease) }
    }

    fn check(observed: &Observed, now: u64, expected: Step) {
        assert_eq!(next(observed, &Terms::default(), at(now)), expected, "{observed:?} at {now}");
    }

    #[test]
    fn absent_is_created() {
        check(&candidate(None), 0, Step::Create);
    }

    #[test]
    fn released_is_taken_at_once() {
        check(&candidate(seen("", 1000)), 1000, Step::Take);
    }

    #[test]
    fn our_own_from_before_a_restart_is_taken_at_once() {
        check(&candidate(seen("us", 1000)), 1001, Step::Take);
    }

    #[test]
    fn anothers_is_looked_at_again_and_again() {
        check(&candidate(seen("them", 1000)), 5000, Step::Wait(at(7000)));
        check(&candidate(seen("them", 1000)), 15_000, Step::Wait(at(16_000)));
    }

    #[test]
    fn anothers_is_taken_when_it_has_not_changed_for_its_duration() {
        check(&candidate(seen("them", 1000)), 15_999, Step::Wait(at(16_000)));
        check(&candidate(seen("them", 1000)), 16_000, Step::Take);
    }

    #[test]
    fn a_duration_is_what_its_holder_asked_for() {
        let long = Seen { duration: Duration::from_secs(60), ..seen("them", 0).unwrap() };
        check(&candidate(Some(long)), 59_000, Step::Wait(at(60_000)));
    }

    #[test]
    fn ours_is_renewed_after_the_pause() {
        check(&leader(seen("us", 1000), 1000), 2999, Step::Wait(at(3000)));
        check(&leader(seen("us", 1000), 1000), 3000, Step::Renew);
        check(&leader(seen("us", 1000), 1000), 10_999, Step::Renew);
    }

    #[test]
    fn ours_is_lost_at_the_renew_deadline() {
        check(&leader(seen("us", 1000), 1000), 11_000, Step::Lost);
        check(&leader(seen("us", 1000), 1000), 60_000, Step::Lost);
    }

    #[test]
    fn ours_is_lost_when_another_has_it_or_it_was_deleted() {
        check(&leader(seen("them", 2000), 1000), 2000, Step::Lost);
        check(&leader(seen("", 2000), 1000), 2000, Step::Lost);
        check(&leader(None, 1000), 2000, Step::Lost);
    }

    #[test]
    fn a_leader_stops_before_others_may_begin() {
        let terms = Terms::default();
        assert!(terms.renew_deadline + terms.retry < terms.duration);
        for now in (1000..30_000).step_by(100) {
            let leads = next(&leader(seen("us", 1000), 1000), &terms, at(now)) != Step::Lost;
            // The other saw the renewal no earlier than it was sent.
            let takes = next(&Observed { us: "them".into(), ..candidate(seen("us", 1000)) }, &terms, at(now))
                == Step::Take;
            assert!(!(leads && takes), "two leaders at {now}");
        }
    }
}
