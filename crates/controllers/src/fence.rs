//! Stores that are written to only while we lead, as the cluster is: see [`cluster::lease::Fenced`].

use std::sync::Arc;

use api::velero::v1::BackupStorageLocation;
use async_trait::async_trait;
use cluster::lease::{LEASE_IS_OVER, Standing};
use futures::future::BoxFuture;
use store::layer::{Call, Layer, Layered, Verb};
use store::{ErrorKind, Store};

use crate::deps::Stores;
use crate::error::Result;

/// The stores of locations, fenced.
pub struct FencedStores<S> {
    inner: S,
    fence: Fence,
}

impl<S: Stores> FencedStores<S> {
    /// `inner`, fenced.
    pub fn new(inner: S, standing: Standing) -> Self {
        Self { inner, fence: Fence(standing) }
    }
}

#[async_trait]
impl<S: Stores> Stores for FencedStores<S> {
    async fn open(&self, location: &BackupStorageLocation) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Layered::new(self.inner.open(location).await?, self.fence.clone())))
    }

    async fn warnings(&self, location: &BackupStorageLocation) -> Result<Vec<String>> {
        self.inner.warnings(location).await
    }
}

/// Ends writes with our term.
#[derive(Clone)]
struct Fence(Standing);

#[async_trait]
impl Layer for Fence {
    async fn once<T: Send>(&self, call: Call<'_>, run: BoxFuture<'_, store::Result<T>>) -> store::Result<T> {
        if !writes(call.verb) {
            return run.await;
        }
        let over = || store::Error {
            kind: ErrorKind::Unavailable,
            action: call.verb.name(),
            key: call.key.to_owned(),
            message: LEASE_IS_OVER.to_owned(),
        };
        self.0.while_leading(run).await.unwrap_or_else(|| Err(over()))
    }
}

fn writes(verb: Verb) -> bool {
    match verb {
        Verb::Put
        | Verb::Upload
        | Verb::Write
        | Verb::Complete
        | Verb::Abort
        | Verb::Delete
        | Verb::Sweep => true,
        Verb::Head
        | Verb::Get
        | Verb::GetRange
        | Verb::Stream
        | Verb::Piece
        | Verb::List
        | Verb::Folders
        | Verb::Presign => false,
    }
}
