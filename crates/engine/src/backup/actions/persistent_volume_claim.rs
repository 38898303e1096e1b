//! Bound claims bring along their volume, are quiesced together with the pods that mount them and with the claims whose
//! volumes are snapshotted together with theirs, and are stored without what would keep them from binding again.

use api::labels;
use api::meta::ObjectKey;
use serde_json::Value;

use super::Action;
use crate::backup::closure::World;
use crate::backup::plan::BackupPlan;
use crate::document::{at, label, object_mut, remove, remove_label, text};
use crate::facts::{Details, Facts, Relation};

pub(super) const ACTION: Action =
    Action { name: "velero.io/pv", resource: ("", "persistentvolumeclaims"), related, peers, transform };

fn related(claim: &Facts, _: &World<'_>) -> Vec<ObjectKey> {
    claim.named(Relation::Volume).cloned().collect()
}

/// The running pods that mount a bound claim: their hooks run before its data is taken. And the claims of its group.
fn peers(claim: &Facts, world: &World<'_>) -> Vec<ObjectKey> {
    let running = |pod: &&Facts| matches!(pod.details.as_deref(), Some(Details::Pod(pod)) if pod.running);
    let bound = claim.named(Relation::Volume).next().is_some();
    if !bound {
        return Vec::new();
    }
    let group = world.group_of(claim).into_iter().filter(|other| other.key != claim.key);
    world.mounting(&claim.key).filter(running).chain(group).map(|peer| peer.key.clone()).collect()
}

fn transform(claim: &mut Value, plan: &BackupPlan) {
    if text(claim, &["status", "phase"]) != "Bound" || text(claim, &["spec", "volumeName"]).is_empty() {
        return;
    }
    remove(claim, &["spec", "dataSource"]);
    remove(claim, &["spec", "dataSourceRef"]);
    selector(claim);
    for key in [labels::RESTORE_NAME, labels::MUST_INCLUDE_ADDITIONAL_ITEMS, labels::VOLUME_SNAPSHOT_NAME] {
        remove_label(claim, key);
    }
    if label(claim, labels::BACKUP_NAME).is_some_and(|name| name != api::names::label_value(&plan.name)) {
        remove_label(claim, labels::BACKUP_NAME);
    }
}

/// A selector would keep a dynamic provisioner from making a volume for the claim. Claims of no class are bound by
/// hand and keep theirs, without what an earlier restore put into it.
fn selector(claim: &mut Value) {
    if at(claim, &["spec", "storageClassName"]).as_str() != Some("") {
        remove(claim, &["spec", "selector"]);
    } else if let Some(matched) = object_mut(claim, &["spec", "selector", "matchLabels"]) {
        matched.retain(|key, _| !key.starts_with("velero.io/"));
    }
}
