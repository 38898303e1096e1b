//! What the tests of controllers run on: a cluster and a bucket in memory, a clock that is set, counted ids.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use api::Kind;
use api::meta::ResourceType;
use api::velero::v1::{
    Backup, BackupStorageLocation, DeleteBackupRequest, DownloadRequest, PodVolumeBackup, Restore, Schedule,
    ServerStatusRequest,
};
use async_trait::async_trait;
use bytes::Bytes;
use cluster::fake::{FakeCluster, Ice};
use cluster::{Cluster, ObjectRef};
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde_json::{Value, json};
use store::adapter::Memory;
use store::{Capabilities, ErrorKind, Meta, Put, Store, Tag, Upload};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::deps::{Clock, Deps, Ids, Stores};
use crate::error::Result;
use crate::metrics::Metrics;
use crate::operation::attempts::Failures;
use crate::runtime::{Next, Spec};

/// The namespace of the tests.
pub(crate) const NAMESPACE: &str = "velero";
/// When the clock of a new world stands.
pub(crate) const START: &str = "2026-01-01T00:00:00Z";

/// A clock that stands until it is set.
pub(crate) struct SetClock(Mutex<Timestamp>);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Counts.
#[derive(Default)]
pub(crate) struct CountedIds(AtomicU64);

impl Ids for CountedIds {
    fn uuid(&self) -> Uuid {
        Uuid::from_u128(u128::from(self.0.fetch_add(1, Ordering::SeqCst)) + 1)
    }
}

/// Every location is this store, or cannot be opened.
pub(crate) struct OneStore {
    pub(crate) store: std::result::Result<Arc<dyn Store>, store::Error>,
    pub(crate) warnings: Vec<String>,
}

#[async_trait]
impl Stores for OneStore {
    async fn open(&self, _: &BackupStorageLocation) -> Result<Arc<dyn Store>> {
        Ok(self.store.clone()?)
    }

    async fn warnings(&self, _: &BackupStorageLocation) -> Result<Vec<String>> {
        Ok(self.warnings.clone())
    }
}

/// A cluster, a bucket and a clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) fake: FakeCluster,
    pub(crate) memory: Memory,
    pub(crate) clock: Arc<SetClock>,
    pub(crate) ids: Arc<CountedIds>,
}

impl World {
    /// A world with an available location `default`, and nothing else.
    pub(crate) fn new() -> Self {
        let fake = FakeCluster::new();
        for kind in kinds() {
            fake.define(&kind);
        }
        let clock = Arc::new(SetClock(Mutex::new(START.parse().unwrap())));
        let world = Self { fake, memory: Memory::default(), clock, ids: Arc::default() };
        world.memory.set_clock(START.parse().unwrap());
        world.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}));
        world.seed(location("default", "Available"));
        world
    }

    /// Puts an object into the cluster as it is.
    pub(crate) fn seed(&self, document: Value) {
        self.fake.seed([document]);
    }

    /// Sets the clock forward.
    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.checked_add(time).unwrap();
        self.memory.set_clock(*now);
    }

    /// What controllers of this world are given.
    pub(crate) fn deps(&self) -> Arc<Deps> {
        self.deps_with(Arc::new(self.fake.clone()), Ok(Arc::new(self.memory.clone())))
    }

    /// The same, with another cluster or store in front.
    pub(crate) fn deps_with(
        &self,
        cluster: Arc<dyn Cluster>,
        store: std::result::Result<Arc<dyn Store>, store::Error>,
    ) -> Arc<Deps> {
        Arc::new(Deps {
            cluster,
            stores: Arc::new(OneStore { store, warnings: Vec::new() }),
            clock: self.clock.clone(),
            ids: self.ids.clone(),
            config: Arc::new(Config { namespace: NAMESPACE.into(), scratch: scratch(), ..Config::default() }),
            metrics: Arc::new(Metrics::default()),
            failures: Failures::default(),
            stop: CancellationToken::new(),
        })
    }

    /// Runs the reconcile of a controller on an object as it is now.
    pub(crate) async fn reconcile(&self, spec: &Spec<Deps>, name: &str) -> Result<Next> {
        self.reconcile_with(spec, name, &self.deps()).await
    }

    /// The same, with other deps.
    pub(crate) async fn reconcile_with(
        &self,
        spec: &Spec<Deps>,
        name: &str,
        deps: &Arc<Deps>,
    ) -> Result<Next> {
        let document = self.document((spec.watches)(), name).await.unwrap();
        (spec.reconcile)(Arc::clone(deps), document).await
    }

    /// The same, by a process that dies after so many calls to the store. Whether it lived to its end.
    pub(crate) async fn survives(&self, spec: &Spec<Deps>, name: &str, calls: usize) -> bool {
        let dying = DyingStore::new(self.memory.clone(), calls);
        let deps = self.deps_with(Arc::new(self.fake.clone()), Ok(Arc::new(dying)));
        self.reconcile_with(spec, name, &deps).await.is_ok()
    }

    /// An object of ours as it is now.
    pub(crate) async fn get<K: Kind>(&self, name: &str) -> Option<K> {
        let document = self.document(K::resource_type(), name).await?;
        Some(K::from_document(&document).unwrap())
    }

    async fn document(&self, resource: ResourceType, name: &str) -> Option<Value> {
        let at = ObjectRef { resource, namespace: Some(NAMESPACE.into()), name: name.into() };
        self.fake.get(&at).await.ok()
    }

    /// Everything in the namespace, without what time and order of writes give it.
    pub(crate) fn state(&self) -> Vec<Value> {
        let mut all: Vec<Value> = self.fake.objects();
        all.retain(|object| object["metadata"]["namespace"] == NAMESPACE && object["kind"] != "Event");
        for object in &mut all {
            if let Some(metadata) = object["metadata"].as_object_mut() {
                for field in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
                    metadata.remove(field);
                }
                metadata.remove("ownerReferences");
            }
        }
        all
    }

    /// Writes an object into the bucket.
    pub(crate) async fn put(&self, key: &str, content: impl Into<Bytes>) {
        self.memory.put(key, content.into(), Put::Overwrite).await.unwrap();
    }
}

/// Lets work go on until it stands still on `ice`; `false` where it has ended without.
pub(crate) async fn stands_still<T, E: std::fmt::Debug>(
    work: std::pin::Pin<&mut impl Future<Output = std::result::Result<T, E>>>,
    ice: &Ice,
) -> bool {
    tokio::select! {
        outcome = work => {
            outcome.unwrap();
            false
        }
        () = ice.frozen() => true,
    }
}

/// A folder of its own for each set of deps: tests run side by side.
fn scratch() -> std::path::PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::SeqCst);
    std::env::temp_dir().join(format!("salvor-controllers-{}-{number}", std::process::id()))
}

fn kinds() -> [ResourceType; 8] {
    [
        Backup::resource_type(),
        BackupStorageLocation::resource_type(),
        DeleteBackupRequest::resource_type(),
        DownloadRequest::resource_type(),
        PodVolumeBackup::resource_type(),
        Restore::resource_type(),
        Schedule::resource_type(),
        ServerStatusRequest::resource_type(),
    ]
}

/// An object of ours.
#[expect(clippy::needless_pass_by_value, reason = "tests pass json! literals")]
pub(crate) fn object(kind: &str, name: &str, spec: Value, status: Value) -> Value {
    json!({
        "apiVersion": "velero.io/v1", "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": format!("uid-{name}"), "creationTimestamp": START},
        "spec": spec, "status": status,
    })
}

/// A location.
pub(crate) fn location(name: &str, phase: &str) -> Value {
    let spec = json!({"provider": "aws", "objectStorage": {"bucket": "b"}});
    object("BackupStorageLocation", name, spec, json!({"phase": phase}))
}

/// A backup in the location `default`.
pub(crate) fn backup(name: &str, phase: &str) -> Value {
    let mut backup = object("Backup", name, json!({"storageLocation": "default"}), json!({"phase": phase}));
    engine::document::set_label(&mut backup, api::labels::STORAGE_LOCATION, "default");
    backup
}

/// A store error.
pub(crate) fn store_error(kind: ErrorKind, message: &str) -> store::Error {
    store::Error { kind, action: "list", key: String::new(), message: message.into() }
}

/// A store whose n-th call fails, and every later one too: what is left to a process that dies there. It
/// cannot sign.
pub(crate) struct DyingStore {
    inner: Arc<dyn Store>,
    steps: Arc<Steps>,
    /// Whether it refuses conditions, so that they are looked at before the put.
    unconditional: bool,
}

/// The calls that are left to a process.
struct Steps {
    left: AtomicUsize,
    ice: Option<Arc<Ice>>,
    dead: Arc<AtomicBool>,
}

impl Steps {
    async fn one(&self) -> store::Result<()> {
        let less = |left: usize| left.checked_sub(1).filter(|_| !self.dead.load(Ordering::SeqCst));
        match self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(1) => {
                if let Some(ice) = &self.ice {
                    ice.freeze().await;
                    self.dead.store(true, Ordering::SeqCst);
                }
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(_) => Err(store_error(ErrorKind::Unavailable, "injected fault")),
        }
    }
}

impl DyingStore {
    pub(crate) fn new(inner: Memory, calls: usize) -> Self {
        let steps = Arc::new(Steps { left: AtomicUsize::new(calls), ice: None, dead: Arc::default() });
        Self { inner: Arc::new(inner), steps, unconditional: false }
    }

    /// The store of a process whose death others tell, too.
    pub(crate) fn of(inner: Memory, dead: Arc<AtomicBool>) -> Self {
        let steps = Arc::new(Steps { left: AtomicUsize::new(usize::MAX), ice: None, dead });
        Self { steps, ..Self::new(inner, 0) }
    }

    /// The last call that goes through stands still in the ice first: see [`cluster::fake::Fault::late`].
    pub(crate) fn late(inner: Memory, calls: usize, (ice, dead): (&Arc<Ice>, Arc<AtomicBool>)) -> Self {
        let steps = Arc::new(Steps { left: AtomicUsize::new(calls), ice: Some(Arc::clone(ice)), dead });
        Self { steps, ..Self::new(inner, 0) }
    }

    /// The same on a store that takes no conditions.
    pub(crate) fn unconditional(self) -> Self {
        Self { unconditional: true, ..self }
    }

    async fn step(&self) -> store::Result<()> {
        self.steps.one().await
    }

    /// Whether the condition of a put holds at this moment.
    async fn holds(&self, key: &str, condition: &Put) -> store::Result<()> {
        let tag = match self.inner.head(key).await {
            Err(error) if error.kind == ErrorKind::NotFound => None,
            found => found?.tag,
        };
        match condition {
            Put::Overwrite => Ok(()),
            Put::Create if tag.is_none() => Ok(()),
            Put::Replace(wanted) if tag.as_ref() == Some(wanted) => Ok(()),
            Put::Create | Put::Replace(_) => Err(store_error(ErrorKind::Precondition, "it is there")),
        }
    }
}

#[async_trait]
impl Store for DyingStore {
    fn capabilities(&self) -> Capabilities {
        let conditional = !self.unconditional;
        Capabilities { create: conditional, replace: conditional, ..self.inner.capabilities() }
    }

    async fn head(&self, key: &str) -> store::Result<Meta> {
        self.step().await?;
        self.inner.head(key).await
    }

    async fn get(&self, key: &str) -> store::Result<Bytes> {
        self.step().await?;
        self.inner.get(key).await
    }

    async fn get_range(&self, key: &str, start: u64, end: u64) -> store::Result<Bytes> {
        self.step().await?;
        self.inner.get_range(key, start, end).await
    }

    async fn stream(&self, key: &str) -> store::Result<BoxStream<'static, store::Result<Bytes>>> {
        self.step().await?;
        self.inner.stream(key).await
    }

    async fn put(&self, key: &str, content: Bytes, condition: Put) -> store::Result<Option<Tag>> {
        if self.unconditional && condition != Put::Overwrite {
            self.step().await?;
            self.holds(key, &condition).await?;
            self.step().await?;
            return self.inner.put(key, content, Put::Overwrite).await;
        }
        self.step().await?;
        self.inner.put(key, content, condition).await
    }

    async fn upload(&self, key: &str) -> store::Result<Box<dyn Upload>> {
        self.step().await?;
        Ok(Box::new(DyingUpload { inner: self.inner.upload(key).await?, steps: Arc::clone(&self.steps) }))
    }

    async fn list(&self, prefix: &str) -> store::Result<Vec<Meta>> {
        self.step().await?;
        self.inner.list(prefix).await
    }

    async fn folders(&self, prefix: &str) -> store::Result<Vec<String>> {
        self.step().await?;
        self.inner.folders(prefix).await
    }

    async fn delete(&self, keys: &[String]) -> store::Result<()> {
        self.step().await?;
        self.inner.delete(keys).await
    }

    async fn presign(&self, _: &str, _: Duration) -> store::Result<Option<String>> {
        Ok(None)
    }
}

/// An upload to a [`DyingStore`].
struct DyingUpload {
    inner: Box<dyn Upload>,
    steps: Arc<Steps>,
}

#[async_trait]
impl Upload for DyingUpload {
    async fn write(&mut self, piece: Bytes) -> store::Result<()> {
        self.steps.one().await?;
        self.inner.write(piece).await
    }

    async fn complete(&mut self) -> store::Result<()> {
        self.steps.one().await?;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> store::Result<()> {
        self.steps.one().await?;
        self.inner.abort().await
    }
}
