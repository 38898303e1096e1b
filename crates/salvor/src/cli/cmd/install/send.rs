//! Objects into the cluster, one after the other, each with a line about it.

use anyhow::{Context, anyhow};
use cluster::port::WriteOptions;
use cluster::{Cluster, ErrorKind, ObjectRef, Patch};
use controllers::install::{flow, types};
use engine::document;
use serde_json::Value;

use crate::cli::output::line;

/// Sends objects to a cluster.
pub(super) struct Sender<'a> {
    pub(super) cluster: &'a dyn Cluster,
    /// Whether objects that are there are changed.
    pub(super) apply: bool,
}

impl Sender<'_> {
    /// Sends all of them; the first that fails is the last.
    pub(super) async fn all(&self, objects: &[Value]) -> anyhow::Result<()> {
        for object in objects {
            let title = format!("{}/{}", document::text(object, &["kind"]), document::name(object));
            let outcome = match self.apply {
                true => self.apply(object, &title).await,
                false => self.create(object, &title).await,
            };
            line(&format!("{title}: {}", outcome.with_context(|| title.clone())?))?;
        }
        Ok(())
    }

    async fn create(&self, object: &Value, title: &str) -> anyhow::Result<&'static str> {
        let at = types::address(object).ok_or_else(|| anyhow!("failed to address {title}"))?;
        line(&format!("{title}: attempting to create resource"))?;
        match self.cluster.create(&at, object, WriteOptions::default()).await {
            Ok(_) => Ok("created"),
            Err(error) if error.kind == ErrorKind::AlreadyExists => Ok("already exists, proceeding"),
            Err(error) if is_spared(&at, &error) => Ok(SPARED),
            Err(error) => Err(anyhow!("failed to {error}")),
        }
    }

    async fn apply(&self, object: &Value, title: &str) -> anyhow::Result<&'static str> {
        let at = types::address(object).ok_or_else(|| anyhow!("failed to address {title}"))?;
        line(&format!("{title}: attempting to apply resource"))?;
        let patch = Patch::Apply(object.clone());
        match self.cluster.patch(&at, None, &patch, WriteOptions::default()).await {
            Ok(_) => Ok("applied"),
            Err(error) if is_spared(&at, &error) => Ok(SPARED),
            Err(error) => Err(anyhow!("failed to {error}")),
        }
    }
}

/// What is said of an object that a cluster may do without.
const SPARED: &str = "this cluster has no such type, proceeding without";

/// Whether a cluster that is too old to have the type of an object can do without it.
fn is_spared(at: &ObjectRef, error: &cluster::Error) -> bool {
    error.kind == ErrorKind::NotFound && at.resource.group == flow::GROUP
}
