//! The journal of one operation, below `plugins/salvor/operations/UID/` in its location: the plan before the
//! first effect, sealed spool files, and numbered segments of finished steps that are never written twice.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use engine::journal::{Progress, Record, VERSION};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::bucket::{JournalFile, operation_folder};
use store::{ErrorKind, Put, Store};

use crate::error::{Error, Result};

/// A file of a journal may not be larger, uncompressed.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// The journal of one operation.
pub(super) struct Journal {
    store: Arc<dyn Store>,
    uid: String,
    segments: u32,
}

/// What each file of a journal begins with, or is.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    #[serde(flatten)]
    content: T,
}

#[derive(Serialize, Deserialize)]
struct Nothing {}

impl Journal {
    /// The journal of operation `uid` and what it says has been done.
    pub(super) async fn open(store: &Arc<dyn Store>, uid: &str) -> Result<(Self, Progress)> {
        let mut journal = Self { store: Arc::clone(store), uid: uid.to_owned(), segments: 0 };
        let mut progress = Progress::default();
        for meta in journal.store.list(&operation_folder(uid)).await? {
            let name = meta.key.strip_prefix(&operation_folder(uid)).unwrap_or_default();
            if let Some(JournalFile::Segment(number)) = JournalFile::from_name(name) {
                for record in journal.segment(number).await? {
                    progress.add(record);
                }
                journal.segments = journal.segments.max(number + 1);
            }
        }
        Ok((journal, progress))
    }

    /// The plan, if the operation has got that far.
    pub(super) async fn plan<P: DeserializeOwned>(&self) -> Result<Option<P>> {
        match self.store.get(&self.key(JournalFile::Plan)).await {
            Ok(file) => {
                Ok(Some(serde_json::from_reader(bounded(&file)).map_err(|error| self.damaged(&error))?))
            }
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the plan down, before anything is done by it.
    pub(super) async fn save_plan<P: Serialize>(&self, plan: &P) -> Result<()> {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        serde_json::to_writer(&mut file, plan).map_err(io::Error::from)?;
        self.put(JournalFile::Plan, file.finish()?, Put::Overwrite).await
    }

    /// Writes finished steps down.
    pub(super) async fn append(&mut self, records: &[Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        line(&mut file, &Versioned { v: VERSION, content: Nothing {} })?;
        for record in records {
            line(&mut file, record)?;
        }
        let number = self.segments;
        self.segments += 1;
        self.put(JournalFile::Segment(number), file.finish()?, Put::Create).await
    }

    /// Keeps a sealed spool file.
    pub(super) async fn keep(&self, number: u32, sealed: Vec<u8>) -> Result<()> {
        self.put(JournalFile::Spool(number), sealed, Put::Overwrite).await
    }

    /// A kept spool file.
    pub(super) async fn kept(&self, number: u32) -> Result<Bytes> {
        Ok(self.store.get(&self.key(JournalFile::Spool(number))).await?)
    }

    /// Removes the journal: its operation has ended, and its resource says so.
    pub(super) async fn remove(self) -> Result<()> {
        let files = self.store.list(&operation_folder(&self.uid)).await?;
        let keys: Vec<_> = files.into_iter().map(|meta| meta.key).collect();
        Ok(self.store.delete(&keys).await?)
    }

    async fn segment(&self, number: u32) -> Result<Vec<Record>> {
        let file = self.store.get(&self.key(JournalFile::Segment(number))).await?;
        let lines = serde_json::Deserializer::from_reader(bounded(&file)).into_iter::<serde_json::Value>();
        let records = lines.skip(1).map(|line| line.and_then(serde_json::from_value));
        records.collect::<std::result::Result<_, _>>().map_err(|error| self.damaged(&error))
    }

    async fn put(&self, file: JournalFile, content: Vec<u8>, condition: Put) -> Result<()> {
        self.store.put(&self.key(file), content.into(), condition).await?;
        Ok(())
    }

    fn key(&self, file: JournalFile) -> String {
        file.key(&self.uid)
    }

    fn damaged(&self, error: &serde_json::Error) -> Error {
        Error::Malformed {
            what: format!("the journal of operation {}", self.uid),
            message: error.to_string(),
        }
    }
}

fn bounded(file: &[u8]) -> impl Read {
    MultiGzDecoder::new(file).take(FILE_BYTES_MAX)
}

fn line<T: Serialize>(file: &mut impl Write, content: &T) -> Result<()> {
    serde_json::to_writer(&mut *file, content).map_err(io::Error::from)?;
    Ok(file.write_all(b"\n")?)
}
