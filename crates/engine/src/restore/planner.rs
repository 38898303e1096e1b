//! Making the plan of a restore, out of the facts of an archive and of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use api::Kind;
use api::meta::{GroupResource, ObjectKey, ResourceType};
use api::velero::v1::{Restore, RestoreSpec};

use super::order::{DEFINITIONS, NAMESPACES, Order, Priorities};
use super::plan::{
    Gate, Identity, LeftOut, PlannedItem, PlannedKind, PlannedNamespace, Policy, RestorePlan, Rule, Stage,
    VERSION,
};
use super::scope::Scope;
use super::volumes::{Decision, Method, Volumes};
use super::{actions, problems};
use crate::catalog::Catalog;
use crate::facts::{Facts, Relation};
use crate::filter::SelectorError;
use crate::filter::selector::Labelled;
use crate::hooks;
use crate::hooks::restore::Asked;
use crate::problem::{Code, Problem, Severity};

/// What is to be restored.
#[derive(Debug, Clone)]
pub struct Request {
    /// The Restore.
    pub restore: Identity,
    /// Its spec, as [`super::prepare()`] completed it.
    pub spec: RestoreSpec,
    /// The name of the backup.
    pub backup: String,
    /// The server's order of types.
    pub priorities: Priorities,
}

impl Request {
    /// What a prepared Restore asks for.
    pub fn of(restore: &Restore, priorities: Priorities) -> Self {
        Self {
            restore: Identity {
                namespace: restore.namespace().to_owned(),
                name: restore.name().to_owned(),
                uid: restore.uid().to_owned(),
            },
            spec: restore.spec.clone(),
            backup: restore.spec.backup_name.clone(),
            priorities,
        }
    }
}

/// What the cluster has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// The names of its namespaces.
    pub namespaces: BTreeSet<String>,
    /// The names of its persistent volumes.
    pub volumes: BTreeSet<String>,
}

/// Makes the plan of a restore.
pub fn plan(
    request: &Request,
    catalog: &Catalog,
    facts: &[Facts],
    volumes: &Volumes,
    target: &Target,
) -> Result<RestorePlan, SelectorError> {
    let index: BTreeMap<&ObjectKey, &Facts> = facts.iter().map(|of| (&of.key, of)).collect();
    let known = catalog.clone().with(types_of(&index));
    let namespaces = index.keys().filter_map(|key| key.namespace.as_deref()).collect();
    let scope = Scope::of(&request.spec, &known, &namespaces)?;
    let order = Order::new(&request.priorities, &known);
    let mut planner =
        Planner { request, catalog, volumes, target, index, scope, order, draft: Draft::default() };
    let chosen = planner.choose();
    planner.decide_volumes(&chosen);
    planner.place(&chosen);
    let mut plan = planner.finish();
    add_hooks(&mut plan, &request.spec, facts);
    Ok(plan)
}

/// The types that the objects of an archive have.
fn types_of(index: &BTreeMap<&ObjectKey, &Facts>) -> Vec<ResourceType> {
    let mut types: Vec<ResourceType> = Vec::new();
    for (key, facts) in index {
        let resource = &key.resource;
        if types.last().is_none_or(|last| last.group_resource() != *resource) {
            let namespaced = key.namespace.is_some();
            let (group, plural) = (&resource.group, &resource.resource);
            types.push(ResourceType::addressed(group, &facts.version, plural, &facts.kind, namespaced));
        }
    }
    types
}

struct Planner<'a> {
    request: &'a Request,
    catalog: &'a Catalog,
    volumes: &'a Volumes,
    target: &'a Target,
    index: BTreeMap<&'a ObjectKey, &'a Facts>,
    scope: Scope,
    order: Order,
    draft: Draft,
}

/// What the planner has written down so far.
#[derive(Default)]
struct Draft {
    kinds: Vec<PlannedKind>,
    kind_places: BTreeMap<(GroupResource, String), Option<usize>>,
    stages: BTreeMap<usize, Stage>,
    targets: BTreeSet<ObjectKey>,
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
            found.extend(self.index.get(&definition_of(&key.resource)));
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
            self.decide_volume(volume, bound.get(&volume.key).copied(), chosen.contains(&volume.key));
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
        let decision = match method.decision(volume.marks.reclaimed) {
            Decision::AsIs if chosen => Decision::AsIs,
            Decision::AsIs if self.target.volumes.contains(name) => Decision::Present,
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
        let present = self.target.volumes.contains(volume) && method == Method::None;
        match method {
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
            } else if key.resource.is("", "persistentvolumes") && !self.as_is(&key.name) {
                self.leave_out(key, Rule::Reprovisioned);
            } else if let Some(kind) = self.kind_of(facts, chosen) {
                self.place_item(facts, kind);
            } else {
                self.leave_out(key, Rule::NotServed);
            }
        }
    }

    fn as_is(&self, volume: &str) -> bool {
        self.draft.volumes.get(volume) == Some(&Decision::AsIs)
    }

    fn place_item(&mut self, facts: &Facts, kind: usize) {
        if !self.draft.targets.insert(self.mapped(&facts.key)) {
            let message = format!("{} goes to the same place as another object of the backup", facts.key);
            let target = self.mapped(&facts.key);
            self.warn(&problems::SAME_TARGET, &target, message);
            return self.leave_out(&facts.key, Rule::SameTarget);
        }
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
        };
        let (place, name) = self.order.stage(&facts.key.resource);
        stage(&mut self.draft.stages, place, name).items.push(item);
    }

    /// Plans for a namespace of the backup to be there, under the name that it gets.
    fn ensure_namespace(&mut self, source: &str) {
        let resource = GroupResource::new("", "namespaces");
        let target = self.mapped_namespace(source).to_owned();
        self.draft.ensured.insert(source.to_owned());
        if !self.draft.targets.insert(ObjectKey::new(resource.clone(), None, &target)) {
            return;
        }
        let document = self.index.get(&ObjectKey::new(resource, None, source));
        let exists = self.target.namespaces.contains(&target);
        let namespace = PlannedNamespace { name: target, at: document.map(|facts| facts.at), exists };
        stage(&mut self.draft.stages, NAMESPACES, "namespaces").namespaces.push(namespace);
    }

    /// The type to create an object in, or `None` with a problem for the whole type.
    fn kind_of(&mut self, facts: &Facts, chosen: &BTreeSet<&'a ObjectKey>) -> Option<usize> {
        let place = (facts.key.resource.clone(), facts.version.clone());
        if let Some(found) = self.draft.kind_places.get(&place) {
            return *found;
        }
        let found = match self.served(facts, chosen) {
            Ok(resource) => {
                let actions = actions::names(&facts.key.resource);
                self.draft.kinds.push(PlannedKind { source: facts.key.resource.clone(), resource, actions });
                Some(self.draft.kinds.len() - 1)
            }
            Err((code, message)) => {
                self.draft.problems.push(Problem::new(code, Severity::Error, message));
                None
            }
        };
        self.draft.kind_places.insert(place, found);
        found
    }

    fn served(
        &self,
        facts: &Facts,
        chosen: &BTreeSet<&'a ObjectKey>,
    ) -> Result<ResourceType, (&'static Code, String)> {
        let resource = &facts.key.resource;
        let mut served = self
            .catalog
            .all()
            .iter()
            .filter(|of| of.group == resource.group && of.plural == resource.resource)
            .peekable();
        let known = served.peek().is_some();
        if let Some(found) = served.find(|of| of.version == facts.version) {
            return Ok(found.clone());
        }
        let (group, plural) = (&resource.group, &resource.resource);
        let own = ResourceType::addressed(
            group,
            &facts.version,
            plural,
            &facts.kind,
            facts.key.namespace.is_some(),
        );
        let version = own.api_version();
        if facts.version.is_empty() || facts.kind.is_empty() {
            let message =
                format!("some {resource} were not restored: their documents have no apiVersion and kind");
            Err((&problems::BAD_ITEM, message))
        } else if known {
            let message = format!("no {resource} were restored: the cluster does not serve {version}");
            Err((&problems::NO_SUCH_VERSION, message))
        } else if chosen.contains(&definition_of(resource)) {
            Ok(own)
        } else {
            let message = format!(
                "no {resource} were restored: the cluster does not have the type, in {version} or else"
            );
            Err((&problems::NO_SUCH_TYPE, message))
        }
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

    fn finish(self) -> RestorePlan {
        let spec = &self.request.spec;
        let policy = if spec.existing_resource_policy == "update" { Policy::Update } else { Policy::None };
        let mut stages = self.draft.stages;
        if let Some(definitions) = stages.get_mut(&DEFINITIONS) {
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
            kinds: self.draft.kinds,
            volumes: self.draft.volumes,
            stages: stages.into_values().collect(),
            hooks: Vec::new(),
            init_hooks: Vec::new(),
            left_out: left_out.into_values().collect(),
            problems: self.draft.problems,
        };
        if plan.total() == 0 {
            let message = "the restore selects nothing that the backup has";
            plan.problems.push(Problem::new(&problems::BACKUP_EMPTY, Severity::Warning, message));
        }
        plan
    }
}

/// Adds the hooks of the pods that are restored, in the order of their items.
fn add_hooks(plan: &mut RestorePlan, spec: &RestoreSpec, facts: &[Facts]) {
    let pods = facts.iter().filter(|of| of.key.resource.is("", "pods"));
    let pods: BTreeMap<&ObjectKey, &Facts> = pods.map(|of| (&of.key, of)).collect();
    let asked = Asked::new(&spec.hooks, spec.item_operation_timeout);
    let (mut commands, mut containers, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for (number, item) in (0u32..).zip(plan.items()) {
        let Some(facts) = pods.get(&plan.source(item)) else { continue };
        let target = plan.target(item);
        let namespace = target.namespace.as_deref().unwrap_or_default();
        let (hooks, wrong) = asked.hooks(number, facts, namespace);
        commands.extend(hooks);
        problems.extend(wrong);
        let added = asked.init_containers(facts, namespace);
        hooks::init::add(&mut containers, added, (namespace, &target.name));
    }
    plan.hooks = commands;
    plan.init_hooks = containers;
    plan.problems.extend(problems);
}

/// Where the definition of a custom resource is.
fn definition_of(resource: &GroupResource) -> ObjectKey {
    let definitions = GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions");
    ObjectKey::new(definitions, None, resource.to_string())
}

/// `apps/v1/Deployment` of an object as it was archived.
fn kind_key(facts: &Facts) -> String {
    match facts.key.resource.group.as_str() {
        "" => format!("{}/{}", facts.version, facts.kind),
        group => format!("{group}/{}/{}", facts.version, facts.kind),
    }
}

fn stage<'s>(stages: &'s mut BTreeMap<usize, Stage>, place: usize, name: &str) -> &'s mut Stage {
    let fresh =
        || Stage { name: name.to_owned(), namespaces: Vec::new(), items: Vec::new(), gate: Gate::None };
    stages.entry(place).or_insert_with(fresh)
}
