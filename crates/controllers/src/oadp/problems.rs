//! What can be wrong with what an operator is asked for.

use engine::problem::Code;

/// The resource does not have the shape of its kind.
pub const UNREADABLE: Code = Code {
    id: "SLV-4001",
    title: "The application cannot be read",
    remedy: "Correct the field that the message names.",
};
/// Another application is in the namespace.
pub const NOT_ALONE: Code = Code {
    id: "SLV-4002",
    title: "More than one application",
    remedy: "Keep one DataProtectionApplication in the namespace and delete the others.",
};
/// Fields that say nothing or contradict each other.
pub const CONTRADICTION: Code = Code {
    id: "SLV-4003",
    title: "Contradicting or missing settings",
    remedy: "Change the fields that the message names.",
};
/// A feature that is gone.
pub const RETIRED: Code = Code {
    id: "SLV-4004",
    title: "A feature that is gone",
    remedy: "Remove the field that the message names.",
};
/// An override that is not known.
pub const OVERRIDE: Code = Code {
    id: "SLV-4005",
    title: "An unknown override",
    remedy: "Remove it from unsupportedOverrides, or give it a value that is known.",
};
/// A plugin that cannot be used.
pub const PLUGIN: Code = Code {
    id: "SLV-4006",
    title: "A plugin that cannot be used",
    remedy: "Remove it; aws, azure, gcp, csi and openshift are built in and need no image.",
};
/// Credentials that are not there or cannot be read.
pub const CREDENTIALS: Code = Code {
    id: "SLV-4007",
    title: "Credentials cannot be used",
    remedy: "Create or correct the Secret that the message names, in the namespace of the application.",
};
/// A backup location that is wrong.
pub const LOCATION: Code = Code {
    id: "SLV-4008",
    title: "A backup location is wrong",
    remedy: "Correct the entry of backupLocations that the message names.",
};
/// A snapshot location that is wrong.
pub const SNAPSHOT_LOCATION: Code = Code {
    id: "SLV-4009",
    title: "A snapshot location is wrong",
    remedy: "Correct the entry of snapshotLocations that the message names.",
};
/// Node agents that could run nowhere, or not where volumes move.
pub const NODE_AGENT: Code = Code {
    id: "SLV-4010",
    title: "Node agents are scheduled in contradicting ways",
    remedy: "Say the same in podConfig.nodeSelector and in the one entry of loadAffinity.",
};
/// An amount, a duration or a label that cannot be read.
pub const VALUE: Code = Code {
    id: "SLV-4011",
    title: "A value cannot be used",
    remedy: "Correct the field that the message names.",
};
/// Rules for users' own backups that contradict themselves.
pub const NON_ADMIN: Code = Code {
    id: "SLV-4012",
    title: "Rules for users' own backups are wrong",
    remedy: "Correct the field of nonAdmin that the message names.",
};
/// A location volume that is wrong.
pub const VOLUME: Code = Code {
    id: "SLV-4013",
    title: "A location volume is wrong",
    remedy: "Correct the annotation salvor.io/location-volumes: NAME=pvc:CLAIM, NAME=hostPath:/P or NAME=nfs:HOST:/P.",
};

/// All of them.
pub const ALL: &[Code] = &[
    UNREADABLE,
    NOT_ALONE,
    CONTRADICTION,
    RETIRED,
    OVERRIDE,
    PLUGIN,
    CREDENTIALS,
    LOCATION,
    SNAPSHOT_LOCATION,
    NODE_AGENT,
    VALUE,
    NON_ADMIN,
    VOLUME,
];
