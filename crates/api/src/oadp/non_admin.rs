//! Backups that users make for themselves.

use std::collections::BTreeMap;

use crate::GoDuration;
use crate::refs::SecretKeySelector;
use crate::velero::v1::{AccessMode, BackupSpec, RestoreSpec};
use crate::wire::wire_struct;

wire_struct! {
    /// Backups that users make for themselves, in the namespaces that are theirs.
    pub struct NonAdmin
    optional {
        /// How often backups of locations are looked for; zero for never.
        backup_sync_period: Option<GoDuration>,
        /// Whether users may.
        enable: Option<bool>,
        /// What their locations must say.
        #[serde(rename = "enforceBSLSpec")]
        enforce_bsl_spec: Option<EnforcedLocation>,
        /// What their backups must say.
        enforce_backup_spec: Option<BackupSpec>,
        /// What their restores must say.
        enforce_restore_spec: Option<RestoreSpec>,
        /// How often what is left over is looked for; zero for never.
        garbage_collection_period: Option<GoDuration>,
        /// Whether an administrator has to agree to each location.
        #[serde(rename = "requireApprovalForBSL")]
        require_approval_for_bsl: Option<bool>,
    }
}

wire_struct! {
    /// What a location of a user must say.
    pub struct EnforcedLocation
    nullable {
        /// How often its backups are looked for.
        backup_sync_period: Option<GoDuration>,
        /// Where backups are stored.
        object_storage: Option<EnforcedStorage>,
        /// How often it is validated.
        validation_frequency: Option<GoDuration>,
    }
    optional {
        /// Whether backups may be written.
        access_mode: Option<AccessMode>,
        /// The provider's own keys.
        config: BTreeMap<String, String>,
        /// The Secret and its key.
        credential: Option<SecretKeySelector>,
        /// Who stores.
        provider: String,
    }
}

wire_struct! {
    /// What the bucket of a user must be.
    pub struct EnforcedStorage
    optional {
        /// The name of the bucket.
        bucket: String,
        /// Certificates to trust, PEM in base64.
        #[schemars(extend("format" = "byte"))]
        ca_cert: String,
        /// The path in the bucket below which everything lies.
        prefix: String,
    }
}
