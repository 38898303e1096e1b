//! What can go wrong with a restore.

use std::collections::HashSet;

use api::meta::ObjectKey;

use crate::problem::{Code, Problem};

/// An entry of the archive is not an object that could be restored.
pub const BAD_ITEM: Code = Code {
    id: "SLV-2001",
    title: "not a Kubernetes object",
    remedy: "Verify the backup: the file was damaged or written by something else.",
};
/// The cluster does not have the type of an object.
pub const NO_SUCH_TYPE: Code = Code {
    id: "SLV-2002",
    title: "resource type missing in the cluster",
    remedy: "Install the operator or definition that provides the type, then restore again.",
};
/// The cluster has the type, in other versions.
pub const NO_SUCH_VERSION: Code = Code {
    id: "SLV-2003",
    title: "API version not served",
    remedy: "Enable the version in the cluster, or back the object up in a version that it serves.",
};
/// Two objects would be restored to one place.
pub const SAME_TARGET: Code = Code {
    id: "SLV-2004",
    title: "two objects for one place",
    remedy: "Map the namespaces to different ones, or restore them one after the other.",
};
/// An object names another that the backup does not have.
pub const MISSING_REFERENCE: Code = Code {
    id: "SLV-2005",
    title: "named object not in the backup",
    remedy: "Create the named object, or back it up too.",
};
/// An object is there already, and differs.
pub const EXISTS: Code = Code {
    id: "SLV-2006",
    title: "object exists and differs",
    remedy: "Delete it first, or restore with existingResourcePolicy update.",
};
/// A patch of an object that is there already was refused.
pub const NOT_UPDATED: Code = Code {
    id: "SLV-2007",
    title: "existing object not updated",
    remedy: "See the server's reason; fields that cannot change need the object to be deleted first.",
};
/// The server refused to create an object.
pub const CREATE_REFUSED: Code = Code {
    id: "SLV-2014",
    title: "object not created",
    remedy: "See the server's reason: a quota, a policy or a webhook of the cluster may refuse it.",
};
/// The plan names a step that this version does not know.
pub const UNKNOWN_ACTION: Code = Code {
    id: "SLV-2008",
    title: "unknown step in the plan",
    remedy: "Run the version that made the plan, or begin a new restore.",
};
/// A volume's data is in the backup and was not restored.
pub const DATA_NOT_RESTORED: Code = Code {
    id: "SLV-2010",
    title: "volume data not restored",
    remedy: "Restore the volume's data with a version that supports its backup method.",
};
/// A volume comes back empty, since the backup never had its data.
pub const EMPTY_VOLUME: Code = Code {
    id: "SLV-2011",
    title: "volume comes back empty",
    remedy: "Fill the volume from elsewhere, and include its data in the next backup.",
};
/// A claim was bound to a volume that neither the backup nor the cluster has.
pub const VOLUME_GONE: Code = Code {
    id: "SLV-2012",
    title: "bound volume missing",
    remedy: "Include persistent volumes in the restore, or create the volume by hand.",
};
/// The filters select nothing that the backup has.
pub const BACKUP_EMPTY: Code = Code {
    id: "SLV-2013",
    title: "nothing to restore",
    remedy: "Look at the filters of the backup and of the restore.",
};

/// The archive is damaged, or is none.
pub const ARCHIVE_UNREADABLE: Code = Code {
    id: "SLV-2015",
    title: "archive not readable",
    remedy: "Restore from another backup; nothing was changed in the cluster.",
};
/// The archive is not the one that the backup's manifest lists.
pub const ARCHIVE_CHANGED: Code = Code {
    id: "SLV-2016",
    title: "archive changed after the backup",
    remedy: "Find out who writes to the bucket; bring back the file's earlier version where the store keeps versions.",
};
/// The plan contradicts itself.
pub const BAD_PLAN: Code = Code {
    id: "SLV-2017",
    title: "the plan contradicts itself",
    remedy: "Nothing was done. Report it with the Restore and the version of the server.",
};
/// An object was created, and the server refused its status.
pub const STATUS_NOT_RESTORED: Code = Code {
    id: "SLV-2018",
    title: "status not restored",
    remedy: "Let the object's controller set its status, or set it by hand.",
};
/// An object was created, and the server refused the owners of its fields.
pub const OWNERS_NOT_RESTORED: Code = Code {
    id: "SLV-2019",
    title: "field owners not restored",
    remedy: "Apply the object again with the tool that manages it.",
};
/// A restore did not end in the time that it has.
pub const OUT_OF_TIME: Code = Code {
    id: "SLV-2020",
    title: "the restore did not end in time",
    remedy: "See in the server's log what held it up; a new restore leaves alone what is there already.",
};

/// A namespace could not be created.
pub const NO_NAMESPACE: Code = Code {
    id: "SLV-2021",
    title: "namespace could not be created",
    remedy: "See the reason: a quota or a webhook that refuses it, or a namespace that does not end; then restore again.",
};

/// The server that made a restore ended before its operations did.
pub const OPERATIONS_LOST: Code = Code {
    id: "SLV-2022",
    title: "operations in the background were not waited for",
    remedy: "Look at the data of the restored volumes before you rely on it, or restore again.",
};

/// A filter of the resource policy selects nothing, wherever it looks.
pub const FILTER_POLICY: Code = Code {
    id: "SLV-2023",
    title: "filter of a restore's resource policy never matches",
    remedy: "Correct the kind, move it to the section of its scope, or take it out of the filters that leave it out.",
};
/// The resource policy cannot be used any more, though it could when the restore was validated.
pub const POLICY_CHANGED: Code = Code {
    id: "SLV-2024",
    title: "resource policy of a restore changed",
    remedy: "Nothing was restored. Bring the ConfigMap back as it was, or correct it, and restore again.",
};
/// A line of the preferred API versions means nothing.
pub const VERSION_PRIORITY: Code = Code {
    id: "SLV-2025",
    title: "preferred API versions not understood",
    remedy: "Write each line of the ConfigMap enableapigroupversions as RESOURCE.GROUP=VERSION,VERSION.",
};

/// A definition of custom resources is there, and its types are not served.
pub const NOT_ESTABLISHED: Code = Code {
    id: "SLV-2026",
    title: "definition not established",
    remedy: "See the conditions of the definition: its names may be taken by another one. Then restore its objects again.",
};

/// A filter names something that nobody has.
pub const FILTER_IN_VAIN: Code = Code {
    id: "SLV-2027",
    title: "filter of a restore names nothing",
    remedy: "Correct the name, or take it out of the Restore: as it is written it changes nothing.",
};

/// An update overwrote fields of somebody who applies them.
pub const FIELDS_TAKEN: Code = Code {
    id: "SLV-2030",
    title: "fields of others overwritten",
    remedy: "See that their manager has the same values, or it sets them back; or leave the object out of the restore.",
};
/// An object was to be recreated that would take data or other objects with it.
pub const NOT_RECREATED: Code = Code {
    id: "SLV-2031",
    title: "object not recreated",
    remedy: "Delete it yourself if what it holds may go, or restore it with existingResourcePolicy update.",
};
/// An object did not go in time to be created again.
pub const STILL_THERE: Code = Code {
    id: "SLV-2032",
    title: "object is still being deleted",
    remedy: "See which of its finalizers nobody removes, then restore again.",
};
/// An object was created, and could not be given the owners that it had.
pub const NOT_OWNED: Code = Code {
    id: "SLV-2033",
    title: "owners not restored",
    remedy: "Set the object's owner references by hand, or it stays when its owner is deleted.",
};
/// The labels and annotations of a namespace that is there could not be added to.
pub const NAMESPACE_NOT_UPDATED: Code = Code {
    id: "SLV-2034",
    title: "existing namespace not updated",
    remedy: "See the server's reason, and add the labels and annotations by hand.",
};
/// A claim goes to another namespace, and its volume is there already for the claim that it had.
pub const VOLUME_IN_USE: Code = Code {
    id: "SLV-2035",
    title: "volume is in use",
    remedy: "Fill the new volume from the one that is there, or restore to the same namespace.",
};
/// A claim comes back, and the volume that it had waits for the claim that was deleted.
pub const VOLUME_RELEASED: Code = Code {
    id: "SLV-2036",
    title: "volume is kept for a deleted claim",
    remedy: "Include persistentvolumes in the restore, or take uid and resourceVersion out of the volume's claimRef.",
};
/// A namespace is on its way out, and the restore waits until it has gone.
pub const NAMESPACE_LEAVING: Code = Code {
    id: "SLV-2037",
    title: "waiting for a namespace to go",
    remedy: "See in its status what keeps it, and which finalizers nobody removes.",
};

/// Problems that say that the volume of a claim comes back without its data.
pub const DATA_LOST: [&str; 4] = [DATA_NOT_RESTORED.id, EMPTY_VOLUME.id, VOLUME_GONE.id, VOLUME_IN_USE.id];

/// Whether a problem says so of one of these claims, which are there already: they have the volumes that they had.
pub fn is_of_volume_that_is_there(problem: &Problem, there: &HashSet<ObjectKey>) -> bool {
    DATA_LOST.contains(&problem.code.as_str())
        && problem.object.as_ref().is_some_and(|claim| there.contains(claim))
}

/// Every code of this area.
pub const ALL: &[Code] = &[
    BAD_ITEM,
    NO_SUCH_TYPE,
    NO_SUCH_VERSION,
    SAME_TARGET,
    MISSING_REFERENCE,
    EXISTS,
    NOT_UPDATED,
    UNKNOWN_ACTION,
    DATA_NOT_RESTORED,
    EMPTY_VOLUME,
    VOLUME_GONE,
    BACKUP_EMPTY,
    CREATE_REFUSED,
    ARCHIVE_UNREADABLE,
    ARCHIVE_CHANGED,
    BAD_PLAN,
    STATUS_NOT_RESTORED,
    OWNERS_NOT_RESTORED,
    OUT_OF_TIME,
    NO_NAMESPACE,
    OPERATIONS_LOST,
    FILTER_POLICY,
    POLICY_CHANGED,
    VERSION_PRIORITY,
    NOT_ESTABLISHED,
    FILTER_IN_VAIN,
    FIELDS_TAKEN,
    NOT_RECREATED,
    STILL_THERE,
    NOT_OWNED,
    NAMESPACE_NOT_UPDATED,
    VOLUME_IN_USE,
    VOLUME_RELEASED,
    NAMESPACE_LEAVING,
];
