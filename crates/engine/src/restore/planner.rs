//! Making the plan of a restore, out of the facts of an archive and of the cluster.

mod owners;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use api::meta::{GroupResource, ObjectKey};
use api::velero::v1::{Restore, RestoreSpec};
use api::{Kind, labels};

use super::adjustments::Adjustments;
use super::in_vain::in_vain;
use super::order::{DEFINITIONS, NAMESPACES, Order, Priorities};
use super::plan::{
    Gate, Identity, LeftOut, PlannedItem, PlannedKind, PlannedNamespace, Policy, RestorePlan, Rule, Stage,
    VERSION,
};
use super::prepare::annotated;
use super::problems;
use super::scope::Scope;
use super::volumes::{Decision, Held, Method, Volumes};
use crate::catalog::Catalog;
use crate::derived;
use crate::facts::{Facts, Relation};
use crate::filter::SelectorError;
use crate::filter::selector::Labelled;
use crate::policy::Filter;
use crate::preview::expected_plan;
use crate::problem::{Code, Problem, Severity};

/// Pairs of objects for one place that a refusal names at the most.
const CLASHES_NAMED_MAX: usize = 5;

/// What is to be restored.
#[derive(Debug, Clone)]
pub struct Request {
    /// The Restore.
    pub restore: Identity,
    /// Its spec, as [`super::prepare()`] completed it.
    pub spec: RestoreSpec,
    /// What its resource policy selects.
    pub policy: Filter,
    /// The name of the backup.
    pub backup: String,
    /// The server's order of types.
    pub priorities: Priorities,
    /// Whether what is created gets no finalizers.
    pub strip_finalizers: bool,
    /// The digest of the plan that was looked at, where only that one may be executed.
    pub expected_plan: Option<String>,
}

/// Why no plan can be made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Refusal {
    /// A selector cannot be read.
    #[error(transparent)]
    Selector(#[from] SelectorError),
    /// Objects of several namespaces go to the same places.
    #[error("{}", .0.message)]
    Clash(Box<Problem>),
}

impl Request {
    /// What a prepared Restore asks for, but for its resource policy.
    pub fn of(restore: &Restore, priorities: Priorities) -> Self {
        Self {
            restore: Identity {
                namespace: restore.namespace().to_owned(),
                name: restore.name().to_owned(),
                uid: restore.uid().to_owned(),
            },
            spec: restore.spec.clone(),
            policy: Filter::default(),
            backup: restore.spec.backup_name.clone(),
            priorities,
            strip_finalizers: annotated(restore, labels::STRIP_FINALIZERS),
            expected_plan: expected_plan(restore.metadata.annotations.as_ref()).map(str::to_owned),
        }
    }

    /// The name of the ConfigMap of its resource policy.
    pub fn resource_policy(&self) -> Option<&str> {
        self.spec.resource_policy.as_ref().map(|policy| policy.name.as_str())
    }
}

/// What the cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The names of its namespaces.
    pub namespaces: BTreeSet<String>,
    /// Its persistent volumes, by name.
    pub volumes: BTreeMap<String, Held>,
}

/// Makes the plan of a restore, but for its hooks: those are planned when it is known what is changed in its pods.
pub fn plan(
    request: &Request,
    catalog: &Catalog,
    facts: &[Facts],
    volumes: &Volumes,
    target: &Target,
) -> Result<RestorePlan, Refusal> {
    let index: BTreeMap<&ObjectKey, &Facts> = facts.iter().map(|of| (&of.key, of)).collect();
    let known = catalog.clone().with(types::of(&index));
    let namespaces: BTreeSet<&str> = index.keys().filter_map(|key| key.namespace.as_deref()).collect();
    let scope = Scope::of(&request.spec, &request.policy, &known, &namespaces)?;
    let order = Order::new(&request.priorities, &known);
    let bare = index.keys().filter(|key| key.resource.is("", "namespaces")).map(|key| key.name.as_str());
    let archived = namespaces.into_iter().chain(bare).collect();
    let problems = in_vain(request, &scope, &known, &archived);
    let draft = Draft { problems, ..Draft::default() };
    let mut planner = Planner { request, catalog, known, volumes, target, index, scope, order, draft };
    let mut chosen = planner.choose();
    planner.leave_out_derived(&mut chosen);
    planner.decide_volumes(&chosen);
    planner.place(&chosen);
    planner.finish()
}

struct Planner<'a> {
    request: &'a Request,
    catalog: &'a Catalog,
    /// The types of the cluster and of the archive.
    known: Catalog,
    volumes: &'a Volumes,
    target: &'a Target,
    index: BTreeMap<&'a ObjectKey, &'a Facts>,
    scope: Scope,
    order: Order,
    draft: Draft<'a>,
}

/// What the planner has written down so far.
#[derive(Default)]
struct Draft<'a> {
    kinds: Vec<PlannedKind>,
    kind_places: BTreeMap<(GroupResource, String), Option<usize>>,
    /// By their place in the order of types, and by the owners inside of it that come before.
    stages: BTreeMap<(usize, usize), Stage>,
    /// What goes where.
    targets: BTreeMap<ObjectKey, &'a ObjectKey>,
    /// The namespaces that are made sure of, under the names that they get.
    namespaces: BTreeSet<String>,
    /// Objects that go to one place.
    clashes: Vec<(&'a ObjectKey, &'a ObjectKey)>,
    /// How many owners come before an object inside of its place.
    levels: BTreeMap<&'a ObjectKey, usize>,
    /// Namespaces of the backup that are made sure of, whatever the filters say of their own documents.
    ensured: BTreeSet<String>,
    volumes: BTreeMap<String, Decision>,
    left_out: BTreeMap<(Rule, GroupResource, Option<String>), LeftOut>,
    problems: Vec<Problem>,
}

impl<'a> Planner<'a> {
    /// The objects to restore: those that the filters select, and what they need.
    fn choose(&mut self) -> BTreeSet<&'a ObjectKey> {
        let mut chosen = BTreeSet::new();
        let mut verdicts = BTreeMap::new();
        for (key, facts) in &self.index {
            match self.scope.selects(facts).and_then(|()| self.stays_out(facts)) {
                Ok(()) => drop(chosen.insert(*key)),
                Err(rule) => drop(verdicts.insert(*key, rule)),
            }
        }
        let mut ahead: Vec<_> = chosen.iter().copied().collect();
        while let Some(key) = ahead.pop() {
            for needed in self.needs(key) {
                let admitted = self.scope.admits(needed).and_then(|()| self.stays_out(needed));
                if admitted.is_ok() && chosen.insert(&needed.key) {
                    verdicts.remove(&needed.key);
                    ahead.push(&needed.key);
                }
            }
        }
        for (key, rule) in verdicts {
            self.leave_out(key, rule);
        }
        chosen
    }

    /// What an object cannot be restored without, as far as the archive has it: what it names, and the definition of
    /// its type where the cluster has none.
    fn needs(&mut self, key: &ObjectKey) -> Vec<&'a Facts> {
        let Some(facts) = self.index.get(key).copied() else { return Vec::new() };
        let needed = [Relation::Claim, Relation::PriorityClass, Relation::Volume];
        let named = facts.references.iter().filter(|to| needed.contains(&to.relation));
        let mut found = Vec::new();
        for to in named {
            match self.index.get(&to.key) {
                Some(needed) => found.push(*needed),
                None if to.relation == Relation::Claim => self.missing_claim(key, &to.key),
                None => {}
            }
        }
        if self.catalog.find(&key.resource).is_none() {
            found.extend(self.index.get(&types::definition_of(&key.resource)));
        }
        found
    }

    fn missing_claim(&mut self, pod: &ObjectKey, claim: &ObjectKey) {
        let message = format!("the claim {} that it mounts is not in the backup", claim.name);
        let key = self.mapped(pod);
        self.warn(&problems::MISSING_REFERENCE, &key, message);
    }

    /// The rules that hold whatever the filters say.
    fn stays_out(&self, facts: &Facts) -> Result<(), Rule> {
        let resource = &facts.key.resource;
        let automanaged = resource.is("apiregistration.k8s.io", "apiservices")
            && facts.labels.label("kube-aggregator.kubernetes.io/automanaged").is_some();
        if facts.marks.completed {
            Err(Rule::Completed)
        } else if facts.marks.mirror {
            Err(Rule::MirrorPod)
        } else if automanaged {
            Err(Rule::Automanaged)
        } else if facts.marks.token && self.made_for_an_account(&facts.key) {
            Err(Rule::AccountToken)
        } else {
            Ok(())
        }
    }

    /// Leaves out what a controller makes of objects that are chosen, too.
    fn leave_out_derived(&mut self, chosen: &mut BTreeSet<&'a ObjectKey>) {
        let stays = |key: &ObjectKey| self.index.get(key).copied().filter(|_| chosen.contains(key));
        let is_derived = |key: &&ObjectKey| derived::maker(self.index[*key], stays).is_some();
        let derived: Vec<&'a ObjectKey> = chosen.iter().copied().filter(is_derived).collect();
        for key in derived {
            chosen.remove(key);
            self.leave_out(key, Rule::Derived);
        }
    }

    /// Whether a token secret is named as the token controller names those that it makes for an account.
    fn made_for_an_account(&self, secret: &ObjectKey) -> bool {
        let accounts = GroupResource::new("", "serviceaccounts");
        secret.name.match_indices("-token-").any(|(at, _)| {
            let account = &secret.name[..at];
            let key = ObjectKey::new(accounts.clone(), secret.namespace.as_deref(), account);
            account == "default" || self.index.contains_key(&key)
        })
    }

    /// Decides on every volume that the archive has, or that a chosen claim is bound to.
    fn decide_volumes(&mut self, chosen: &BTreeSet<&'a ObjectKey>) {
        let claims = chosen.iter().filter_map(|key| self.index.get(key)).copied();
        let bound = claims.flat_map(|claim| claim.named(Relation::Volume).map(move |volume| (volume, claim)));
        let bound: BTreeMap<&ObjectKey, &Facts> = bound.collect();
        let volumes = GroupResource::new("", "persistentvolumes");
        let archived = self.index.values().copied().filter(|of| of.key.resource == volumes);
        for volume in archived.collect::<Vec<_>>() {
            let (claim, is_chosen) = (bound.get(&volume.key).copied(), chosen.contains(&volume.key));
            if claim.is_some() || is_chosen {
                self.decide_volume(volume, claim, is_chosen);
            }
        }
        for (volume, claim) in bound {
            if !self.index.contains_key(volume) {
                self.decide_foreign(&volume.name, claim);
            }
        }
    }

    fn decide_volume(&mut self, volume: &Facts, claim: Option<&Facts>, chosen: bool) {
        let name = &volume.key.name;
        let claimed = volume.named(Relation::ClaimedBy).next();
        let claimed = claimed.and_then(|claim| Some((claim.namespace.as_deref()?, claim.name.as_str())));
        let method = self.volumes.method(name, claimed);
        let moves = claimed.is_some_and(|(namespace, _)| self.mapped_namespace(namespace) != namespace);
        let held = self.target.volumes.get(name);
        let other = |held: &Held| claim.is_some_and(|claim| held.is_of_another(&self.mapped(&claim.key)));
        let taken = held.filter(|held| moves || other(held));
        let is_released = held.is_some_and(|held| held.is_released) && claim.is_some();
        let decision = match method.decision(volume.marks.reclaimed) {
            Decision::AsIs if let Some(held) = taken => {
                claim.into_iter().for_each(|claim| self.volume_in_use(name, held, claim));
                Decision::Provision
            }
            Decision::AsIs if chosen && is_released => Decision::Release,
            Decision::AsIs if chosen => Decision::AsIs,
            Decision::AsIs if held.is_some() => {
                claim.filter(|_| is_released).into_iter().for_each(|claim| self.volume_released(name, claim));
                Decision::Present
            }
            Decision::AsIs => {
                claim.into_iter().for_each(|claim| self.volume_gone(name, claim));
                Decision::Provision
            }
            decision => {
                if chosen || claim.is_some() {
                    self.tell_of_data(volume, claim, method);
                }
                decision
            }
        };
        self.draft.volumes.insert(name.clone(), decision);
    }

    /// A claim is bound to a volume that the archive does not have.
    fn decide_foreign(&mut self, volume: &str, claim: &Facts) {
        let namespace = claim.key.namespace.as_deref().unwrap_or_default();
        let method = self.volumes.method(volume, Some((namespace, &claim.key.name)));
        let held = self.target.volumes.get(volume).filter(|_| method == Method::None);
        let taken = held.filter(|held| held.is_of_another(&self.mapped(&claim.key)));
        let present = held.is_some() && taken.is_none();
        match method {
            _ if let Some(held) = taken => self.volume_in_use(volume, held, claim),
            _ if held.is_some_and(|held| held.is_released) => self.volume_released(volume, claim),
            _ if present => {}
            Method::None => self.volume_gone(volume, claim),
            _ => self.tell_of_data(claim, Some(claim), method),
        }
        let decision = if present { Decision::Present } else { Decision::Provision };
        self.draft.volumes.insert(volume.to_owned(), decision);
    }

    fn volume_gone(&mut self, volume: &str, claim: &Facts) {
        let message = format!(
            "the volume {volume} that it was bound to is neither restored nor in the cluster: it gets a new, empty one"
        );
        let key = self.mapped(&claim.key);
        self.warn(&problems::VOLUME_GONE, &key, message);
    }

    /// The volume is there, for another claim: for the one that this restore makes a copy of, or one that has nothing to do
    /// with it.
    fn volume_in_use(&mut self, volume: &str, held: &Held, claim: &Facts) {
        let by = match &held.by {
            Some((namespace, name)) => format!("the claim {namespace}/{name}"),
            None => format!("the claim of namespace {}", claim.key.namespace.as_deref().unwrap_or_default()),
        };
        let message = format!(
            "the volume {volume} that it was bound to is in the cluster, for {by}: it gets a new, empty one"
        );
        let key = self.mapped(&claim.key);
        self.warn(&problems::VOLUME_IN_USE, &key, message);
    }

    /// The volume is there, its claim has gone, and it is not for this restore to change it.
    fn volume_released(&mut self, volume: &str, claim: &Facts) {
        let message = format!(
            "the volume {volume} that it was bound to is kept for the claim that was deleted, and is not part of the restore: \
             the claim cannot be bound"
        );
        let key = self.mapped(&claim.key);
        let problem = Problem::new(&problems::VOLUME_RELEASED, Severity::Error, message).about(&key);
        self.draft.problems.push(problem);
    }

    /// Says that a volume which is provisioned anew comes back without its data.
    fn tell_of_data(&mut self, volume: &Facts, claim: Option<&Facts>, method: Method) {
        if self.request.spec.restore_pvs == Some(false) {
            return;
        }
        let about = self.mapped(&claim.unwrap_or(volume).key);
        let from = match method {
            Method::None => {
                let message =
                    "the volume comes back empty: its data was not backed up, and its storage went with it";
                return self.warn(&problems::EMPTY_VOLUME, &about, message.to_owned());
            }
            Method::Native => "a native snapshot",
            Method::PodVolume => "a pod volume backup",
            Method::Csi => "a CSI snapshot",
        };
        let message =
            format!("the volume comes back empty: restoring its data from {from} is not supported yet");
        self.draft
            .problems
            .push(Problem::new(&problems::DATA_NOT_RESTORED, Severity::Error, message).about(&about));
    }

    /// Gives every chosen object its place in the plan.
    fn place(&mut self, chosen: &BTreeSet<&'a ObjectKey>) {
        for key in chosen {
            let Some(facts) = self.index.get(key).copied() else { continue };
            if key.resource.is("", "namespaces") {
                self.ensure_namespace(&key.name);
            } else if key.resource.is("", "persistentvolumes") && !self.is_restored(&key.name) {
                self.leave_out(key, Rule::Reprovisioned);
            } else if let Some(kind) = self.kind_of(facts, chosen) {
                self.place_item(facts, kind, chosen);
            } else {
                self.leave_out(key, Rule::NotServed);
            }
        }
    }

    fn is_restored(&self, volume: &str) -> bool {
        self.draft.volumes.get(volume).is_some_and(|decision| decision.is_restored())
    }

    fn place_item(&mut self, facts: &'a Facts, kind: usize, chosen: &BTreeSet<&'a ObjectKey>) {
        let target = self.mapped(&facts.key);
        if let Some(first) = self.draft.targets.get(&target).copied() {
            // Every namespace has that account by itself.
            if !facts.key.resource.is("", "serviceaccounts") || facts.key.name != "default" {
                self.draft.clashes.push((first, &facts.key));
            }
            return self.leave_out(&facts.key, Rule::SameTarget);
        }
        self.draft.targets.insert(target, &facts.key);
        if let Some(namespace) = facts.key.namespace.as_deref() {
            self.ensure_namespace(namespace);
        }
        let item = PlannedItem {
            kind,
            namespace: facts.key.namespace.clone(),
            name: facts.key.name.clone(),
            at: facts.at,
            managed_fields: facts.marks.applied,
            status: self.scope.restores_status(facts),
            owners: self.links(facts, chosen),
        };
        let level = self.level(facts, chosen);
        let (place, name) = self.order.stage(&facts.key.resource);
        stage(&mut self.draft.stages, (place, level), name).items.push(item);
    }

    /// Plans for a namespace of the backup to be there, under the name that it gets.
    fn ensure_namespace(&mut self, source: &str) {
        let resource = GroupResource::new("", "namespaces");
        let target = self.mapped_namespace(source).to_owned();
        self.draft.ensured.insert(source.to_owned());
        if !self.draft.namespaces.insert(target.clone()) {
            return;
        }
        let document = self.index.get(&ObjectKey::new(resource, None, source));
        let exists = self.target.namespaces.contains(&target);
        let namespace = PlannedNamespace { name: target, at: document.map(|facts| facts.at), exists };
        stage(&mut self.draft.stages, (NAMESPACES, 0), "namespaces").namespaces.push(namespace);
    }

    fn mapped_namespace<'b>(&'b self, source: &'b str) -> &'b str {
        self.request.spec.namespace_mapping.get(source).map_or(source, String::as_str)
    }

    /// Where an object of the archive goes.
    fn mapped(&self, key: &ObjectKey) -> ObjectKey {
        let namespace = key.namespace.as_deref().map(|source| self.mapped_namespace(source));
        ObjectKey::new(key.resource.clone(), namespace, &key.name)
    }

    fn warn(&mut self, code: &Code, about: &ObjectKey, message: String) {
        self.draft.problems.push(Problem::new(code, Severity::Warning, message).about(about));
    }

    fn leave_out(&mut self, key: &ObjectKey, rule: Rule) {
        let Some(facts) = self.index.get(key) else { return };
        let place = (rule, key.resource.clone(), key.namespace.clone());
        let entry = self.draft.left_out.entry(place).or_insert_with(|| LeftOut {
            rule,
            resource: key.resource.clone(),
            namespace: key.namespace.clone(),
            kind: kind_key(facts),
            names: Vec::new(),
        });
        entry.names.push(key.name.clone());
    }

    fn finish(self) -> Result<RestorePlan, Refusal> {
        if !self.draft.clashes.is_empty() {
            return Err(Refusal::Clash(Box::new(self.clash())));
        }
        let spec = &self.request.spec;
        let policy = match spec.existing_resource_policy.as_str() {
            "update" => Policy::Update,
            "recreate" => Policy::Recreate,
            _ => Policy::None,
        };
        let mut stages = self.draft.stages;
        for (_, definitions) in stages.range_mut((DEFINITIONS, 0)..(NAMESPACES, 0)) {
            definitions.gate = Gate::Established;
        }
        let mut left_out = self.draft.left_out;
        for left in left_out.values_mut().filter(|left| left.resource.is("", "namespaces")) {
            left.names.retain(|name| !self.draft.ensured.contains(name));
        }
        left_out.retain(|_, left| !left.names.is_empty());
        let mut plan = RestorePlan {
            v: VERSION,
            restore: self.request.restore.clone(),
            backup: self.request.backup.clone(),
            policy,
            keep_node_ports: spec.preserve_node_ports == Some(true),
            namespace_mapping: spec.namespace_mapping.clone(),
            strip_finalizers: self.request.strip_finalizers,
            adjustments: Adjustments::default(),
            kinds: self.draft.kinds,
            volumes: self.draft.volumes,
            stages: stages.into_values().collect(),
            hooks: Vec::new(),
            init_hooks: Vec::new(),
            left_out: left_out.into_values().collect(),
            problems: self.draft.problems,
        };
        owners::number(&mut plan);
        if plan.total() == 0 {
            let message = "the restore selects nothing that the backup has";
            plan.problems.push(Problem::new(&problems::BACKUP_EMPTY, Severity::Warning, message));
        }
        Ok(plan)
    }

    /// Several namespaces become one, and it has no room for all that is in them.
    fn clash(&self) -> Problem {
        let pair = |(one, other): &(&ObjectKey, &ObjectKey)| {
            format!("{} {} and {}", one.resource, one.full_name(), other.full_name())
        };
        let named: Vec<String> = self.draft.clashes.iter().take(CLASHES_NAMED_MAX).map(pair).collect();
        let more = match self.draft.clashes.len().saturating_sub(CLASHES_NAMED_MAX) {
            0 => String::new(),
            more => format!("; and {more} more pairs"),
        };
        let message =
            format!("the namespace mapping sends objects to the same places: {}{more}", named.join("; "));
        Problem::new(&problems::SAME_TARGET, Severity::Error, message)
    }
}

/// `apps/v1/Deployment` of an object as it was archived.
fn kind_key(facts: &Facts) -> String {
    match facts.key.resource.group.as_str() {
        "" => format!("{}/{}", facts.version, facts.kind),
        group => format!("{group}/{}/{}", facts.version, facts.kind),
    }
}

/// The stage of a place in the order of types, and of a level inside of it: what is owned comes after its owners.
fn stage<'s>(
    stages: &'s mut BTreeMap<(usize, usize), Stage>,
    place: (usize, usize),
    name: &str,
) -> &'s mut Stage {
    let name = || match place.1 {
        0 => name.to_owned(),
        1 => format!("{name}, owned"),
        level => format!("{name}, owned ({level})"),
    };
    let fresh = || Stage { name: name(), namespaces: Vec::new(), items: Vec::new(), gate: Gate::None };
    stages.entry(place).or_insert_with(fresh)
}
