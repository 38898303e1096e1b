//! The pass over volumes that comes before the items: for each volume one decision, with its reason.

use std::collections::{BTreeMap, HashSet};

use api::meta::{GroupResource, ObjectKey};
use serde::{Deserialize, Serialize};

use super::closure::World;
use super::plan::Request;
use super::problems;
use crate::facts::{Details, Facts, PodDetails, PodVolume, Relation};
use crate::problem::{Code, Problem, Severity};

/// Sources of pod volumes that never hold data of their own.
const NEVER: &[&str] = &["hostPath", "secret", "configMap", "projected", "downwardAPI"];

/// What becomes of the data of one volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeDecision {
    /// The claim that the volume is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ObjectKey>,
    /// The volume itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volume: Option<PersistentVolume>,
    /// The pod, and its name for the volume, where no claim stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<(ObjectKey, String)>,
    /// Who asked for its data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Asked>,
    /// What is done.
    pub method: Method,
    /// Why.
    pub reason: String,
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
    /// `snapshotVolumes`.
    Snapshot,
}

/// What is done with the data of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Only the objects are stored.
    ObjectOnly,
    /// Nothing, because a rule says so.
    Skipped,
}

impl Asked {
    fn words(self) -> &'static str {
        match self {
            Self::Annotation => "an annotation of a pod",
            Self::FsBackup => "defaultVolumesToFsBackup",
            Self::MoveData => "snapshotMoveData",
            Self::Snapshot => "snapshotVolumes",
        }
    }
}

impl VolumeDecision {
    /// The name under which Velero's records list a way of backing up volumes.
    pub fn approach(&self) -> &'static str {
        match self.asked {
            Some(Asked::Annotation | Asked::FsBackup) => "podvolume",
            Some(Asked::MoveData) => "csiSnapshot",
            Some(Asked::Snapshot) | None => "volumeSnapshot",
        }
    }

    /// What the decision is about: the claim, else the pod, else the volume.
    fn object(&self) -> ObjectKey {
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
            Some((_, volume)) => format!("the data of the pod's volume {volume}"),
            None => "the data of the volume".to_owned(),
        };
        let problem = match self.asked {
            Some(asked) => Problem::new(
                &problems::PROTECTION_MISSING,
                Severity::Error,
                format!("{what} is not in the backup, though {} asks for it: {}", asked.words(), self.reason),
            ),
            None if self.bound() => {
                let severity = if enforced { Severity::Error } else { Severity::Warning };
                let message = format!("{what} is not in the backup: {}", self.reason);
                Problem::new(&problems::UNPROTECTED_VOLUME, severity, message)
            }
            None => return None,
        };
        Some(problem.about(&self.object()))
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
            Some(Details::Claim { .. }) => decisions.push(of_claim(request, world, object)),
            Some(Details::Volume(_)) => decisions.extend(of_volume(request, world, object, &keys)),
            Some(Details::Pod(pod)) => {
                decisions.extend(of_pod(request, object, pod));
                problems.extend(bad_names(object, pod));
            }
            _ => {}
        }
    }
    problems.extend(decisions.iter().filter_map(|decision| decision.problem(request.coverage_enforced)));
    (decisions, problems)
}

fn of_claim(request: &Request, world: &World<'_>, claim: &Facts) -> VolumeDecision {
    let volume = claim.named(Relation::Volume).next();
    let asked = volume.and_then(|_| {
        let mut pods = world.mounting(&claim.key);
        pods.find_map(|pod| asked_by_pod(request, pod, &claim.key.name)).or_else(|| asked_by_spec(request))
    });
    let (method, reason) = match (volume, asked) {
        (None, _) => (Method::ObjectOnly, "the claim is not bound"),
        (_, Some(_)) => (Method::ObjectOnly, "this version does not back up the data of volumes yet"),
        (_, None) if request.snapshot_volumes == Some(false) => (Method::Skipped, "snapshotVolumes is false"),
        (_, None) => (Method::ObjectOnly, "nothing asks for it"),
    };
    let volume = volume.map(|key| world.find(key).map_or_else(|| unknown(key), persistent));
    VolumeDecision {
        claim: Some(claim.key.clone()),
        volume,
        pod: None,
        asked,
        method,
        reason: reason.to_owned(),
    }
}

/// A volume that no claim of the backup stands for.
fn of_volume(
    request: &Request,
    world: &World<'_>,
    volume: &Facts,
    stored: &HashSet<&ObjectKey>,
) -> Option<VolumeDecision> {
    let claim = volume.named(Relation::ClaimedBy).next();
    let bound = claim.and_then(|claim| world.find(claim));
    let bound = bound.filter(|claim| claim.named(Relation::Volume).any(|key| *key == volume.key));
    if bound.is_some_and(|claim| stored.contains(&claim.key)) {
        return None;
    }
    let (method, reason) = match claim {
        Some(claim) => (Method::Skipped, format!("its claim {} is not in the backup", claim.full_name())),
        None if request.snapshot_volumes == Some(false) => {
            (Method::Skipped, "snapshotVolumes is false".to_owned())
        }
        None => (Method::ObjectOnly, "no claim uses it".to_owned()),
    };
    Some(VolumeDecision {
        claim: None,
        volume: Some(persistent(volume)),
        pod: None,
        asked: None,
        method,
        reason,
    })
}

/// The volumes of a pod that no claim stands for and somebody asked for.
fn of_pod(request: &Request, pod: &Facts, details: &PodDetails) -> Vec<VolumeDecision> {
    let own = details.volumes.iter().filter(|volume| volume.claim.is_none() && !never(volume));
    let decision = |volume: &PodVolume| VolumeDecision {
        claim: None,
        volume: None,
        pod: Some((pod.key.clone(), volume.name.clone())),
        asked: asked(request, details, volume),
        method: Method::ObjectOnly,
        reason: "this version does not back up the data of volumes yet".to_owned(),
    };
    own.map(decision).filter(|decision| decision.asked.is_some()).collect()
}

/// Whether a pod asks for the data of a claim that it mounts.
fn asked_by_pod(request: &Request, pod: &Facts, claim: &str) -> Option<Asked> {
    let Some(Details::Pod(details)) = pod.details.as_deref() else { return None };
    let mut volumes = details.volumes.iter().filter(|volume| volume.claim.as_deref() == Some(claim));
    volumes.find_map(|volume| asked(request, details, volume))
}

/// Whether a volume of a pod is to be backed up through the file system.
fn asked(request: &Request, pod: &PodDetails, volume: &PodVolume) -> Option<Asked> {
    if never(volume) {
        None
    } else if request.volumes_to_fs_backup {
        (!pod.unwanted.contains(&volume.name)).then_some(Asked::FsBackup)
    } else {
        pod.wanted.contains(&volume.name).then_some(Asked::Annotation)
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

fn never(volume: &PodVolume) -> bool {
    NEVER.contains(&volume.source.as_str()) || volume.name.starts_with("default-token")
}

/// Names in the annotation that cannot be followed.
fn bad_names(pod: &Facts, details: &PodDetails) -> Vec<Problem> {
    let warn = |message| warning(&problems::BAD_VOLUME_NAME, message).about(&pod.key);
    let wrong = |name: &String| match details.volumes.iter().find(|volume| volume.name == *name) {
        None => Some(warn(format!("the pod has no volume {name}, which its annotation asks to back up"))),
        Some(volume) if never(volume) => {
            Some(warn(format!("the volume {name} comes from {} and is never backed up", volume.source)))
        }
        Some(_) => None,
    };
    details.wanted.iter().filter_map(wrong).collect()
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

fn unknown(volume: &ObjectKey) -> PersistentVolume {
    PersistentVolume { name: volume.name.clone(), ..PersistentVolume::default() }
}
