//! The files of backups and restores in a location: reading, writing, listing, deleting, committing.

mod claim;
mod commit;
mod gzip;
mod manifest;
mod seen;

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use self::claim::{claim, held_by_another, release, sweep_claims};
pub use self::commit::{Commit, CommitError, Committed, rewrite_marker};
pub use self::gzip::{Caps, GzipError, gunzip, gzip};
pub use self::manifest::{Depth, Finding, Manifest, ManifestEntry, Mismatch, listed_digest, verify_manifest};
pub use self::seen::Seen;
use crate::bucket::{self, BackupFile, RestoreFile};
use crate::{Error, ErrorKind, Put, Store, Tag};

/// How many objects one call deletes.
const DELETE_BATCH: usize = 1000;

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
    /// The file does not unpack.
    #[error("unpack {key:?}: {source}")]
    Gzip {
        /// The file.
        key: String,
        /// Why.
        source: GzipError,
    },
    /// The file is not the JSON that it should be.
    #[error("decode {key:?}: {message}")]
    Json {
        /// The file.
        key: String,
        /// Why.
        message: String,
    },
    /// The file is larger than any true one.
    #[error("read {key:?}: it has {size} bytes, more than the {max} that such a file may have")]
    TooLarge {
        /// The file.
        key: String,
        /// Its size.
        size: u64,
        /// The largest that is read.
        max: u64,
    },
}

/// The outcome of a call on files.
pub type FileResult<T> = std::result::Result<T, FileError>;

/// A stored Backup with the version of the marker that holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Marker {
    /// The Backup, with every field that it was stored with.
    pub backup: Value,
    /// The version that a rewrite replaces, where the store tells.
    pub tag: Option<Tag>,
}

/// The names of all folders of backups, sorted; those without a marker are not backups.
pub async fn list_backups(store: &dyn Store) -> crate::Result<Vec<String>> {
    store.folders(bucket::BACKUPS).await
}

/// The names of all folders of restores, sorted.
pub async fn list_restores(store: &dyn Store) -> crate::Result<Vec<String>> {
    store.folders(bucket::RESTORES).await
}

/// Whether the location has this backup: whether its marker is there.
pub async fn backup_exists(store: &dyn Store, backup: &str) -> crate::Result<bool> {
    exists(store, &BackupFile::Marker.key(backup)).await
}

/// Whether there is an object with this key.
pub async fn exists(store: &dyn Store, key: &str) -> crate::Result<bool> {
    Ok(absent(store.head(key).await)?.is_some())
}

/// The stored Backup; `None` where there is no marker.
pub async fn read_marker(store: &dyn Store, backup: &str) -> FileResult<Option<Marker>> {
    let key = BackupFile::Marker.key(backup);
    // The version is read before the content: if somebody writes in between, a rewrite is refused.
    let Some(meta) = absent(store.head(&key).await)? else { return Ok(None) };
    let Some(content) = read(store, &key).await? else { return Ok(None) };
    let backup: Value = decode(&key, &content)?;
    if !backup.is_object() {
        return Err(FileError::Json { key, message: "it is not an object".to_owned() });
    }
    Ok(Some(Marker { backup, tag: meta.tag }))
}

/// A gzip JSON file of a backup; `None` where it is absent, or holds `null`.
pub async fn read_backup_file<T>(store: &dyn Store, backup: &str, file: BackupFile) -> FileResult<Option<T>>
where
    T: DeserializeOwned,
{
    read_json(store, &file.key(backup)).await
}

/// A list in a gzip JSON file of a backup; empty where the file is absent, or holds `null`.
pub async fn read_backup_list<T>(store: &dyn Store, backup: &str, file: BackupFile) -> FileResult<Vec<T>>
where
    T: DeserializeOwned,
{
    Ok(read_json(store, &file.key(backup)).await?.unwrap_or_default())
}

/// A gzip JSON file of a restore; `None` where it is absent, or holds `null`.
pub async fn read_restore_file<T>(
    store: &dyn Store,
    restore: &str,
    file: RestoreFile,
) -> FileResult<Option<T>>
where
    T: DeserializeOwned,
{
    read_json(store, &file.key(restore)).await
}

/// Writes a gzip JSON file of a restore.
pub async fn write_restore_file<T>(
    store: &dyn Store,
    restore: &str,
    file: RestoreFile,
    content: &T,
) -> FileResult<()>
where
    T: Serialize + Sync,
{
    write_json(store, &file.key(restore), content).await
}

/// A gzip JSON file; `None` where it is absent, or holds `null`.
pub async fn read_json<T: DeserializeOwned>(store: &dyn Store, key: &str) -> FileResult<Option<T>> {
    let Some(packed) = read(store, key).await? else { return Ok(None) };
    let content =
        gunzip(&packed, Caps::SIDE_FILE).map_err(|source| FileError::Gzip { key: key.to_owned(), source })?;
    decode(key, &content)
}

/// Writes a gzip JSON file, over any that is there.
pub async fn write_json<T: Serialize + Sync>(store: &dyn Store, key: &str, content: &T) -> FileResult<()> {
    store.put(key, gzip_json(key, content)?, Put::Overwrite).await?;
    Ok(())
}

/// The gzip JSON form of a value: as Velero writes it, with a line end.
pub fn gzip_json<T: Serialize>(key: &str, content: &T) -> FileResult<Bytes> {
    let mut text = encode(key, content)?;
    text.push(b'\n');
    Ok(gzip(&text))
}

/// The unpacked text of a gzip file such as a log; `None` where it is absent.
pub async fn read_text(store: &dyn Store, key: &str) -> FileResult<Option<Vec<u8>>> {
    let Some(packed) = read(store, key).await? else { return Ok(None) };
    let unpacked = gunzip(&packed, Caps::SIDE_FILE);
    unpacked.map(Some).map_err(|source| FileError::Gzip { key: key.to_owned(), source })
}

/// Deletes all files of a backup. The marker goes first: a backup that is half deleted is none.
pub async fn delete_backup(store: &dyn Store, backup: &str) -> crate::Result<()> {
    store.delete(&[BackupFile::Marker.key(backup)]).await?;
    delete_folder(store, &bucket::backup_folder(backup)).await
}

/// Deletes all files of a restore.
pub async fn delete_restore(store: &dyn Store, restore: &str) -> crate::Result<()> {
    delete_folder(store, &bucket::restore_folder(restore)).await
}

/// Deletes all objects below a folder, which ends in `/`.
pub async fn delete_folder(store: &dyn Store, folder: &str) -> crate::Result<()> {
    if !folder.ends_with('/') {
        let message = "the name of a folder ends in a slash".to_owned();
        return Err(Error { kind: ErrorKind::Config, action: "delete", key: folder.to_owned(), message });
    }
    let keys: Vec<String> = store.list(folder).await?.into_iter().map(|meta| meta.key).collect();
    for batch in keys.chunks(DELETE_BATCH) {
        store.delete(batch).await?;
    }
    Ok(())
}

/// Deletes what is in a folder that never became a backup: all of it, or all but the log and the results. Where
/// there is a marker by now, nothing.
pub async fn delete_half_written(store: &dyn Store, backup: &str, keep_report: bool) -> crate::Result<()> {
    let found: Vec<String> =
        store.list(&bucket::backup_folder(backup)).await?.into_iter().map(|meta| meta.key).collect();
    if found.contains(&BackupFile::Marker.key(backup)) {
        return Ok(());
    }
    let keys: Vec<String> =
        found.into_iter().filter(|key| !(keep_report && is_report(backup, key))).collect();
    for batch in keys.chunks(DELETE_BATCH) {
        store.delete(batch).await?;
    }
    Ok(())
}

/// Whether a key is that of the log or the results of a backup: what is left of one that failed.
pub fn is_report(backup: &str, key: &str) -> bool {
    [BackupFile::Logs, BackupFile::Results].iter().any(|file| file.key(backup) == key)
}

/// The files of a backup that are there, with their sizes.
pub async fn backup_files(store: &dyn Store, backup: &str) -> crate::Result<BTreeMap<BackupFile, u64>> {
    let folder = bucket::backup_folder(backup);
    let found = store.list(&folder).await?;
    let known = found.iter().filter_map(|meta| {
        let name = meta.key.strip_prefix(&folder)?;
        Some((BackupFile::from_name(backup, name)?, meta.size))
    });
    Ok(known.collect())
}

/// An object; `None` where it is absent. Refused where it is larger than any true side file.
async fn read(store: &dyn Store, key: &str) -> FileResult<Option<Bytes>> {
    let Some(meta) = absent(store.head(key).await)? else { return Ok(None) };
    let max = Caps::SIDE_FILE.packed_max;
    if meta.size > max {
        return Err(FileError::TooLarge { key: key.to_owned(), size: meta.size, max });
    }
    Ok(absent(store.get(key).await)?)
}

/// Not to be there is an answer.
fn absent<T>(result: crate::Result<T>) -> crate::Result<Option<T>> {
    match result {
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

fn decode<T: DeserializeOwned>(key: &str, content: &[u8]) -> FileResult<T> {
    let decoded = serde_json::from_slice(content);
    decoded.map_err(|error| FileError::Json { key: key.to_owned(), message: error.to_string() })
}

fn encode<T: Serialize>(key: &str, content: &T) -> FileResult<Vec<u8>> {
    let encoded = serde_json::to_vec(content);
    encoded.map_err(|error| FileError::Json { key: key.to_owned(), message: error.to_string() })
}

#[cfg(test)]
mod tests;
