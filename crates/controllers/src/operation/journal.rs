//! The journal of one operation, below `plugins/salvor/operations/UID/` in its location: whose it is, the plan
//! before the first effect, sealed spool files, and numbered segments of finished steps that are never written twice.
//! A location that may not be written to has its journals in ConfigMaps of the server's namespace.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use engine::journal::{Owner, Progress, Record, VERSION};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use store::backup_files::delete_folder;
use store::bucket::{JournalFile, operation_folder};
use store::{ErrorKind, Put, Store};
use tokio::sync::Mutex;

use super::Operation;
use super::configmaps::{ConfigMaps, delete_journal};
use crate::deps::Deps;
use crate::error::{Error, Result};

/// A file of a journal may not be larger, uncompressed.
const FILE_BYTES_MAX: u64 = 512 << 20;

/// The journal of one operation.
pub(super) struct Journal {
    shelf: Shelf,
    uid: String,
    /// The number of the next segment.
    segments: AtomicU32,
    spool: u32,
}

/// Where the files of a journal are.
enum Shelf {
    /// In the location.
    Location(Arc<dyn Store>),
    /// In the cluster.
    Cluster(Arc<Deps>, Mutex<ConfigMaps>),
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
    /// The journal of an operation and what it says has been done.
    pub(super) async fn open(operation: &Operation) -> Result<(Self, Progress)> {
        let shelf = match operation.read_only {
            false => Shelf::Location(Arc::clone(&operation.store)),
            true => {
                let maps = ConfigMaps::open(&operation.deps, &operation.uid, operation.owner()).await?;
                Shelf::Cluster(Arc::clone(&operation.deps), Mutex::new(maps))
            }
        };
        let mut journal = Self { shelf, uid: operation.uid.clone(), segments: AtomicU32::new(0), spool: 0 };
        let mut progress = Progress::default();
        for file in journal.shelf.files(&journal.uid).await? {
            match file {
                JournalFile::Segment(number) => {
                    for record in journal.segment(number).await? {
                        progress.add(record);
                    }
                    journal.segments.fetch_max(number + 1, Ordering::Relaxed);
                }
                JournalFile::Spool(number) => journal.spool = journal.spool.max(number + 1),
                JournalFile::Owner | JournalFile::Plan | JournalFile::Done | JournalFile::DryRun => {}
            }
        }
        Ok((journal, progress))
    }

    /// Says whose it is, before anything else is in it: by that, leftovers are told from the work of others. In the
    /// cluster there are no others.
    pub(super) async fn begin(&self, owner: &Owner) -> Result<()> {
        if matches!(self.shelf, Shelf::Cluster(..)) {
            return Ok(());
        }
        let file = serde_json::to_vec(&Versioned { v: VERSION, content: owner }).map_err(io::Error::from)?;
        self.put(JournalFile::Owner, file, Put::Overwrite).await
    }

    /// The plan, if the operation has got that far.
    pub(super) async fn plan<P: DeserializeOwned>(&self) -> Result<Option<P>> {
        let Some(file) = self.shelf.get(&self.uid, JournalFile::Plan).await? else { return Ok(None) };
        Ok(Some(serde_json::from_reader(bounded(&file)).map_err(|error| self.damaged(&error))?))
    }

    /// Writes the plan down, before anything is done by it. A server that has lost its Lease does not know it yet: the
    /// first plan counts, and whoever comes second goes by it when he tries again.
    pub(super) async fn save_plan<P: Serialize>(&self, plan: &P) -> Result<()> {
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        serde_json::to_writer(&mut file, plan).map_err(io::Error::from)?;
        self.put(JournalFile::Plan, file.finish()?, Put::Create).await
    }

    /// Keeps what a dry run found, packed as it is.
    pub(super) async fn keep_dry_run(&self, report: Vec<u8>) -> Result<()> {
        self.put(JournalFile::DryRun, report, Put::Overwrite).await
    }

    /// Writes finished steps down.
    pub(super) async fn append(&self, records: &[Record]) -> Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let mut file = GzEncoder::new(Vec::new(), Compression::default());
        line(&mut file, &Versioned { v: VERSION, content: Nothing {} })?;
        for record in records {
            line(&mut file, record)?;
        }
        let number = self.segments.fetch_add(1, Ordering::Relaxed);
        self.put(JournalFile::Segment(number), file.finish()?, Put::Create).await
    }

    /// The number of the first spool file that no attempt before this one has written.
    pub(super) fn first_spool_file(&self) -> u32 {
        self.spool
    }

    /// Keeps a sealed spool file. It may be part of a plan already, so that it is never written twice.
    pub(super) async fn keep(&self, number: u32, sealed: Vec<u8>) -> Result<()> {
        self.put(JournalFile::Spool(number), sealed, Put::Create).await
    }

    /// Removes the spool files of attempts before this one, which ended before they had a plan.
    pub(super) async fn drop_earlier_spool(&self) -> Result<()> {
        if let Shelf::Location(store) = &self.shelf {
            let keys: Vec<_> =
                (0..self.spool).map(|number| JournalFile::Spool(number).key(&self.uid)).collect();
            store.delete(&keys).await?;
        }
        Ok(())
    }

    /// A kept spool file.
    pub(super) async fn kept(&self, number: u32) -> Result<Bytes> {
        self.must(JournalFile::Spool(number)).await
    }

    /// Removes the journal: its operation has ended, and its resource says so.
    pub(super) async fn remove(&self) -> Result<()> {
        match &self.shelf {
            Shelf::Location(store) => Ok(delete_folder(store.as_ref(), &operation_folder(&self.uid)).await?),
            Shelf::Cluster(deps, _) => delete_journal(deps, &self.uid).await,
        }
    }

    async fn segment(&self, number: u32) -> Result<Vec<Record>> {
        let file = self.must(JournalFile::Segment(number)).await?;
        let lines = serde_json::Deserializer::from_reader(bounded(&file)).into_iter::<serde_json::Value>();
        let records = lines.skip(1).map(|line| line.and_then(serde_json::from_value));
        records.collect::<std::result::Result<_, _>>().map_err(|error| self.damaged(&error))
    }

    async fn must(&self, file: JournalFile) -> Result<Bytes> {
        let missing =
            || Error::Other(format!("find {} in the journal of operation {}", file.name(), self.uid));
        self.shelf.get(&self.uid, file).await?.ok_or_else(missing)
    }

    async fn put(&self, file: JournalFile, content: Vec<u8>, condition: Put) -> Result<()> {
        match &self.shelf {
            Shelf::Location(store) => {
                store.put(&file.key(&self.uid), content.into(), condition).await?;
                Ok(())
            }
            // Their numbers are taken once, so that a second writer is refused whatever the condition.
            Shelf::Cluster(deps, maps) => maps.lock().await.put(deps, &file.name(), content.into()).await,
        }
    }

    fn damaged(&self, error: &serde_json::Error) -> Error {
        Error::Malformed {
            what: format!("the journal of operation {}", self.uid),
            message: error.to_string(),
        }
    }
}

impl Shelf {
    /// The files that are there.
    async fn files(&self, uid: &str) -> Result<Vec<JournalFile>> {
        let folder = operation_folder(uid);
        Ok(match self {
            Self::Location(store) => {
                let found = store.list(&folder).await?;
                let names = found.iter().filter_map(|meta| meta.key.strip_prefix(&folder));
                names.filter_map(JournalFile::from_name).collect()
            }
            Self::Cluster(_, maps) => maps.lock().await.names().filter_map(JournalFile::from_name).collect(),
        })
    }

    /// A file; `None` where it is not there.
    async fn get(&self, uid: &str, file: JournalFile) -> Result<Option<Bytes>> {
        match self {
            Self::Location(store) => match store.get(&file.key(uid)).await {
                Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
                content => Ok(Some(content?)),
            },
            Self::Cluster(_, maps) => Ok(maps.lock().await.get(&file.name())),
        }
    }
}

/// Whose the journal of operation `uid` in a location is, where it says so in a way that we understand.
pub(crate) async fn owner(store: &dyn Store, uid: &str) -> Result<Option<Owner>> {
    match store.get(&JournalFile::Owner.key(uid)).await {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        file => Ok(serde_json::from_slice(&file?).ok()),
    }
}

fn bounded(file: &[u8]) -> impl Read {
    MultiGzDecoder::new(file).take(FILE_BYTES_MAX)
}

fn line<T: Serialize>(file: &mut impl Write, content: &T) -> Result<()> {
    serde_json::to_writer(&mut *file, content).map_err(io::Error::from)?;
    Ok(file.write_all(b"\n")?)
}
