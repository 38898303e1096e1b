//! Writes only while we lead. A process may stand still at any moment, for as long as it takes another one to lead, and
//! knows nothing of it when it goes on: so that the clock is asked before each write, and each ends with our term.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use api::meta::ResourceType;
use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::Value;
use tokio::time::timeout;

use super::Standing;
use crate::port::{
    Cluster, Discovered, Error, ErrorKind, ListPage, ObjectRef, Page, Patch, Result, ServerVersion,
    WatchEvent, WriteOptions,
};
use crate::request::described;
use crate::streams::{ExecRequest, ExecResult};

/// Why a write was not made.
pub const LEASE_IS_OVER: &str = "our lease is over: another server may hold it";

impl Standing {
    /// Works as long as we lead; `None` if that ends before the work does.
    pub async fn while_leading<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let left = self.left()?;
            // Timers are looked at after what they guard may have gone on: the clock is asked each time.
            let step = poll_fn(|context| match self.left() {
                None => Poll::Ready(None),
                Some(_) => work.as_mut().poll(context).map(Some),
            });
            if let Ok(done) = timeout(left, step).await {
                return done;
            }
        }
    }
}

/// A cluster that we write to while we lead, and read in any case.
pub struct Fenced {
    inner: Arc<dyn Cluster>,
    standing: Standing,
}

impl Fenced {
    /// `inner`, fenced.
    pub fn new(inner: Arc<dyn Cluster>, standing: Standing) -> Self {
        Self { inner, standing }
    }

    async fn write<T>(
        &self,
        verb: &'static str,
        at: &ObjectRef,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.change(|| described(verb, at), call).await
    }

    async fn change<T>(
        &self,
        action: impl FnOnce() -> String,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let over = || Error::new(ErrorKind::Unavailable, action(), LEASE_IS_OVER);
        self.standing.while_leading(call).await.unwrap_or_else(|| Err(over()))
    }
}

#[async_trait]
impl Cluster for Fenced {
    async fn version(&self) -> Result<ServerVersion> {
        self.inner.version().await
    }

    async fn discover(&self) -> Result<Discovered> {
        self.inner.discover().await
    }

    async fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page> {
        self.inner.list(of, namespace, page).await
    }

    async fn get(&self, at: &ObjectRef) -> Result<Value> {
        self.inner.get(at).await
    }

    async fn create(&self, at: &ObjectRef, document: &Value, options: WriteOptions) -> Result<Value> {
        self.write("create", at, self.inner.create(at, document, options)).await
    }

    async fn patch(
        &self,
        at: &ObjectRef,
        subresource: Option<&str>,
        patch: &Patch,
        options: WriteOptions,
    ) -> Result<Value> {
        self.write("patch", at, self.inner.patch(at, subresource, patch, options)).await
    }

    async fn replace_status(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.write("replace", at, self.inner.replace_status(at, document)).await
    }

    async fn replace(&self, at: &ObjectRef, document: &Value) -> Result<Value> {
        self.write("replace", at, self.inner.replace(at, document)).await
    }

    async fn delete(&self, at: &ObjectRef, uid: Option<&str>) -> Result<()> {
        self.write("delete", at, self.inner.delete(at, uid)).await
    }

    async fn delete_seen(&self, at: &ObjectRef, seen: &Value) -> Result<()> {
        self.write("delete", at, self.inner.delete_seen(at, seen)).await
    }

    async fn exec(&self, request: &ExecRequest) -> Result<ExecResult> {
        self.change(|| request.action(), self.inner.exec(request)).await
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
