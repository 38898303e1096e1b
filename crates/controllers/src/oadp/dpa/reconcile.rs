//! The driver: five steps, and what makes it run.

use std::sync::Arc;
use std::time::Duration;

use api::oadp::DataProtectionApplication;
use api::{Kind, meta::ResourceType};
use cluster::{Cluster, ObjectRef};
use engine::document;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::apply::apply;
use super::build::build;
use super::dereference::{dereference, resource_type};
use super::status::Outcome;
use super::validate::validate;
use super::{INSTANCE_LABEL, OADP_LABEL, events, status};
use crate::deps::{Clock, Ids};
use crate::error::{Error, Result};
use crate::install::deployment::Platform;
use crate::install::types;
use crate::metrics::Metrics;
use crate::runtime::{Host, Next, Spec, always, never};

/// How soon to look again at what is not available yet.
const SOON: Duration = Duration::from_secs(5);
/// How often to look again at what is well: drift that nobody watches is put right by then.
const LATER: Duration = Duration::from_secs(60);

/// What holds for all applications of an operator.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The image of the server: the operator's own.
    pub image: String,
    /// Who decides about the users of pods.
    pub platform: Platform,
}

/// What the operator's controllers are given.
pub struct Context {
    /// The cluster that it works on.
    pub cluster: Arc<dyn Cluster>,
    /// The namespace whose applications are its own.
    pub namespace: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and jitter.
    pub ids: Arc<dyn Ids>,
    /// The numbers it reports.
    pub metrics: Arc<Metrics>,
    /// What holds for all applications.
    pub settings: Settings,
    /// Cancelled when the process is about to end, or has lost its Lease.
    pub stop: CancellationToken,
}

impl Host for Context {
    fn cluster(&self) -> &Arc<dyn Cluster> {
        &self.cluster
    }

    fn namespace(&self) -> &str {
        &self.namespace
    }

    fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn ids(&self) -> &dyn Ids {
        self.ids.as_ref()
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Reconciles applications.
pub static SPEC: Spec<Context> = Spec {
    name: "data-protection-application",
    watches: DataProtectionApplication::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(300),
    stirs: never,
    workers: |_| 1,
    deadline: Duration::from_secs(120),
    reconcile: |context, stored| async move { reconcile(&context, &stored).await }.boxed(),
};

/// Reconciles the application of a Deployment that changed.
pub static OWNED_DEPLOYMENTS: Spec<Context> = owned("owned-deployments", || watched("Deployment", "apps"));

/// Reconciles the application of a backup location that changed.
pub static OWNED_BACKUP_LOCATIONS: Spec<Context> =
    owned("owned-backup-locations", || watched("BackupStorageLocation", "velero.io"));

const fn owned(name: &'static str, watches: fn() -> ResourceType) -> Spec<Context> {
    Spec {
        name,
        watches,
        concerns: is_ours,
        resync: |_| Duration::ZERO,
        stirs: never,
        workers: |_| 1,
        deadline: Duration::from_secs(120),
        reconcile: owner,
    }
}

fn watched(kind: &str, group: &str) -> ResourceType {
    types::of_kind(kind).unwrap_or_else(|| ResourceType::addressed(group, "v1", "", kind, true))
}

fn is_ours(object: &Value, _: Timestamp) -> bool {
    document::label(object, OADP_LABEL.0) == Some(OADP_LABEL.1)
}

/// Reconciles the application that an object was made for.
fn owner(context: Arc<Context>, object: Value) -> BoxFuture<'static, Result<Next>> {
    async move {
        let Some(name) = document::label(&object, INSTANCE_LABEL) else { return Ok(Next::Wait) };
        let resource = resource_type("DataProtectionApplication")?;
        let at = ObjectRef { resource, namespace: Some(context.namespace.clone()), name: name.to_owned() };
        match context.cluster.get(&at).await.map_err(Error::from) {
            Err(error) if error.is_not_found() => Ok(Next::Wait),
            stored => reconcile(&context, &stored?).await.map(|_| Next::Wait),
        }
    }
    .boxed()
}

/// Brings what is asked for into the cluster, and says what there is.
pub(super) async fn reconcile(context: &Context, stored: &Value) -> Result<Next> {
    if stored["metadata"].get("deletionTimestamp").is_some() {
        return Ok(Next::Wait); // what was made goes with it, by its owner references
    }
    // 1. read what it names (client)
    let found = match dereference(context, stored).await? {
        Ok(found) => found,
        Err(reason) => {
            status::write(context, stored, &Outcome::Unreadable(&reason)).await?;
            return Ok(Next::Wait);
        }
    };
    // 2. settings, or every reason why not (no client)
    let valid = match validate(&found, &context.settings) {
        Ok(valid) => valid,
        Err(problems) => {
            status::write(context, stored, &Outcome::Refused(&problems)).await?;
            return Ok(Next::After(LATER)); // a Secret that is missing may come
        }
    };
    // 3. the objects (no client)
    let prepared = build(&valid, &found, &context.settings);
    // 4. into the cluster (client)
    let applied = match apply(context.cluster.as_ref(), prepared).await {
        Ok(applied) => applied,
        Err(error) => {
            status::write(context, stored, &Outcome::Failed(format!("failed to {error}"))).await?;
            return Err(error);
        }
    };
    events::emit(context, &found, &events::changes(&found, &applied)).await;
    // 5. what there is (client)
    let available = status::write(context, stored, &Outcome::Done(&valid, &applied)).await?;
    Ok(Next::After(if available { LATER } else { SOON }))
}
