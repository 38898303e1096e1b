//! What there is of an installation.

use std::collections::BTreeMap;

use crate::Time;
use crate::wire::wire_struct;

wire_struct! {
    /// What there is of an installation. Only `conditions` is OADP's; the rest is added.
    pub struct DataProtectionApplicationStatus
    optional {
        /// What is so.
        conditions: Vec<Condition>,
        /// What was made, and how it is.
        objects: Vec<ManagedObject>,
        /// The generation that this speaks of.
        observed_generation: Option<i64>,
        /// Versions of what runs: `salvor`, `velero` (the one whose behaviour it has) and `server` (its image).
        versions: BTreeMap<String, String>,
    }
}

wire_struct! {
    /// Something that is so, or is not.
    pub struct Condition
    required {
        /// Since when.
        last_transition_time: Option<Time>,
        /// In a sentence.
        #[schemars(extend("maxLength" = 32768))]
        message: String,
        /// In a word.
        #[schemars(extend(
            "maxLength" = 1024,
            "minLength" = 1,
            "pattern" = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
        ))]
        reason: String,
        /// `True`, `False` or `Unknown`.
        #[schemars(extend("enum" = ["True", "False", "Unknown"]))]
        status: String,
        /// What.
        #[serde(rename = "type")]
        #[schemars(extend(
            "maxLength" = 316,
            "pattern" = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
        ))]
        kind: String,
    }
    optional {
        /// The generation that this speaks of.
        #[schemars(extend("minimum" = 0))]
        observed_generation: Option<i64>,
    }
}

wire_struct! {
    /// An object that was made for the application.
    pub struct ManagedObject
    optional {
        /// Its kind.
        kind: String,
        /// Why it is not healthy.
        message: String,
        /// Its name.
        name: String,
        /// `Healthy`, `Progressing` or `Unhealthy`.
        health: String,
        /// The version of what runs, for workloads.
        version: String,
    }
}
