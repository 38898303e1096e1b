//! ServerStatusRequests: says which server is there, and forgets the question a minute later.

use std::sync::Arc;
use std::time::Duration;

use api::Kind;
use api::labels::SERVER_VERSION;
use api::velero::v1::{ServerStatusRequest, ServerStatusRequestPhase};
use jiff::ToSpan;
use serde_json::{Value, json};

use super::plugins;
use crate::deps::Deps;
use crate::error::{Result, read};
use crate::objects::{delete, patch_status, stamp};
use crate::runtime::{Next, Spec, always, never};

/// How long an answer stays.
const ANSWER_SECONDS: i64 = 60;

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "server-status-request",
    watches: ServerStatusRequest::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(300),
    stirs: never,
    workers: |_| 10,
    deadline: Duration::from_secs(30),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let request: ServerStatusRequest = read(&document)?;
    let now = deps.now();
    if request.status.phase != ServerStatusRequestPhase::Processed {
        let answer = json!({
            "phase": ServerStatusRequestPhase::Processed,
            "serverVersion": SERVER_VERSION,
            "processedTimestamp": stamp(now),
            "plugins": plugins::list(deps.config.features.contains("EnableAPIGroupVersions")),
        });
        patch_status::<ServerStatusRequest>(&deps, request.name(), answer).await?;
        return Ok(Next::Wait);
    }
    let answered = request.status.processed_timestamp.as_ref().map_or(now, |time| time.0);
    let end = answered + ANSWER_SECONDS.seconds();
    if now < end {
        return Ok(Next::at(end, now));
    }
    delete::<ServerStatusRequest>(&deps, request.name(), request.uid()).await?;
    Ok(Next::Wait)
}

#[cfg(test)]
mod tests;
