//! Which objects of a controller are due, and which are at work. No key stands in it twice, and none is
//! handed out again before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Key;

/// The wait after a first failure; it doubles with each that follows.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// The longest wait after failures.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Queue {
    due: BTreeSet<(Instant, Key)>,
    entries: BTreeMap<Key, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    due: Option<Instant>,
    working: bool,
    failures: u32,
}

impl Queue {
    /// Asks for a key at a time. A back-off is not shortened: what changed may be our own report of the failure.
    pub(super) fn offer(&mut self, key: &Key, at: Instant) {
        let entry = self.entries.entry(key.clone()).or_default();
        let earlier = entry.due.is_none_or(|due| at < due);
        if earlier && (entry.failures == 0 || entry.due.is_none()) {
            self.put(key, Some(at));
        }
    }

    /// Hands out the key that has been due longest.
    pub(super) fn take(&mut self, now: Instant) -> Option<Key> {
        let (_, key) = self.ready().find(|(at, _)| *at <= now)?;
        let key = key.clone();
        self.put(&key, None);
        self.entries.entry(key.clone()).or_default().working = true;
        Some(key)
    }

    /// Takes back a key that went well, and wants to come again at `next`.
    pub(super) fn done(&mut self, key: &Key, next: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        entry.working = false;
        entry.failures = 0;
        match (entry.due, next) {
            (None, None) => drop(self.entries.remove(key)),
            (Some(due), Some(next)) if next < due => self.put(key, Some(next)),
            (None, Some(next)) => self.put(key, Some(next)),
            (Some(_), _) => {}
        }
    }

    /// Takes back a key that failed; says how long it backs off. `jitter` is any number.
    pub(super) fn failed(&mut self, key: &Key, now: Instant, at_least: Duration, jitter: u64) -> Duration {
        let Some(entry) = self.entries.get_mut(key) else { return Duration::ZERO };
        entry.working = false;
        entry.failures = entry.failures.saturating_add(1);
        let wait = backoff(entry.failures, jitter).max(at_least);
        self.put(key, Some(now + wait));
        wait
    }

    /// Drops a key whose object has gone; one that is at work ends first.
    pub(super) fn forget(&mut self, key: &Key) {
        self.put(key, None);
        if self.entries.get(key).is_some_and(|entry| !entry.working) {
            self.entries.remove(key);
        }
    }

    /// When the next key is due that is not at work.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.ready().next().map(|(at, _)| *at)
    }

    fn ready(&self) -> impl Iterator<Item = &(Instant, Key)> {
        self.due.iter().filter(|(_, key)| self.entries.get(key).is_none_or(|entry| !entry.working))
    }

    fn put(&mut self, key: &Key, at: Option<Instant>) {
        let Some(entry) = self.entries.get_mut(key) else { return };
        if let Some(before) = std::mem::replace(&mut entry.due, at) {
            self.due.remove(&(before, key.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, key.clone()));
        }
    }
}

/// Doubles from [`BACKOFF_MIN`] to [`BACKOFF_MAX`], less up to a quarter.
fn backoff(failures: u32, jitter: u64) -> Duration {
    let doubled = BACKOFF_MIN.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(BACKOFF_MAX);
    let quarter = u64::try_from(doubled.as_millis() / 4).unwrap_or(u64::MAX).max(1);
    doubled.saturating_sub(Duration::from_millis(jitter % quarter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: Some("velero".into()), name: name.into() }
    }

    #[test]
    fn a_key_stands_in_it_once_and_is_not_handed_out_twice() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.offer(&key("a"), now);
        queue.offer(&key("a"), now);
        assert_eq!(queue.take(now), Some(key("a")));
        queue.offer(&key("a"), now);
        assert_eq!((queue.take(now), queue.wake()), (None, None));
        queue.done(&key("a"), None);
        assert_eq!(queue.take(now), Some(key("a")), "what changed meanwhile is looked at again");
        queue.done(&key("a"), None);
        assert_eq!(queue.wake(), None);
        assert!(queue.entries.is_empty());
    }

    #[test]
    fn the_earlier_of_two_times_counts() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let minute = Duration::from_secs(60);
        queue.offer(&key("a"), now);
        queue.take(now);
        queue.done(&key("a"), Some(now + minute));
        assert_eq!((queue.take(now), queue.wake()), (None, Some(now + minute)));
        queue.offer(&key("a"), now);
        assert_eq!(queue.take(now), Some(key("a")));
    }

    #[test]
    fn failures_back_off_further_and_changes_do_not_shorten_that() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let mut waits = Vec::new();
        queue.offer(&key("a"), now);
        for _ in 0..9 {
            let at = queue.wake().unwrap();
            assert_eq!(queue.take(at), Some(key("a")));
            waits.push(queue.failed(&key("a"), now, Duration::ZERO, 0).as_secs());
            queue.offer(&key("a"), now);
            assert_eq!(queue.take(now), None);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        let at = queue.wake().unwrap();
        queue.take(at);
        queue.done(&key("a"), None);
        queue.offer(&key("a"), now);
        queue.take(now);
        assert_eq!(queue.failed(&key("a"), now, Duration::from_secs(7), 0).as_secs(), 7);
    }

    #[test]
    fn jitter_takes_off_at_most_a_quarter() {
        for failures in 1..40 {
            for jitter in [0, 1, 249, 12_345, u64::MAX] {
                let (full, wait) = (backoff(failures, 0), backoff(failures, jitter));
                assert!(wait <= full && wait >= full * 3 / 4, "{failures} {jitter} {wait:?}");
            }
        }
    }

    #[test]
    fn what_has_gone_is_forgotten_and_still_not_handed_out_twice() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.offer(&key("a"), now);
        queue.take(now);
        queue.forget(&key("a"));
        queue.offer(&key("a"), now);
        assert_eq!(queue.take(now), None, "its namesake waits until the first is done");
        queue.forget(&key("a"));
        queue.done(&key("a"), None);
        assert_eq!(queue.wake(), None);
        assert!(queue.entries.is_empty() && queue.due.is_empty());
    }
}
