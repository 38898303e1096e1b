//! The manifest beside a backup's files: size and digest of each, so that damage and late writes are seen.

use std::collections::BTreeMap;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{FileError, FileResult, absent, decode, encode, read, read_marker};
use crate::Store;
use crate::bucket::{self, BackupFile};

/// The list of a backup's files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of this list's form.
    pub v: u32,
    /// The files in the order in which they were written.
    pub files: Vec<ManifestEntry>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its name in the folder of the backup.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

impl Default for Manifest {
    fn default() -> Self {
        Self { v: 1, files: Vec::new() }
    }
}

impl Manifest {
    /// Its bytes as stored.
    pub(super) fn encode(&self, key: &str) -> FileResult<Vec<u8>> {
        encode(key, self)
    }

    /// Adds a file, in the place of one of the same name.
    pub(super) fn set(&mut self, entry: ManifestEntry) {
        match self.files.iter_mut().find(|file| file.name == entry.name) {
            Some(file) => *file = entry,
            None => self.files.push(entry),
        }
    }
}

/// How closely files are compared with their manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That they are there and have the right size: one listing.
    Sizes,
    /// That they hold what was written: everything is read.
    Contents,
}

/// Something that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The name of the file in question.
    pub file: String,
    /// What is the matter with it.
    pub mismatch: Mismatch,
}

/// What can be the matter with a file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The file is not there.
    #[error("the file is not there")]
    Missing,
    /// The file is not as large as what was written.
    #[error("the file has {found} bytes, but {written} were written")]
    Size {
        /// What was written.
        written: u64,
        /// What is there.
        found: u64,
    },
    /// The file holds something else than what was written.
    #[error("the file holds something else than what was written")]
    Digest,
    /// The manifest cannot be read.
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    /// The marker names no manifest: Velero wrote this backup.
    #[error("the backup has no manifest")]
    NoManifest,
    /// The file came later than the marker.
    #[error("the file is not in the manifest")]
    Unlisted,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.file, self.mismatch)
    }
}

/// Compares a backup's files with its manifest; everything that is not as it was committed.
pub async fn verify_manifest(store: &dyn Store, backup: &str, depth: Depth) -> FileResult<Vec<Finding>> {
    let Some(marker) = read_marker(store, backup).await? else {
        return Ok(vec![finding(bucket::MARKER, Mismatch::Missing)]);
    };
    let Some(digest) = annotated_digest(&marker.backup) else {
        return Ok(vec![finding(&BackupFile::Manifest.name(backup), Mismatch::NoManifest)]);
    };
    let manifest = match read_manifest(store, backup, Some(&digest)).await? {
        Ok(manifest) => manifest,
        Err(mismatch) => return Ok(vec![finding(&BackupFile::Manifest.name(backup), mismatch)]),
    };
    let mut findings = compare_sizes(store, backup, &manifest).await?;
    if depth == Depth::Contents {
        for entry in &manifest.files {
            let known = findings.iter().any(|finding| finding.file == entry.name);
            let key = format!("{}{}", bucket::backup_folder(backup), entry.name);
            if !known && digest_of(store, &key).await?.1 != entry.sha256 {
                findings.push(finding(&entry.name, Mismatch::Digest));
            }
        }
    }
    Ok(findings)
}

/// The digest that a backup's manifest lists for a file: `None` for a backup that has no manifest, because
/// something else than Salvor wrote it. A manifest that is not the committed one is a mismatch.
pub async fn listed_digest(
    store: &dyn Store,
    backup: &str,
    file: BackupFile,
) -> FileResult<Result<Option<String>, Mismatch>> {
    let marker = read_marker(store, backup).await?;
    let Some(digest) = marker.as_ref().and_then(|marker| annotated_digest(&marker.backup)) else {
        return Ok(Ok(None));
    };
    let name = file.name(backup);
    Ok(match read_manifest(store, backup, Some(&digest)).await? {
        Err(mismatch) => Err(mismatch),
        Ok(manifest) => match manifest.files.into_iter().find(|entry| entry.name == name) {
            Some(entry) => Ok(Some(entry.sha256)),
            None => Err(Mismatch::Unlisted),
        },
    })
}

fn finding(file: &str, mismatch: Mismatch) -> Finding {
    Finding { file: file.to_owned(), mismatch }
}

/// The digest of the manifest that a stored Backup names.
fn annotated_digest(backup: &Value) -> Option<String> {
    backup["metadata"]["annotations"][api::labels::MANIFEST_SHA256].as_str().map(str::to_owned)
}

/// The manifest of a backup, if it has this digest; else what is the matter with it.
pub(super) async fn read_manifest(
    store: &dyn Store,
    backup: &str,
    digest: Option<&str>,
) -> FileResult<Result<Manifest, Mismatch>> {
    let key = BackupFile::Manifest.key(backup);
    let content = match read(store, &key).await {
        Ok(Some(content)) => content,
        Ok(None) => return Ok(Err(Mismatch::Missing)),
        Err(FileError::Store(error)) => return Err(error.into()),
        Err(error) => return Ok(Err(Mismatch::Unreadable(error.to_string()))),
    };
    if digest.is_some_and(|digest| digest != hex::encode(Sha256::digest(&content))) {
        return Ok(Err(Mismatch::Digest));
    }
    let decoded: FileResult<Manifest> = decode(&key, &content);
    Ok(decoded.map_err(|error| Mismatch::Unreadable(error.to_string())))
}

/// What a listing of the backup's folder shows to be wrong.
async fn compare_sizes(store: &dyn Store, backup: &str, manifest: &Manifest) -> crate::Result<Vec<Finding>> {
    let folder = bucket::backup_folder(backup);
    let found = store.list(&folder).await?;
    let mut sizes: BTreeMap<&str, u64> =
        found.iter().filter_map(|meta| Some((meta.key.strip_prefix(&folder)?, meta.size))).collect();
    let mut findings = Vec::new();
    for entry in &manifest.files {
        match sizes.remove(entry.name.as_str()) {
            None => findings.push(finding(&entry.name, Mismatch::Missing)),
            Some(found) if found != entry.size => {
                findings.push(finding(&entry.name, Mismatch::Size { written: entry.size, found }));
            }
            Some(_) => {}
        }
    }
    sizes.remove(bucket::MARKER);
    sizes.remove(BackupFile::Manifest.name(backup).as_str());
    findings.extend(sizes.keys().map(|name| finding(name, Mismatch::Unlisted)));
    Ok(findings)
}

/// Size and digest of an object as it is read; an absent one has neither.
pub(super) async fn digest_of(store: &dyn Store, key: &str) -> crate::Result<(u64, String)> {
    let Some(mut pieces) = absent(store.stream(key).await)? else { return Ok((0, String::new())) };
    let (mut size, mut digest) = (0, Sha256::new());
    while let Some(piece) = pieces.try_next().await? {
        size += piece.len() as u64;
        digest.update(&piece);
    }
    Ok((size, hex::encode(digest.finalize())))
}
