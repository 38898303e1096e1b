//! Trees that lie together are fetched together: a store answers slowly, and a tree is asked for in the answer to another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Files;
use crate::index::{Index, Place};
use crate::pack;

/// How many bytes of a pack are fetched at once.
const WINDOW: u64 = 1 << 20;
/// How many of these are kept.
const WINDOWS: usize = 16;

/// Parts of packs that were read last, the latest first.
#[derive(Default)]
pub(crate) struct Ahead {
    windows: Mutex<VecDeque<Window>>,
}

/// Part of a pack.
#[derive(Clone)]
struct Window {
    pack: u32,
    start: u64,
    bytes: Arc<[u8]>,
}

impl Window {
    fn slice(&self, place: &Place) -> Option<Vec<u8>> {
        let at = usize::try_from(u64::from(place.offset).checked_sub(self.start)?).ok()?;
        let bytes = self.bytes.get(at..at.checked_add(place.packed_length as usize)?)?;
        (self.pack == place.pack).then(|| bytes.to_vec())
    }
}

impl Ahead {
    /// What a pack holds of a blob; nothing where it has to be asked for alone.
    pub(crate) fn slice(&self, files: &dyn Files, index: &Index, place: &Place) -> Option<Vec<u8>> {
        let lock = || self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().iter().find_map(|window| window.slice(place));
        if known.is_some() {
            return known;
        }
        let start = u64::from(place.offset) / WINDOW * WINDOW;
        let end = (start + WINDOW).min(index.end(place.pack));
        if u64::from(place.offset) + u64::from(place.packed_length) > end {
            return None;
        }
        let path = pack::path(index.pack(place.pack));
        let bytes = files.get_range(&path, start, usize::try_from(end - start).ok()?).ok()?;
        let window = Window { pack: place.pack, start, bytes: bytes.into() };
        let slice = window.slice(place);
        let mut windows = lock();
        windows.push_front(window);
        windows.truncate(WINDOWS);
        slice
    }
}
