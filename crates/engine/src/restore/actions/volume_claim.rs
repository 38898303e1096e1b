//! Claims: what bound and provisioned them, and the volume if it does not come back, with the snapshot that it came from.

use api::labels;
use serde_json::Value;

use super::Action;
use crate::document::{remove, remove_annotation, remove_label, text};
use crate::restore::transform::Context;
use crate::restore::volumes::Decision;

pub(super) const ACTION: Action =
    Action { name: "velero.io/pvc", resources: &["persistentvolumeclaims"], run };

/// Annotations that binding, provisioning and backups leave on a claim.
const ANNOTATIONS: &[&str] = &[
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    labels::DATA_UPLOAD_NAME,
    labels::VOLUME_SNAPSHOT_NAME,
];

fn run(document: &mut Value, context: &Context<'_>) {
    for annotation in ANNOTATIONS {
        remove_annotation(document, annotation);
    }
    remove_label(document, labels::VOLUME_SNAPSHOT_NAME);
    let volume = text(document, &["spec", "volumeName"]);
    if context.plan.volumes.get(volume) == Some(&Decision::Provision) {
        remove(document, &["spec", "volumeName"]);
        forget_snapshot(document);
    }
}

/// A claim that was made from a snapshot would wait for that for ever: no restore brings it back. Its data is told of by
/// the decision on its volume.
fn forget_snapshot(document: &mut Value) {
    for source in ["dataSource", "dataSourceRef"] {
        if text(document, &["spec", source, "kind"]) == "VolumeSnapshot" {
            remove(document, &["spec", source]);
        }
    }
}
