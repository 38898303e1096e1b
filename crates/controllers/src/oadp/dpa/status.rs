//! Step five, with a client: says what there is. Only objects that were applied can be spoken of.

use std::collections::BTreeMap;

use api::Time;
use api::labels::SERVER_VERSION;
use api::oadp::{Condition, DataProtectionApplicationStatus, ManagedObject};
use cluster::port::WriteOptions;
use cluster::{ObjectRef, Patch};
use engine::document;
use engine::problem::Problem;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Applied, Resources};
use super::dereference::resource_type;
use super::reconcile::Context;
use super::validate::Valid;
use crate::error::Result;

/// OADP's condition: whether everything that was asked for was made.
const RECONCILED: &str = "Reconciled";
/// Ours: whether the server runs and its locations answer.
const AVAILABLE: &str = "Available";
/// Ours: whether every field that is set has an effect.
const HONOURED: &str = "AllFieldsHonoured";
/// Ours: whether the certificates of all stores are checked.
const VERIFIED: &str = "TLSVerified";
/// Longest message of a condition that the API server takes.
const MESSAGE_MAX: usize = 32_000;

/// What became of a reconcile.
#[derive(Debug)]
pub(super) enum Outcome<'a> {
    /// The application cannot be read.
    Unreadable(&'a str),
    /// It was refused, for these reasons.
    Refused(&'a [Problem]),
    /// It was not brought into the cluster.
    Failed(String),
    /// It was.
    Done(&'a Valid, &'a Resources<Applied>),
}

/// A condition without its time.
struct Statement {
    kind: &'static str,
    status: &'static str,
    reason: &'static str,
    message: String,
}

/// What the status is to be.
pub(super) fn next(outcome: &Outcome<'_>, stored: &Value, now: Timestamp) -> Value {
    let previous: DataProtectionApplicationStatus =
        serde_json::from_value(stored["status"].clone()).unwrap_or_default();
    let generation = stored["metadata"]["generation"].as_i64();
    let statements = statements(outcome);
    let conditions = merge(&previous.conditions, &statements, generation, now);
    let mut status = json!({"conditions": conditions});
    if let Some(generation) = generation {
        status["observedGeneration"] = json!(generation);
    }
    if let Outcome::Done(valid, applied) = outcome {
        status["versions"] = json!(versions(valid));
        status["objects"] = json!(objects(applied));
    }
    status
}

/// Writes the status if it says something new; says whether everything is available.
pub(super) async fn write(context: &Context, stored: &Value, outcome: &Outcome<'_>) -> Result<bool> {
    let status = next(outcome, stored, context.clock.now());
    let says = |condition: &Value| condition["type"] == AVAILABLE && condition["status"] == "True";
    let available = document::list(&status, &["conditions"]).iter().any(says);
    let news = status.as_object().into_iter().flatten().any(|(key, value)| stored["status"][key] != *value);
    if news {
        let at = ObjectRef {
            resource: resource_type("DataProtectionApplication")?,
            namespace: document::namespace(stored).map(str::to_owned),
            name: document::name(stored).to_owned(),
        };
        let patch = Patch::Merge(json!({"status": status}));
        context.cluster.patch(&at, Some("status"), &patch, WriteOptions::default()).await?;
    }
    Ok(available)
}

fn statements(outcome: &Outcome<'_>) -> Vec<Statement> {
    let failed = |message: String| {
        vec![Statement { kind: RECONCILED, status: "False", reason: "Error", message: cut(message) }]
    };
    match outcome {
        Outcome::Unreadable(reason) => failed(format!("failed to read the application: {reason}")),
        Outcome::Failed(reason) => failed(reason.clone()),
        Outcome::Refused(problems) => failed(refusals(problems)),
        Outcome::Done(valid, applied) => vec![
            Statement {
                kind: RECONCILED,
                status: "True",
                reason: "Complete",
                message: "Reconcile complete".to_owned(),
            },
            available(applied),
            honoured(&valid.pending),
            verified(&valid.unverified),
        ],
    }
}

/// All refusals, one a line, each with its code and what to do.
fn refusals(problems: &[Problem]) -> String {
    let line = |problem: &Problem| format!("{}: {}. {}", problem.code, problem.message, problem.remedy);
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn cut(mut message: String) -> String {
    if message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX).rev().find(|end| message.is_char_boundary(*end)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" ...");
    }
    message
}

fn available(applied: &Resources<Applied>) -> Statement {
    let unhealthy: Vec<_> =
        objects(applied).into_iter().filter(|object| object.health != "Healthy").collect();
    let say = |object: &ManagedObject| match object.message.as_str() {
        "" => format!("{} {} is {}", object.kind, object.name, object.health.to_lowercase()),
        message => format!("{} {}: {message}", object.kind, object.name),
    };
    let message = unhealthy.iter().map(say).collect::<Vec<_>>().join("; ");
    let (status, reason) = match unhealthy.first() {
        None => ("True", "Available"),
        Some(object) if object.kind == "Deployment" => ("False", "ServerNotReady"),
        Some(_) => ("False", "LocationNotReady"),
    };
    let message =
        if message.is_empty() { "The server runs and its locations answer".to_owned() } else { message };
    Statement { kind: AVAILABLE, status, reason, message: cut(message) }
}

fn honoured(pending: &[String]) -> Statement {
    match pending {
        [] => Statement {
            kind: HONOURED,
            status: "True",
            reason: "AllFields",
            message: "Every field that is set has an effect".to_owned(),
        },
        fields => Statement {
            kind: HONOURED,
            status: "False",
            reason: "NotYetHonoured",
            message: format!("checked, but without effect in this version: {}", fields.join(", ")),
        },
    }
}

fn verified(unverified: &[String]) -> Statement {
    match unverified {
        [] => Statement {
            kind: VERIFIED,
            status: "True",
            reason: "VerificationOn",
            message: "The certificates of all stores are checked".to_owned(),
        },
        names => Statement {
            kind: VERIFIED,
            status: "False",
            reason: "VerificationOff",
            message: format!(
                "insecureSkipTLSVerify is on for {}: anybody between here and the store can read and change \
                 backups; give the store's certificates in objectStorage.caCert instead",
                names.join(", ")
            ),
        },
    }
}

/// Conditions with their times: one that says the same as before keeps its time, one not spoken of stays.
fn merge(
    previous: &[Condition],
    statements: &[Statement],
    generation: Option<i64>,
    now: Timestamp,
) -> Vec<Condition> {
    let before = |kind: &str| previous.iter().find(|condition| condition.kind == kind);
    let dated = |statement: &Statement| {
        let since = before(statement.kind)
            .filter(|condition| condition.status == statement.status)
            .and_then(|condition| condition.last_transition_time.clone());
        Condition {
            last_transition_time: Some(since.unwrap_or(Time(now))),
            message: statement.message.clone(),
            reason: statement.reason.to_owned(),
            status: statement.status.to_owned(),
            kind: statement.kind.to_owned(),
            observed_generation: generation,
        }
    };
    let spoken = |condition: &&Condition| statements.iter().all(|statement| statement.kind != condition.kind);
    let kept = previous.iter().filter(spoken).cloned();
    statements.iter().map(dated).chain(kept).collect()
}

fn versions(valid: &Valid) -> BTreeMap<&'static str, String> {
    let velero = SERVER_VERSION.split('+').next().unwrap_or(SERVER_VERSION);
    BTreeMap::from([
        ("salvor", env!("CARGO_PKG_VERSION").to_owned()),
        ("velero", velero.to_owned()),
        ("server", valid.server.image.name.clone()),
    ])
}

/// The server and the locations, each with how it is.
fn objects(applied: &Resources<Applied>) -> Vec<ManagedObject> {
    let locations = applied.locations.iter().map(location);
    let snapshot_locations = applied.snapshot_locations.iter().map(|object| managed(object, "Healthy", ""));
    std::iter::once(server(&applied.deployment)).chain(locations).chain(snapshot_locations).collect()
}

fn managed(object: &Value, health: &str, message: &str) -> ManagedObject {
    ManagedObject {
        kind: document::text(object, &["kind"]).to_owned(),
        message: message.to_owned(),
        name: document::name(object).to_owned(),
        health: health.to_owned(),
        version: String::new(),
    }
}

fn server(deployment: &Value) -> ManagedObject {
    let status = &deployment["status"];
    let count = |field: &str| status[field].as_i64().unwrap_or_default();
    let wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let seen =
        count("observedGeneration") >= deployment["metadata"]["generation"].as_i64().unwrap_or_default();
    let ready = seen && count("availableReplicas") >= wanted && count("updatedReplicas") >= wanted;
    let broken = document::list(status, &["conditions"]).iter().find(|condition| {
        let is = |kind: &str, status: &str| condition["type"] == kind && condition["status"] == status;
        is("ReplicaFailure", "True") || is("Progressing", "False")
    });
    let mut object = match (ready, broken) {
        (true, _) => managed(deployment, "Healthy", ""),
        (false, Some(condition)) => managed(deployment, "Unhealthy", document::text(condition, &["message"])),
        (false, None) => managed(deployment, "Progressing", ""),
    };
    let containers = document::list(deployment, &["spec", "template", "spec", "containers"]);
    object.version =
        containers.first().map(|first| document::text(first, &["image"])).unwrap_or_default().to_owned();
    object
}

fn location(location: &Value) -> ManagedObject {
    let message = document::text(location, &["status", "message"]);
    match document::text(location, &["status", "phase"]) {
        "Available" => managed(location, "Healthy", ""),
        "Unavailable" => managed(location, "Unhealthy", message),
        _ => managed(location, "Progressing", ""),
    }
}
