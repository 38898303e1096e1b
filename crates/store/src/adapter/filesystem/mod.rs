//! A location on a mounted volume: `PATH/BUCKET/PREFIX/...`, one file an object.
//!
//! A file is written aside, synced, and moved to its name in one step; its folder is synced after it.

mod tree;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream, StreamExt};
use rustix::fs::Stat;
use tokio::io::AsyncReadExt;

use self::tree::{Failure, Found, Partial, Tree};
use super::{is_sound, unsound, within};
use crate::{Capabilities, Error, ErrorKind, Meta, Put, Result, Store, Tag, Upload};

/// How long a piece of a stream is.
const PIECE_BYTES: usize = 256 * 1024;

/// A folder of a mounted volume, used as a bucket.
#[derive(Debug, Clone)]
pub struct Filesystem {
    tree: Arc<Tree>,
}

impl Filesystem {
    /// The folder `bucket/prefix` below the mounted root `path`.
    pub fn new(path: impl Into<PathBuf>, bucket: &str, prefix: &str) -> Self {
        Self { tree: Arc::new(Tree::new(path.into(), bucket, prefix)) }
    }

    /// Runs a blocking step aside.
    async fn run<T, F>(&self, action: &'static str, key: &str, step: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tree, &str) -> std::result::Result<T, Failure> + Send + 'static,
    {
        let (tree, owned) = (Arc::clone(&self.tree), key.to_owned());
        let done = tokio::task::spawn_blocking(move || step(&tree, &owned)).await;
        match done {
            Ok(done) => done.map_err(|failure| error(action, key, failure)),
            Err(stopped) => Err(error(action, key, Failure::Io(io::Error::other(stopped)))),
        }
    }

    /// As `run`, for one object.
    async fn on_object<T, F>(&self, action: &'static str, key: &str, step: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Tree, &str) -> std::result::Result<T, Failure> + Send + 'static,
    {
        if !is_sound(key) {
            return Err(unsound(action, key));
        }
        self.run(action, key, step).await
    }
}

/// A failure in the port's terms.
fn error(action: &'static str, key: &str, failure: Failure) -> Error {
    let (kind, message) = match failure {
        Failure::NoRoot => {
            (ErrorKind::NoBucket, "the location's path is not there: is it mounted?".to_owned())
        }
        Failure::Condition => {
            (ErrorKind::Precondition, "the object exists, or is another version".to_owned())
        }
        Failure::Io(error) => (kind_of(&error), error.to_string()),
    };
    Error { kind, action, key: key.to_owned(), message }
}

/// What kind of failure the system's words are.
fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ErrorKind::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::TimedOut | io::ErrorKind::StaleNetworkFileHandle | io::ErrorKind::HostUnreachable => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Other,
    }
}

/// What a file's state says of an object.
fn meta(key: String, stat: &Stat) -> Meta {
    let nanos = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let modified = jiff::Timestamp::new(stat.st_mtime, nanos).ok();
    Meta { key, size: stat.st_size.cast_unsigned(), modified, tag: Some(tree::tag(stat)) }
}

#[async_trait]
impl Store for Filesystem {
    fn capabilities(&self) -> Capabilities {
        Capabilities { create: true, replace: false, presign: false }
    }

    async fn head(&self, key: &str) -> Result<Meta> {
        let stat = self.on_object("head", key, |tree, key| Ok(tree.open(key)?.1)).await?;
        Ok(meta(key.to_owned(), &stat))
    }

    async fn get(&self, key: &str) -> Result<Bytes> {
        Ok(self.on_object("get", key, |tree, key| tree.read(key, None)).await?.into())
    }

    async fn get_range(&self, key: &str, start: u64, end: u64) -> Result<Bytes> {
        let range = Some((start, end));
        Ok(self.on_object("get", key, move |tree, key| tree.read(key, range)).await?.into())
    }

    async fn stream(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
        let file = self.on_object("get", key, |tree, key| Ok(tree.open(key)?.0)).await?;
        let (file, key) = (tokio::fs::File::from_std(file), key.to_owned());
        Ok(pieces(file).map(move |piece| piece.map_err(|e| error("get", &key, Failure::Io(e)))).boxed())
    }

    async fn put(&self, key: &str, content: Bytes, condition: Put) -> Result<Option<Tag>> {
        let write = move |tree: &Tree, key: &str| {
            let mut partial = tree.begin()?;
            partial.write(&content)?;
            tree.publish(partial, key, &condition)
        };
        self.on_object("put", key, write).await.map(Some)
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        let partial = self.on_object("upload", key, |tree, _| tree.begin()).await?;
        Ok(Box::new(FileUpload { store: self.clone(), key: key.to_owned(), partial: Some(partial) }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Meta>> {
        let found = self.run("list", prefix, Tree::list).await?;
        Ok(found.into_iter().map(|Found { key, stat }| meta(key, &stat)).collect())
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        self.run("list", prefix, Tree::folders).await
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        for key in keys {
            self.on_object("delete", key, Tree::delete).await?;
        }
        Ok(())
    }

    async fn presign(&self, _key: &str, _valid: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    async fn sweep(&self, before: jiff::Timestamp) -> Result<u64> {
        self.run("sweep", "", move |tree, _| tree.sweep(before.as_second())).await
    }
}

/// The pieces of a file, to its end.
pub fn pieces(file: tokio::fs::File) -> BoxStream<'static, io::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = BytesMut::with_capacity(PIECE_BYTES);
        let length = file.read_buf(&mut piece).await?;
        Ok((length > 0).then(|| (piece.freeze(), file)))
    })
    .boxed()
}

/// An upload that is written aside.
struct FileUpload {
    store: Filesystem,
    key: String,
    partial: Option<Partial>,
}

impl FileUpload {
    /// The file, for one step; nothing is left of it if the step fails.
    fn take(&mut self) -> Result<Partial> {
        let ended = || error("upload", &self.key, Failure::Io(io::Error::other("the upload has ended")));
        self.partial.take().ok_or_else(ended)
    }
}

#[async_trait]
impl Upload for FileUpload {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        let mut partial = self.take()?;
        let write = move |_: &Tree, _: &str| {
            partial.write(&piece)?;
            Ok(partial)
        };
        self.partial = Some(self.store.run("upload", &self.key, write).await?);
        Ok(())
    }

    async fn complete(&mut self) -> Result<()> {
        let partial = self.take()?;
        let publish = move |tree: &Tree, key: &str| tree.publish(partial, key, &Put::Overwrite);
        self.store.run("upload", &self.key, publish).await.map(drop)
    }

    async fn abort(&mut self) -> Result<()> {
        self.partial = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
