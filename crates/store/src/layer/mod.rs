//! What is laid around a store. A layer says once what it does around a call; [`Layered`] does that around
//! every call, every piece of a stream and every step of an upload.

pub mod limit;
pub mod metrics;
pub mod redact;
mod resume;
pub mod retry;
pub mod timeout;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};

use crate::{Capabilities, Meta, Put, Result, Store, Tag, Upload};

/// What is asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// [`Store::head`].
    Head,
    /// [`Store::get`].
    Get,
    /// [`Store::get_range`].
    GetRange,
    /// [`Store::stream`].
    Stream,
    /// The next piece of a stream.
    Piece,
    /// [`Store::put`].
    Put,
    /// [`Store::upload`].
    Upload,
    /// [`Upload::write`].
    Write,
    /// [`Upload::complete`].
    Complete,
    /// [`Upload::abort`].
    Abort,
    /// [`Store::list`].
    List,
    /// [`Store::folders`].
    Folders,
    /// [`Store::delete`].
    Delete,
    /// [`Store::presign`].
    Presign,
    /// [`Store::sweep`].
    Sweep,
}

impl Verb {
    /// Its name, as metrics show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Get => "get",
            Self::GetRange => "get_range",
            Self::Stream => "stream",
            Self::Piece => "piece",
            Self::Put => "put",
            Self::Upload => "upload",
            Self::Write => "write",
            Self::Complete => "complete",
            Self::Abort => "abort",
            Self::List => "list",
            Self::Folders => "folders",
            Self::Delete => "delete",
            Self::Presign => "presign",
            Self::Sweep => "sweep",
        }
    }
}

/// A call as a layer sees it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// What is asked.
    pub verb: Verb,
    /// Of which object; of a list, the prefix.
    pub key: &'a str,
}

/// What is done around calls.
#[async_trait]
pub trait Layer: Clone + Send + Sync + 'static {
    /// Makes a call that cannot be made again.
    async fn once<T: Send>(&self, call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T>;

    /// Makes a call that can be made again.
    async fn repeat<'a, T, F>(&self, call: Call<'a>, run: F) -> Result<T>
    where
        T: Send + 'a,
        F: Fn() -> BoxFuture<'a, Result<T>> + Send + Sync,
    {
        self.once(call, run()).await
    }

    /// Reads an object as a stream.
    async fn stream(&self, inner: &Arc<dyn Store>, key: &str) -> Result<Pieces> {
        let pieces = self.repeat(Call { verb: Verb::Stream, key }, || inner.stream(key)).await?;
        Ok(each_piece(self.clone(), key, pieces))
    }

    /// Writes an object.
    async fn put(&self, inner: &dyn Store, key: &str, content: Bytes, put: Put) -> Result<Option<Tag>> {
        self.once(Call { verb: Verb::Put, key }, inner.put(key, content, put)).await
    }
}

/// An object as it streams in.
type Pieces = BoxStream<'static, Result<Bytes>>;

/// The same stream, with the layer around the wait for each piece.
fn each_piece<L: Layer>(layer: L, key: &str, pieces: Pieces) -> Pieces {
    let state = Some((pieces, layer, key.to_owned()));
    stream::unfold(state, |state| async move {
        let (mut pieces, layer, key) = state?;
        let next = Box::pin(async { pieces.next().await.transpose() });
        match layer.once(Call { verb: Verb::Piece, key: &key }, next).await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), Some((pieces, layer, key)))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// A store with a layer around it.
pub struct Layered<L> {
    inner: Arc<dyn Store>,
    layer: L,
}

impl<L: Layer> Layered<L> {
    /// Lays `layer` around `inner`.
    pub fn new(inner: Arc<dyn Store>, layer: L) -> Self {
        Self { inner, layer }
    }
}

#[async_trait]
impl<L: Layer> Store for Layered<L> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn head(&self, key: &str) -> Result<Meta> {
        self.layer.repeat(Call { verb: Verb::Head, key }, || self.inner.head(key)).await
    }

    async fn get(&self, key: &str) -> Result<Bytes> {
        self.layer.repeat(Call { verb: Verb::Get, key }, || self.inner.get(key)).await
    }

    async fn get_range(&self, key: &str, start: u64, end: u64) -> Result<Bytes> {
        let call = Call { verb: Verb::GetRange, key };
        self.layer.repeat(call, || self.inner.get_range(key, start, end)).await
    }

    async fn stream(&self, key: &str) -> Result<Pieces> {
        self.layer.stream(&self.inner, key).await
    }

    async fn put(&self, key: &str, content: Bytes, condition: Put) -> Result<Option<Tag>> {
        self.layer.put(self.inner.as_ref(), key, content, condition).await
    }

    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>> {
        let upload = self.layer.repeat(Call { verb: Verb::Upload, key }, || self.inner.upload(key)).await?;
        Ok(Box::new(LayeredUpload { inner: upload, layer: self.layer.clone(), key: key.to_owned() }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Meta>> {
        self.layer.repeat(Call { verb: Verb::List, key: prefix }, || self.inner.list(prefix)).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        self.layer.repeat(Call { verb: Verb::Folders, key: prefix }, || self.inner.folders(prefix)).await
    }

    async fn delete(&self, keys: &[String]) -> Result<()> {
        let key = keys.first().map_or("", String::as_str);
        self.layer.repeat(Call { verb: Verb::Delete, key }, || self.inner.delete(keys)).await
    }

    async fn presign(&self, key: &str, valid: Duration) -> Result<Option<String>> {
        self.layer.repeat(Call { verb: Verb::Presign, key }, || self.inner.presign(key, valid)).await
    }

    async fn sweep(&self, before: jiff::Timestamp) -> Result<u64> {
        self.layer.repeat(Call { verb: Verb::Sweep, key: "" }, || self.inner.sweep(before)).await
    }
}

/// An upload with a layer around it.
struct LayeredUpload<L> {
    inner: Box<dyn Upload>,
    layer: L,
    key: String,
}

#[async_trait]
impl<L: Layer> Upload for LayeredUpload<L> {
    async fn write(&mut self, piece: Bytes) -> Result<()> {
        self.layer.once(Call { verb: Verb::Write, key: &self.key }, self.inner.write(piece)).await
    }

    async fn complete(&mut self) -> Result<()> {
        self.layer.once(Call { verb: Verb::Complete, key: &self.key }, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.layer.once(Call { verb: Verb::Abort, key: &self.key }, self.inner.abort()).await
    }
}
