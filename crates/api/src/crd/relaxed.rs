//! Where our definitions ask less than Velero's newest ones, so that objects which an older Velero stored stay
//! valid: an upgrade must not fail on them, and nobody has to delete them first.

use serde_json::Value;

/// One demand that is not made.
#[derive(Clone, Copy, Debug)]
pub struct Relaxation {
    /// The plural name of the kind.
    pub plural: &'static str,
    /// The field whose schema differs, with dots, from the root of the object.
    pub path: &'static str,
    /// What differs.
    pub change: Change,
    /// Which objects need it.
    pub reason: &'static str,
}

/// How a schema asks less.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field of it may be absent.
    NotRequired(&'static str),
    /// One more value is allowed.
    AlsoAllowed(&'static str),
}

/// Every demand that is not made. Found by comparing the definitions of Velero 1.6 to 1.18 with the newest:
/// what is required now and was not always, and what was allowed once and is not now.
pub const RELAXED: &[Relaxation] = &[
    Relaxation {
        plural: "downloadrequests",
        path: "spec.target.kind",
        change: Change::AlsoAllowed("BackupItemSnapshots"),
        reason: "Velero 1.8 to 1.10 and their clients knew this file",
    },
    Relaxation {
        plural: "podvolumerestores",
        path: "spec",
        change: Change::NotRequired("sourceNamespace"),
        reason: "objects of Velero 1.6 to 1.9 lack it",
    },
];

/// Takes from the schema of a kind what is not to be demanded. Gives how many of the changes had an effect.
pub(super) fn relax(schema: &mut Value, plural: &str) -> usize {
    let of_kind = RELAXED.iter().filter(|relaxation| relaxation.plural == plural);
    of_kind.filter(|relaxation| apply(schema, relaxation)).count()
}

fn apply(schema: &mut Value, relaxation: &Relaxation) -> bool {
    let pointer: String = relaxation.path.split('.').map(|field| format!("/properties/{field}")).collect();
    let Some(target) = schema.pointer_mut(&pointer) else { return false };
    match relaxation.change {
        Change::NotRequired(field) => {
            let Some(required) = target["required"].as_array_mut() else { return false };
            let before = required.len();
            required.retain(|name| name != field);
            required.len() < before
        }
        Change::AlsoAllowed(value) => {
            let Some(values) = target["enum"].as_array_mut() else { return false };
            let is_new = values.iter().all(|known| known != value);
            values.push(value.into());
            is_new
        }
    }
}
