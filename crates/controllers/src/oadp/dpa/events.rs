//! Events about what a reconcile changed.

use api::Kind;
use cluster::ObjectRef;
use cluster::port::WriteOptions;
use engine::document;
use serde_json::{Value, json};
use tracing::warn;

use super::build::{Applied, Resources};
use super::dereference::{Found, resource_type};
use super::reconcile::Context;
use crate::error::Result;

/// Something that a reconcile changed, as an Event tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// One word.
    pub(super) reason: String,
    /// A sentence.
    pub(super) message: String,
}

/// What differs between what was found and what there is now.
pub(super) fn changes(found: &Found, applied: &Resources<Applied>) -> Vec<Change> {
    let before: Vec<&Value> = found.locations.iter().chain(&found.deployment).collect();
    let now = applied
        .locations
        .iter()
        .chain(&applied.snapshot_locations)
        .chain(std::iter::once(&applied.deployment));
    let written = now.filter_map(|object| change(&before, object));
    let surplus = applied.surplus.iter().map(|doomed| Change {
        reason: format!("{}Deleted", doomed.at.resource.kind),
        message: format!("deleted {}, which the application does not name any more", doomed.at.name),
    });
    written.chain(surplus).collect()
}

/// What happened to one object; `None` where nothing did.
fn change(before: &[&Value], object: &Value) -> Option<Change> {
    let same = |other: &&&Value| other["metadata"]["uid"] == object["metadata"]["uid"];
    let done = match before.iter().find(same) {
        None => "created",
        Some(other) if other["metadata"]["generation"] != object["metadata"]["generation"] => "changed",
        Some(_) => return None,
    };
    let kind = document::text(object, &["kind"]);
    Some(Change {
        reason: format!("{kind}Reconciled"),
        message: format!("{done} {}", document::name(object)),
    })
}

/// Tells what changed. An Event that cannot be written is no reason to fail.
pub(super) async fn emit(context: &Context, found: &Found, changes: &[Change]) {
    for change in changes {
        if let Err(error) = create(context, found, change).await {
            warn!("failed to {error}");
        }
    }
}

async fn create(context: &Context, found: &Found, change: &Change) -> Result<()> {
    let application = &found.application;
    let id = context.ids.uuid().simple().to_string();
    let name = format!("{}.{}", application.name(), id.get(..16).unwrap_or_default());
    let now = context.clock.now().to_string();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": application.namespace()},
        "involvedObject": {
            "apiVersion": "oadp.openshift.io/v1alpha1",
            "kind": "DataProtectionApplication",
            "namespace": application.namespace(),
            "name": application.name(),
            "uid": application.uid(),
        },
        "reason": change.reason,
        "message": change.message,
        "type": "Normal",
        "source": {"component": api::labels::OPERATOR_LEASE},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    });
    let namespace = Some(application.namespace().to_owned());
    let at = ObjectRef { resource: resource_type("Event")?, namespace, name };
    context.cluster.create(&at, &event, WriteOptions::default()).await?;
    Ok(())
}
