//! How a backup becomes one: all files, then their manifest, then, in one step, the marker.

use std::io;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::manifest::{digest_of, read_manifest};
use super::{FileError, FileResult, Manifest, ManifestEntry, Seen, backup_exists, encode, gzip_json};
use crate::bucket::{self, BackupFile};
use crate::{Error, ErrorKind, Put, Store, Tag};

/// Files up to this size are read back and their digest compared, not only their size.
const READ_BACK_BYTES: u64 = 8 << 20;

/// Why a backup was not committed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// There is a backup of this name in the location; it was left as it is.
    #[error("commit backup {backup:?}: backup already exists in object storage")]
    AlreadyExists {
        /// Its name.
        backup: String,
    },
    /// Another operation is making a backup of this name in the location.
    #[error("commit backup {backup:?}: another server is making a backup of this name")]
    Claimed {
        /// Its name.
        backup: String,
    },
    /// What was read back is not what was written.
    #[error("commit {key:?}: the store does not return what was written")]
    ReadBack {
        /// The file.
        key: String,
    },
    /// What is to be packed into a file could not be read.
    #[error("read what {key:?} is to hold: {message}")]
    Source {
        /// The file.
        key: String,
        /// Why.
        message: String,
    },
    /// A file could not be written or read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl From<Error> for CommitError {
    fn from(error: Error) -> Self {
        Self::File(error.into())
    }
}

/// What a commit left in the location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The digest of the manifest.
    pub manifest_sha256: String,
    /// The version of the marker, where the store tells.
    pub tag: Option<Tag>,
}

/// A backup on its way into a location. Until [`Commit::finish`] nobody sees a backup there.
pub struct Commit<'a> {
    store: &'a dyn Store,
    backup: String,
    manifest: Manifest,
    written: Vec<String>,
    marker: Put,
    seen: Seen,
}

impl<'a> Commit<'a> {
    /// Begins a backup that the location does not have yet.
    pub async fn begin(store: &'a dyn Store, backup: &str) -> Result<Self, CommitError> {
        if backup_exists(store, backup).await? {
            return Err(CommitError::AlreadyExists { backup: backup.to_owned() });
        }
        Self::new(store, backup, Manifest::default(), Put::Create).await
    }

    /// Begins to rewrite files of a backup that the location has; `marker` is the version of its marker that
    /// the caller read, and files that are not written again stay.
    pub async fn amend(store: &'a dyn Store, backup: &str, marker: Option<Tag>) -> Result<Self, CommitError> {
        let manifest = read_manifest(store, backup, None).await?.unwrap_or_default();
        Self::new(store, backup, manifest, marker.map_or(Put::Overwrite, Put::Replace)).await
    }

    async fn new(
        store: &'a dyn Store,
        backup: &str,
        manifest: Manifest,
        marker: Put,
    ) -> Result<Self, CommitError> {
        let seen = Seen::below(store, &bucket::backup_folder(backup)).await?;
        Ok(Self { store, backup: backup.to_owned(), manifest, written: Vec::new(), marker, seen })
    }

    /// Writes a file whose content is at hand.
    pub async fn bytes(&mut self, file: BackupFile, content: Bytes) -> Result<(), CommitError> {
        let (size, sha256) = (content.len() as u64, hex::encode(Sha256::digest(&content)));
        self.seen.put(self.store, &file.key(&self.backup), content).await?;
        self.note(file, size, sha256);
        Ok(())
    }

    /// Writes a gzip JSON file.
    pub async fn json<T: Serialize + Sync>(
        &mut self,
        file: BackupFile,
        content: &T,
    ) -> Result<(), CommitError> {
        let packed = gzip_json(&file.key(&self.backup), content)?;
        self.bytes(file, packed).await
    }

    /// Writes a file as its content streams by.
    pub async fn stream<S>(&mut self, file: BackupFile, pieces: S) -> Result<(), CommitError>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
    {
        let key = file.key(&self.backup);
        let mut upload = self.store.upload(&key).await?;
        match copy(&key, pieces, upload.as_mut()).await {
            Ok((size, sha256)) => {
                upload.complete().await?;
                self.note(file, size, sha256);
                Ok(())
            }
            Err(error) => {
                // What is left of the upload is swept if this does not go through either.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }

    /// Notes that a file was written.
    fn note(&mut self, file: BackupFile, size: u64, sha256: String) {
        let name = file.name(&self.backup);
        self.manifest.set(ManifestEntry { name: name.clone(), size, sha256 });
        if !self.written.contains(&name) {
            self.written.push(name);
        }
    }

    /// Reads back what was written, writes the manifest and then the marker that holds this Backup.
    pub async fn finish(mut self, backup: &Value) -> Result<Committed, CommitError> {
        for entry in self.manifest.files.iter().filter(|entry| self.written.contains(&entry.name)) {
            self.read_back(entry).await?;
        }
        let key = BackupFile::Manifest.key(&self.backup);
        let manifest = self.manifest.encode(&key)?;
        let manifest_sha256 = hex::encode(Sha256::digest(&manifest));
        self.seen.put(self.store, &key, manifest.into()).await?;
        if digest_of(self.store, &key).await?.1 != manifest_sha256 {
            return Err(CommitError::ReadBack { key });
        }
        let marker = annotated(backup, &manifest_sha256)?;
        let put = put_marker(self.store, &self.backup, &marker, self.marker.clone()).await;
        match put {
            Err(FileError::Store(error))
                if error.kind == ErrorKind::Precondition && self.marker == Put::Create =>
            {
                Err(CommitError::AlreadyExists { backup: self.backup })
            }
            put => Ok(Committed { manifest_sha256, tag: put? }),
        }
    }

    /// Checks that the store returns a file as it was written: small ones wholly, others by size.
    async fn read_back(&self, entry: &ManifestEntry) -> Result<(), CommitError> {
        let key = format!("{}{}", bucket::backup_folder(&self.backup), entry.name);
        let same = if entry.size <= READ_BACK_BYTES {
            digest_of(self.store, &key).await? == (entry.size, entry.sha256.clone())
        } else {
            self.store.head(&key).await?.size == entry.size
        };
        if same { Ok(()) } else { Err(CommitError::ReadBack { key }) }
    }
}

/// Rewrites the marker of a backup, where the store can only over the version that was read. The digest of
/// the manifest that the stored Backup carries has to be in `backup`, as [`super::read_marker`] gave it.
pub async fn rewrite_marker(
    store: &dyn Store,
    backup: &str,
    content: &Value,
    read: Option<Tag>,
) -> FileResult<Option<Tag>> {
    put_marker(store, backup, content, read.map_or(Put::Overwrite, Put::Replace)).await
}

async fn put_marker(
    store: &dyn Store,
    backup: &str,
    content: &Value,
    condition: Put,
) -> FileResult<Option<Tag>> {
    let key = BackupFile::Marker.key(backup);
    Ok(store.put(&key, encode(&key, content)?.into(), condition).await?)
}

/// The Backup with the digest of its manifest.
fn annotated(backup: &Value, manifest_sha256: &str) -> FileResult<Value> {
    let mut backup = backup.clone();
    let metadata = member(&mut backup, "metadata");
    let Some(annotations) = metadata.and_then(|metadata| member(metadata, "annotations")?.as_object_mut())
    else {
        let message = "its metadata is not that of an object".to_owned();
        return Err(FileError::Json { key: bucket::MARKER.to_owned(), message });
    };
    annotations.insert(api::labels::MANIFEST_SHA256.to_owned(), manifest_sha256.into());
    Ok(backup)
}

/// A member that is an object, empty if it was not there.
fn member<'v>(value: &'v mut Value, name: &str) -> Option<&'v mut Value> {
    let member = value.as_object_mut()?.entry(name).or_insert(Value::Null);
    if member.is_null() {
        *member = Value::Object(serde_json::Map::new());
    }
    Some(member)
}

/// Sends pieces up; their size and digest.
async fn copy<S>(
    key: &str,
    mut pieces: S,
    upload: &mut dyn crate::Upload,
) -> Result<(u64, String), CommitError>
where
    S: Stream<Item = io::Result<Bytes>> + Send + Unpin,
{
    let (mut size, mut digest) = (0, Sha256::new());
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|e| CommitError::Source { key: key.to_owned(), message: e.to_string() })?;
        size += piece.len() as u64;
        digest.update(&piece);
        upload.write(piece).await?;
    }
    Ok((size, hex::encode(digest.finalize())))
}
