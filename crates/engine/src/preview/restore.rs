//! What a restore would do.

use std::collections::HashSet;

use api::meta::ObjectKey;
use api::velero::v1::RestoreSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::difference::{Difference, comparable, is_secret};
use crate::document::{object_mut, remove, text, uid};
use crate::problem::{Problem, Severity};
use crate::restore::Request;
use crate::restore::plan::{LeftOut, RestorePlan};
use crate::restore::problems::{DATA_LOST, is_of_volume_that_is_there};

/// The `kind` of the report.
pub const KIND: &str = "RestorePreview";
/// Characters of a digest of one object: enough to see that it has changed.
const STATE_CHARS: usize = 24;

/// What a restore would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RestorePreview {
    /// The version of this form.
    pub v: u32,
    /// [`KIND`].
    pub kind: String,
    /// What it was made for.
    pub asked: Asked,
    /// Each object that the restore has to do with, in the order of the plan.
    pub objects: Vec<Object>,
    /// What comes of all of them.
    pub outcome: Outcome,
}

/// What a preview was made for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The name of the backup.
    pub backup: String,
    /// The sha256 of its archive.
    pub archive: String,
    /// The spec of the Restore, completed by the server.
    pub spec: RestoreSpec,
}

/// What would become of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// What would be done.
    pub action: Action,
    /// Its kind with its version, such as `apps/v1/Deployment`.
    pub kind: String,
    /// Where it goes.
    #[serde(flatten)]
    pub key: ObjectKey,
    /// What of it is in the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// A digest of what it is to be.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wanted: String,
    /// The fields that would be changed; of an object that stays as it is, those in which it differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<Difference>,
    /// How many more fields there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: usize,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// What the restore would report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// What it would report besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more_problems: Vec<Problem>,
}

/// What would be done about an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// It is created.
    Create,
    /// It is there, and is changed.
    Update,
    /// It is there, is deleted, and is created anew.
    Recreate,
    /// It is there, is different, and stays as it is.
    Keep,
    /// It is there as it is wanted.
    Same,
    /// The API server refuses it.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// What of an object is in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its UID.
    pub uid: String,
    /// A digest of what counts; of a Secret the resource version, since a digest could be guessed from.
    pub state: String,
}

/// How many objects there are of each action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Created.
    pub create: usize,
    /// Changed.
    pub update: usize,
    /// Deleted and created anew.
    #[serde(default)]
    pub recreate: usize,
    /// Different, and left as they are.
    pub keep: usize,
    /// As they are wanted.
    pub same: usize,
    /// Refused.
    pub refused: usize,
    /// Not known.
    pub unknown: usize,
    /// Not restored, by a rule.
    pub left_out: usize,
}

/// What comes of a restore as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The digest of the plan: see [`crate::preview`].
    pub digest: String,
    /// How many objects there are of each action.
    pub counts: Counts,
    /// What is not restored, and by which rule.
    pub left_out: Vec<LeftOut>,
    /// What happens to each volume.
    pub volumes: Vec<Volume>,
    /// What is missing in the cluster, and not restored either.
    pub missing: Missing,
    /// What is wrong with the restore as a whole.
    pub problems: Vec<Problem>,
    /// The data that would be lost.
    pub data_lost: Vec<String>,
}

/// What happens to a volume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name in the backup.
    pub name: String,
    /// What happens to it.
    pub decision: Value,
}

/// What is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// Types, with their versions.
    pub types: Vec<String>,
    /// Storage classes.
    pub storage_classes: Vec<String>,
    /// Owners of objects.
    pub owners: Vec<String>,
}

impl Asked {
    /// What `request` asks for, of an archive with this sha256.
    pub fn of(request: &Request, archive: &str) -> Self {
        Self { backup: request.backup.clone(), archive: archive.to_owned(), spec: request.spec.clone() }
    }
}

impl Seen {
    /// What counts of an object in the cluster.
    pub fn of(found: &Value) -> Self {
        let state = match is_secret(found) {
            true => text(found, &["metadata", "resourceVersion"]).to_owned(),
            false => digest(&comparable(found.clone())),
        };
        Self { uid: uid(found).to_owned(), state }
    }
}

/// A digest of what an object is to be. Of a Secret it says nothing of the values: they are those of the archive.
pub fn wanted(desired: &Value) -> String {
    let mut document = comparable(desired.clone());
    if is_secret(&document) {
        remove(&mut document, &["metadata", "annotations"]);
        for values in ["data", "stringData"] {
            let members = object_mut(&mut document, &[values]);
            members.into_iter().flat_map(Map::values_mut).for_each(|value| *value = Value::Null);
        }
    }
    digest(&document)
}

/// A short digest of a document. Members of objects are sorted in it.
fn digest(document: &Value) -> String {
    let mut digest = hex::encode(Sha256::digest(document.to_string()));
    digest.truncate(STATE_CHARS);
    digest
}

impl Object {
    /// An object of which no more is known than what would be done.
    pub fn new(action: Action, kind: String, key: ObjectKey) -> Self {
        Self {
            action,
            kind,
            key,
            seen: None,
            wanted: String::new(),
            differences: Vec::new(),
            omitted: 0,
            note: String::new(),
            problem: None,
            more_problems: Vec::new(),
        }
    }

    /// Adds a problem, before those that are there.
    pub fn tell(&mut self, problem: Problem) {
        let earlier = self.problem.replace(problem);
        self.more_problems.splice(0..0, earlier);
    }

    /// Everything that the restore would report of it.
    pub fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problem.iter().chain(&self.more_problems)
    }
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, action: Action) {
        *match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Recreate => &mut self.recreate,
            Action::Keep => &mut self.keep,
            Action::Same => &mut self.same,
            Action::Refused => &mut self.refused,
            Action::Unknown => &mut self.unknown,
        } += 1;
    }

    /// Whether there is nothing to do.
    pub fn is_nothing(&self) -> bool {
        let doing = [self.create, self.update, self.recreate, self.refused, self.unknown];
        doing.iter().all(|count| *count == 0)
    }
}

impl Outcome {
    /// What comes of a plan, before its objects were looked at, and when what is `missing` beside it is known. Its digest
    /// and most of its counts are the writer's.
    pub fn of(plan: &RestorePlan, missing: Missing, mut found: Vec<Problem>) -> Self {
        let volume = |(name, decision): (&String, _)| Volume {
            name: name.clone(),
            decision: serde_json::to_value(decision).unwrap_or_default(),
        };
        let mut problems = plan.problems.clone();
        problems.append(&mut found);
        Self {
            digest: String::new(),
            counts: Counts {
                left_out: plan.left_out.iter().map(|left| left.names.len()).sum(),
                ..Counts::default()
            },
            left_out: plan.left_out.clone(),
            volumes: plan.volumes.iter().map(volume).collect(),
            missing,
            data_lost: Vec::new(),
            problems,
        }
    }

    /// The outcome with what its objects told, where these claims are there already: they have the volumes that they had,
    /// and nothing of those is lost.
    pub(super) fn completed(mut self, told: Vec<Problem>, there: &HashSet<ObjectKey>) -> Self {
        self.problems.retain(|problem| !is_of_volume_that_is_there(problem, there));
        self.problems.extend(told);
        let lost = self.problems.iter().filter(|problem| DATA_LOST.contains(&problem.code.as_str()));
        self.data_lost = lost.map(sentence).collect();
        self
    }

    /// How many errors the restore would end with.
    pub fn errors(&self) -> usize {
        self.counts.refused + crate::problem::errors(&self.problems)
    }

    /// How many warnings the restore would end with, and the objects of which nobody knows.
    pub fn warnings(&self) -> usize {
        self.counts.keep + self.counts.unknown + crate::problem::warnings(&self.problems)
    }

    /// Whether something that was asked for would not be there.
    pub fn loses(&self) -> bool {
        !self.data_lost.is_empty() || self.errors() > 0
    }
}

/// A problem, with the object that it is about.
pub(super) fn sentence(problem: &Problem) -> String {
    match &problem.object {
        Some(object) => format!("{object}: {}", problem.sentence()),
        None => problem.sentence(),
    }
}

/// A problem of an object of which nobody knows what the API server would say.
pub fn unknown(key: &ObjectKey, why: &str) -> Problem {
    let message = format!("it is not known whether {key} would be admitted: {why}");
    Problem::new(&super::problems::ADMISSION_UNKNOWN, Severity::Warning, message).about(key)
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}
