//! A bucket in memory, for tests: everything that a store can do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::{is_sound, unsound, within};
use crate::{Capabilities, Error, ErrorKind, Meta, Put, Result, Store, Tag, Upload};

/// How long a piece of a stream is.
const PIECE_BYTES: usize = 64 * 1024;

/// A bucket in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    objects: Arc<Mutex<Objects>>,
}

/// What the bucket holds.
#[derive(Debug, Default)]
struct Objects {
    by_key: BTreeMap<String, Object>,
    writes: u64,
    now: Option<jiff::Timestamp>,
    /// Uploads that go on, or that nobody finished, by their number, with when they were begun.
    unfinished: BTreeMap<u64, jiff::Timestamp>,
    uploads: u64,
}

/// One object, the number of the write that made it, and when that was.
#[derive(Debug, Clone)]
struct Object {
    content: Bytes,
    version: u64,
    modified: Option<jiff::Timestamp>,
}

impl Memory {
    /// All keys, sorted.
    pub fn keys(&self) -> Vec<String> {
        self.objects().by_key.keys().cloned().collect()
    }

    /// How many uploads go on, or were left unfinished.
    pub fn unfinished(&self) -> usize {
        self.objects().unfinished.len()
    }

    /// Sets the clock: what is written from now on was written then. Without it, nobody knows when.
    pub fn set_clock(&self, now: jiff::Timestamp) {
        self.objects().now = Some(now);
    }

    /// The objects; a panic elsewhere leaves them whole.
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The object of this key.
    fn find(&self, action: &'static str, key: &str) -> Result<Object> {
        self.objects().by_key.get(key).cloned().ok_or_else(|| {
            let message = "there is no such object".to_owned();
            Error { kind: ErrorKind::NotFound, action, key: key.to_owned(), message }
        })
    }
}

impl Objects {
    /// Whether a put with this condition goes through.
    fn admits(&self, key: &str, condition: &Put) -> bool {
        match (condition, self.by_key.get(key)) {
            (Put::Overwrite, _) | (Put::Create, None) => true,
            (Put::Replace(tag), Some(object)) => *tag == object.tag(),
            (Put::Create, Some(_)) | (Put::Replace(_), None) => false,
        }
    }

    /// Begins an upload.
    fn begin(&mut self) -> u64 {
        self.uploads += 1;
        self.unfinished.insert(self.uploads, self.now.unwrap_or_default());
        self.uploads
    }

    /// Writes an object.
    fn write(&mut self, key: &str, content: Bytes) -> Tag {
        self.writes += 1;
        let object = Object { content, version: self.writes, modified: self.now };
        let tag = object.tag();
        self.by_key.insert(key.to_owned(), object);
        tag
    }
}

impl Object {
    fn tag(&self) -> Tag {
        Tag(self.version.to_string())
    }

    fn meta(&self, key: &str) -> Meta {
        let size = self.content.len() as u64;
        Meta { key: key.to_owned(), size, modified: self.modified, tag: Some(self.tag()) }
    }
}

#[async_trait]
impl Store for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities { create: true, replace: true, presign: true }
    }

    async fn head(&self, key: &str) -> Result<Meta> {
        Ok(self.find("head", key)?.meta(key))
    }

    async fn get(&self, key: &str) -> Result<Bytes> {
        Ok(self.find("get", key)?.content)
    }

    async fn get_range(&self, key: &str, start: u64, end: u64) -> Result<Bytes> {
        let content = self.find("get", key)?.content;
        let range = within(start, end, content.len() as u64);
        Ok(content.slice(range.start as usize..range.end as usize))
    }

    async fn stream(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let content = self.find("get", key)?.content;
        let starts = (0..content.len()).step_by(PIECE_BYTES);
        let pieces: Vec<_> =
            starts.map(|start| Ok(content.slice(start..content.len().min(start + PIECE_BYTES)))).collect();
        Ok(stream::iter(pieces).boxed())
    }

    async fn put(&self, key: &str, content: Bytes, condition: Put) -> Result<Option<Tag>> {
        if !is_sound(key) {
            return Err(unsound("put", key));
        }
        let mut objects = self.objects();
        if !objects.admits(key, &condition) {
            let message = "the object exists, or is another version".to_owned();
            return Err(Error { kind: ErrorKind::Precondition, action: "put", key: key.to_owned(), message });
        }
        Ok(Some(objects.write(key, content)))
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        if !is_sound(key) {
            return Err(unsound("upload", key));
        }
        let number = self.objects().begin();
        let upload =
            MemoryUpload { store: self.clone(), key: key.to_owned(), content: BytesMut::new(), number };
        Ok(Box::new(upload))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Meta>> {
        let objects = self.objects();
        let found = objects.by_key.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, object)| object.meta(key)).collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let objects = self.objects();
        let mut folders: Vec<String> = objects
            .by_key
            .keys()
            .filter_map(|key| Some(key.strip_prefix(prefix)?.split_once('/')?.0.to_owned()))
            .collect();
        folders.sort();
        folders.dedup();
        Ok(folders)
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        let mut objects = self.objects();
        for key in keys {
            objects.by_key.remove(key);
        }
        Ok(())
    }

    async fn presign(&self, key: &str, valid: Duration) -> Result<Option<String>> {
        Ok(Some(format!("memory:///{key}?valid={}s", valid.as_secs())))
    }

    async fn sweep(&self, before: jiff::Timestamp) -> Result<u64> {
        let unfinished = &mut self.objects().unfinished;
        let there = unfinished.len();
        unfinished.retain(|_, begun| *begun >= before);
        Ok((there - unfinished.len()) as u64)
    }
}

/// An upload that is kept aside until it is complete.
struct MemoryUpload {
    store: Memory,
    key: String,
    content: BytesMut,
    number: u64,
}

impl Drop for MemoryUpload {
    fn drop(&mut self) {
        self.store.objects().unfinished.remove(&self.number);
    }
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.content.extend_from_slice(&piece);
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        let content = self.content.split().freeze();
        let mut objects = self.store.objects();
        objects.write(&self.key, content);
        objects.unfinished.remove(&self.number);
        Ok(())
    }

    async fn abort(&mut self) -> Result<()> {
        self.content.clear();
        Ok(())
    }
}
