//! The plan of a backup: complete, immutable, and all that its execution goes by.

use std::collections::{BTreeMap, HashMap};

use api::Kind;
use api::labels;
use api::meta::{GroupResource, ObjectKey};
use api::velero::v1::{Backup, BackupHooks};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use super::closure::Because;
use super::closure::{Closure, Member, Ordered, World};
use super::rule::Rule;
use super::select::Selection;
use super::volumes::{self, VolumeDecision};
use super::{actions, problems, report};
use crate::archive::ItemPath;
use crate::facts::{Facts, Span};
use crate::hooks;
use crate::hooks::backup::BackupHook;
use crate::log::Line;
use crate::policy::VolumePolicies;
use crate::problem::{Problem, Severity};

/// The version of the plan's format.
pub const VERSION: u32 = 1;

/// What planning needs to know of a prepared Backup, besides its filters.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// The Backup's name.
    pub name: String,
    /// The server's namespace.
    pub namespace: String,
    /// The Backup's UID.
    pub uid: String,
    /// When it began, which is the time that entries of the archive carry.
    pub started: Timestamp,
    /// `spec.orderedResources`.
    pub ordered_resources: BTreeMap<String, String>,
    /// `spec.defaultVolumesToFsBackup`.
    pub volumes_to_fs_backup: bool,
    /// `spec.snapshotMoveData`.
    pub snapshot_move_data: bool,
    /// `spec.snapshotVolumes`.
    pub snapshot_volumes: Option<bool>,
    /// What resource policies say about volumes.
    pub policies: VolumePolicies,
    /// The Backup has a location for native snapshots.
    pub native_snapshots: bool,
    /// `spec.hooks`.
    pub hooks: BackupHooks,
    /// `salvor.io/coverage: enforce`.
    pub coverage_enforced: bool,
}

impl Request {
    /// The request of a prepared Backup that follows no policies.
    pub fn of(backup: &Backup) -> Self {
        let annotations = backup.metadata.annotations.as_ref();
        let coverage = annotations.and_then(|annotations| annotations.get(labels::COVERAGE));
        Self {
            name: backup.name().to_owned(),
            namespace: backup.namespace().to_owned(),
            uid: backup.uid().to_owned(),
            started: backup.status.start_timestamp.as_ref().map(|time| time.0).unwrap_or_default(),
            ordered_resources: backup.spec.ordered_resources.clone(),
            volumes_to_fs_backup: backup.spec.default_volumes_to_fs_backup == Some(true),
            snapshot_move_data: backup.spec.snapshot_move_data == Some(true),
            snapshot_volumes: backup.spec.snapshot_volumes,
            policies: VolumePolicies::default(),
            native_snapshots: !backup.spec.volume_snapshot_locations.is_empty(),
            hooks: backup.spec.hooks.clone(),
            coverage_enforced: coverage.is_some_and(|value| value == "enforce"),
        }
    }
}

/// Everything that a backup will do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupPlan {
    /// The version of this format.
    pub v: u32,
    /// The Backup's name.
    pub name: String,
    /// The server's namespace.
    pub namespace: String,
    /// The Backup's UID.
    pub uid: String,
    /// When the backup began: the time of every entry of the archive.
    pub started: Timestamp,
    /// What items have in common, so that each is small.
    pub classes: Vec<Class>,
    /// What is stored, in order: what an item needs lies before it.
    pub items: Vec<PlannedItem>,
    /// Objects that are not stored, and why.
    pub left_out: Vec<LeftOut>,
    /// Types whose objects are not stored, and why.
    pub types_left_out: Vec<(GroupResource, Rule)>,
    /// What becomes of the data of each volume.
    pub volumes: Vec<VolumeDecision>,
    /// The commands to run around the data of volumes, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<BackupHook>,
    /// Whether every namespace of an item has its own item.
    pub keeps_namespaces: bool,
    /// What the cluster was asked for, and when its answers were true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Listed>,
    /// What went wrong before anything was done.
    pub problems: Vec<Problem>,
}

/// What the items of one type and version have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Class {
    /// Their resource.
    pub resource: GroupResource,
    /// Their kind.
    pub kind: String,
    /// Their version, without its group.
    pub version: String,
    /// Whether the server prefers that version.
    pub preferred: bool,
    /// The actions that transform their documents, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
}

/// A list that the cluster was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Of which resource.
    pub resource: GroupResource,
    /// In which namespace; absent for the whole cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The version of the cluster's state that it shows: lists of different versions may contradict each other.
    pub version: String,
    /// How many objects were on it.
    pub objects: usize,
}

/// One object that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedItem {
    /// Its class, by number.
    pub class: u16,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Where its document is.
    pub at: Span,
    /// Items of one block are quiesced, stored and released together.
    pub block: u32,
    /// Why it is stored.
    pub because: Because,
    /// The items that it brought along, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<u32>,
}

/// One object that is not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Which.
    pub key: ObjectKey,
    /// Why.
    pub rule: Rule,
}

/// Why an object that was asked for did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absence {
    /// It does not exist.
    NotFound,
    /// It was not given, for this reason.
    Refused(String),
}

/// What has still to be fetched before a plan can be made: fetch it, add its facts, and ask again until nothing is
/// missing. `absent` are those that were asked for in vain.
pub fn missing(
    selection: &Selection,
    facts: &[Facts],
    absent: &BTreeMap<ObjectKey, Absence>,
) -> Vec<ObjectKey> {
    let closure = Closure::of(&World::new(selection, facts), &Ordered::default());
    let wanted = closure.missing.into_iter().chain(closure.unseen);
    wanted.filter(|key| !absent.contains_key(key)).collect()
}

/// The plan of a backup. It reports what was fetched in vain, and the problems that were found before it.
pub fn plan(
    request: &Request,
    selection: &Selection,
    facts: Vec<Facts>,
    absent: &BTreeMap<ObjectKey, Absence>,
    found_before: Vec<Problem>,
) -> BackupPlan {
    let world = World::new(selection, &facts);
    let closure = Closure::of(&world, &Ordered::new(&request.ordered_resources));
    let stored: Vec<&Facts> = closure.members.iter().map(|of| &facts[of.fact]).collect();
    let (volumes, of_volumes) = volumes::decide(request, &world, &stored);
    let mut problems = found_before;
    problems.extend(closure.missing.iter().filter_map(|key| not_there(key, absent.get(key)?)));
    problems.extend(closure.unordered.iter().map(|(resource, name)| out_of_order(resource, name)));
    problems.extend(stored.iter().filter(|of| of.marks.terminating).map(|of| going(&of.key)));
    problems.extend(of_volumes);
    let members = closure.members.iter().map(|of| (of.block, &facts[of.fact]));
    let (hooks, of_hooks) = hooks::backup::plan(&request.hooks, selection.catalog(), members);
    problems.extend(of_hooks);
    let left_out = closure.left_out.into_iter().map(|(key, rule)| LeftOut { key, rule }).collect();
    let (items, classes) = items(selection, facts, closure.members);
    BackupPlan {
        v: VERSION,
        name: request.name.clone(),
        namespace: request.namespace.clone(),
        uid: request.uid.clone(),
        started: request.started,
        classes,
        items,
        left_out,
        types_left_out: selection.left_out().to_vec(),
        volumes,
        hooks,
        keeps_namespaces: selection.keeps_namespaces(),
        listed: Vec::new(),
        problems,
    }
}

impl BackupPlan {
    /// What an item has in common with others.
    pub fn class(&self, item: &PlannedItem) -> Option<&Class> {
        self.classes.get(usize::from(item.class))
    }

    /// The object of an item.
    pub fn key(&self, item: &PlannedItem) -> ObjectKey {
        let resource = self.class(item).map(|class| class.resource.clone()).unwrap_or_default();
        ObjectKey { resource, namespace: item.namespace.clone(), name: item.name.clone() }
    }

    /// The files of an item in the archive.
    pub fn paths(&self, item: &PlannedItem) -> Vec<ItemPath> {
        self.class(item).map_or_else(Vec::new, |class| class.paths(&self.key(item)))
    }

    /// What the log says of the plan, before anything is done: what is left out, what becomes of volumes, what is wrong.
    pub fn log(&self, now: Timestamp) -> Vec<Line> {
        report::log(self, now)
    }
}

impl Class {
    /// `apps/v1/Deployment`: the key of resource lists.
    pub fn kind_key(&self) -> String {
        match self.resource.group.as_str() {
            "" => format!("{}/{}", self.version, self.kind),
            group => format!("{group}/{}/{}", self.version, self.kind),
        }
    }

    fn paths(&self, key: &ObjectKey) -> Vec<ItemPath> {
        ItemPath::all_of(key, &self.version, self.preferred)
    }
}

/// The members as items. Takes the facts apart: names are moved, not copied.
fn items(
    selection: &Selection,
    mut facts: Vec<Facts>,
    members: Vec<Member>,
) -> (Vec<PlannedItem>, Vec<Class>) {
    let mut classes = Classes::default();
    let mut items = Vec::with_capacity(members.len());
    for Member { fact, because, needs, block } in members {
        let object = &mut facts[fact];
        items.push(PlannedItem {
            class: classes.of(selection, object),
            namespace: object.key.namespace.take(),
            name: std::mem::take(&mut object.key.name),
            uid: std::mem::take(&mut object.uid),
            at: object.at,
            block,
            because,
            needs,
        });
    }
    (items, classes.all)
}

/// Classes, each once.
#[derive(Default)]
struct Classes {
    all: Vec<Class>,
    numbers: HashMap<Class, u16>,
}

impl Classes {
    fn of(&mut self, selection: &Selection, object: &Facts) -> u16 {
        let resource = &object.key.resource;
        let preferred = selection.catalog().find(resource).is_some_and(|of| of.version == object.version);
        let class = Class {
            resource: resource.clone(),
            kind: object.kind.clone(),
            version: object.version.clone(),
            preferred,
            actions: actions::of(resource).map(|action| action.name.to_owned()).collect(),
        };
        if let Some(number) = self.numbers.get(&class) {
            return *number;
        }
        let number = u16::try_from(self.all.len()).unwrap_or(u16::MAX);
        self.all.push(class.clone());
        self.numbers.insert(class, number);
        number
    }
}

/// What is needed and not there. That a type has no definition only means that it is built in.
fn not_there(key: &ObjectKey, absence: &Absence) -> Option<Problem> {
    let problem = match absence {
        Absence::NotFound if key.resource.is("apiextensions.k8s.io", "customresourcedefinitions") => {
            return None;
        }
        Absence::NotFound => {
            let message = format!("{key} belongs into the backup and does not exist");
            Problem::new(&problems::RELATED_NOT_FOUND, Severity::Warning, message)
        }
        Absence::Refused(reason) => {
            let message = format!("{key} belongs into the backup and could not be fetched: {reason}");
            Problem::new(&problems::FETCH_FAILED, Severity::Error, message)
        }
    };
    Some(problem.about(key))
}

fn going(key: &ObjectKey) -> Problem {
    let message = format!("{key} is being deleted, and is in the backup since it is in use");
    Problem::new(&problems::STORAGE_GOING, Severity::Warning, message).about(key)
}

fn out_of_order(resource: &str, name: &str) -> Problem {
    let message = format!("orderedResources names {resource} {name}, which the backup does not select");
    Problem::new(&problems::ORDERED_NOT_FOUND, Severity::Warning, message)
}

#[cfg(test)]
mod tests;
