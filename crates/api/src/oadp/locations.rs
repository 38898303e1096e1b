//! Locations of backups and of snapshots.

use std::collections::BTreeMap;

use crate::GoDuration;
use crate::refs::SecretKeySelector;
use crate::velero::v1::{BackupStorageLocationSpec, VolumeSnapshotLocationSpec};
use crate::wire::wire_struct;

wire_struct! {
    /// Where backups are stored: one of `velero` and `bucket`.
    pub struct BackupLocation
    optional {
        /// A bucket that a CloudStorage makes.
        bucket: Option<CloudStorageLocation>,
        /// The name of the location; absent for one made from the application's name.
        name: String,
        /// A bucket that is there.
        velero: Option<BackupStorageLocationSpec>,
    }
}

wire_struct! {
    /// A bucket that a CloudStorage makes.
    pub struct CloudStorageLocation
    required {
        /// The CloudStorage.
        cloud_storage_ref: CloudStorageRef,
    }
    nullable {
        /// How often backups of the bucket are looked for.
        backup_sync_period: Option<GoDuration>,
    }
    optional {
        /// Certificates to trust, in base64.
        #[schemars(extend("format" = "byte"))]
        ca_cert: String,
        /// The provider's own keys.
        config: BTreeMap<String, String>,
        /// The Secret and its key.
        credential: Option<SecretKeySelector>,
        /// Whether backups that name no location go here.
        default: bool,
        /// The folder of the bucket.
        prefix: String,
    }
}

wire_struct! {
    /// A CloudStorage of the same namespace.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub struct CloudStorageRef
    optional {
        /// Its name.
        #[schemars(extend("x-default" = ""))]
        name: String,
    }
}

wire_struct! {
    /// Where a provider keeps its own snapshots.
    pub struct SnapshotLocation
    required {
        /// The location.
        velero: Option<VolumeSnapshotLocationSpec>,
    }
    optional {
        /// The name of the location; absent for one made from the application's name.
        name: String,
    }
}
