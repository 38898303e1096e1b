//! The archive of a backup, read once from the bucket: its documents into the spool, its facts into memory,
//! its digest on the way.

use std::io::{self, Read};
use std::sync::Arc;

use api::meta::ResourceType;
use bytes::{Buf, Bytes};
use engine::archive::{self, ArchivePath, Entry, ItemPath, Limits, Reader, StrangePaths};
use engine::document::text;
use engine::facts::{Facts, Span};
use engine::problem::Problem;
use futures::StreamExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use store::Store;
use tokio::sync::mpsc;

use super::spool::{Spool, Writer};
use crate::error::{Error, Result};

/// Pieces of the archive that may wait to be read.
const PIECES_MAX: usize = 8;

/// What an archive holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The facts of every object, in the archive's order.
    pub(super) facts: Vec<Facts>,
    /// The facts of objects in other versions than the one that every restore reads.
    pub(super) others: Vec<Facts>,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
    /// The sha256 of the archive as it lies in the bucket.
    pub(super) sha256: String,
}

/// Reads the archive `key` into `spool`. The same archive always gives the same spans.
pub(super) async fn contents(store: &Arc<dyn Store>, key: &str, spool: &Arc<Spool>) -> Result<Contents> {
    let mut pieces = store.stream(key).await?;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let spool = Arc::clone(spool);
    let reading = tokio::task::spawn_blocking(move || read(Source::new(receiver), &spool));
    let mut came = Ok(());
    while let Some(piece) = pieces.next().await {
        came = piece.as_ref().map(drop).map_err(Clone::clone);
        // A reader that has seen enough closes the channel, and says itself why.
        if sender.send(piece.map_err(|error| error.to_string())).await.is_err() {
            break;
        }
    }
    drop(sender);
    let read = reading.await.map_err(|error| Error::Panicked(error.to_string()))?;
    // What the store did not give says nothing about the archive.
    came?;
    read
}

fn read(mut source: Source, spool: &Spool) -> Result<Contents> {
    let mut contents = Contents::default();
    let mut writer = spool.writer(0);
    let mut strange = StrangePaths::default();
    for entry in Reader::new(&mut source, Limits::default()) {
        let entry = entry.map_err(|error| Error::Archive(error.to_string()))?;
        match ArchivePath::parse(&entry.path) {
            // The file of the preferred version is there once more without it.
            Some(ArchivePath::Item(path)) if path.version.as_ref().is_some_and(|of| of.preferred) => {}
            Some(ArchivePath::Item(path)) => take(&path, &entry, &mut writer, &mut contents)?,
            Some(ArchivePath::Version) => {}
            None => strange.add(&entry.path),
        }
    }
    contents.problems.extend(strange.problem());
    contents.sha256 = source.drain()?;
    Ok(contents)
}

fn take(path: &ItemPath, entry: &Entry, writer: &mut Writer, contents: &mut Contents) -> Result<()> {
    let plain = path.version.is_none();
    match archive::document(path, &entry.content) {
        Ok(document) => {
            let span = writer.append(&entry.content)?;
            let list = if plain { &mut contents.facts } else { &mut contents.others };
            list.push(facts(path, &document, span));
        }
        Err(problem) if plain => contents.problems.push(problem),
        // Nobody may need it, and where one does, the version that is not served is reported.
        Err(_) => {}
    }
    Ok(())
}

/// The facts of an archived object. What its path says of resource, namespace and name wins over the document.
fn facts(path: &ItemPath, document: &Value, span: Span) -> Facts {
    let version = text(document, &["apiVersion"]).rsplit('/').next().unwrap_or_default();
    let (group, plural) = (&path.resource.group, &path.resource.resource);
    let scoped = path.namespace.is_some();
    let of = ResourceType::addressed(group, version, plural, text(document, &["kind"]), scoped);
    Facts { key: path.key(), ..Facts::of(document, &of, span) }
}

/// A stream of pieces as a blocking reader that digests what passes through.
struct Source {
    pieces: mpsc::Receiver<std::result::Result<Bytes, String>>,
    rest: Bytes,
    digest: Sha256,
}

impl Source {
    fn new(pieces: mpsc::Receiver<std::result::Result<Bytes, String>>) -> Self {
        Self { pieces, rest: Bytes::new(), digest: Sha256::new() }
    }

    /// Reads what is left and gives the digest of the whole.
    fn drain(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(hex::encode(self.digest.finalize()))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(Err(error)) => return Err(io::Error::other(error)),
                Some(Ok(piece)) => {
                    self.digest.update(&piece);
                    self.rest = piece;
                }
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
