//! What the cluster makes again by itself, which backups leave out: restored, it would be stale, or in the way of what is
//! made anew. One table; an entry is here only if nothing is lost with it. A backup that names the type has it.
//!
//! Not here, though controllers make them: ReplicaSets and ControllerRevisions, which are what a rollout is undone to, and
//! pods, which carry the hooks and volumes of a backup.

use api::meta::{GroupResource, ObjectKey, ResourceType};

use super::closure::World;
use super::rule::Rule;
use crate::derived::{is_authority, is_copied, is_mirrored, is_of_service};
use crate::facts::{Facts, OLM, Relation};
use crate::filter::selector::Labelled;

/// How many owners up an object is followed: pod, ReplicaSet, Deployment, ClusterServiceVersion, and one to spare.
const OWNERS_MAX: usize = 5;

/// One entry: of these types, what passes the test.
struct Derived {
    rule: Rule,
    /// Group and plural name; empty for every type.
    types: &'static [(&'static str, &'static str)],
    test: Test,
}

/// Which objects of a type.
enum Test {
    /// All of them: the type is not even listed.
    All,
    /// Those of which this holds.
    Where(fn(&Facts, &World<'_>) -> bool),
}

/// The type of which some are made from Services, others from Endpoints.
const SLICES: &[(&str, &str)] = &[("discovery.k8s.io", "endpointslices")];

const TABLE: &[Derived] = &[
    Derived { rule: Rule::Event, types: &[("", "events"), ("events.k8s.io", "events")], test: Test::All },
    Derived { rule: Rule::Lease, types: &[("coordination.k8s.io", "leases")], test: Test::Where(renewed) },
    Derived { rule: Rule::Endpoints, types: &[("", "endpoints")], test: Test::Where(of_service) },
    Derived { rule: Rule::Endpoints, types: SLICES, test: Test::Where(|slice, _| is_of_service(slice)) },
    Derived { rule: Rule::Mirrored, types: SLICES, test: Test::Where(|slice, _| is_mirrored(slice)) },
    Derived {
        rule: Rule::Published,
        types: &[("", "configmaps")],
        test: Test::Where(|map, _| is_authority(map)),
    },
    Derived {
        rule: Rule::OperatorCopy,
        types: &[(OLM, "clusterserviceversions")],
        test: Test::Where(|version, _| is_copied(version)),
    },
    Derived { rule: Rule::OperatorIntent, types: &[], test: Test::Where(installed) },
];

/// The rule by which a whole type is left out.
pub(super) fn of_type(of: &ResourceType) -> Option<Rule> {
    let all = TABLE.iter().filter(|entry| matches!(entry.test, Test::All));
    all.filter(|entry| entry.types.contains(&(&of.group, &of.plural))).map(|entry| entry.rule).next()
}

/// The rule by which one object is left out.
pub(super) fn of_object(object: &Facts, world: &World<'_>) -> Option<Rule> {
    let resource = &object.key.resource;
    let concerned = |entry: &&Derived| {
        entry.types.is_empty() || entry.types.iter().any(|(group, plural)| resource.is(group, plural))
    };
    let holds = |entry: &&Derived| matches!(entry.test, Test::Where(test) if test(object, world));
    let rule = TABLE.iter().filter(concerned).find(holds)?.rule;
    (!world.selection.names(resource)).then_some(rule)
}

/// Whoever renews a lease takes it when it is not there; others were written by somebody.
fn renewed(lease: &Facts, _: &World<'_>) -> bool {
    lease.marks.renewed
}

/// Endpoints have the name of their Service. Without a selector there, somebody wrote them.
fn of_service(endpoints: &Facts, world: &World<'_>) -> bool {
    let key = ObjectKey { resource: GroupResource::new("", "services"), ..endpoints.key.clone() };
    world.find(&key).is_some_and(|service| service.marks.selects && world.kept(service))
}

/// What OLM makes of a Subscription, where operators travel as what was asked for: the version that it installed, the plan
/// of that, and all that belongs to the version.
fn installed(object: &Facts, world: &World<'_>) -> bool {
    // Custom resources cannot be restored before their definition, whoever brings that.
    let definition = object.key.resource.is("apiextensions.k8s.io", "customresourcedefinitions");
    if definition || !world.selection.operators_as_intents() {
        return false;
    }
    let mut object = object;
    for _ in 0..OWNERS_MAX {
        if world.is_installed(&object.key) || belongs(object, world) || planned(object, world) {
            return true;
        }
        let owner = object.owners.iter().find_map(|owner| world.of_uid(&owner.uid));
        match owner {
            Some(owner) => object = owner,
            None => return false,
        }
    }
    false
}

/// OLM labels what it makes of a version, since owners cannot be named across namespaces.
fn belongs(object: &Facts, world: &World<'_>) -> bool {
    let label = |key| object.labels.label(key);
    let of_version = label("olm.owner.kind") == Some("ClusterServiceVersion");
    let Some(name) = label("olm.owner").filter(|_| of_version) else { return false };
    let namespace = label("olm.owner.namespace").or(object.key.namespace.as_deref());
    world.is_installed(&ObjectKey::new(GroupResource::new(OLM, "clusterserviceversions"), namespace, name))
}

/// Plans belong to the Subscription that they were made for.
fn planned(object: &Facts, world: &World<'_>) -> bool {
    let mut owners = object.owners.iter().filter_map(|owner| world.of_uid(&owner.uid));
    object.key.resource.is(OLM, "installplans")
        && owners.any(|owner| {
            owner.key.resource.is(OLM, "subscriptions") && owner.named(Relation::Installed).count() > 0
        })
}

#[cfg(test)]
mod tests;
