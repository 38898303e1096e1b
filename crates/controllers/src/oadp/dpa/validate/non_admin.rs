//! Rules for users' own backups. They are checked although nothing acts on them yet.

use api::GoDuration;
use api::oadp::{BackupLocation, NonAdmin};
use api::velero::v1::{BackupSpec, RestoreSpec};

use super::{Review, problems};

/// How often users' locations are looked through unless somebody says otherwise.
const SYNC: GoDuration = GoDuration::from_mins(2);
/// How often what is left over is looked for unless somebody says otherwise.
const GARBAGE: GoDuration = GoDuration::from_hours(24);
/// How often a location is looked through that does not say.
const LOCATION_SYNC: GoDuration = GoDuration::from_mins(1);

pub(super) fn check(review: &mut Review<'_>) {
    let spec = &review.found.application.spec;
    let Some(rules) = spec.non_admin.as_ref().filter(|rules| rules.enable == Some(true)) else { return };
    periods(review, rules, &spec.backup_locations);
    if let Some(backup) = &rules.enforce_backup_spec {
        forbidden(review, "enforceBackupSpec", &backup_fields(backup));
    }
    if let Some(restore) = &rules.enforce_restore_spec {
        forbidden(review, "enforceRestoreSpec", &restore_fields(restore));
    }
}

fn periods(review: &mut Review<'_>, rules: &NonAdmin, locations: &[BackupLocation]) {
    let sync = rules.backup_sync_period.unwrap_or(SYNC);
    let garbage = rules.garbage_collection_period.unwrap_or(GARBAGE);
    let code = &problems::NON_ADMIN;
    review.refuse_if(garbage < GoDuration::ZERO, code, "nonAdmin.garbageCollectionPeriod is negative");
    review.refuse_if(sync < GoDuration::ZERO, code, "nonAdmin.backupSyncPeriod is negative");
    review.refuse_if(
        garbage > GoDuration::ZERO && sync >= garbage,
        code,
        "nonAdmin.backupSyncPeriod must be shorter than nonAdmin.garbageCollectionPeriod",
    );
    let enforced = rules.enforce_bsl_spec.as_ref().and_then(|enforced| enforced.backup_sync_period);
    review.refuse_if(
        sync > GoDuration::ZERO && enforced.is_some_and(|period| period >= sync),
        code,
        "nonAdmin.enforceBSLSpec.backupSyncPeriod must be shorter than nonAdmin.backupSyncPeriod",
    );
    let default = default_sync(locations);
    review.refuse_if(
        sync > GoDuration::ZERO && default.is_some_and(|period| period >= sync),
        code,
        "the default location's backupSyncPeriod (1m unless it says) must be shorter than nonAdmin.backupSyncPeriod",
    );
}

/// How often the default location is looked through; `None` where there is no such location.
fn default_sync(locations: &[BackupLocation]) -> Option<GoDuration> {
    let velero = locations.iter().filter_map(|location| location.velero.as_ref());
    let by_velero = velero.filter(|velero| velero.default).map(|velero| velero.backup_sync_period);
    let bucket = locations.iter().filter_map(|location| location.bucket.as_ref());
    let by_bucket = bucket.filter(|bucket| bucket.default).map(|bucket| bucket.backup_sync_period);
    by_velero.chain(by_bucket).next().map(|period| period.unwrap_or(LOCATION_SYNC))
}

/// Fields that decide whose backup it is, and so are nobody's to enforce.
fn forbidden(review: &mut Review<'_>, at: &str, fields: &[(&str, bool)]) {
    for (field, used) in fields {
        review.refuse_if(*used, &problems::NON_ADMIN, format!("nonAdmin.{at}.{field} cannot be enforced"));
    }
}

fn backup_fields(backup: &BackupSpec) -> [(&'static str, bool); 6] {
    [
        ("storageLocation", !backup.storage_location.is_empty()),
        ("volumeSnapshotLocations", !backup.volume_snapshot_locations.is_empty()),
        ("includedNamespaces", !backup.included_namespaces.is_empty()),
        ("excludedNamespaces", !backup.excluded_namespaces.is_empty()),
        ("includeClusterResources", backup.include_cluster_resources == Some(true)),
        ("includedClusterScopedResources", !backup.included_cluster_scoped_resources.is_empty()),
    ]
}

fn restore_fields(restore: &RestoreSpec) -> [(&'static str, bool); 4] {
    [
        ("scheduleName", !restore.schedule_name.is_empty()),
        ("includedNamespaces", !restore.included_namespaces.is_empty()),
        ("excludedNamespaces", !restore.excluded_namespaces.is_empty()),
        ("namespaceMapping", !restore.namespace_mapping.is_empty()),
    ]
}
