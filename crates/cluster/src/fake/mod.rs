//! A cluster in memory, for tests: get, list, watch, create, patch, apply, replace, delete, a few commands in pods, and no
//! more.
//!
//! It is deterministic: UIDs, generated names, resource versions and times follow from the calls made.
//! No controller runs: nothing is scheduled, bound or collected, except that namespaces and custom resource
//! definitions take their contents with them.

mod answers;
mod exec;
mod faulty;
mod selector;
mod state;
mod types;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::meta::ResourceType;
use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

pub use faulty::{Fault, Faulty, Ice};
use state::State;

use crate::port::{
    Cluster, Discovered, ListPage, ObjectRef, Page, Patch, Result, ServerVersion, WatchEvent, WriteOptions,
};
use crate::streams::{ExecRequest, ExecResult};

/// When the clock of a new fake cluster stands: 2026-01-01T00:00:00Z.
const BEGINNING: i64 = 1_767_225_600;

/// A cluster in memory. Clones share it.
#[derive(Clone)]
pub struct FakeCluster {
    state: Arc<Mutex<State>>,
}

impl Default for FakeCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeCluster {
    /// A cluster with the built-in types and the namespaces `default` and `kube-system`.
    pub fn new() -> Self {
        let now = Timestamp::from_second(BEGINNING).unwrap_or_default();
        Self { state: Arc::new(Mutex::new(State::new(now))) }
    }

    /// Puts objects in as they are, status and all, whatever the rules of writing say.
    ///
    /// Panics where a document's type is unknown: define it first.
    pub fn seed(&self, objects: impl IntoIterator<Item = Value>) {
        for object in objects {
            let of = format!("{} {}", object["apiVersion"], object["kind"]);
            assert!(self.lock().seed(object), "the fake cluster has no type {of}");
        }
    }

    /// Adds a type, as if its definition had been there all along.
    pub fn define(&self, of: &ResourceType) {
        let mut of = of.clone();
        if of.verbs.is_empty() {
            of.verbs =
                ["create", "delete", "get", "list", "patch", "update", "watch"].map(String::from).to_vec();
        }
        self.lock().types.push(types::Served { of, status: false });
    }

    /// Every object that is there, of all types.
    pub fn objects(&self) -> Vec<Value> {
        self.lock().objects.values().cloned().collect()
    }

    /// What the cluster's clock says.
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// Sets the cluster's clock forward.
    pub fn advance(&self, by: Duration) {
        let mut state = self.lock();
        state.now = state.now.checked_add(by).unwrap_or(state.now);
    }

    /// Custom resource definitions that are created from now on stay unserved until [`Self::establish`].
    pub fn hold_definitions(&self) {
        self.lock().hold_definitions = true;
    }

    /// Lets `judge` refuse creates, as an admission plugin or a webhook does: it is shown the object, can ask whether one
    /// of a kind and name is there, and answers with a code and words where it refuses.
    pub fn guard(
        &self,
        judge: impl Fn(&Value, &dyn Fn(&str, &str) -> bool) -> Option<(u16, String)> + Send + Sync + 'static,
    ) {
        self.lock().guards.push(Box::new(judge));
    }

    /// Serves the types of a held definition. False where there is no such definition.
    pub fn establish(&self, name: &str) -> bool {
        let mut state = self.lock();
        let found = state.objects.values().find(|object| {
            object["kind"] == "CustomResourceDefinition" && object["metadata"]["name"] == name
        });
        let definition = found.cloned();
        definition.as_ref().is_some_and(|definition| {
            state.establish(definition);
            true
        })
    }

    /// Pods that are created from now on run at once, but for those that want a node of some kind.
    pub fn run_pods(&self) {
        self.lock().runs_pods = true;
    }

    /// The commands that were begun, in order: `shop/db-0 db: echo freeze`.
    pub fn commands(&self) -> Vec<String> {
        self.lock().commands.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self, at: &ObjectRef, selector: &str) -> BoxStream<'static, Result<WatchEvent>> {
        let (to, events) = unbounded_channel();
        self.lock().watch(at, selector, to);
        stream::unfold(
            events,
            |mut events| async move { events.recv().await.map(|event| (Ok(event), events)) },
        )
        .boxed()
    }
}

#[async_trait]
impl Cluster for FakeCluster {
    async fn version(&self) -> Result<ServerVersion> {
        Ok(ServerVersion { git_version: "v1.34.0".into(), major: "1".into(), minor: "34".into() })
    }

    async fn discover(&self) -> Result<Discovered> {
        let types = self.lock().types.iter().map(|served| served.of.clone()).collect();
        Ok(Discovered { types, failed: Vec::new() })
    }

    async fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page> {
        self.lock().list(of, namespace, page)
    }

    async fn get(&self, at: &ObjectRef) -> Result<Value> {
        self.lock().get(at)
    }

    async fn create(&self, at: &ObjectRef, document: &Value, options: WriteOptions) -> Result<Value> {
        self.lock().create(at, document, options)
    }

    async fn patch(
        &self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value> {
        self.lock().patch(at, subresource, patch, options)
    }

    async fn replace_status(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.lock().replace(at, Some("status"), document)
    }

    async fn replace(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.lock().replace(at, None, document)
    }

    async fn delete(&self, at: &ObjectRef, uid: Option<&str>) -> Result<()> {
        self.lock().delete(at, uid)
    }

    async fn delete_seen(&self, at: &ObjectRef, seen: &Value) -> Result<()> {
        self.lock().delete_seen(at, seen)
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecResult> {
        let program = self.lock().begin(request)?;
        program.run(request).await
    }

    fn watch(
        &self,
        of: &ResourceType,
        namespace: Option<&str>,
        selector: &str,
    ) -> BoxStream<'static, Result<WatchEvent>> {
        let at =
            ObjectRef { resource: of.clone(), namespace: namespace.map(str::to_owned), name: String::new() };
        self.watched(&at, selector)
    }

    fn watch_one(&self, at: &ObjectRef) -> BoxStream<'static, Result<WatchEvent>> {
        self.watched(at, "")
    }
}
