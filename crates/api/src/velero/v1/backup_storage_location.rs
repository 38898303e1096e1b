//! `BackupStorageLocation`: a place in an object store that holds backups.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::GoDuration;
use crate::kind::{Column, kind};
use crate::refs::SecretKeySelector;
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// A place in an object store that holds backups.
    pub struct BackupStorageLocation {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "backupstoragelocations";
        const SHORT_NAMES = ["bsl"];
        const COLUMNS = [
            Column::new("Phase", "string", ".status.phase").about("Whether the location can be used"),
            Column::new("Last Validated", "date", ".status.lastValidationTime").about("When that was last seen"),
            Column::AGE,
            Column::new("Default", "boolean", ".spec.default").about("Whether backups go there unless they say otherwise"),
        ];
        /// Where it is, and how to use it.
        spec: BackupStorageLocationSpec,
        /// Whether it can be used.
        status: BackupStorageLocationStatus,
    }
}

wire_struct! {
    /// Where a location is, and how to use it.
    pub struct BackupStorageLocationSpec
    required {
        /// Who provides the object store, such as `aws`.
        provider: String,
        /// The bucket.
        object_storage: ObjectStorageLocation,
    }
    nullable {
        /// How often backups are looked for; zero for never, absent for the server's default.
        backup_sync_period: Option<GoDuration>,
        /// How often the location is tried; zero for never, absent for the server's default.
        validation_frequency: Option<GoDuration>,
    }
    optional {
        /// What the provider needs to know.
        config: BTreeMap<String, String>,
        /// The Secret that holds the credentials; absent for the server's own.
        credential: Option<SecretKeySelector>,
        /// Whether backups go there unless they say otherwise.
        default: bool,
        /// Whether backups may be written and deleted.
        access_mode: AccessMode,
    }
}

wire_struct! {
    /// A bucket.
    pub struct ObjectStorageLocation
    required {
        /// The name of the bucket.
        bucket: String,
    }
    optional {
        /// The path in the bucket below which everything lies.
        prefix: String,
        /// Certificates to trust, PEM in base64; not together with `caCertRef`.
        #[schemars(extend("format" = "byte"))]
        ca_cert: String,
        /// The Secret that holds certificates to trust.
        ca_cert_ref: Option<SecretKeySelector>,
    }
}

wire_enum! {
    /// What may be done to a location.
    pub enum AccessMode {
        /// Everything.
        ReadWrite = "ReadWrite",
        /// Nothing that changes it.
        ReadOnly = "ReadOnly",
    }
}

wire_enum! {
    /// Whether a location can be used.
    pub enum LocationPhase {
        /// It cannot; the message says why.
        Unavailable = "Unavailable",
        /// It can.
        Available = "Available",
    }
}

wire_struct! {
    /// Whether a location can be used.
    pub struct BackupStorageLocationStatus
    nullable {
        /// When backups were last looked for.
        last_synced_time: Option<Time>,
        /// When the location was last tried.
        last_validation_time: Option<Time>,
    }
    optional {
        /// Whether it can be used; absent before it was tried.
        phase: Option<LocationPhase>,
        /// Why it cannot.
        message: String,
        /// Not used any more.
        last_synced_revision: String,
        /// Not used any more.
        access_mode: Option<AccessMode>,
    }
}
