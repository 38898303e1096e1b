//! The controllers of the server, one file each.

pub mod backup;
pub mod deletion;
pub mod download;
pub mod garbage;
pub mod location;
pub mod plugins;
pub mod problems;
pub mod restore;
pub mod restore_cleanup;
pub mod status_request;
pub mod sweep;
pub mod sync;

use std::time::Duration;

use api::Kind;
use api::velero::v1::BackupStorageLocation;

use crate::config::Config;
use crate::deps::Deps;
use crate::runtime::{Reconcile, Spec, never};

/// Every controller of the server, in the order in which they start.
pub static CONTROLLERS: &[&Spec<Deps>] = &[
    &location::SPEC,
    &sync::SPEC,
    &backup::QUEUE,
    &backup::SPEC,
    &restore::SPEC,
    &restore::DRY_RUNS,
    &deletion::SPEC,
    &download::SPEC,
    &garbage::SPEC,
    &restore_cleanup::SPEC,
    &status_request::SPEC,
    &sweep::SPEC,
];

/// The controllers that `--disable-controllers` takes, as Velero names them.
pub const CAN_BE_DISABLED: &[&str] = &[
    "backup",
    "backup-deletion",
    "backup-finalizer",
    "backup-operations",
    "backup-queue",
    "backup-repo",
    "backup-sync",
    "download-request",
    "gc",
    "restore",
    "restore-finalizer",
    "restore-operations",
    "schedule",
    "server-status-request",
];

/// The controllers that `--restore-only` disables.
pub const NOT_FOR_RESTORES: &[&str] =
    &["backup", "backup-deletion", "backup-finalizer", "backup-operations", "gc", "schedule"];

/// The controllers that run with these settings.
pub fn enabled(config: &Config) -> Vec<&'static Spec<Deps>> {
    CONTROLLERS.iter().filter(|spec| !config.disabled.contains(spec.name)).copied().collect()
}

/// A controller that looks into each location that is available, one after the other.
const fn of_locations(
    name: &'static str,
    resync: fn(&Deps) -> Duration,
    reconcile: Reconcile<Deps>,
) -> Spec<Deps> {
    Spec {
        name,
        watches: BackupStorageLocation::resource_type,
        concerns: |document, _| document["status"]["phase"] == "Available",
        resync,
        stirs: never,
        workers: |_| 1,
        deadline: Duration::from_secs(600),
        reconcile,
    }
}
