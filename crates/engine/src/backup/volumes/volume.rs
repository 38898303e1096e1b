//! Persistent volumes that no claim of the backup stands for.

use std::collections::HashSet;

use api::meta::ObjectKey;

use super::{Asked, Fate, Method, VolumeDecision, by_spec, persistent, snapshot};
use crate::backup::closure::World;
use crate::backup::plan::Request;
use crate::facts::{Facts, Relation, VolumeDetails};
use crate::policy::Action;
use crate::policy::volumes::Volume;

/// Decides about a volume, unless its claim is in the backup and is decided about.
pub(super) fn decide(
    request: &Request,
    world: &World<'_>,
    (volume, details): (&Facts, &VolumeDetails),
    stored: &HashSet<&ObjectKey>,
) -> Option<VolumeDecision> {
    let claim = volume.named(Relation::ClaimedBy).next();
    let bound = claim.and_then(|claim| world.find(claim));
    let bound = bound.filter(|claim| claim.named(Relation::Volume).any(|key| *key == volume.key));
    if bound.is_some_and(|claim| stored.contains(&claim.key)) {
        return None;
    }
    let fate = match (claim, request.policies.decide(&Volume::persistent(details))) {
        (_, Some((Action::Skip, name))) => Fate::new(Method::Skipped, None, format!("{name} says skip")),
        (Some(claim), _) => {
            let reason = format!("its claim {} is not in the backup", claim.full_name());
            Fate::new(Method::Skipped, None, reason)
        }
        (None, Some((action, name))) => by_policy(request, details, (action, name)),
        (None, None) => by_request(request, details),
    };
    Some(fate.of(None, Some(persistent(volume))))
}

fn by_policy(request: &Request, details: &VolumeDetails, (action, name): (&Action, &str)) -> Fate {
    let asked = Some(Asked::Policy);
    let reason = format!("{name} says {}", action.name());
    match (action, snapshot(request, Some(details))) {
        (Action::Skip, _) => Fate::new(Method::Skipped, None, reason),
        (Action::Custom, _) => {
            Fate::new(Method::Custom, None, format!("{reason}, and there is no plug-in for it"))
        }
        (Action::Snapshot(_), Ok(Method::NativeSnapshot)) => Fate::new(Method::NativeSnapshot, asked, reason),
        (Action::FsBackup | Action::Snapshot(_), _) => {
            Fate::new(Method::ObjectOnly, asked, "no claim uses it")
        }
    }
}

/// Drivers take snapshots of claims: without one, only plug-ins can.
fn by_request(request: &Request, details: &VolumeDetails) -> Fate {
    let fate = by_spec(request, Some(details));
    match fate.method {
        Method::Skipped | Method::NativeSnapshot => fate,
        _ => Fate::new(Method::ObjectOnly, None, "no claim uses it"),
    }
}
