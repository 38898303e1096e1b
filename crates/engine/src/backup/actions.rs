//! What Salvor knows about kinds when it backs them up: what an object brings along, and what is taken out of its
//! document. One file each; the order here is the order in which they run.
//!
//! Velero's `velero.io/crd-remap-version` has no counterpart: it serves clusters that still have `v1beta1`
//! definitions, which no supported version of Kubernetes does.

mod persistent_volume_claim;
mod pod;
mod service_account;

use api::meta::{GroupResource, ObjectKey};
use serde_json::Value;

use super::closure::World;
use super::plan::BackupPlan;
use crate::facts::Facts;

/// What is known about one kind.
#[derive(Debug)]
pub struct Action {
    /// Its name, as plans and logs have it.
    pub name: &'static str,
    /// The kind: group and plural name.
    resource: (&'static str, &'static str),
    /// What an object of it needs, that is stored before it.
    related: fn(&Facts, &World<'_>) -> Vec<ObjectKey>,
    /// What is quiesced together with it.
    peers: fn(&Facts, &World<'_>) -> Vec<ObjectKey>,
    /// What becomes of its document.
    pub(super) transform: fn(&mut Value, &BackupPlan),
}

/// Every action, by name.
pub const REGISTRY: &[Action] = &[pod::ACTION, persistent_volume_claim::ACTION, service_account::ACTION];

/// The actions that run on a kind.
pub fn of(resource: &GroupResource) -> impl Iterator<Item = &'static Action> {
    REGISTRY.iter().filter(|action| resource.is(action.resource.0, action.resource.1))
}

/// The action of that name.
pub fn named(name: &str) -> Option<&'static Action> {
    REGISTRY.iter().find(|action| action.name == name)
}

/// What an object needs.
pub(super) fn related(object: &Facts, world: &World<'_>) -> Vec<ObjectKey> {
    of(&object.key.resource).flat_map(|action| (action.related)(object, world)).collect()
}

/// What is quiesced together with an object.
pub(super) fn peers(object: &Facts, world: &World<'_>) -> Vec<ObjectKey> {
    of(&object.key.resource).flat_map(|action| (action.peers)(object, world)).collect()
}

fn nothing(_: &Facts, _: &World<'_>) -> Vec<ObjectKey> {
    Vec::new()
}

fn unchanged(_: &mut Value, _: &BackupPlan) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_in_the_order_of_their_names() {
        assert!(REGISTRY.is_sorted_by_key(|action| action.name));
        assert!(REGISTRY.iter().all(|action| named(action.name).is_some()));
    }
}
