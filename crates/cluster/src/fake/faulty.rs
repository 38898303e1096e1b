//! A decorator that fails one call and counts them all, for loops over the n-th fault.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use api::meta::ResourceType;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::port::{
    Cluster, Discovered, Error, ErrorKind, ListPage, ObjectRef, Page, Patch, Result, ServerVersion,
    WatchEvent, WriteOptions,
};
use crate::request::described;
use crate::streams::{ExecRequest, ExecResult};

/// Which call fails, and how. Calls are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    nth: usize,
    action: Option<&'static str>,
    times: usize,
    writes_only: bool,
    after_effect: bool,
    then_dead: bool,
    late: bool,
    kind: ErrorKind,
    message: &'static str,
}

impl Fault {
    /// The n-th call fails, before it has an effect.
    pub fn call(nth: usize) -> Self {
        Self {
            nth,
            action: None,
            times: 1,
            writes_only: false,
            after_effect: false,
            then_dead: false,
            late: false,
            kind: ErrorKind::Unavailable,
            message: "injected fault",
        }
    }

    /// Every call of this action fails, such as `create namespaces shop`.
    pub fn every(action: &'static str) -> Self {
        Self { action: Some(action), ..Self::call(usize::MAX) }
    }

    /// The n-th write fails, before it has an effect.
    pub fn write(nth: usize) -> Self {
        Self { writes_only: true, ..Self::call(nth) }
    }

    /// The same at another call.
    #[must_use]
    pub fn at(self, nth: usize) -> Self {
        Self { nth, ..self }
    }

    /// So many calls in a row fail: a server that is away for a while.
    #[must_use]
    pub fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// The call has its effect, and only the answer is lost.
    #[must_use]
    pub fn after_effect(self) -> Self {
        Self { after_effect: true, ..self }
    }

    /// Every later call fails in the same way: what is left to a process that dies here, or is nobody any more.
    #[must_use]
    pub fn then_dead(self) -> Self {
        Self { then_dead: true, ..self }
    }

    /// The call stands still until [`Ice::thaw`], and has its effect then: that of a process that was stopped while its
    /// request was on the way, and is nobody when it goes on.
    #[must_use]
    pub fn late(self) -> Self {
        Self { late: true, ..self.after_effect().then_dead() }
    }

    /// Fails with `kind` instead of `Unavailable`.
    #[must_use]
    pub fn with(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    /// Fails with these words, such as those of a webhook.
    #[must_use]
    pub fn saying(self, message: &'static str) -> Self {
        Self { message, ..self }
    }
}

/// Where a process stands still.
pub struct Ice {
    frozen: Semaphore,
    thawed: Semaphore,
}

impl Default for Ice {
    fn default() -> Self {
        Self { frozen: Semaphore::new(0), thawed: Semaphore::new(0) }
    }
}

impl Ice {
    /// Stands still until [`Ice::thaw`].
    pub async fn freeze(&self) {
        self.frozen.add_permits(1);
        drop(self.thawed.acquire().await);
    }

    /// Waits until somebody stands still.
    pub async fn frozen(&self) {
        drop(self.frozen.acquire().await);
    }

    /// Lets whoever stands still go on.
    pub fn thaw(&self) {
        self.thawed.add_permits(1);
    }
}

/// A cluster that fails as told.
pub struct Faulty {
    inner: Arc<dyn Cluster>,
    fault: Option<Fault>,
    ice: Arc<Ice>,
    calls: AtomicUsize,
    writes: AtomicUsize,
    dead: Arc<AtomicBool>,
    log: Mutex<Vec<String>>,
}

impl Faulty {
    /// `inner` with a fault, or only with counters.
    pub fn new(inner: Arc<dyn Cluster>, fault: Option<Fault>) -> Self {
        Self {
            inner,
            fault,
            ice: Arc::default(),
            calls: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            dead: Arc::default(),
            log: Mutex::new(Vec::new()),
        }
    }

    /// How many calls there were, watches not counted.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many of them were writes.
    pub fn writes(&self) -> usize {
        self.writes.load(Ordering::SeqCst)
    }

    /// What was called, such as `create pods shop/web-0`, or `dry-run create pods shop/web-0`, which is no write.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether the process is dead, for the other things that it talks to: they tell us, or we tell them.
    pub fn death(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.dead)
    }

    /// Where a late call stands still.
    pub fn ice(&self) -> Arc<Ice> {
        Arc::clone(&self.ice)
    }

    /// Whether the fault has struck.
    pub fn struck(&self) -> bool {
        let count = |fault: Fault| if fault.writes_only { self.writes() } else { self.calls() };
        self.fault.is_some_and(|fault| count(fault) >= fault.nth)
    }

    async fn run<T>(
        &self,
        action: String,
        write: bool,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let call_number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let write_number = if write { self.writes.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(action.clone());
        if self.dead.load(Ordering::SeqCst) {
            let kind = self.fault.map_or(ErrorKind::Unavailable, |fault| fault.kind);
            return Err(Error::new(kind, action, "injected: the process is dead"));
        }
        let number = |fault: &Fault| if fault.writes_only { write_number } else { call_number };
        let strikes = |fault: &Fault| {
            let turn = number(fault).checked_sub(fault.nth).is_some_and(|since| since < fault.times);
            turn || fault.action == Some(action.as_str())
        };
        let Some(fault) = self.fault.filter(strikes) else { return call.await };
        if fault.late {
            self.ice.freeze().await;
        }
        if fault.after_effect {
            // The effect stands, whatever came of it.
            let _lost = call.await;
        }
        self.dead.store(fault.then_dead, Ordering::SeqCst);
        Err(Error::new(fault.kind, action, fault.message))
    }
}

#[async_trait]
impl Cluster for Faulty {
    async fn version(&self) -> Result<ServerVersion> {
        self.run("read the server's version".into(), false, self.inner.version()).await
    }

    async fn discover(&self) -> Result<Discovered> {
        self.run("discover the API".into(), false, self.inner.discover()).await
    }

    async fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page> {
        let action = format!("list {} {}", of.group_resource(), namespace.unwrap_or_default());
        self.run(action, false, self.inner.list(of, namespace, page)).await
    }

    async fn get(&self, at: &ObjectRef) -> Result<Value> {
        self.run(described("get", at), false, self.inner.get(at)).await
    }

    async fn create(&self, at: &ObjectRef, document: &Value, options: WriteOptions) -> Result<Value> {
        let verb = if options.dry_run { "dry-run create" } else { "create" };
        self.run(described(verb, at), !options.dry_run, self.inner.create(at, document, options)).await
    }

    async fn patch(
        &self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value> {
        let verb = if options.dry_run { "dry-run patch" } else { "patch" };
        let call = self.inner.patch(at, subresource, patch, options);
        self.run(described(verb, at), !options.dry_run, call).await
    }

    async fn replace_status(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.run(described("replace", at), true, self.inner.replace_status(at, document)).await
    }

    async fn replace(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.run(described("replace", at), true, self.inner.replace(at, document)).await
    }

    async fn delete(&self, at: &ObjectRef, uid: Option<&str>) -> Result<()> {
        self.run(described("delete", at), true, self.inner.delete(at, uid)).await
    }

    async fn delete_seen(&self, at: &ObjectRef, seen: &Value) -> Result<()> {
        self.run(described("delete", at), true, self.inner.delete_seen(at, seen)).await
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecResult> {
        self.run(request.action(), true, self.inner.exec(request)).await
    }

    fn watch(
        &self,
        of: &ResourceType,
        namespace: Option<&str>,
        selector: &str,
    ) -> BoxStream<'static, Result<WatchEvent>> {
        self.inner.watch(of, namespace, selector)
    }

    fn watch_one(&self, at: &ObjectRef) -> BoxStream<'static, Result<WatchEvent>> {
        self.inner.watch_one(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeCluster;
    use serde_json::json;

    fn map(name: &str) -> (ObjectRef, Value) {
        let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
        let at = ObjectRef { resource, namespace: Some("default".into()), name: name.into() };
        (at, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}))
    }

    async fn three(cluster: &Faulty) -> Vec<bool> {
        let mut outcomes = Vec::new();
        for name in ["a", "b", "c"] {
            let (at, document) = map(name);
            outcomes.push(cluster.create(&at, &document, WriteOptions::default()).await.is_ok());
        }
        outcomes
    }

    #[tokio::test]
    async fn faults_strike_before_or_after_the_effect() {
        let cases = [
            (Fault::write(2), [true, false, true], 2),
            (Fault::write(2).after_effect(), [true, false, true], 3),
            (Fault::write(2).times(2), [true, false, false], 1),
            (Fault::write(2).then_dead(), [true, false, false], 1),
            (Fault::write(2).after_effect().then_dead(), [true, false, false], 2),
            (Fault::call(4), [true, true, true], 3),
        ];
        for (fault, expected, there) in cases {
            let fake = FakeCluster::new();
            let before = fake.objects().len();
            let cluster = Faulty::new(Arc::new(fake.clone()), Some(fault));
            assert_eq!(three(&cluster).await, expected, "{fault:?}");
            assert_eq!(fake.objects().len() - before, there, "{fault:?}");
            assert_eq!(
                (cluster.calls(), cluster.writes(), cluster.struck()),
                (3, 3, fault != Fault::call(4))
            );
            assert_eq!(cluster.log()[0], "create configmaps default/a");
        }
    }
}
