//! Problems that belong to no operation: a log line, and an Event on the object in question.

use api::meta::ResourceType;
use cluster::{ErrorKind, ObjectRef};
use engine::document::{name, namespace, text, uid};
use engine::problem::{Problem, Severity};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::deps::Deps;
use crate::objects::stamp;

/// Reports a problem about an object. The same problem of the same object is one Event, however often it is met.
pub async fn report(deps: &Deps, about: &Value, reason: &str, problem: &Problem) {
    let Problem { code, message, remedy, severity, .. } = problem;
    match severity {
        Severity::Error => warn!(code, remedy, object = name(about), "{message}"),
        Severity::Warning => info!(code, remedy, object = name(about), "{message}"),
    }
    let event = event(deps, about, reason, problem);
    let resource = ResourceType::addressed("", "v1", "events", "Event", true);
    let at =
        ObjectRef { resource, namespace: namespace(about).map(str::to_owned), name: name(&event).to_owned() };
    match deps.cluster.create(&at, &event, Default::default()).await {
        Err(error) if error.kind != ErrorKind::AlreadyExists => warn!("failed to {error}"),
        _ => {}
    }
}

fn event(deps: &Deps, about: &Value, reason: &str, problem: &Problem) -> Value {
    let digest = Sha256::digest(format!("{}{reason}{}", uid(about), problem.message));
    let now = stamp(deps.now());
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": format!("{}.{}", name(about), &hex::encode(digest)[..16]),
            "namespace": namespace(about),
        },
        "involvedObject": {
            "apiVersion": text(about, &["apiVersion"]),
            "kind": text(about, &["kind"]),
            "namespace": namespace(about),
            "name": name(about),
            "uid": uid(about),
        },
        "type": "Warning",
        "reason": reason,
        "message": problem.advice(),
        "source": {"component": api::labels::FIELD_MANAGER},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    })
}
