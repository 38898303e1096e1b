//! Pods bring along their priority class and the claims that they mount.

use api::meta::ObjectKey;

use super::{Action, nothing, unchanged};
use crate::backup::closure::World;
use crate::facts::{Facts, Relation};

pub(super) const ACTION: Action =
    Action { name: "velero.io/pod", resource: ("", "pods"), related, peers: nothing, transform: unchanged };

fn related(pod: &Facts, _: &World<'_>) -> Vec<ObjectKey> {
    pod.named(Relation::PriorityClass).chain(pod.named(Relation::Claim)).cloned().collect()
}
