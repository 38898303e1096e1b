//! Blobs in memory, with a clock that stands still until it is moved: for tests, and for repositories that need not last.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use super::{Blob, Put, Retention, Storage, absent, check_name, out_of_range, taken, too_large};
use crate::sync::lock;
use crate::{Result, Time};

/// Blobs in memory.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    now: Time,
    blobs: BTreeMap<String, Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    data: Bytes,
    modified: Time,
    retention: Option<Retention>,
}

impl Memory {
    /// An empty store, at that moment.
    pub fn new(now: Time) -> Self {
        Self { state: Mutex::new(State { now, blobs: BTreeMap::new() }) }
    }

    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        let mut state = lock(&self.state);
        state.now = state.now.plus(duration);
    }

    /// Until when a blob is kept.
    pub fn retention(&self, name: &str) -> Option<Retention> {
        lock(&self.state).blobs.get(name).and_then(|kept| kept.retention)
    }

    fn with<T>(&self, name: &str, read: impl FnOnce(&Kept) -> Result<T>) -> Result<T> {
        let state = lock(&self.state);
        read(state.blobs.get(name).ok_or_else(|| absent(name))?)
    }
}

impl Storage for Memory {
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        self.with(name, |kept| match kept.data.len() {
            length if length > limit => Err(too_large(name, length as u64, limit)),
            _ => Ok(kept.data.to_vec()),
        })
    }

    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.with(name, |kept| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let range = start..start.saturating_add(length);
            let missing = || out_of_range(name, offset, length, kept.data.len() as u64);
            Ok(kept.data.get(range).ok_or_else(missing)?.to_vec())
        })
    }

    fn head(&self, name: &str) -> Result<Blob> {
        self.with(name, |kept| {
            Ok(Blob { name: name.to_owned(), length: kept.data.len() as u64, modified: kept.modified })
        })
    }

    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
        check_name(name)?;
        let mut state = lock(&self.state);
        if !how.replace && state.blobs.contains_key(name) {
            return Err(taken(name));
        }
        let kept = Kept { data, modified: state.now, retention: how.retention };
        state.blobs.insert(name.to_owned(), kept);
        Ok(())
    }

    fn delete(&self, name: &str) -> Result<()> {
        lock(&self.state).blobs.remove(name);
        Ok(())
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
        let blobs: Vec<Blob> = {
            let state = lock(&self.state);
            let matching =
                state.blobs.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
            let blob = |(name, kept): (&String, &Kept)| Blob {
                name: name.clone(),
                length: kept.data.len() as u64,
                modified: kept.modified,
            };
            matching.map(blob).collect()
        };
        blobs.into_iter().try_for_each(visit)
    }

    fn extend_retention(&self, name: &str, retention: Retention) -> Result<()> {
        let mut state = lock(&self.state);
        let kept = state.blobs.get_mut(name).ok_or_else(|| absent(name))?;
        kept.retention = Some(retention);
        Ok(())
    }

    fn now(&self) -> Time {
        lock(&self.state).now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{RetentionMode, conformance};

    #[test]
    fn conformance_in_memory() {
        assert_eq!(conformance::all(&Memory::new(Time::from_seconds(1_700_000_000))), []);
    }

    #[test]
    fn the_clock_is_the_age_of_blobs_and_retention_is_kept() {
        let memory = Memory::new(Time::from_seconds(10));
        memory.advance(Duration::from_secs(5));
        memory.put("p1", b"a", None).unwrap();
        assert_eq!(memory.head("p1").unwrap().modified, Time::from_seconds(15));
        let retention = Retention { mode: RetentionMode::Compliance, until: Time::from_seconds(99) };
        memory.extend_retention("p1", retention).unwrap();
        assert_eq!(memory.retention("p1"), Some(retention));
    }
}
