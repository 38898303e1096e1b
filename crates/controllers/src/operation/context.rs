//! What every operation is given, and how it reports to its resource.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use api::meta::ResourceType;
use api::velero::v1::{BackupPhase, RestorePhase};
use cluster::ErrorKind;
use cluster::port::{ObjectRef, Patch, WriteOptions};
use engine::document::text;
use engine::journal::{Kind, Owner};
use serde_json::{Value, json};
use store::Store;

use crate::deps::Deps;
use crate::error::{Error, Result};
use crate::objects::installation;

/// How often in a row others may be faster to write to the resource.
const CONFLICTS_MAX: usize = 10;

/// A location, ready for use.
pub struct Place {
    /// Its store.
    pub store: Arc<dyn Store>,
    /// Whether it may not be written to.
    pub read_only: bool,
}

/// One operation: which resource it is for, and the store that it works with.
pub struct Operation {
    /// What the server has.
    pub deps: Arc<Deps>,
    /// The resource that asked for it.
    pub at: ObjectRef,
    /// Its UID, which also names its journal.
    pub uid: String,
    /// The store of its location.
    pub store: Arc<dyn Store>,
    /// Whether the location may not be written to: journal and report are kept in the cluster then.
    pub read_only: bool,
    /// The schedule that it is of, for the metrics; may be empty.
    pub schedule: String,
    /// Where documents are spooled.
    pub scratch: PathBuf,
    /// The version of the resource that we have seen last.
    seen: Mutex<String>,
}

impl Operation {
    /// The operation that the resource `document` of `kind` asks for, at `place`.
    pub fn new(
        deps: &Arc<Deps>,
        kind: ResourceType,
        document: &Value,
        Place { store, read_only }: Place,
        schedule: &str,
    ) -> Self {
        let namespace = engine::document::namespace(document).map(str::to_owned);
        let name = engine::document::name(document).to_owned();
        Self {
            deps: Arc::clone(deps),
            at: ObjectRef { resource: kind, namespace, name },
            uid: engine::document::uid(document).to_owned(),
            store,
            read_only,
            schedule: schedule.to_owned(),
            scratch: deps.config.scratch.clone(),
            seen: Mutex::new(text(document, &["metadata", "resourceVersion"]).to_owned()),
        }
    }

    /// The name of the backup or restore.
    pub fn name(&self) -> &str {
        &self.at.name
    }

    /// A reference to the resource, for what goes with it.
    pub fn owner(&self) -> Value {
        let of = &self.at.resource;
        json!({ "apiVersion": of.api_version(), "kind": of.kind, "name": self.name(), "uid": self.uid })
    }

    /// Whose its journal is.
    pub(super) async fn journal_owner(&self) -> Result<Owner> {
        let kind = &self.at.resource.kind;
        let kind = Kind::named(kind).ok_or_else(|| Error::Other(format!("know what a {kind} does")))?;
        let installation = installation(&self.deps).await?;
        Ok(Owner { installation, kind, name: self.name().to_owned() })
    }

    /// The time now, as statuses have it.
    pub fn now(&self) -> String {
        let now = self.deps.now();
        jiff::Timestamp::from_second(now.as_second()).unwrap_or(now).to_string()
    }

    /// Merges `status` into the resource's status.
    pub async fn patch_status(&self, status: Value) -> Result<Value> {
        self.patch(json!({ "status": status })).await
    }

    /// Merges `patch` into the resource, if it is what we have seen last: a late write of a leader that stood still
    /// must not undo what came after. Whoever else writes to it, such as somebody who labels it, is no reason to stop.
    pub async fn patch(&self, patch: Value) -> Result<Value> {
        for _ in 0..CONFLICTS_MAX {
            match self.patch_seen(patch.clone()).await {
                Err(error) if error.kind == ErrorKind::Conflict => self.look_again().await?,
                outcome => return Ok(outcome?),
            }
        }
        Ok(self.patch_seen(patch).await?)
    }

    async fn patch_seen(&self, mut patch: Value) -> cluster::Result<Value> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !seen.is_empty() {
            patch["metadata"]["resourceVersion"] = json!(seen);
        }
        let patch = Patch::Merge(patch);
        let patched = self.deps.cluster.patch(&self.at, None, &patch, WriteOptions::default()).await?;
        self.saw(&patched);
        Ok(patched)
    }

    /// Sees what the resource has become: as long as it is this one and has not ended, we may write.
    async fn look_again(&self) -> Result<()> {
        let found = self.deps.cluster.get(&self.at).await?;
        let phase = text(&found, &["status", "phase"]);
        if engine::document::uid(&found) != self.uid || is_an_end(phase) {
            let kind = &self.at.resource.kind;
            return Err(Error::Superseded(format!("report on {kind} {}: it has ended", self.name())));
        }
        self.saw(&found);
        Ok(())
    }

    fn saw(&self, document: &Value) {
        let version = text(document, &["metadata", "resourceVersion"]).to_owned();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }
}

/// Whether neither a backup nor a restore goes on from this phase.
fn is_an_end(phase: &str) -> bool {
    phase.parse().is_ok_and(BackupPhase::is_terminal) || phase.parse().is_ok_and(RestorePhase::is_terminal)
}
