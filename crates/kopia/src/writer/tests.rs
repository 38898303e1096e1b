//! Sessions against stores in memory: what is flushed is read, whatever fails on the way.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;

use super::*;
use crate::compression::Compression;
use crate::format::Options;
use crate::random::fake::Seeded;
use crate::splitter::tests::stream;
use crate::storage::{Blob, Memory, Retention, Storage, sorted};
use crate::{Format, Time};

const NOW: Time = Time::from_seconds(1_700_000_000);

/// A store whose n-th call that changes something fails, and whose clock may be late.
pub(crate) struct Faulty {
    pub(crate) inner: Memory,
    fail_at: AtomicUsize,
    changes: AtomicUsize,
    late: AtomicI64,
}

impl Faulty {
    fn new() -> Arc<Self> {
        let inner = Memory::new(NOW);
        let options = Options { pack_length: 10 << 20, ..Options::default() };
        Format::create(&inner, &Seeded::new(1), "secret", &options).unwrap();
        Self::over(inner)
    }

    /// A store that works, until it is told to fail.
    pub(crate) fn over(inner: Memory) -> Arc<Self> {
        Arc::new(Self {
            inner,
            fail_at: AtomicUsize::new(usize::MAX),
            changes: AtomicUsize::new(0),
            late: AtomicI64::new(0),
        })
    }

    /// After so many more calls that change something, the next one fails, once.
    pub(crate) fn fail_after(&self, calls: usize) {
        self.fail_at.store(self.changes.load(Ordering::Relaxed) + calls, Ordering::Relaxed);
    }

    fn change(&self, name: &str) -> Result<()> {
        if self.changes.fetch_add(1, Ordering::Relaxed) == self.fail_at.load(Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Storage, name, "the store is away"));
        }
        Ok(())
    }
}

impl Storage for Faulty {
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        self.inner.get(name, limit)
    }
    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.inner.get_range(name, offset, length)
    }
    fn head(&self, name: &str) -> Result<Blob> {
        self.inner.head(name)
    }
    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
        self.change(name)?;
        self.inner.store(name, data, how)
    }
    fn delete(&self, name: &str) -> Result<()> {
        self.change(name)?;
        self.inner.delete(name)
    }
    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
        self.inner.list(prefix, visit)
    }
    fn extend_retention(&self, name: &str, retention: Retention) -> Result<()> {
        self.inner.extend_retention(name, retention)
    }
    fn now(&self) -> Time {
        Time::from_nanos(self.inner.now().nanos() + self.late.load(Ordering::Relaxed))
    }
}

fn open(storage: &Arc<Faulty>) -> Arc<Repository> {
    let storage = Arc::clone(storage) as Arc<dyn Storage>;
    Arc::new(Repository::open(storage, Arc::new(Seeded::new(2)), "secret").unwrap())
}

fn names(storage: &Faulty, prefix: &str) -> Vec<String> {
    sorted(storage, prefix).unwrap().into_iter().map(|blob| blob.name).collect()
}

#[test]
fn what_is_flushed_is_there_for_everybody_and_marks_go() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    let text = "again and again ".repeat(1000).into_bytes();
    let data = writer.put(None, b"hello", None).unwrap();
    let metadata = writer.put(Some(Prefix::DIRECTORY), &text, Compression::of_metadata()).unwrap();
    let empty = writer.put(None, b"", None).unwrap();
    assert_eq!(names(&storage, "s").len(), 1, "the session is marked");
    assert_eq!(writer.content(&metadata).unwrap(), text, "read from memory");
    assert_eq!(writer.put(None, b"hello", None).unwrap(), data);
    let before = open(&storage);
    assert_eq!(before.content(&data).unwrap_err().kind(), ErrorKind::NotFound);
    writer.flush().unwrap();
    assert_eq!(names(&storage, "s"), [""; 0]);
    assert_eq!(
        (names(&storage, "p").len(), names(&storage, "q").len(), names(&storage, "xn").len()),
        (1, 1, 1)
    );
    for repository in [&before, &open(&storage), writer.repository()] {
        assert_eq!(repository.verify(&data).unwrap(), b"hello");
        assert_eq!(repository.verify(&metadata).unwrap(), text);
        assert_eq!(repository.verify(&empty).unwrap(), b"");
    }
    let entry = before.lookup(&metadata).unwrap().unwrap();
    assert_eq!((entry.compression, entry.length as usize, entry.time), (0x1101, text.len(), NOW.seconds()));
    assert!(entry.packed_length < 500);
    writer.flush().unwrap();
    assert_eq!(names(&storage, "xn").len(), 1, "nothing is written for nothing");
}

#[test]
fn what_is_there_is_not_written_again() {
    let storage = Faulty::new();
    for _ in 0..2 {
        let writer = Writer::new(open(&storage)).unwrap();
        writer.put(None, b"the same", None).unwrap();
        writer.flush().unwrap();
    }
    assert_eq!(names(&storage, "p").len(), 1);
}

#[test]
fn packs_are_stored_as_they_fill_from_many_threads() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    let bytes = stream(33 << 20);
    let pieces: Vec<&[u8]> = bytes.chunks(1 << 20).collect();
    thread::scope(|scope| {
        for start in 0..4 {
            // each piece is written by two
            let (writer, pieces) = (&writer, &pieces);
            scope.spawn(move || {
                for piece in pieces.iter().skip(start / 2).step_by(2) {
                    writer.put(None, piece, None).unwrap();
                }
            });
        }
    });
    assert_eq!(names(&storage, "p").len(), 3, "full packs are stored before the flush");
    let stored = writer.repository().id_of(None, pieces[0]);
    assert_eq!(writer.content(&stored).unwrap(), pieces[0]);
    writer.flush().unwrap();
    let repository = open(&storage);
    for piece in &pieces {
        assert_eq!(repository.verify(&repository.id_of(None, piece)).unwrap(), *piece);
    }
    let mut count = 0;
    repository
        .entries(&mut |_| {
            count += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(count, pieces.len());
    for pack in names(&storage, "p") {
        let local = crate::content::local_index(&*storage, &repository.format(), &pack).unwrap();
        for entry in local {
            assert_eq!(repository.lookup(&entry.id).unwrap(), Some(entry));
        }
    }
}

#[test]
fn whatever_call_fails_a_flush_is_whole_or_is_none_and_can_be_repeated() {
    for fail_at in 0.. {
        let storage = Faulty::new();
        let repository = open(&storage);
        storage.fail_after(fail_at);
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        let write = || {
            let ids = [writer.put(None, b"data", None)?, writer.put(Some(Prefix::LIST), b"list", None)?];
            writer.flush().map(|()| ids)
        };
        let outcome = write();
        let reader = open(&storage);
        let ids = [reader.id_of(None, b"data"), reader.id_of(Some(Prefix::LIST), b"list")];
        let seen = ids.map(|id| reader.content(&id).is_ok());
        assert!(seen[0] == seen[1], "{fail_at}: {seen:?}");
        if let Err(error) = &outcome {
            assert_eq!(error.kind(), ErrorKind::Storage);
            assert_eq!(write().unwrap(), ids);
        }
        let reader = open(&storage);
        assert_eq!(reader.verify(&ids[0]).unwrap(), b"data");
        assert_eq!(reader.verify(&ids[1]).unwrap(), b"list");
        if outcome.is_ok() {
            assert_eq!(fail_at, 5, "marker, two packs, index, marker gone");
            break;
        }
    }
}

#[test]
fn a_pack_that_could_not_be_stored_goes_before_whatever_comes() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    let bytes = stream(12 << 20);
    storage.fail_after(1);
    assert_eq!(writer.put(None, &bytes, None).unwrap_err().kind(), ErrorKind::Storage);
    let id = writer.repository().id_of(None, &bytes);
    assert_eq!(writer.content(&id).unwrap(), bytes, "it is in memory");
    writer.put(None, b"next", None).unwrap();
    assert_eq!(names(&storage, "p").len(), 1, "it was stored first");
    writer.flush().unwrap();
    assert_eq!(open(&storage).verify(&id).unwrap(), bytes);
}

#[test]
fn deleted_contents_are_read_until_that_is_final_and_written_again_if_need_be() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    let id = writer.put(Some(Prefix::MANIFEST), b"manifest", None).unwrap();
    writer.flush().unwrap();
    writer.delete(&id).unwrap();
    writer.flush().unwrap();
    let repository = open(&storage);
    let deleted = repository.lookup(&id).unwrap().unwrap();
    assert!(deleted.is_deleted);
    assert_eq!(deleted.time, NOW.seconds() + 1, "later than what it deletes");
    assert_eq!(repository.verify(&id).unwrap(), b"manifest");
    for (watermark, is_there) in [(deleted.time - 1, true), (deleted.time, false)] {
        storage.inner.put(&format!("xw{watermark}"), b"deletion-watermark", None).unwrap();
        repository.refresh().unwrap();
        assert_eq!(repository.lookup(&id).unwrap().is_some(), is_there);
    }
    let again = Writer::new(open(&storage)).unwrap();
    assert_eq!(again.delete(&id).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(again.put(Some(Prefix::MANIFEST), b"manifest", None).unwrap(), id);
    again.flush().unwrap();
    let written = open(&storage).lookup(&id).unwrap().unwrap();
    assert!(!written.is_deleted && written.time > deleted.time, "though the clock stands still");
}

#[test]
fn clocks_that_are_apart_are_refused() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    storage.late.store(-301_000_000_000, Ordering::Relaxed);
    let error = writer.put(None, b"late", None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Clock);
    assert_eq!(names(&storage, "s"), [""; 0]);
}

#[test]
fn packs_that_were_collected_meanwhile_are_missed_before_an_index_tells_of_them() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    writer.put(None, &stream(10 << 20), None).unwrap();
    let pack = names(&storage, "p").remove(0);
    storage.inner.advance(Duration::from_hours(48));
    storage.inner.delete(&pack).unwrap();
    let error = writer.flush().unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::NotFound, pack.as_str()));
    assert_eq!(names(&storage, "xn"), [""; 0]);
}

#[test]
fn every_flipped_byte_of_packs_and_indexes_is_an_error_that_names_the_blob() {
    let storage = Faulty::new();
    let writer = Writer::new(open(&storage)).unwrap();
    let id = writer.put(None, b"precious", None).unwrap();
    writer.flush().unwrap();
    let repository = open(&storage);
    let entry = repository.lookup(&id).unwrap().unwrap();
    let pack = storage.get(&entry.pack, 1 << 20).unwrap();
    for byte in 0..entry.packed_length {
        let mut damaged = pack.clone();
        damaged[(entry.offset + byte) as usize] ^= 1;
        storage.inner.put(&entry.pack, &damaged, None).unwrap();
        let error = repository.content(&id).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.subject().contains(&*entry.pack));
    }
    for length in 0..(entry.offset + entry.packed_length) as usize {
        storage.inner.put(&entry.pack, &pack[..length], None).unwrap();
        let error = repository.content(&id).unwrap_err();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, &*entry.pack));
    }
    let index = names(&storage, "xn").remove(0);
    let whole = storage.get(&index, 1 << 20).unwrap();
    let (format, crypto) = (repository.format(), repository.crypto());
    for byte in 0..whole.len() {
        for damaged in
            [whole[..byte].to_vec(), [&whole[..byte], &[whole[byte] ^ 1], &whole[byte + 1..]].concat()]
        {
            storage.inner.put(&index, &damaged, None).unwrap();
            let loaded = crate::index_set::IndexSet::default().refreshed(None, &*storage, &format, crypto);
            let error = loaded.unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, index.as_str()));
        }
    }
}
