//! Which owners an object may get back, and that owners come before what they own.

use std::collections::{BTreeMap, BTreeSet};

use api::meta::ObjectKey;

use super::Planner;
use crate::facts::{Facts, Owner};
use crate::restore::owners::{Link, is_adopted};
use crate::restore::plan::{PlannedItem, RestorePlan};
use crate::restore::scope::is_restorable;

/// Owners of owners that are followed: deeper than that, or in a circle, the order of types has to do.
const DEPTH_MAX: usize = 8;

impl<'a> Planner<'a> {
    /// The owners that an object had and may find again: in this restore, or in the cluster.
    pub(super) fn links(&mut self, facts: &Facts, chosen: &BTreeSet<&'a ObjectKey>) -> Vec<Link> {
        let mut links = Vec::new();
        for owner in &facts.owners {
            let Some(key) = self.owner(facts, owner) else { continue };
            let archived = self.index.get(&key).copied();
            let kind = match archived.filter(|_| chosen.contains(&key)) {
                Some(archived) => self.kind_of(archived, chosen),
                None => self.catalog.find(&key.resource).cloned().map(|served| self.kind_in_cluster(served)),
            };
            if let Some(kind) = kind {
                links.push(Link { uid: owner.uid.clone(), kind, name: owner.name.clone(), item: None });
            }
        }
        links
    }

    /// The object that an owner reference means. None for a reference that the garbage collector would not
    /// take for one, and for owners whose controllers find what is theirs by themselves.
    fn owner(&self, facts: &Facts, owner: &Owner) -> Option<ObjectKey> {
        if is_adopted(owner, &facts.key.resource) {
            return None;
        }
        let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let resource = self.known.preferred().find(|of| of.kind == owner.kind && of.group == group)?;
        let namespace = match (resource.namespaced, facts.key.namespace.as_deref()) {
            (true, None) => return None,
            (true, namespace) => namespace,
            (false, _) => None,
        };
        let key = ObjectKey::new(resource.group_resource(), namespace, &owner.name);
        let stale = self.index.get(&key).is_some_and(|found| !found.uid.is_empty() && found.uid != owner.uid);
        let possible =
            is_restorable(&key.resource) && !key.resource.is("", "namespaces") && !stale && key != facts.key;
        possible.then_some(key)
    }

    /// How many owners have to come before an object, inside of its place in the order of types.
    pub(super) fn level(&mut self, facts: &'a Facts, chosen: &BTreeSet<&'a ObjectKey>) -> usize {
        self.level_below(facts, chosen, DEPTH_MAX)
    }

    fn level_below(&mut self, facts: &'a Facts, chosen: &BTreeSet<&'a ObjectKey>, depth: usize) -> usize {
        if facts.owners.is_empty() || depth == 0 {
            return 0;
        }
        if let Some(level) = self.draft.levels.get(&facts.key) {
            return *level;
        }
        let place = self.order.stage(&facts.key.resource).0;
        let owners = facts.owners.iter().filter_map(|owner| self.owner(facts, owner));
        let beside = |key: &ObjectKey| chosen.contains(key) && self.order.stage(&key.resource).0 == place;
        let owners: Vec<&'a Facts> =
            owners.filter(beside).filter_map(|key| self.index.get(&key).copied()).collect();
        let mut level = 0;
        for owner in owners {
            level = level.max(1 + self.level_below(owner, chosen, depth - 1));
        }
        self.draft.levels.insert(&facts.key, level);
        level
    }
}

/// Gives each link the number of the item that restores the owner.
pub(super) fn number(plan: &mut RestorePlan) {
    let linked = plan.items().any(|item| !item.owners.is_empty());
    if !linked {
        return;
    }
    let numbers: BTreeMap<ObjectKey, u32> =
        (0..).zip(plan.items()).map(|(number, item)| (plan.target(item), number)).collect();
    let (now, numbers) = (&*plan, &numbers);
    let number = |item: &PlannedItem, link: &Link| numbers.get(&now.owner(link, item)).copied();
    let found: Vec<Option<u32>> =
        now.items().flat_map(|item| item.owners.iter().map(move |link| number(item, link))).collect();
    let items = plan.stages.iter_mut().flat_map(|stage| &mut stage.items);
    for (link, number) in items.flat_map(|item| &mut item.owners).zip(found) {
        link.item = number;
    }
}
