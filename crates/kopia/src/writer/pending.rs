//! What a session has written that no index tells of yet: packs in memory, packs in the store, and the entries of both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use crate::content::pack::{self, Kind, Pack};
use crate::content::session::SessionId;
use crate::content::table::Crypto;
use crate::content::{ContentId, Entry, after};
use crate::random::Random;
use crate::{Result, Time};

/// What is pending in a session.
#[derive(Default)]
pub(super) struct Pending {
    pub(super) session: Option<SessionId>,
    /// The blob that marks the session.
    pub(super) marker: Option<String>,
    /// When the first pack was stored.
    pub(super) first_sent: Option<Time>,
    data: Option<Pack>,
    metadata: Option<Pack>,
    /// Packs that are full and are not known to be stored, by name.
    unsent: HashMap<Arc<str>, Arc<Unsent>>,
    entries: BTreeMap<ContentId, Entry>,
}

/// A whole pack that is being stored, or was not.
pub(super) struct Unsent {
    pub(super) name: Arc<str>,
    pub(super) bytes: Bytes,
    has_failed: AtomicBool,
}

impl Unsent {
    /// Notes that it could not be stored.
    pub(super) fn fail(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }
}

/// What it takes to begin and to end a pack.
pub(super) struct Maker<'a> {
    pub(super) random: &'a dyn Random,
    pub(super) crypto: &'a Crypto,
    pub(super) session: &'a SessionId,
    /// How many bytes a pack has before it is closed.
    pub(super) pack_length: usize,
}

impl Pending {
    /// What is known of a content.
    pub(super) fn entry(&self, id: &ContentId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Takes note of an entry that is written already, or deletes.
    pub(super) fn put_entry(&mut self, entry: Entry) {
        self.entries.insert(entry.id, entry);
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All entries, by name.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries.values().cloned().collect()
    }

    /// The entry of a content and, while its pack is in memory, its encrypted bytes.
    pub(super) fn sealed(&self, id: &ContentId) -> Option<(Entry, Option<Vec<u8>>)> {
        let entry = self.entries.get(id)?;
        let open = [&self.data, &self.metadata].into_iter().flatten().find(|pack| pack.name == entry.pack);
        let bytes = match open {
            Some(pack) => pack.slice(entry),
            None => self.unsent.get(&entry.pack).and_then(|unsent| pack::slice(&unsent.bytes, entry)),
        };
        Some((entry.clone(), bytes.map(<[u8]>::to_vec)))
    }

    /// Whether nothing is to be added before one of `most` packs that are being stored is.
    pub(super) fn is_full(&mut self, kind: Kind, most: usize) -> bool {
        let under_way = self.unsent.values().filter(|unsent| !unsent.has_failed.load(Ordering::Relaxed));
        under_way.count() >= most && self.open(kind).is_none()
    }

    /// Encrypts a content and adds it, unless somebody else just has; the pack that it filled.
    pub(super) fn append(
        &mut self,
        data: &[u8],
        entry: &Entry,
        maker: &Maker<'_>,
    ) -> Result<Option<Arc<Unsent>>> {
        let known = self.entries.get(&entry.id);
        if known.is_some_and(|known| !known.is_deleted) {
            return Ok(None);
        }
        let time = after(entry.time, known.map(|known| known.time));
        let kind = Kind::of(&entry.id);
        let open = self.open(kind);
        let mut pack = match open.take() {
            Some(pack) => pack,
            None => Pack::new(maker.random, kind, maker.session, maker.pack_length)?,
        };
        let seal =
            |pack: &mut Vec<u8>| maker.crypto.encryptor.seal_into(maker.random, entry.id.iv(), data, pack);
        let appended = pack.append(&Entry { time, ..entry.clone() }, seal);
        let is_full = pack.len() >= maker.pack_length;
        *open = Some(pack);
        self.put_entry(appended?);
        if is_full { self.close(kind, maker.random, maker.crypto) } else { Ok(None) }
    }

    fn open(&mut self, kind: Kind) -> &mut Option<Pack> {
        match kind {
            Kind::Data => &mut self.data,
            Kind::Metadata => &mut self.metadata,
        }
    }

    /// Closes the pack of a kind.
    fn close(&mut self, kind: Kind, random: &dyn Random, crypto: &Crypto) -> Result<Option<Arc<Unsent>>> {
        if let Some(pack) = self.open(kind) {
            pack.finish(random, crypto)?;
        }
        let Some(pack) = self.open(kind).take() else { return Ok(None) };
        let name = Arc::clone(&pack.name);
        let unsent = Arc::new(Unsent { name, bytes: pack.into_bytes(), has_failed: AtomicBool::new(false) });
        self.unsent.insert(Arc::clone(&unsent.name), Arc::clone(&unsent));
        Ok(Some(unsent))
    }

    /// Closes all packs; everything that is not known to be stored.
    pub(super) fn close_all(&mut self, random: &dyn Random, crypto: &Crypto) -> Result<Vec<Arc<Unsent>>> {
        for kind in [Kind::Data, Kind::Metadata] {
            self.close(kind, random, crypto)?;
        }
        Ok(self.unsent.values().cloned().collect())
    }

    /// The packs that could not be stored, for one who tries again.
    pub(super) fn take_failed(&self) -> Vec<Arc<Unsent>> {
        self.unsent
            .values()
            .filter(|unsent| unsent.has_failed.swap(false, Ordering::Relaxed))
            .cloned()
            .collect()
    }

    /// Forgets the bytes of a pack that is stored.
    pub(super) fn sent(&mut self, name: &str, now: Time) {
        self.unsent.remove(name);
        self.first_sent.get_or_insert(now);
    }
}
