//! `VolumeSnapshotLocation`: where native snapshots of volumes go.

use std::collections::BTreeMap;

use super::backup_storage_location::LocationPhase;
use crate::kind::{Column, kind};
use crate::refs::SecretKeySelector;
use crate::wire::wire_struct;

kind! {
    /// Where native snapshots of volumes go.
    pub struct VolumeSnapshotLocation {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "volumesnapshotlocations";
        const SHORT_NAMES = ["vsl"];
        const COLUMNS = [
            Column::new("Provider", "string", ".spec.provider").about("Who makes the snapshots"),
            Column::new("Phase", "string", ".status.phase").about("Whether the location can be used"),
            Column::AGE,
        ];
        /// Who makes the snapshots, and how.
        spec: VolumeSnapshotLocationSpec,
        /// Whether it can be used.
        status: VolumeSnapshotLocationStatus,
    }
}

wire_struct! {
    /// Who makes snapshots, and how.
    pub struct VolumeSnapshotLocationSpec
    required {
        /// Who makes the snapshots, such as `aws`.
        provider: String,
    }
    optional {
        /// What the provider needs to know.
        config: BTreeMap<String, String>,
        /// The Secret that holds the credentials; absent for the server's own.
        credential: Option<SecretKeySelector>,
    }
}

wire_struct! {
    /// Whether a snapshot location can be used.
    pub struct VolumeSnapshotLocationStatus
    optional {
        /// Whether it can be used.
        phase: Option<LocationPhase>,
    }
}
