//! Step four, with a client: brings the objects into the cluster, what others need first, the server last, and
//! removes what is left over.

use std::marker::PhantomData;

use cluster::port::WriteOptions;
use cluster::{Cluster, ErrorKind, Patch};
use engine::document;
use serde_json::Value;

use super::build::{Applied, Doomed, Prepared, Resources};
use crate::error::{Error, Result};
use crate::install::types;

/// Applies everything.
pub(super) async fn apply(
    cluster: &dyn Cluster,
    resources: Resources<Prepared>,
) -> Result<Resources<Applied>> {
    let writer = Writer { cluster };
    // the namespace's level first: without it the server's pods are refused
    let namespace = writer.merge(resources.namespace.into_iter().collect()).await?.pop();
    let secrets = writer.merge(resources.secrets).await?;
    let service_account = writer.apply(&resources.service_account).await?;
    let services = writer.all(resources.services).await?;
    let locations = writer.all(resources.locations).await?;
    let snapshot_locations = writer.all(resources.snapshot_locations).await?;
    writer.delete(resources.obstacle.iter()).await?;
    let deployment = writer.apply(&resources.deployment).await?;
    writer.delete(resources.surplus.iter()).await?;
    Ok(Resources {
        namespace,
        secrets,
        service_account,
        services,
        locations,
        snapshot_locations,
        obstacle: resources.obstacle,
        deployment,
        surplus: resources.surplus,
        state: PhantomData,
    })
}

struct Writer<'a> {
    cluster: &'a dyn Cluster,
}

impl Writer<'_> {
    async fn all(&self, objects: Vec<Value>) -> Result<Vec<Value>> {
        let mut stored = Vec::with_capacity(objects.len());
        for object in &objects {
            stored.push(self.apply(object).await?);
        }
        Ok(stored)
    }

    async fn apply(&self, object: &Value) -> Result<Value> {
        self.patch(object, Patch::Apply(object.clone())).await
    }

    /// Adds to objects that are not ours: no field of theirs becomes ours.
    async fn merge(&self, objects: Vec<Value>) -> Result<Vec<Value>> {
        let mut stored = Vec::with_capacity(objects.len());
        for object in objects {
            stored.push(self.patch(&object, Patch::Merge(object.clone())).await?);
        }
        Ok(stored)
    }

    async fn patch(&self, object: &Value, patch: Patch) -> Result<Value> {
        let at = types::address(object)
            .ok_or_else(|| Error::Other(format!("address a {}", document::text(object, &["kind"]))))?;
        Ok(self.cluster.patch(&at, None, &patch, WriteOptions::default()).await?)
    }

    async fn delete(&self, doomed: impl Iterator<Item = &Doomed>) -> Result<()> {
        for Doomed { at, uid } in doomed {
            match self.cluster.delete(at, Some(uid)).await {
                // gone, or another by that name: neither is the one that had to go
                Err(error) if matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) => {}
                deleted => deleted?,
            }
        }
        Ok(())
    }
}
