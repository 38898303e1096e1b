//! What a dry run finds, and what keeps a plan from being applied.

use crate::problem::Code;

/// A claim names a storage class that nobody has.
pub const NO_STORAGE_CLASS: Code = Code {
    id: "SLV-6001",
    title: "storage class missing",
    remedy: "Create the storage class, or restore it, too; without it the claim stays pending.",
};
/// The owner of an object would not be there.
pub const NO_OWNER: Code = Code {
    id: "SLV-6002",
    title: "owner missing",
    remedy: "Restore the owner, too, if something should manage the object.",
};
/// Nobody can say whether the API server would take an object.
pub const ADMISSION_UNKNOWN: Code = Code {
    id: "SLV-6003",
    title: "not known whether the object would be admitted",
    remedy: "See the reason; a webhook with side effects can be asked in dry runs if it declares sideEffects: NoneOnDryRun.",
};
/// A plan was to be applied, and another one would be made now.
pub const PLAN_MOVED: Code = Code {
    id: "SLV-6004",
    title: "the cluster or the backup has moved since the plan was made",
    remedy: "Make a new plan with `restore create --dry-run -o json`, look at it, and apply that.",
};

/// All of them.
pub const ALL: &[Code] = &[NO_STORAGE_CLASS, NO_OWNER, ADMISSION_UNKNOWN, PLAN_MOVED];
