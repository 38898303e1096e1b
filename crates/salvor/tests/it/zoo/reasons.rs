//! Kinds that can be made and listed and do not come back, each with the reason, and what may differ of those that do.

use testkit::compare::{Allowed, allowed};

/// A kind that is left out on purpose.
pub(super) struct Exception {
    /// `Kind.group`.
    pub(super) kind: &'static str,
    pub(super) reason: &'static str,
}

const fn left_out(kind: &'static str, reason: &'static str) -> Exception {
    Exception { kind, reason }
}

const RECORD: &str = "records the data of one volume: a restore reads it and makes it anew";
const ITSELF: &str = "describes backups of this cluster: the server makes it out of the bucket";

/// The kinds that do not come back. Kinds that cannot be listed, such as bindings and reviews, are no objects at all.
pub(super) const EXCEPTIONS: &[Exception] = &[
    left_out("Node", "is a machine: the kubelet registers it"),
    left_out("CSINode.storage.k8s.io", "tells of a machine: the kubelet makes it"),
    left_out(
        "VolumeAttachment.storage.k8s.io",
        "tells what is attached to a machine: the controller makes it",
    ),
    left_out("Event", "tells what happened to objects that have gone"),
    left_out("Event.events.k8s.io", "the same objects as the events of the core group"),
    left_out("Backup.velero.io", ITSELF),
    left_out("Restore.velero.io", ITSELF),
    left_out("BackupRepository.velero.io", ITSELF),
    left_out("PodVolumeBackup.velero.io", RECORD),
    left_out("PodVolumeRestore.velero.io", RECORD),
    left_out("DataUpload.velero.io", RECORD),
    left_out("DataDownload.velero.io", RECORD),
    left_out("VolumeSnapshot.snapshot.storage.k8s.io", RECORD),
    left_out("VolumeSnapshotContent.snapshot.storage.k8s.io", RECORD),
    left_out("DataProtectionApplication.oadp.openshift.io", "its operator would install what it asks for"),
];

/// What may differ of kinds that only stand here, besides what [`testkit::compare::ALLOWED`] has.
pub(super) const OF_THE_REST: &[Allowed] = &[
    allowed("CertificateSigningRequest", "/spec/username", "the server notes who asked"),
    allowed("CertificateSigningRequest", "/spec/groups", "the server notes who asked"),
    allowed("CertificateSigningRequest", "/spec/uid", "the server notes who asked"),
    allowed("CertificateSigningRequest", "/spec/extra", "the server notes who asked"),
];
