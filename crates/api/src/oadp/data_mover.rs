//! The data mover of OADP 1.1 and 1.2. Its fields are known so that using them is refused, not overlooked.

use std::collections::BTreeMap;

use crate::wire::wire_struct;

wire_struct! {
    /// The data mover that was not Velero's own.
    pub struct DataMover
    optional {
        /// The Secret of its repositories.
        credential_name: String,
        /// Whether it is used.
        enable: bool,
        /// Volumes backed up at once.
        max_concurrent_backup_volumes: String,
        /// Volumes restored at once.
        max_concurrent_restore_volumes: String,
        /// How often repositories are pruned.
        prune_interval: String,
        /// When backups are made.
        #[schemars(extend("pattern" = r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"))]
        schedule: String,
        /// Which snapshots are kept.
        snapshot_retain_policy: Option<RetainPolicy>,
        /// How long a move may take.
        timeout: String,
        /// Claims that it makes, by storage class.
        volume_options_for_storage_classes: BTreeMap<String, StorageClassOptions>,
    }
}

wire_struct! {
    /// Which snapshots are kept.
    pub struct RetainPolicy
    optional {
        /// How many daily ones.
        daily: String,
        /// How many hourly ones.
        hourly: String,
        /// How many monthly ones.
        monthly: String,
        /// How many weekly ones.
        weekly: String,
        /// All that are younger.
        within: String,
        /// How many yearly ones.
        yearly: String,
    }
}

wire_struct! {
    /// Claims that are made for volumes of a storage class.
    pub struct StorageClassOptions
    optional {
        /// Claims to write to.
        destination_volume_options: Option<VolumeOptions>,
        /// Claims to read from.
        source_volume_options: Option<VolumeOptions>,
    }
}

wire_struct! {
    /// What a claim is like.
    pub struct VolumeOptions
    optional {
        /// Its access mode.
        access_mode: String,
        /// The access mode of the cache's claim.
        cache_access_mode: String,
        /// The size of the cache's claim.
        cache_capacity: String,
        /// The storage class of the cache's claim.
        cache_storage_class_name: String,
        /// Its storage class.
        storage_class_name: String,
    }
}
