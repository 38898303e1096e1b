//! What the program asks of a bucket. Keys are relative to the location's prefix and use `/`.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

/// The outcome of a call to a store.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call to a store failed; completes "failed to ...". Never holds a secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{action} {}: {message}", named(key))]
pub struct Error {
    /// What a caller decides on.
    pub kind: ErrorKind,
    /// What was attempted, such as `get`.
    pub action: &'static str,
    /// The key in question; may be empty.
    pub key: String,
    /// The store's words, redacted.
    pub message: String,
}

/// What a key names, for people: no key is the whole location.
fn named(key: &str) -> String {
    if key.is_empty() { "the location".to_owned() } else { format!("{key:?}") }
}

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such object.
    NotFound,
    /// There is no such bucket, or root folder.
    NoBucket,
    /// The condition of a put does not hold.
    Precondition,
    /// Wrong credentials, or they may not do that.
    Denied,
    /// The store's certificate is not trusted.
    Certificate,
    /// No connection, no answer in time, 429 or 5xx: worth trying again.
    Unavailable,
    /// The configuration of the location is wrong.
    Config,
    /// The store cannot do that.
    Unsupported,
    /// Anything else.
    Other,
}

impl Error {
    /// Whether the same call may go through later.
    pub fn is_transient(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }
}

/// The version of an object's content, as the store tells it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tag(pub String);

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, where the store tells.
    pub modified: Option<jiff::Timestamp>,
    /// The version of its content, where the store tells.
    pub tag: Option<Tag>,
}

/// When a put goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Put {
    /// Always.
    Overwrite,
    /// Only if there is no such object; else [`ErrorKind::Precondition`].
    Create,
    /// Only if the object still is this version; else [`ErrorKind::Precondition`].
    Replace(Tag),
}

/// What a store can do beyond the plain verbs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// [`Put::Create`] is one atomic step.
    pub create: bool,
    /// [`Put::Replace`] is one atomic step.
    pub replace: bool,
    /// Links can be signed.
    pub presign: bool,
}

/// An object that is written piece by piece. Nothing is readable before [`Upload::complete`]; dropping an
/// upload leaves nothing readable, [`Upload::abort`] leaves nothing at all.
#[async_trait]
pub trait Upload: Send {
    /// Adds a piece of any size.
    async fn write(&mut self, piece: Bytes) -> Result<()>;
    /// Makes the object readable.
    async fn complete(&mut self) -> Result<()>;
    /// Gives up.
    async fn abort(&mut self) -> Result<()>;
}

/// A bucket below a prefix.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities;
    /// What is known of an object.
    async fn head(&self, key: &str) -> Result<Meta>;
    /// A whole object: for small ones.
    async fn get(&self, key: &str) -> Result<Bytes>;
    /// Bytes `start..end` of an object.
    async fn get_range(&self, key: &str, start: u64, end: u64) -> Result<Bytes>;
    /// An object as a stream of pieces.
    async fn stream(&self, key: &str) -> Result<BoxStream<'static, Result<Bytes>>>;
    /// Writes a whole object.
    async fn put(&self, key: &str, content: Bytes, condition: Put) -> Result<Option<Tag>>;
    /// Begins an object that is written piece by piece.
    async fn upload(&self, key: &str) -> Result<Box<dyn Upload>>;
    /// All objects whose key begins with `prefix`, sorted by key.
    async fn list(&self, prefix: &str) -> Result<Vec<Meta>>;
    /// The names of the folders directly below `prefix` (which is empty or ends in `/`), sorted, without `/`.
    async fn folders(&self, prefix: &str) -> Result<Vec<String>>;
    /// Deletes objects; those that are not there count as deleted.
    async fn delete(&self, keys: &[String]) -> Result<()>;
    /// A link that reads an object for a while without credentials; `None` where the store cannot sign.
    async fn presign(&self, key: &str, valid: Duration) -> Result<Option<String>>;
    /// Gives up uploads that nobody finished or touched since `before`, where the store does not do that by
    /// itself; how many.
    async fn sweep(&self, _before: jiff::Timestamp) -> Result<u64> {
        Ok(0)
    }
}
