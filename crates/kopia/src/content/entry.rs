//! What an index knows about a content.

use std::sync::Arc;

use super::ContentId;

/// Where a content is, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: ContentId,
    /// When it was written or deleted, by the writer's clock, in seconds since the beginning of 1970.
    pub time: i64,
    /// Whether it is deleted. Its bytes are there until maintenance takes them away.
    pub is_deleted: bool,
    /// The pack that holds it.
    pub pack: Arc<str>,
    /// Where it begins in there.
    pub offset: u32,
    /// How many bytes it has in there.
    pub packed_length: u32,
    /// How many bytes it has in the open.
    pub length: u32,
    /// What it is compressed with; 0 for nothing.
    pub compression: u32,
    /// The version of the repository that it was written in.
    pub format_version: u8,
    /// Which key it is encrypted with: only 0 is in use.
    pub key: u8,
}

impl Entry {
    /// Whether this one holds, of two about the same content: the later one; at the same time one that is not deleted; else that in the pack with
    /// the greater name, so that everybody decides alike.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        (self.time, !self.is_deleted, &self.pack) > (other.time, !other.is_deleted, &other.pack)
    }

    /// The same content, deleted.
    pub(crate) fn deleted_at(&self, now: i64) -> Self {
        Self { time: after(now, Some(self.time)), is_deleted: true, ..self.clone() }
    }
}

/// The time of a new entry: now, but later than the one that it takes the place of.
pub(crate) fn after(now: i64, before: Option<i64>) -> i64 {
    before.map_or(now, |before| now.max(before.saturating_add(1)))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn entry(id: &str, time: i64, pack: &str) -> Entry {
        Entry {
            id: id.parse().unwrap(),
            time,
            is_deleted: false,
            pack: pack.into(),
            offset: 32,
            packed_length: 40,
            length: 12,
            compression: 0,
            format_version: 3,
            key: 0,
        }
    }

    #[test]
    fn later_then_living_then_greater_entries_hold() {
        let one = entry("00", 5, "p1");
        assert!(!one.supersedes(&one));
        assert!(entry("00", 6, "p0").supersedes(&one));
        assert!(entry("00", 5, "p2").supersedes(&one));
        let deleted = Entry { is_deleted: true, ..entry("00", 5, "p9") };
        assert!(one.supersedes(&deleted) && !deleted.supersedes(&one));
        assert!(one.deleted_at(3).supersedes(&one));
        assert_eq!(one.deleted_at(3).time, 6);
        assert_eq!(one.deleted_at(9).time, 9);
    }
}
