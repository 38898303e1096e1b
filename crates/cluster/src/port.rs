//! What the program asks of a cluster, over JSON documents.

use std::time::Duration;

use api::meta::ResourceType;
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use serde_json::Value;

use crate::streams::{ExecRequest, ExecResult};

/// The outcome of a call to the cluster.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call to the cluster failed; completes "failed to ...".
#[derive(Debug, Clone, thiserror::Error)]
#[error("{action}: {message}")]
pub struct Error {
    /// What a caller decides on.
    pub kind: ErrorKind,
    /// What was attempted, such as `create pods shop/web-0`.
    pub action: String,
    /// The server's words, or the transport's.
    pub message: String,
    /// The server's `Status` document where there is one: reason, details, causes.
    pub status: Option<Box<Value>>,
    /// How long the server asked us to wait.
    pub retry_after: Option<Duration>,
}

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The object or its type is not there.
    NotFound,
    /// An object of that name is there.
    AlreadyExists,
    /// The resource version has moved on.
    Conflict,
    /// The server refused the document.
    Invalid,
    /// We may not.
    Forbidden,
    /// We are nobody.
    Unauthorized,
    /// A continue token or watch expired.
    Expired,
    /// The server asks us to slow down.
    TooManyRequests,
    /// No answer in time, connection lost, or a 5xx: worth trying again.
    Unavailable,
    /// The server does not do that to this type.
    Unsupported,
    /// Anything else.
    Other,
}

impl Error {
    /// Whether the same call may go through later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::TooManyRequests | ErrorKind::Unavailable)
    }

    /// Whether the failure says something of what was asked for, and not of the server's state or of who we are: an
    /// account's token ends with its pod, while the process in the pod may still be at work.
    pub fn is_a_judgement(&self) -> bool {
        let said_by_the_server = self.status.is_some() || self.kind != ErrorKind::Other;
        !self.is_transient() && self.kind != ErrorKind::Unauthorized && said_by_the_server
    }
}

/// One object by its address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// Its type and version.
    pub resource: ResourceType,
    /// Its namespace; absent for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// What a page of a list is asked for.
#[derive(Debug, Clone, Default)]
pub struct ListPage {
    /// A label selector in the server's text form; empty selects all.
    pub selector: String,
    /// Objects in a page; 0 asks for all at once.
    pub limit: u32,
    /// Where the page before ended.
    pub resume: Option<String>,
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// Whole documents, `apiVersion` and `kind` filled in.
    pub items: Vec<Value>,
    /// Where the next page begins; absent at the end.
    pub resume: Option<String>,
    /// The version of the list.
    pub resource_version: String,
}

/// A change to an object.
#[derive(Debug, Clone)]
pub enum Patch {
    /// RFC 7386.
    Merge(Value),
    /// RFC 6902.
    Json(Value),
    /// Server-side apply as `salvor`, by force.
    Apply(Value),
}

/// How a write is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Ask the server what it would do.
    pub dry_run: bool,
}

/// What a watch reports.
#[derive(Debug, Clone)]
pub enum WatchEvent {
    /// An object is there, or has changed. A watch begins with one for each object.
    Applied(Value),
    /// An object has gone.
    Deleted(Value),
    /// All objects that were there at the beginning have been reported.
    Ready,
}

/// Which types a server has, and which groups did not answer.
#[derive(Debug, Clone, Default)]
pub struct Discovered {
    /// Every type in every served version, without sub-resources, in the server's order.
    pub types: Vec<ResourceType>,
    /// Groups that are registered but did not answer, with the reason.
    pub failed: Vec<(String, String)>,
}

/// The version of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerVersion {
    /// Such as `v1.34.4`.
    pub git_version: String,
    /// Such as `1`.
    pub major: String,
    /// Such as `34`.
    pub minor: String,
}

/// A cluster. Every call has its own deadline and does not outlive it.
#[async_trait]
pub trait Cluster: Send + Sync + 'static {
    /// The server's version.
    async fn version(&self) -> Result<ServerVersion>;
    /// The types that the server has.
    async fn discover(&self) -> Result<Discovered>;
    /// A page of the objects of a type, in one namespace or in all.
    async fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page>;
    /// One object.
    async fn get(&self, at: &ObjectRef) -> Result<Value>;
    /// Creates an object; `at.name` may be empty where the document has a `generateName`.
    async fn create(&self, at: &ObjectRef, document: &Value, options: WriteOptions) -> Result<Value>;
    /// Changes an object, or its sub-resource.
    async fn patch(
        &self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value>;
    /// Replaces the status of an object, resource version and all.
    async fn replace_status(&self, at: &ObjectRef, document: &Value) -> Result<Value>;
    /// Replaces an object if its resource version still is the document's: for Leases.
    async fn replace(&self, at: &ObjectRef, document: &Value) -> Result<Value>;
    /// Deletes an object in the background; only that of the given UID where one is given.
    async fn delete(&self, at: &ObjectRef, uid: Option<&str>) -> Result<()>;
    /// Deletes an object in the background if it still is what was `seen`, of that UID and in that version.
    async fn delete_seen(&self, at: &ObjectRef, seen: &Value) -> Result<()>;
    /// Runs a command in a container and waits for its end. It counts as a write: it may change anything.
    async fn exec(&self, request: &ExecRequest) -> Result<ExecResult>;
    /// The objects of a type and their changes, resumed for ever; ends when dropped.
    fn watch(
        &self,
        of: &ResourceType,
        namespace: Option<&str>,
        selector: &str,
    ) -> BoxStream<'static, Result<WatchEvent>>;
    /// One object and its changes, whether or not it is there: as [`Cluster::watch`].
    fn watch_one(&self, at: &ObjectRef) -> BoxStream<'static, Result<WatchEvent>> {
        let name = at.name.clone();
        let ours = move |event: &Result<WatchEvent>| match event {
            Ok(WatchEvent::Applied(object) | WatchEvent::Deleted(object)) => {
                object["metadata"]["name"] == *name
            }
            _ => true,
        };
        let all = self.watch(&at.resource, at.namespace.as_deref(), "");
        all.filter(move |event| std::future::ready(ours(event))).boxed()
    }
}
