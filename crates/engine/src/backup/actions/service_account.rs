//! Service accounts bring along what the whole cluster grants to them: bindings, and the roles that those bind.

use api::meta::ObjectKey;

use super::{Action, nothing, unchanged};
use crate::backup::closure::World;
use crate::facts::{Facts, Relation};

pub(super) const ACTION: Action = Action {
    name: "velero.io/service-account",
    resource: ("", "serviceaccounts"),
    related,
    peers: nothing,
    transform: unchanged,
};

fn related(account: &Facts, world: &World<'_>) -> Vec<ObjectKey> {
    let bindings: Vec<_> = world.granting(&account.key).collect();
    let roles = bindings.iter().flat_map(|binding| binding.named(Relation::Role));
    roles.chain(bindings.iter().map(|binding| &binding.key)).cloned().collect()
}
