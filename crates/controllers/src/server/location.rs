//! BackupStorageLocations: whether they can be used, and which is the default.

use std::sync::Arc;
use std::time::Duration;

use api::velero::v1::{BackupStorageLocation, LocationPhase};
use api::{GoDuration, Kind};
use engine::machine::location::{Observed, Step, due, next, not_default};
use engine::problem::Code;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{ErrorKind, bucket};
use tokio::time::timeout;
use tracing::{info, warn};

use super::problems;
use crate::deps::Deps;
use crate::error::{Error, Result, read};
use crate::metrics::Metric;
use crate::objects::{amend, list, stamp};
use crate::runtime::{Next, Spec, always, never};

/// Annotation: the digest of the specification that was validated last, so that a change is seen at once.
const VALIDATED_SPEC: &str = "salvor.io/validated-spec";
/// How long the store has to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// The controller.
pub static SPEC: Spec<Deps> = Spec {
    name: "backup-storage-location",
    watches: BackupStorageLocation::resource_type,
    concerns: always,
    resync: |_| Duration::from_secs(60),
    stirs: never,
    workers: |_| 4,
    deadline: Duration::from_secs(90),
    reconcile: |deps, document| Box::pin(reconcile(deps, document)),
};

async fn reconcile(deps: Arc<Deps>, document: Value) -> Result<Next> {
    let location: BackupStorageLocation = read(&document)?;
    if cede_default(&deps, &location).await? {
        return Ok(Next::Wait);
    }
    let digest = digest(&document);
    let frequency = GoDuration::from(deps.config.periods.validation);
    let observed = Observed { location: &location, frequency, changed: !is_validated(&location, &digest) };
    match next(&observed, deps.now()) {
        Step::Rest => return Ok(Next::Wait),
        Step::Wait(until) => return Ok(Next::at(until, deps.now())),
        Step::Validate => {}
    }
    let verdict = probe(&deps, &location).await;
    report(&deps, &location, &verdict);
    let now = deps.now();
    amend(&deps, &location, outcome(&verdict, &digest, now)).await?;
    let again = due(now, location.spec.validation_frequency, frequency);
    Ok(again.map_or(Next::Wait, |then| Next::at(then, now)))
}

/// What was found: the location can be used, perhaps with a warning, or it cannot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Verdict {
    phase: LocationPhase,
    message: String,
}

/// Whether this specification is the one that was validated last.
fn is_validated(location: &BackupStorageLocation, digest: &str) -> bool {
    let validated = location.metadata.annotations.as_ref().and_then(|all| all.get(VALIDATED_SPEC));
    validated.is_some_and(|validated| validated == digest)
}

fn digest(document: &Value) -> String {
    hex::encode(&Sha256::digest(document["spec"].to_string())[..8])
}

/// Looks at the location: nothing is written to it.
async fn probe(deps: &Deps, location: &BackupStorageLocation) -> Verdict {
    let looked = timeout(PROBE_TIMEOUT, async {
        let store = deps.stores.open(location).await?;
        let layout = bucket::check_layout(store.as_ref()).await?;
        Ok::<_, Error>((layout, deps.stores.warnings(location).await?))
    });
    match looked.await {
        Ok(Ok((None, warnings))) => available(&warnings),
        Ok(Ok((Some(message), _))) => unavailable(&problems::LAYOUT, &message),
        Ok(Err(error)) => unavailable(code_of(&error), &format!("failed to {error}")),
        Err(_) => {
            unavailable(&problems::UNREACHABLE, &format!("the store did not answer within {PROBE_TIMEOUT:?}"))
        }
    }
}

fn available(warnings: &[String]) -> Verdict {
    let code = problems::QUESTIONABLE;
    let message = match warnings {
        [] => String::new(),
        warnings => format!("warning: {} ({})", warnings.join("; "), code.id),
    };
    Verdict { phase: LocationPhase::Available, message }
}

fn unavailable(code: &Code, message: &str) -> Verdict {
    let message = format!("{}: {message} ({}). {}", code.title, code.id, code.remedy);
    Verdict { phase: LocationPhase::Unavailable, message }
}

fn code_of(error: &Error) -> &'static Code {
    match error {
        Error::Store(error) => match error.kind {
            ErrorKind::Unavailable => &problems::UNREACHABLE,
            ErrorKind::Denied => &problems::DENIED,
            ErrorKind::NoBucket => &problems::NO_BUCKET,
            ErrorKind::Certificate => &problems::CERTIFICATE,
            ErrorKind::Config | ErrorKind::Unsupported => &problems::CONFIGURATION,
            ErrorKind::NotFound | ErrorKind::Precondition | ErrorKind::Other => &problems::STORE,
        },
        Error::Config(_) | Error::Malformed { .. } => &problems::CONFIGURATION,
        _ => &problems::STORE,
    }
}

fn outcome(verdict: &Verdict, digest: &str, now: Timestamp) -> Value {
    let Verdict { phase, message } = verdict;
    let message = Some(message).filter(|message| !message.is_empty());
    json!({
        "metadata": {"annotations": {VALIDATED_SPEC: digest}},
        "status": {"phase": phase, "message": message, "lastValidationTime": stamp(now)},
    })
}

fn report(deps: &Deps, location: &BackupStorageLocation, verdict: &Verdict) {
    let Verdict { phase, message } = verdict;
    let value = if *phase == LocationPhase::Available { 1.0 } else { 0.0 };
    deps.metrics.set(Metric::LocationStatus, &[location.name()], value);
    if location.status.phase == Some(*phase) && location.status.message == *message {
        return;
    }
    match phase {
        LocationPhase::Available => info!(location = location.name(), "the location is available {message}"),
        _ => warn!(location = location.name(), "the location is unavailable: {message}"),
    }
}

/// Of several default locations, the one that was made last stays the default; each of the others cedes. Whether this one
/// did.
async fn cede_default(deps: &Deps, location: &BackupStorageLocation) -> Result<bool> {
    if !location.spec.default {
        return Ok(false);
    }
    let all = list::<BackupStorageLocation>(deps, "").await?;
    let cedes = not_default(&all).contains(&location.name());
    if cedes {
        info!(location = location.name(), "a location made later is the default");
        amend(deps, location, json!({"spec": {"default": false}})).await?;
    }
    Ok(cedes)
}

#[cfg(test)]
mod tests;
