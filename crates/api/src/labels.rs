//! Every label, annotation, finalizer and well-known name: ours, Velero's and OADP's.

/// Label on most of what a backup makes: its name as a label value.
pub const BACKUP_NAME: &str = "velero.io/backup-name";
/// Label: the UID of the Backup.
pub const BACKUP_UID: &str = "velero.io/backup-uid";
/// Label on restored objects and on what a restore makes.
pub const RESTORE_NAME: &str = "velero.io/restore-name";
/// Label: the UID of the Restore.
pub const RESTORE_UID: &str = "velero.io/restore-uid";
/// Label on Backups: the Schedule that made them.
pub const SCHEDULE_NAME: &str = "velero.io/schedule-name";
/// Label on Backups and repositories: their location.
pub const STORAGE_LOCATION: &str = "velero.io/storage-location";
/// Label `true` on any object: leave it out of backups.
pub const EXCLUDE_FROM_BACKUP: &str = "velero.io/exclude-from-backup";
/// Annotation on Backups: version of the cluster that was backed up.
pub const SOURCE_CLUSTER_VERSION: &str = "velero.io/source-cluster-k8s-gitversion";
/// Annotation on Backups: major version of the cluster that was backed up.
pub const SOURCE_CLUSTER_MAJOR: &str = "velero.io/source-cluster-k8s-major-version";
/// Annotation on Backups: minor version of the cluster that was backed up.
pub const SOURCE_CLUSTER_MINOR: &str = "velero.io/source-cluster-k8s-minor-version";
/// Annotation on Backups: the server's `--resource-timeout`, for plugins.
pub const RESOURCE_TIMEOUT: &str = "velero.io/resource-timeout";
/// Finalizer on Restores: their files in the bucket go first.
pub const RESTORE_FINALIZER: &str = "restores.velero.io/external-resources-finalizer";
/// Annotation that a backup item action leaves behind; never stored, never restored.
pub const MUST_INCLUDE_ADDITIONAL_ITEMS: &str = "backup.velero.io/must-include-additional-items";
/// Annotation that a backup item action leaves behind; never stored, never restored.
pub const SKIPPED_NO_CSI_PV: &str = "backup.velero.io/skipped-no-csi-pv";
/// Annotation and label on claims as stored in an archive: the VolumeSnapshot that holds their data.
pub const VOLUME_SNAPSHOT_NAME: &str = "velero.io/volume-snapshot-name";
/// Annotation on claims as stored in an archive: the DataUpload that moved their data.
pub const DATA_UPLOAD_NAME: &str = "velero.io/data-upload-name";
/// Annotation on any object: `true` or `false` decides whether a restore brings its status back.
pub const RESTORE_STATUS: &str = "velero.io/restore-status";
/// Annotation on a pod: volumes to back up through the file system.
pub const BACKUP_VOLUMES: &str = "backup.velero.io/backup-volumes";
/// Annotation on a pod: volumes not to back up through the file system.
pub const BACKUP_VOLUMES_EXCLUDES: &str = "backup.velero.io/backup-volumes-excludes";

/// Annotation on objects that a restore created: the UID of that Restore. Names alone never claim an object. Also a
/// label on the ConfigMaps that keep an operation's files.
pub const OPERATION_UID: &str = "salvor.io/operation-uid";
/// Annotation on a stored Backup: sha256 of the manifest beside it.
pub const MANIFEST_SHA256: &str = "salvor.io/manifest-sha256";
/// Annotation on a Restore: `true` restores what there is of a backup that did not end well.
pub const FORCE: &str = "salvor.io/force";
/// Annotation on a Restore: `true` leaves out the finalizers of what it creates.
pub const STRIP_FINALIZERS: &str = "salvor.io/strip-finalizers";
/// Annotation on a Backup: `enforce` turns unprotected volumes into errors.
pub const COVERAGE: &str = "salvor.io/coverage";
/// Annotation on a Backup: `intents` stores of operators what was asked of OLM, and not what OLM made of it.
pub const OPERATORS: &str = "salvor.io/operators";
/// Annotation on a Backup: the ConfigMap of the server's own rules about volumes, which it followed too.
pub const GLOBAL_VOLUME_POLICIES: &str = "salvor.io/global-volume-policies";
/// Annotation on a stored Backup: what is not in it since the cluster makes it again by itself.
pub const LEFT_OUT: &str = "salvor.io/left-out";
/// Annotation on a Backup or Restore: anything but `false` has it planned and never executed.
pub const DRY_RUN: &str = "salvor.io/dry-run";
/// Annotation on a Restore: the digest of the plan that it is to execute, and no other.
pub const EXPECTED_PLAN: &str = "salvor.io/expected-plan";
/// Annotation on a DownloadRequest: a file that Velero does not have, instead of the one that the target's kind names.
pub const FILE: &str = "salvor.io/file";
/// Value of [`FILE`]: what a dry run found.
pub const FILE_PLAN: &str = "plan";
/// Annotation on a DataProtectionApplication: filesystem locations, as `install --location-volume` takes them.
pub const LOCATION_VOLUMES: &str = "salvor.io/location-volumes";

/// Who writes our fields.
pub const FIELD_MANAGER: &str = "salvor";
/// Name of the Lease that servers hold.
pub const SERVER_LEASE: &str = "velero-server";
/// Provider of locations that are a mounted volume.
pub const FILESYSTEM_PROVIDER: &str = "salvor.io/filesystem";
/// The backup format that we write.
pub const FORMAT_VERSION: &str = "1.1.0";
/// What we answer when asked for the server's version.
pub const SERVER_VERSION: &str = concat!("v1.18.3+salvor.", env!("CARGO_PKG_VERSION"));

/// Name of the Service in front of the server's download port.
pub const DOWNLOAD_SERVICE: &str = "salvor-downloads";
/// Name of the download port, as the API server's service proxy wants it.
pub const DOWNLOAD_PORT_NAME: &str = "downloads";
/// The server's download port; TLS.
pub const DOWNLOAD_PORT: u16 = 8443;
/// Name of the Lease that operators hold.
pub const OPERATOR_LEASE: &str = "salvor-operator";
