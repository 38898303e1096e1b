//! Packs of metadata in memory. Directories and lists lie close together, and a store answers slowly: a pack that is asked for twice is fetched whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::content::Entry;
use crate::sync::lock;
use crate::{ErrorKind, Result, Storage};

/// The most bytes of all packs that are kept.
const BYTES_MAX: usize = 96 << 20;
/// The most bytes of one that is.
const PACK_LENGTH_MAX: usize = 40 << 20;
/// How many packs are remembered that were asked for once.
const SEEN_MAX: usize = 10_000;

/// What is kept of a pack; whoever fetches it holds the lock, and all others who want it wait for that.
type Slot = Arc<Mutex<Kept>>;

#[derive(Debug, Default)]
enum Kept {
    /// Somebody has asked for it once, or it is too long.
    #[default]
    Nothing,
    Whole(Arc<Vec<u8>>),
    TooLong,
}

/// Packs that are kept, those longest not asked for going first.
#[derive(Debug, Default)]
pub(crate) struct PackCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Arc<str>, (Slot, u64)>,
    /// The lengths of those that are whole.
    lengths: HashMap<Arc<str>, usize>,
    asked: u64,
}

impl PackCache {
    /// The bytes of a content in its pack; `None` if they have to be read alone.
    pub(crate) fn slice(&self, storage: &dyn Storage, entry: &Entry) -> Result<Option<Vec<u8>>> {
        let Some(slot) = self.slot(&entry.pack) else { return Ok(None) };
        let pack = {
            let mut kept = lock(&slot);
            match &*kept {
                Kept::Whole(pack) => Arc::clone(pack),
                Kept::TooLong => return Ok(None),
                Kept::Nothing => match storage.get(&entry.pack, PACK_LENGTH_MAX) {
                    Ok(pack) => {
                        let pack = Arc::new(pack);
                        *kept = Kept::Whole(Arc::clone(&pack));
                        self.keep(&entry.pack, pack.len());
                        pack
                    }
                    Err(error) if error.kind() == ErrorKind::TooLarge => {
                        *kept = Kept::TooLong;
                        return Ok(None);
                    }
                    Err(error) => return Err(error),
                },
            }
        };
        let start = entry.offset as usize;
        // one that is cut off is read again alone, and so told
        Ok(pack.get(start..start + entry.packed_length as usize).map(<[u8]>::to_vec))
    }

    /// The slot of a pack, unless this is the first time that somebody asks.
    fn slot(&self, pack: &Arc<str>) -> Option<Slot> {
        let mut state = lock(&self.state);
        state.asked += 1;
        let now = state.asked;
        if let Some((slot, last)) = state.slots.get_mut(pack) {
            *last = now;
            return Some(Arc::clone(slot));
        }
        if state.slots.len() >= SEEN_MAX {
            let State { slots, lengths, .. } = &mut *state;
            slots.retain(|name, _| lengths.contains_key(name));
        }
        state.slots.insert(Arc::clone(pack), (Slot::default(), now));
        None
    }

    /// Notes that a pack is whole, and lets go of others if there are too many bytes.
    fn keep(&self, pack: &Arc<str>, length: usize) {
        let mut state = lock(&self.state);
        state.lengths.insert(Arc::clone(pack), length);
        while state.lengths.values().sum::<usize>() > BYTES_MAX {
            let last_asked = |name: &Arc<str>| state.slots.get(name).map(|(_, last)| *last);
            let Some(oldest) = state
                .lengths
                .keys()
                .filter(|name| *name != pack)
                .min_by_key(|name| last_asked(name))
                .cloned()
            else {
                break;
            };
            state.lengths.remove(&oldest);
            state.slots.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;

    use super::*;
    use crate::Time;
    use crate::content::entry_of_tests;
    use crate::storage::{Blob, Memory, Put, Retention};

    /// A store that counts how often packs are fetched.
    struct Counting(Memory, AtomicUsize);

    impl Storage for Counting {
        fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.get(name, limit)
        }
        fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
            self.0.get_range(name, offset, length)
        }
        fn head(&self, name: &str) -> Result<Blob> {
            self.0.head(name)
        }
        fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
            self.0.store(name, data, how)
        }
        fn delete(&self, name: &str) -> Result<()> {
            self.0.delete(name)
        }
        fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
            self.0.list(prefix, visit)
        }
        fn extend_retention(&self, name: &str, retention: Retention) -> Result<()> {
            self.0.extend_retention(name, retention)
        }
        fn now(&self) -> Time {
            self.0.now()
        }
    }

    fn entry(pack: &str) -> Entry {
        Entry { pack: pack.into(), ..entry_of_tests("k00") }
    }

    fn store(lengths: &[(&str, usize)]) -> Counting {
        let storage = Counting(Memory::default(), AtomicUsize::new(0));
        for (name, length) in lengths {
            storage.put(name, &vec![7; *length], None).unwrap();
        }
        storage
    }

    #[test]
    fn a_pack_is_fetched_whole_the_second_time_and_once() {
        let (cache, storage) = (PackCache::default(), store(&[("q1", 100)]));
        assert_eq!(cache.slice(&storage, &entry("q1")).unwrap(), None);
        assert_eq!(storage.1.load(Ordering::Relaxed), 0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(cache.slice(&storage, &entry("q1")).unwrap().unwrap(), [7; 40]));
            }
        });
        assert_eq!(storage.1.load(Ordering::Relaxed), 1);
        let beyond = Entry { offset: 90, ..entry("q1") };
        assert_eq!(cache.slice(&storage, &beyond).unwrap(), None);
    }

    #[test]
    fn memory_is_bounded() {
        let names: Vec<String> = (0..5).map(|number| format!("q{number}")).collect();
        let lengths: Vec<(&str, usize)> = names.iter().map(|name| (name.as_str(), 30 << 20)).collect();
        let (cache, storage) = (PackCache::default(), store(&lengths));
        for name in names.iter().chain(&names) {
            cache.slice(&storage, &entry(name)).unwrap();
        }
        let state = lock(&cache.state);
        let mut kept: Vec<&str> = state.lengths.keys().map(|name| &**name).collect();
        kept.sort_unstable();
        assert_eq!(kept, ["q2", "q3", "q4"], "the latest");
    }

    #[test]
    fn what_is_too_long_or_absent_is_told() {
        let (cache, storage) = (PackCache::default(), store(&[("q1", PACK_LENGTH_MAX + 1)]));
        for _ in 0..3 {
            assert_eq!(cache.slice(&storage, &entry("q1")).unwrap(), None);
        }
        assert_eq!(storage.1.load(Ordering::Relaxed), 1);
        assert_eq!(cache.slice(&storage, &entry("q2")).unwrap(), None);
        assert_eq!(cache.slice(&storage, &entry("q2")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
