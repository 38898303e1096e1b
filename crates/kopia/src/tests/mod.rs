//! Whole repositories: every byte flipped, and days of writers, maintenance, faults and clocks from seeds.

mod flips;
mod simulation;

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use crate::content::Contents;
use crate::manifest::{Changes, Manifests, TYPE};
use crate::object::{ObjectReader, ObjectWriter};
use crate::repository::Verified;
use crate::snapshot::{DirEntry, DirectoryWriter, EntryType, Snapshot, Source, list};
use crate::{Format, Repository, Result, Storage, Time, Writer, compression};

/// Files by path.
type Files = BTreeMap<String, Vec<u8>>;

/// Writes files as a snapshot; the name of its manifest.
fn save(writer: &Writer, files: &Files) -> Result<String> {
    let compression = compression::Compression::of_metadata();
    let mut directory = DirectoryWriter::new(writer, compression)?;
    for (name, bytes) in files {
        let mut object = ObjectWriter::new(writer, None, None)?;
        object.append(bytes)?;
        let (object, size) = (Some(object.finish()?), bytes.len() as u64);
        directory.add(&DirEntry {
            name: name.clone().into_bytes(),
            kind: EntryType::File,
            size,
            object,
            ..DirEntry::default()
        })?;
    }
    let (object, summary) = directory.finish(Time::EPOCH, "")?;
    let root = DirEntry {
        kind: EntryType::Directory,
        object: Some(object),
        summary: Some(summary),
        ..DirEntry::default()
    };
    let source = Source { host: "h".to_owned(), user: "u".to_owned(), path: "/p".to_owned() };
    let snapshot = Snapshot { source, root, ..Snapshot::default() };
    let mut changes = Changes::default();
    let id = changes.put(writer.repository(), snapshot.labels()?, snapshot.to_bytes())?;
    changes.write(writer)?;
    writer.flush()?;
    Ok(id)
}

/// All files of all snapshots, by the names of their manifests.
fn read_all(repository: &Repository) -> Result<BTreeMap<String, Files>> {
    let manifests = Manifests::load(repository)?;
    let snapshots = manifests.find(&[(TYPE, "snapshot")]);
    snapshots
        .map(|manifest| Ok((manifest.id().to_owned(), read(repository, &Snapshot::read(manifest)?)?)))
        .collect()
}

fn read(repository: &Repository, snapshot: &Snapshot) -> Result<Files> {
    let contents: &dyn Contents = &Verified(repository);
    let mut files = Files::new();
    list(contents, &snapshot.root, &mut |entry| {
        let mut bytes = Vec::new();
        let object = entry.object.unwrap();
        let read = ObjectReader::open(contents, object)?.read_to_end(&mut bytes);
        read.map_err(|error| crate::Error::from_io(object, error))?;
        files.insert(String::from_utf8(entry.name).unwrap(), bytes);
        Ok(())
    })?;
    Ok(files)
}

/// Opens a repository whose key is known: deriving it takes longer than all else.
fn reopen(storage: &Arc<dyn Storage>, format: &Format, seed: u64) -> Result<Repository> {
    let random = Arc::new(crate::random::fake::Seeded::new(seed));
    let format = format.reopen(&**storage)?;
    Repository::with_format(Arc::clone(storage), random, format, None, storage.now())
}
