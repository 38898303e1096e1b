//! How large pages of lists are asked for: nobody knows the size of an object before it is there, a page of large ones
//! must not fill the memory, and a page of small ones should hold many.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of documents that a page should have.
const PAGE_BYTES: usize = 512 << 10;
/// Bytes of documents in all pages that are on the way or being written down, as well as we can tell.
const IN_FLIGHT_BYTES: usize = 3 << 20;
/// Objects of the first page of a list, which tells how large they are.
const FIRST: u32 = 25;
/// Bytes that an object is taken to have before the first one is seen.
const OBJECT_BYTES: usize = 4 << 10;

/// The memory that all lists, and objects that are fetched one by one, share.
pub(super) struct Room(Semaphore);

impl Default for Room {
    fn default() -> Self {
        Self(Semaphore::new(IN_FLIGHT_BYTES))
    }
}

impl Room {
    /// Waits until there is room for a page; it is taken until the permit is dropped.
    pub(super) async fn take(&self, sizing: &Sizing) -> Option<SemaphorePermit<'_>> {
        self.take_bytes(sizing.bytes()).await
    }

    /// The same for one object, of which nothing is known: definitions are often as large as a page.
    pub(super) async fn take_one(&self) -> Option<SemaphorePermit<'_>> {
        self.take_bytes(PAGE_BYTES).await
    }

    async fn take_bytes(&self, bytes: usize) -> Option<SemaphorePermit<'_>> {
        let bytes = bytes.min(IN_FLIGHT_BYTES);
        self.0.acquire_many(u32::try_from(bytes).unwrap_or(u32::MAX)).await.ok()
    }
}

/// How large the pages of one list are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sizing {
    limit_max: u32,
    limit: u32,
    object_bytes: usize,
}

impl Sizing {
    /// The first page of a list whose pages may have so many objects; 0 sets no limit.
    pub(super) fn first(limit_max: u32) -> Self {
        let limit_max = if limit_max == 0 { u32::MAX } else { limit_max };
        Self { limit_max, limit: FIRST.min(limit_max), object_bytes: OBJECT_BYTES }
    }

    /// Objects to ask for.
    pub(super) fn limit(&self) -> u32 {
        self.limit
    }

    /// Bytes that such a page should have.
    fn bytes(&self) -> usize {
        self.object_bytes.saturating_mul(self.limit as usize)
    }

    /// The next page, after one that had so many objects with so many bytes.
    #[must_use]
    pub(super) fn after(&self, objects: usize, bytes: usize) -> Self {
        if objects == 0 {
            return self.clone();
        }
        let object_bytes = (bytes / objects).max(1);
        let limit = u32::try_from(PAGE_BYTES / object_bytes).unwrap_or(u32::MAX);
        Self { limit: limit.clamp(1, self.limit_max), object_bytes, ..*self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_hold_half_a_megabyte_whatever_the_objects() {
        let first = Sizing::first(500);
        assert_eq!(first.limit(), 25);
        for (object_bytes, limit) in [(100, 500), (2 << 10, 256), (20 << 10, 25), (1 << 20, 1), (3 << 20, 1)]
        {
            let next = first.after(25, 25 * object_bytes);
            assert_eq!(next.limit(), limit, "{object_bytes}");
            assert!(next.bytes() <= PAGE_BYTES.max(object_bytes));
        }
        assert_eq!(first.after(0, 0), first);
        assert_eq!(Sizing::first(10).limit(), 10);
        assert_eq!(Sizing::first(0).after(25, 2500).limit(), 5242);
    }

    #[tokio::test]
    async fn no_more_pages_are_on_the_way_than_there_is_room_for() {
        let room = Room::default();
        let large = Sizing::first(500).after(1, PAGE_BYTES);
        let mut held = Vec::new();
        for _ in 0..IN_FLIGHT_BYTES / PAGE_BYTES {
            held.push(room.take(&large).await.unwrap());
        }
        assert!(futures::FutureExt::now_or_never(room.take(&large)).is_none());
        held.pop();
        let one = room.take_one().await.unwrap();
        assert!(futures::FutureExt::now_or_never(room.take_one()).is_none());
        drop(one);
        drop(room.take(&large).await.unwrap());
        // One that is larger than all room there is comes alone, and does come.
        held.clear();
        drop(room.take(&Sizing::first(1).after(1, 10 * IN_FLIGHT_BYTES)).await.unwrap());
    }
}
