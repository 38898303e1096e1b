//! The volume of a claim: a policy decides, else the pods that mount it, else the Backup.

use api::meta::ObjectKey;

use super::{
    Asked, Fate, Method, PersistentVolume, VolumeDecision, asked, by_spec, excluded, persistent, says,
    settled, snapshot, unreadable,
};
use crate::backup::closure::World;
use crate::backup::plan::Request;
use crate::facts::{ClaimDetails, Details, Facts, PodVolume, Relation, VolumeDetails};
use crate::policy::Action;
use crate::policy::volumes::Volume;

/// A pod that mounts a claim.
struct Mount<'a> {
    pod: &'a Facts,
    /// Why it cannot be read there.
    unreadable: Option<&'static str>,
    volume: &'a PodVolume,
    asked: Option<Asked>,
    /// The pod has it left out of what is asked for by default.
    excluded: bool,
}

pub(super) fn decide(
    request: &Request,
    world: &World<'_>,
    claim: &Facts,
    details: &ClaimDetails,
) -> VolumeDecision {
    let key = claim.named(Relation::Volume).next();
    let volume = key.and_then(|key| world.find(key));
    let known = volume.and_then(|volume| match volume.details.as_deref() {
        Some(Details::Volume(details)) => Some(details),
        _ => None,
    });
    let view = known.map_or_else(Volume::default, Volume::persistent).claimed(claim, details);
    let fate = match (request.policies.decide(&view), key) {
        (Some((Action::Skip, name)), _) => Fate::new(Method::Skipped, None, format!("{name} says skip")),
        (_, None) => Fate::new(Method::ObjectOnly, None, "the claim is not bound"),
        (Some((action, name)), _) => by_policy(request, world, (claim, details, known), (action, name)),
        (None, _) => by_pods(request, world, (claim, details, known)),
    };
    let unknown =
        |key: &ObjectKey| PersistentVolume { name: key.name.clone(), ..PersistentVolume::default() };
    let volume = key.map(|key| volume.map_or_else(|| unknown(key), persistent));
    fate.of(Some(claim.key.clone()), volume)
}

/// A claim, and the volume that it is bound to.
type Bound<'a> = (&'a Facts, &'a ClaimDetails, Option<&'a VolumeDetails>);

fn by_policy(
    request: &Request,
    world: &World<'_>,
    bound: Bound<'_>,
    (action, name): (&Action, &str),
) -> Fate {
    let (claim, details, volume) = bound;
    let asked = Some(Asked::Policy);
    let reason = format!("{name} says {}", action.name());
    match action {
        Action::Skip => Fate::new(Method::Skipped, None, reason),
        Action::Custom => {
            Fate::new(Method::Custom, None, format!("{reason}, and there is no plug-in for it"))
        }
        Action::FsBackup => match (without_files(details, volume), running(&mounts(request, world, claim))) {
            (Some(why), _) => Fate::new(Method::ObjectOnly, asked, why),
            (None, None) => Fate::new(Method::ObjectOnly, asked, "no running pod mounts the claim"),
            (None, Some(pod)) => Fate { pod: Some(pod), ..Fate::new(Method::FsBackup, asked, reason) },
        },
        Action::Snapshot(parameters) => match snapshot(request, volume) {
            Err(why) => Fate::new(Method::ObjectOnly, asked, why),
            Ok(method) => {
                let said = *parameters != Default::default();
                let parameters = said.then(|| Box::new(parameters.clone()));
                Fate { snapshot: parameters, ..Fate::new(method, asked, reason) }
            }
        },
    }
}

fn by_pods(request: &Request, world: &World<'_>, (claim, details, volume): Bound<'_>) -> Fate {
    let mounts = mounts(request, world, claim);
    let asking: Vec<&Mount<'_>> = mounts.iter().filter(|mount| mount.asked.is_some()).collect();
    let Some(first) = asking.first() else { return unasked(request, &mounts, volume) };
    match (without_files(details, volume), running(asking.iter().copied())) {
        (Some(why), _) if first.asked == Some(Asked::FsBackup) => unfit(request, volume, why),
        (Some(why), _) => Fate::new(Method::ObjectOnly, first.asked, why),
        (None, None) => {
            let why = first.unreadable.unwrap_or_default();
            let reason = format!("it is to be read in the pod {}, and {why}", first.pod.key.full_name());
            Fate::new(Method::ObjectOnly, first.asked, reason)
        }
        (None, Some(pod)) => {
            let reason = first.asked.map(says).unwrap_or_default();
            Fate { pod: Some(pod), ..Fate::new(Method::FsBackup, first.asked, reason) }
        }
    }
}

/// What comes of a volume that was to be read as files like all others, and cannot be: a snapshot is as good. Where there
/// is none either, both reasons are told, and what was asked for is missing.
fn unfit(request: &Request, volume: Option<&VolumeDetails>, why: &str) -> Fate {
    let fate = by_spec(request, volume);
    match fate.method {
        Method::ObjectOnly | Method::Skipped => {
            let reason = format!("{why}; nor is a snapshot taken: {}", fate.reason);
            Fate::new(Method::ObjectOnly, Some(Asked::FsBackup), reason)
        }
        _ => fate,
    }
}

/// What comes of a volume for which no pod wants the file system. Where nothing else takes its data, a pod that has it
/// left out is why.
fn unasked(request: &Request, mounts: &[Mount<'_>], volume: Option<&VolumeDetails>) -> Fate {
    let fate = by_spec(request, volume);
    match mounts.iter().find(|mount| mount.excluded) {
        Some(mount) if fate.method == Method::ObjectOnly && fate.asked.is_none() => {
            let pod = mount.pod.key.full_name();
            let reason = format!("an annotation of the pod {pod} leaves it out, and {}", fate.reason);
            Fate::new(Method::Skipped, Some(Asked::FsBackup), reason)
        }
        _ => fate,
    }
}

/// The pods that mount a claim and have not ended, each under every name that it has for it.
fn mounts<'a>(request: &Request, world: &World<'a>, claim: &Facts) -> Vec<Mount<'a>> {
    let mut mounts = Vec::new();
    for pod in world.mounting(&claim.key) {
        let Some(Details::Pod(details)) = pod.details.as_deref() else { continue };
        let names = details.volumes.iter().filter(|of| of.claim.as_deref() == Some(&claim.key.name));
        mounts.extend(names.filter(|_| settled(pod, details).is_none()).map(|volume| Mount {
            pod,
            unreadable: unreadable(details, volume),
            volume,
            asked: asked(request, details, volume),
            excluded: excluded(request, details, volume),
        }));
    }
    mounts
}

/// The first pod in which the volume can be read, and its name there.
fn running<'m>(mounts: impl IntoIterator<Item = &'m Mount<'m>>) -> Option<(ObjectKey, String)> {
    let mount = mounts.into_iter().find(|mount| mount.unreadable.is_none())?;
    Some((mount.pod.key.clone(), mount.volume.name.clone()))
}

/// Why a volume cannot be read as files.
fn without_files(claim: &ClaimDetails, volume: Option<&VolumeDetails>) -> Option<&'static str> {
    if claim.volume_mode == "Block" {
        Some("it is a block device, which has no file system to read")
    } else if volume.is_some_and(|volume| volume.source == "hostPath") {
        Some("it is a folder of a node, which is never read through a pod")
    } else {
        None
    }
}
