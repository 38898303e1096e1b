//! The volumes of a pod that no claim stands for.

use super::{
    Asked, Fate, Method, NOT_MOUNTED, VolumeDecision, asked, excluded, never, says, settled, unreadable,
    warning,
};
use crate::backup::plan::Request;
use crate::backup::problems;
use crate::facts::{Facts, PodDetails, PodVolume};
use crate::policy::Action;
use crate::policy::volumes::Volume;
use crate::problem::Problem;

/// Decides about those that somebody asked for.
pub(super) fn decide(request: &Request, pod: &Facts, details: &PodDetails) -> Vec<VolumeDecision> {
    let own = details.volumes.iter().filter(|volume| volume.claim.is_none() && !never(volume));
    own.filter_map(|volume| {
        let fate = fate(request, pod, details, volume)?;
        Some(Fate { pod: Some((pod.key.clone(), volume.name.clone())), ..fate }.of(None, None))
    })
    .collect()
}

fn fate(request: &Request, pod: &Facts, details: &PodDetails, volume: &PodVolume) -> Option<Fate> {
    let legacy = asked(request, details, volume);
    let (asked, reason) = match request.policies.decide(&Volume::of_pod(volume)) {
        Some((Action::FsBackup, name)) => (Asked::Policy, format!("{name} says fs-backup")),
        Some((action, name)) => {
            let reason = format!("{name} says {}", action.name());
            return legacy.map(|_| Fate::new(Method::Skipped, None, reason));
        }
        None if excluded(request, details, volume) => {
            let reason = "an annotation of the pod leaves it out";
            return Some(Fate::new(Method::Skipped, Some(Asked::FsBackup), reason));
        }
        None => (legacy?, says(legacy?)),
    };
    // One that is not mounted was never made: there is no data of it to miss.
    let nothing = settled(pod, details).or((!volume.mounted).then_some(NOT_MOUNTED));
    Some(match (nothing, unreadable(details, volume)) {
        (Some(why), _) => Fate::new(Method::Skipped, None, why),
        (None, Some(why)) => Fate::new(Method::ObjectOnly, Some(asked), why),
        (None, None) => Fate::new(Method::FsBackup, Some(asked), reason),
    })
}

/// Names in the annotation that cannot be followed.
pub(super) fn bad_names(pod: &Facts, details: &PodDetails) -> Vec<Problem> {
    let warn = |message| warning(&problems::BAD_VOLUME_NAME, message).about(&pod.key);
    let wrong = |name: &String| match details.volumes.iter().find(|volume| volume.name == *name) {
        None => Some(warn(format!("the pod has no volume {name}, which its annotation asks to back up"))),
        Some(volume) if never(volume) => {
            Some(warn(format!("the volume {name} comes from {} and is never backed up", volume.source)))
        }
        Some(volume) if volume.claim.is_none() && !volume.mounted => {
            Some(warn(format!("the volume {name} is not backed up: {NOT_MOUNTED}")))
        }
        Some(_) => None,
    };
    let names = details.wanted.iter().filter(|_| settled(pod, details).is_none());
    names.filter_map(wrong).collect()
}
