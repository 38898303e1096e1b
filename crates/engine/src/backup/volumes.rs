//! The pass over volumes that comes before the items: for each volume one decision, with its reason. What a decision says
//! is what would be done; as long as this version moves no data, [`VolumeDecision::why_not`] says so.

mod claim;
mod pod;
#[cfg(test)]
mod tests;
mod volume;

use std::collections::{BTreeMap, HashSet};

use api::meta::{GroupResource, ObjectKey};
use serde::{Deserialize, Serialize};

use super::closure::World;
use super::plan::Request;
use super::problems;
use crate::facts::{Details, Facts, PodDetails, PodVolume, VolumeDetails};
use crate::policy::volumes::SnapshotParameters;
use crate::problem::{Code, Problem, Severity};

/// Sources of pod volumes that never hold data of their own.
const NEVER: &[&str] = &["hostPath", "secret", "configMap", "projected", "downwardAPI"];
/// Why there is nothing to read of a volume in its pod.
const NOT_MOUNTED: &str = "no container of the pod mounts it";
/// Why what was decided is not done.
const NOT_YET: &str = "this version does not back up the data of volumes yet";

/// What becomes of the data of one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeDecision {
    /// The claim that the volume is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ObjectKey>,
    /// The volume itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<PersistentVolume>,
    /// The pod through which it is backed up, or whose own it is, and its name there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<(ObjectKey, String)>,
    /// Who asked for its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What is done.
    pub method: Method,
    /// Why.
    pub reason: String,
    /// What a policy says about the snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Box<SnapshotParameters>>,
}

/// A persistent volume, as far as a restore without its object needs it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PersistentVolume {
    /// Its name.
    pub name: String,
    /// What becomes of it without its claim.
    pub reclaim_policy: String,
    /// Its labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// Who asked for the data of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asked {
    /// The annotation `backup.velero.io/backup-volumes` of a pod.
    Annotation,
    /// `defaultVolumesToFsBackup`.
    FsBackup,
    /// `snapshotMoveData`.
    MoveData,
    /// A volume policy.
    Policy,
    /// `snapshotVolumes`.
    Snapshot,
}

/// What is done with the data of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// It goes through the file system of a running pod.
    FsBackup,
    /// A snapshot of its CSI driver.
    CsiSnapshot,
    /// The same, moved to the repository.
    MovedSnapshot,
    /// A snapshot by a plug-in of its provider.
    NativeSnapshot,
    /// A plug-in takes care of it.
    Custom,
    /// Only the objects are stored.
    ObjectOnly,
    /// Nothing, because a rule says so.
    Skipped,
}

/// The outcome for a volume, before it is said which volume that is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fate {
    method: Method,
    asked: Option<Asked>,
    reason: String,
    pod: Option<(ObjectKey, String)>,
    snapshot: Option<Box<SnapshotParameters>>,
}

impl Fate {
    fn new(method: Method, asked: Option<Asked>, reason: impl Into<String>) -> Self {
        Self { method, asked, reason: reason.into(), pod: None, snapshot: None }
    }

    fn of(self, claim: Option<ObjectKey>, volume: Option<PersistentVolume>) -> VolumeDecision {
        let Self { method, asked, reason, pod, snapshot } = self;
        VolumeDecision { claim, volume, pod, asked, method, reason, snapshot }
    }
}

impl Asked {
    /// Who that is, in a sentence.
    fn words(self) -> &'static str {
        match self {
            Self::Annotation => "an annotation of a pod",
            Self::FsBackup => "defaultVolumesToFsBackup",
            Self::MoveData => "snapshotMoveData",
            Self::Policy => "a volume policy",
            Self::Snapshot => "snapshotVolumes",
        }
    }
}

impl Method {
    /// What it is, in a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::FsBackup => "file system backup",
            Self::CsiSnapshot => "CSI snapshot",
            Self::MovedSnapshot => "CSI snapshot, moved",
            Self::NativeSnapshot => "native snapshot",
            Self::Custom => "left to a plug-in",
            Self::ObjectOnly => "object only",
            Self::Skipped => "skipped",
        }
    }
}

impl VolumeDecision {
    /// The name under which Velero's records list a way of backing up volumes.
    pub fn approach(&self) -> &'static str {
        match self.method {
            Method::FsBackup => "podvolume",
            Method::CsiSnapshot | Method::MovedSnapshot => "csiSnapshot",
            Method::NativeSnapshot => "volumeSnapshot",
            Method::Custom | Method::ObjectOnly | Method::Skipped => match self.asked {
                Some(Asked::Annotation | Asked::FsBackup) => "podvolume",
                Some(Asked::MoveData) => "csiSnapshot",
                Some(Asked::Policy | Asked::Snapshot) | None => "volumeSnapshot",
            },
        }
    }

    /// Why its data is not in the backup.
    pub fn why_not(&self) -> &str {
        match (self.method, self.asked) {
            (Method::ObjectOnly | Method::Skipped | Method::Custom, _) => &self.reason,
            (_, Some(_)) => NOT_YET,
            (_, None) => "nothing asks for it",
        }
    }

    /// What the decision is about: the claim, else the pod, else the volume.
    pub fn object(&self) -> ObjectKey {
        let pod = self.pod.as_ref().map(|(pod, _)| pod);
        let volume = || self.volume.as_ref().map(|of| of.name.clone()).unwrap_or_default();
        let of = self.claim.as_ref().or(pod).cloned();
        of.unwrap_or_else(|| ObjectKey::new(GroupResource::new("", "persistentvolumes"), None, volume()))
    }

    /// What a user should know about it.
    fn problem(&self, enforced: bool) -> Option<Problem> {
        if self.method == Method::Skipped {
            return None;
        }
        let what = match &self.pod {
            Some((_, volume)) if self.claim.is_none() => format!("the data of the pod's volume {volume}"),
            _ => "the data of the volume".to_owned(),
        };
        let (code, severity, although) = match self.asked {
            Some(asked) => {
                let although = format!(", though {} asks for it", asked.words());
                (&problems::PROTECTION_MISSING, Severity::Error, although)
            }
            None if self.bound() => {
                let severity = if enforced { Severity::Error } else { Severity::Warning };
                (&problems::UNPROTECTED_VOLUME, severity, String::new())
            }
            None => return None,
        };
        let message = format!("{what} is not in the backup{although}: {}", self.why_not());
        Some(Problem::new(code, severity, message).about(&self.object()))
    }

    /// Whether there is a volume that may hold data.
    fn bound(&self) -> bool {
        self.volume.is_some() || self.pod.is_some()
    }
}

/// The decisions of a whole backup, and what a user should know of them. `stored` says what else is in the backup.
pub(super) fn decide<'a>(
    request: &Request,
    world: &World<'a>,
    stored: &[&'a Facts],
) -> (Vec<VolumeDecision>, Vec<Problem>) {
    let keys: HashSet<&ObjectKey> = stored.iter().map(|object| &object.key).collect();
    let mut decisions = Vec::new();
    let mut problems = Vec::new();
    for object in stored {
        match object.details.as_deref() {
            Some(Details::Claim(details)) => decisions.push(claim::decide(request, world, object, details)),
            Some(Details::Volume(details)) => {
                decisions.extend(volume::decide(request, world, (object, details), &keys));
            }
            Some(Details::Pod(details)) => {
                decisions.extend(pod::decide(request, object, details));
                problems.extend(pod::bad_names(object, details));
            }
            _ => {}
        }
    }
    problems.extend(decisions.iter().filter_map(|decision| decision.problem(request.coverage_enforced)));
    (decisions, problems)
}

/// Who asks for a volume of a pod to be backed up through the file system.
fn asked(request: &Request, pod: &PodDetails, volume: &PodVolume) -> Option<Asked> {
    if never(volume) {
        None
    } else if request.volumes_to_fs_backup {
        (volume.mounted && !excluded(request, pod, volume)).then_some(Asked::FsBackup)
    } else {
        pod.wanted.contains(&volume.name).then_some(Asked::Annotation)
    }
}

/// Why a volume cannot be read through its pod.
fn unreadable(pod: &PodDetails, volume: &PodVolume) -> Option<&'static str> {
    match (volume.mounted, pod.running) {
        (false, _) => Some(NOT_MOUNTED),
        (true, false) => Some("the pod does not run"),
        (true, true) => None,
    }
}

/// Whether an annotation of a pod takes a volume out of what is asked for by default.
fn excluded(request: &Request, pod: &PodDetails, volume: &PodVolume) -> bool {
    request.volumes_to_fs_backup && pod.unwanted.contains(&volume.name)
}

fn never(volume: &PodVolume) -> bool {
    NEVER.contains(&volume.source.as_str()) || volume.name.starts_with("default-token")
}

/// Why nobody asks for the volumes of a pod: it has ended, or it is one of a build, which is as good as ended.
fn settled(pod: &Facts, details: &PodDetails) -> Option<&'static str> {
    match (pod.marks.completed, details.build) {
        (true, _) => Some("the pod has ended"),
        (_, true) => Some("the pod is that of a build"),
        _ => None,
    }
}

/// How a snapshot of a volume is taken, or why there is none.
fn snapshot(request: &Request, volume: Option<&VolumeDetails>) -> Result<Method, &'static str> {
    let Some(volume) = volume else {
        return Err("its persistent volume is not known");
    };
    match (volume.driver().is_some(), request.snapshot_move_data, request.native_snapshots) {
        (true, true, _) => Ok(Method::MovedSnapshot),
        (true, false, _) => Ok(Method::CsiSnapshot),
        (false, true, _) => Err("only snapshots of CSI drivers can be moved"),
        (false, false, true) => Ok(Method::NativeSnapshot),
        (false, false, false) => Err("it has no CSI driver, and the backup no location for native snapshots"),
    }
}

fn asked_by_spec(request: &Request) -> Option<Asked> {
    match request.snapshot_volumes {
        Some(false) => None,
        _ if request.snapshot_move_data => Some(Asked::MoveData),
        Some(true) => Some(Asked::Snapshot),
        None => None,
    }
}

/// What comes of a volume for which nobody wants the file system.
fn by_spec(request: &Request, volume: Option<&VolumeDetails>) -> Fate {
    if request.snapshot_volumes == Some(false) {
        return Fate::new(Method::Skipped, None, "snapshotVolumes is false");
    }
    let asked = asked_by_spec(request);
    match snapshot(request, volume) {
        Ok(method) => {
            let default = "snapshots are taken where nothing else is said".to_owned();
            Fate::new(method, asked, asked.map_or(default, says))
        }
        Err(why) => Fate::new(Method::ObjectOnly, asked, why),
    }
}

fn says(asked: Asked) -> String {
    format!("{} asks for it", asked.words())
}

fn warning(code: &Code, message: String) -> Problem {
    Problem::new(code, Severity::Warning, message)
}

fn persistent(volume: &Facts) -> PersistentVolume {
    let reclaim_policy = match volume.details.as_deref() {
        Some(Details::Volume(details)) => details.reclaim_policy.clone(),
        _ => String::new(),
    };
    PersistentVolume { name: volume.key.name.clone(), reclaim_policy, labels: volume.labels.clone().into() }
}
