//! Step three, without a client: makes every object from settings that were checked. The server's rights are
//! not among them: they are installed with the operator, which could not grant what it does not have.

mod labels;
mod server;

use std::collections::BTreeSet;
use std::marker::PhantomData;

use cluster::ObjectRef;
use engine::document;
use serde_json::{Value, json};

use super::dereference::Found;
use super::reconcile::Settings;
use super::validate::Valid;
use super::{APPLICATION_LABEL, OADP_LABEL};
use crate::install::deployment::SELECTOR;
use crate::install::location::location;
use crate::install::namespace::{Level, labels as level_labels, needed};
use crate::install::{
    Location, SnapshotLocation, Strings, downloads, metrics, service_account, snapshot_location, types,
};

/// Objects as they are to be.
#[derive(Debug, Clone, Copy)]
pub enum Prepared {}
/// Objects as the cluster has them.
#[derive(Debug, Clone, Copy)]
pub enum Applied {}

/// Every object of an application, before or after it was brought into the cluster.
#[derive(Debug, Clone)]
pub struct Resources<S> {
    /// A change to its Namespace, where a volume needs a wider Pod Security level.
    pub namespace: Option<Value>,
    /// Labels for the Secrets that it uses.
    pub secrets: Vec<Value>,
    /// The server's account.
    pub service_account: Value,
    /// The Services in front of the server.
    pub services: Vec<Value>,
    /// Backup locations.
    pub locations: Vec<Value>,
    /// Snapshot locations.
    pub snapshot_locations: Vec<Value>,
    /// A Deployment that stands in the way: its selector is another's and cannot be changed.
    pub obstacle: Option<Doomed>,
    /// The server.
    pub deployment: Value,
    /// Locations that were made for the application, and that it does not name any more.
    pub surplus: Vec<Doomed>,
    pub(super) state: PhantomData<S>,
}

/// An object that has to go, and no namesake of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doomed {
    /// Where it is.
    pub at: ObjectRef,
    /// Which it is.
    pub uid: String,
}

/// Makes every object of an application.
pub fn build(valid: &Valid, found: &Found, settings: &Settings) -> Resources<Prepared> {
    let namespace = valid.namespace.as_str();
    let owned = |object: Value| labels::owned(object, valid);
    let locations: Vec<_> = valid
        .locations
        .iter()
        .map(|one| owned(location(namespace, &Location { labels: labels::location(valid), ..one.clone() })))
        .collect();
    let snapshot_locations: Vec<_> = valid
        .snapshot_locations
        .iter()
        .map(|one| SnapshotLocation { labels: labels::snapshot_location(valid), ..one.clone() })
        .map(|one| owned(snapshot_location(namespace, &one)))
        .collect();
    let common = labels::common(valid);
    Resources {
        namespace: wider_namespace(valid, found),
        secrets: valid.secrets.iter().map(|name| secret_labels(valid, name)).collect(),
        service_account: owned(service_account(namespace, &Strings::new(), &common)),
        services: vec![owned(downloads(namespace, &common)), owned(metrics(namespace, &common))],
        obstacle: found.deployment.as_ref().and_then(obstacle),
        deployment: owned(server::deployment(valid, settings)),
        surplus: surplus(found, locations.iter().chain(&snapshot_locations)),
        locations,
        snapshot_locations,
        state: PhantomData,
    }
}

/// The labels of the Namespace, if its level is too narrow for the volumes. A wider one is left alone.
fn wider_namespace(valid: &Valid, found: &Found) -> Option<Value> {
    let needed = needed(&valid.volumes);
    (Level::of(&found.namespace) < needed).then(|| {
        let labels: Strings = level_labels(needed).into_iter().collect();
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": valid.namespace, "labels": labels}})
    })
}

/// The labels by which a change of a Secret is seen. They are merged into what is there.
fn secret_labels(valid: &Valid, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": valid.namespace,
            "labels": {OADP_LABEL.0: OADP_LABEL.1, APPLICATION_LABEL: valid.name},
        },
    })
}

/// A Deployment whose selector is not ours.
fn obstacle(deployment: &Value) -> Option<Doomed> {
    let selector = document::strings(&deployment["spec"]["selector"]["matchLabels"]);
    let ours = selector.len() == 1 && selector.get(SELECTOR.0).is_some_and(|value| value == SELECTOR.1);
    if ours { None } else { doomed(deployment) }
}

/// Locations made for the application that are not among those to be.
fn surplus<'a>(found: &Found, wanted: impl Iterator<Item = &'a Value>) -> Vec<Doomed> {
    let name = |object: &Value| (object["kind"].to_string(), document::name(object).to_owned());
    let wanted: BTreeSet<_> = wanted.map(name).collect();
    found.locations.iter().filter(|object| !wanted.contains(&name(object))).filter_map(doomed).collect()
}

fn doomed(object: &Value) -> Option<Doomed> {
    Some(Doomed { at: types::address(object)?, uid: document::uid(object).to_owned() })
}
