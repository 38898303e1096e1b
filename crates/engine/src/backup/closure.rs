//! What selected objects bring along, and in which order everything is stored: what an object needs lies before it.

use std::collections::{BTreeSet, HashMap, HashSet};

use api::meta::{GroupResource, ObjectKey};

use super::rule::Rule;
use super::select::{Selection, is_namespaces};
use super::{actions, derived};
use crate::facts::{Facts, Relation};

/// Objects to look relations up in.
#[derive(Debug)]
pub(super) struct World<'a> {
    /// All objects that were listed or fetched.
    pub(super) facts: &'a [Facts],
    /// The rules of what is selected.
    pub(super) selection: &'a Selection,
    at: HashMap<&'a ObjectKey, usize>,
    /// The same objects in the versions that are not preferred.
    versions: HashMap<usize, Vec<usize>>,
    mounted_by: HashMap<&'a ObjectKey, Vec<usize>>,
    granted_by: HashMap<&'a ObjectKey, Vec<usize>>,
    /// Claims by namespace and by the group that their volumes are snapshotted in.
    grouped: HashMap<(&'a str, &'a str), Vec<usize>>,
    operators: Operators<'a>,
}

/// Operators that subscriptions in the backup have installed. Empty where nobody asked for such.
#[derive(Debug, Default)]
struct Operators<'a> {
    installed: HashSet<&'a ObjectKey>,
    by_uid: HashMap<&'a str, usize>,
}

impl<'a> World<'a> {
    pub(super) fn new(selection: &'a Selection, facts: &'a [Facts]) -> Self {
        let mut world = Self {
            facts,
            selection,
            at: HashMap::with_capacity(facts.len()),
            versions: HashMap::new(),
            mounted_by: HashMap::new(),
            granted_by: HashMap::new(),
            grouped: HashMap::new(),
            operators: Operators::default(),
        };
        let preferred = |object: &Facts| selection.prefers(&object.key.resource, &object.version);
        let (first, others): (Vec<usize>, Vec<usize>) =
            (0..facts.len()).partition(|index| !selection.every_version() || preferred(&facts[*index]));
        for index in first.into_iter().chain(others) {
            // an object may have been listed twice, by two selectors
            let at = *world.at.entry(&facts[index].key).or_insert(index);
            if at == index {
                world.relate(index, &facts[index]);
            } else if facts[at].version != facts[index].version {
                world.version(at, index);
            }
        }
        world.operators = world.operators();
        world
    }

    /// Adds a version of an object, once.
    fn version(&mut self, of: usize, index: usize) {
        let facts = self.facts;
        let versions = self.versions.entry(of).or_default();
        if versions.iter().all(|other| facts[*other].version != facts[index].version) {
            versions.push(index);
        }
    }

    fn operators(&self) -> Operators<'a> {
        if !self.selection.operators_as_intents() {
            return Operators::default();
        }
        let subscribed = self.facts.iter().filter(|object| self.kept(object));
        let installed = subscribed.flat_map(|object| object.named(Relation::Installed)).collect();
        let by_uid = self.facts.iter().enumerate().map(|(index, object)| (object.uid.as_str(), index));
        Operators { installed, by_uid: by_uid.filter(|(uid, _)| !uid.is_empty()).collect() }
    }

    fn relate(&mut self, index: usize, object: &'a Facts) {
        let cluster_binding = object.key.namespace.is_none();
        for reference in &object.references {
            match reference.relation {
                Relation::Claim => self.mounted_by.entry(&reference.key).or_default().push(index),
                Relation::Subject if cluster_binding => {
                    self.granted_by.entry(&reference.key).or_default().push(index);
                }
                _ => {}
            }
        }
        if let (Some(group), Some(namespace)) = (self.selection.group(object), &object.key.namespace) {
            self.grouped.entry((namespace.as_str(), group)).or_default().push(index);
        }
    }

    /// The object of a key.
    pub(super) fn find(&self, key: &ObjectKey) -> Option<&'a Facts> {
        self.at.get(key).map(|index| &self.facts[*index])
    }

    /// The pods that mount a claim.
    pub(super) fn mounting(&self, claim: &ObjectKey) -> impl Iterator<Item = &'a Facts> {
        self.mounted_by.get(claim).into_iter().flatten().map(|index| &self.facts[*index])
    }

    /// The claims whose volumes are snapshotted together with that of a claim, itself among them.
    pub(super) fn group_of(&self, claim: &Facts) -> Vec<&'a Facts> {
        let key = self.selection.group(claim).zip(claim.key.namespace.as_deref());
        let group = key.and_then(|(group, namespace)| self.grouped.get(&(namespace, group)));
        group.into_iter().flatten().map(|index| &self.facts[*index]).collect()
    }

    /// Whether an object is selected and stays.
    pub(super) fn kept(&self, object: &Facts) -> bool {
        self.selection.selects(object).is_ok() && Selection::keeps(object).is_ok()
    }

    /// The object of a UID, where operators travel as intents.
    pub(super) fn of_uid(&self, uid: &str) -> Option<&'a Facts> {
        self.operators.by_uid.get(uid).map(|index| &self.facts[*index])
    }

    /// Whether a subscription in the backup has installed this version of an operator.
    pub(super) fn is_installed(&self, key: &ObjectKey) -> bool {
        self.operators.installed.contains(key)
    }

    /// The bindings of the whole cluster that grant to a service account.
    pub(super) fn granting(&self, account: &ObjectKey) -> impl Iterator<Item = &'a Facts> {
        self.granted_by.get(account).into_iter().flatten().map(|index| &self.facts[*index])
    }
}

/// Why an object is in a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Because {
    /// The filters select it.
    Selected,
    /// Another object brings it along.
    Related,
    /// It defines the type of objects in the backup.
    Definition,
    /// Objects in the backup lie in this namespace.
    Contains,
}

/// An object on its way into the plan.
#[derive(Debug)]
pub(super) struct Member {
    /// Which of the facts.
    pub(super) fact: usize,
    pub(super) because: Because,
    /// The members that it needs; all of them come before it.
    pub(super) needs: Vec<u32>,
    /// Objects of one block are quiesced, stored and released together.
    pub(super) block: u32,
}

/// Everything that a selection comes to.
#[derive(Debug, Default)]
pub(super) struct Closure {
    /// What is stored, in order.
    pub(super) members: Vec<Member>,
    /// What is not, though selected or brought along, and why.
    pub(super) left_out: Vec<(ObjectKey, Rule)>,
    /// What is brought along, and was neither listed nor fetched.
    pub(super) missing: Vec<ObjectKey>,
    /// Volumes that are not stored and about whose data is to be decided, and that were not fetched.
    pub(super) unseen: Vec<ObjectKey>,
    /// Objects that `orderedResources` names in vain.
    pub(super) unordered: Vec<(String, String)>,
}

impl Closure {
    /// The closure over what is known so far. What is missing may bring along more.
    pub(super) fn of(world: &World<'_>, ordered: &Ordered) -> Self {
        let mut walk = Walk::new(world);
        let (seeds, mut unordered) = (walk.seeds(), ordered.names());
        let mut seeds: Vec<(Option<usize>, usize)> = seeds
            .into_iter()
            .map(|seed| (ordered.rank(&world.facts[seed].key, &mut unordered), seed))
            .collect();
        seeds.sort_by_cached_key(|(rank, seed)| sort_key(world, *rank, *seed));
        let mut previous: Option<&GroupResource> = None;
        for (rank, seed) in seeds {
            let resource = &world.facts[seed].key.resource;
            if rank.is_none() || previous != Some(resource) {
                walk.next_block();
            }
            previous = rank.map(|_| resource);
            walk.block_of(seed);
        }
        walk.containers();
        walk.definitions();
        let mut closure = walk.closure;
        closure.unordered = unordered.into_iter().collect();
        closure.missing.sort();
        closure.missing.dedup();
        closure.unseen.sort();
        closure.unseen.dedup();
        closure.left_out.sort();
        closure.left_out.dedup();
        closure
    }
}

type SortKey<'a> = (usize, usize, Option<&'a str>, &'a str);

/// By type, in the order of the archive; what is ordered first; then by name.
fn sort_key<'a>(world: &World<'a>, rank: Option<usize>, seed: usize) -> SortKey<'a> {
    let key = &world.facts[seed].key;
    let of_type = world.selection.types().iter();
    let of_type = of_type
        .enumerate()
        .find(|(_, of)| of.plural == key.resource.resource && of.group == key.resource.group);
    let of_type = of_type.map_or(usize::MAX, |(index, _)| index);
    (of_type, rank.unwrap_or(usize::MAX), key.namespace.as_deref(), &key.name)
}

/// Whether objects of a type stand for storage.
fn holds_data(resource: &GroupResource) -> bool {
    resource.is("", "persistentvolumeclaims") || resource.is("", "persistentvolumes")
}

/// The order that a user asked for.
#[derive(Debug, Default)]
pub(super) struct Ordered {
    ranks: HashMap<(String, String), usize>,
}

impl Ordered {
    /// Reads `orderedResources`: a plural name, and `ns/name` or `name` with commas between them.
    pub(super) fn new<'a>(written: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        let mut ranks = HashMap::new();
        for (resource, names) in written {
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let rank = ranks.len();
                ranks.entry((resource.clone(), name.to_owned())).or_insert(rank);
            }
        }
        Self { ranks }
    }

    fn names(&self) -> BTreeSet<(String, String)> {
        self.ranks.keys().cloned().collect()
    }

    fn rank(&self, key: &ObjectKey, unseen: &mut BTreeSet<(String, String)>) -> Option<usize> {
        if self.ranks.is_empty() {
            return None;
        }
        let name = (key.resource.resource.clone(), key.full_name());
        unseen.remove(&name);
        self.ranks.get(&name).copied()
    }
}

/// A closure in the making.
struct Walk<'w, 'a> {
    world: &'w World<'a>,
    closure: Closure,
    /// Where each fact became a member; `None` while it is on its way, or was left out.
    placed: HashMap<usize, Option<u32>>,
    block: u32,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(world: &'w World<'a>) -> Self {
        Self { world, closure: Closure::default(), placed: HashMap::new(), block: 0 }
    }

    /// Begins a block, unless the last one is still empty.
    fn next_block(&mut self) {
        if self.closure.members.last().is_some_and(|last| last.block == self.block) {
            self.block += 1;
        }
    }

    /// The objects that the filters select.
    fn seeds(&mut self) -> Vec<usize> {
        let mut seeds = Vec::new();
        for (index, object) in self.world.facts.iter().enumerate() {
            if self.world.at.get(&object.key) != Some(&index) {
                continue;
            }
            match self.world.selection.selects(object) {
                Ok(()) => seeds.push(index),
                Err(Rule::Terminating) => self.leave_out(&object.key, Rule::Terminating),
                // what is merely not selected would be most of the cluster
                Err(_) => {}
            }
        }
        seeds
    }

    /// A selected object with all that is quiesced together with it.
    fn block_of(&mut self, seed: usize) {
        self.place(seed, Because::Selected);
        let mut seen = HashSet::from([seed]);
        let mut queue = vec![seed];
        while let Some(next) = queue.pop() {
            let object = &self.world.facts[next];
            let peers =
                actions::peers(object, self.world).into_iter().chain(actions::related(object, self.world));
            for key in peers {
                let Some(&peer) = self.world.at.get(&key) else { continue };
                if self.world.selection.admits(&key).is_ok() && seen.insert(peer) {
                    self.place(peer, Because::Related);
                    queue.push(peer);
                }
            }
        }
    }

    /// Makes an object a member, after all that it needs. What is left out brings nothing along.
    fn place(&mut self, fact: usize, because: Because) -> Option<u32> {
        self.settle(fact, because, Selection::keeps(&self.world.facts[fact]))
    }

    /// The same for what a member uses: claims and volumes in use are there, with their data, for as long as that lasts,
    /// also when somebody has asked for their deletion.
    fn place_used(&mut self, fact: usize) -> Option<u32> {
        let object = &self.world.facts[fact];
        let kept = match Selection::keeps(object) {
            Err(Rule::Terminating) if holds_data(&object.key.resource) => Ok(()),
            kept => kept,
        };
        self.settle(fact, Because::Related, kept)
    }

    fn settle(&mut self, fact: usize, because: Because, kept: Result<(), Rule>) -> Option<u32> {
        if let Some(placed) = self.placed.get(&fact) {
            return *placed;
        }
        self.placed.insert(fact, None);
        let object = &self.world.facts[fact];
        let made_again = || derived::of_object(object, self.world).map_or(Ok(()), Err);
        if let Err(rule) = kept.and_then(|()| made_again()) {
            self.leave_out(&object.key, rule);
            return None;
        }
        let related = actions::related(object, self.world);
        let needs: Vec<u32> = related.into_iter().filter_map(|key| self.bring(key)).collect();
        let index = u32::try_from(self.closure.members.len()).ok()?;
        self.closure.members.push(Member { fact, because, needs, block: self.block });
        self.placed.insert(fact, Some(index));
        for &fact in self.world.versions.get(&fact).into_iter().flatten() {
            self.closure.members.push(Member { fact, because, needs: Vec::new(), block: self.block });
        }
        Some(index)
    }

    /// An object that another one needs.
    fn bring(&mut self, key: ObjectKey) -> Option<u32> {
        if let Err(rule) = self.world.selection.admits(&key) {
            self.leave_out(&key, rule);
            if key.resource.is("", "persistentvolumes") && !self.world.at.contains_key(&key) {
                self.closure.unseen.push(key);
            }
            return None;
        }
        match self.world.at.get(&key) {
            Some(&fact) => self.place_used(fact),
            None => {
                self.closure.missing.push(key);
                None
            }
        }
    }

    /// The Namespace objects of everything so far.
    fn containers(&mut self) {
        if !self.world.selection.keeps_namespaces() {
            return;
        }
        self.next_block();
        let facts = self.world.facts;
        let names: BTreeSet<&String> =
            self.closure.members.iter().filter_map(|of| facts[of.fact].key.namespace.as_ref()).collect();
        for name in names {
            let key = ObjectKey::new(GroupResource::new("", "namespaces"), None, name);
            self.supply(key, Because::Contains);
        }
        // one that is left out for being empty or going is not, if something in it is stored
        let placed = &self.placed;
        let stored = |key: &ObjectKey| {
            self.world.at.get(key).is_some_and(|fact| matches!(placed.get(fact), Some(Some(_))))
        };
        self.closure.left_out.retain(|(key, _)| !is_namespaces(&key.resource) || !stored(key));
    }

    /// The definitions of the types of everything so far.
    fn definitions(&mut self) {
        if !self.world.selection.brings_definitions() {
            return;
        }
        self.next_block();
        let facts = self.world.facts;
        let types: BTreeSet<&GroupResource> =
            self.closure.members.iter().map(|of| &facts[of.fact].key.resource).collect();
        let definitions = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
        // the API server wants at least two labels in the group of a definition
        for of in types.into_iter().filter(|of| of.group.contains('.')) {
            self.supply(ObjectKey::new(definitions.clone(), None, of.to_string()), Because::Definition);
        }
    }

    fn supply(&mut self, key: ObjectKey, because: Because) {
        match self.world.at.get(&key) {
            Some(&fact) => drop(self.place(fact, because)),
            None => self.closure.missing.push(key),
        }
    }

    fn leave_out(&mut self, key: &ObjectKey, rule: Rule) {
        self.closure.left_out.push((key.clone(), rule));
    }
}

#[cfg(test)]
mod tests;
