//! Problems that planning a backup finds.

use crate::problem::Code;

macro_rules! codes {
    ($($(#[$meta:meta])* $name:ident = $id:literal, $title:literal, $remedy:literal;)*) => {
        $($(#[$meta])* pub const $name: Code = Code { id: $id, title: $title, remedy: $remedy };)*
        /// Every code of this area.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    /// A filter names a resource that the cluster does not have.
    UNKNOWN_RESOURCE = "SLV-1101", "unknown resource in a filter",
        "Correct the name, or remove it from the filter if the cluster no longer has the resource.";
    /// A scoped filter names a resource of the other scope.
    WRONG_SCOPE = "SLV-1102", "resource of the wrong scope in a filter",
        "Move the resource to the filter of its scope.";
    /// A namespace that is named does not exist.
    NAMESPACE_NOT_FOUND = "SLV-1103", "namespace not found",
        "Correct the name, or remove it from includedNamespaces.";
    /// The patterns match no namespace.
    NO_NAMESPACE = "SLV-1104", "no namespace matches",
        "Correct the patterns in includedNamespaces.";
    /// Argo CD manages an included namespace.
    ARGO_CD = "SLV-1105", "namespace managed by Argo CD",
        "Expect Argo CD to change what a restore brings back, or pause it while restoring.";
    /// Snapshot objects are named in a filter.
    SNAPSHOT_OBJECTS = "SLV-1106", "snapshot objects in a filter",
        "Remove them from the filter: snapshots are stored with the volumes that they were taken of.";
    /// A label selector cannot be read.
    BAD_SELECTOR = "SLV-1107", "unreadable label selector",
        "Correct the selector.";
    /// Objects of a type could not be listed.
    LIST_FAILED = "SLV-1108", "objects could not be listed",
        "Give the server the right to list the type, or exclude it; then back up again.";
    /// A group of the API did not say which types it has.
    GROUP_UNANSWERED = "SLV-1109", "API group did not answer",
        "Repair the API service (its availability says why), or delete it if nothing serves the group any more; then back up again.";
    /// An object that another one needs could not be fetched.
    FETCH_FAILED = "SLV-1110", "related object could not be fetched",
        "Give the server the right to get the object; then back up again.";
    /// A resource policy cannot be followed any more.
    BAD_POLICY = "SLV-1120", "resource policy cannot be followed",
        "Bring the ConfigMap back as it was when the backup was validated, or correct it; then back up again.";
    /// Something in a resource policy means nothing.
    POLICY_IN_VAIN = "SLV-1121", "part of a resource policy means nothing",
        "Remove it from the policy, or correct it.";
    /// A filter of a resource policy never matches.
    FILTER_POLICY = "SLV-1122", "filter of a resource policy never matches",
        "Correct the kind, move it to the section of its scope, or take it out of the filters that leave it out.";
    /// An object that another one needs is not there.
    RELATED_NOT_FOUND = "SLV-1201", "related object not found",
        "Create the object, or remove what refers to it, if the backup should hold it.";
    /// An object that orderedResources names is not in the backup.
    ORDERED_NOT_FOUND = "SLV-1202", "ordered object not in the backup",
        "Correct the name in orderedResources.";
    /// Somebody has asked for the deletion of storage that is in use.
    STORAGE_GOING = "SLV-1203", "storage in use is being deleted",
        "Copy its data to where it can stay: it goes when nothing uses it any more. A restore brings it back.";
    /// The data of a volume is not protected, and nobody asked for it.
    UNPROTECTED_VOLUME = "SLV-1301", "volume data is not in the backup",
        "Ask for the data with snapshots or a file system backup, or set snapshotVolumes to false to say that it is not needed.";
    /// The data of a volume was asked for, and cannot be backed up.
    PROTECTION_MISSING = "SLV-1302", "volume data was asked for and is not in the backup",
        "Back up the volume by other means, and do not rely on this backup for its data.";
    /// An annotation names a volume that the pod does not have, or that is never backed up.
    BAD_VOLUME_NAME = "SLV-1303", "annotation names a volume that cannot be backed up",
        "Correct the annotation on the pod.";
    /// A document is not the object that was planned.
    WRONG_DOCUMENT = "SLV-1401", "document is not what was planned",
        "Run the backup again. If it happens again, report it.";
    /// The location has a backup of this name.
    NAME_TAKEN = "SLV-1403", "name taken in the location",
        "Nothing was overwritten. Choose another name, or delete the backup that has it.";
    /// The plan contradicts itself.
    BAD_PLAN = "SLV-1402", "the plan contradicts itself",
        "Nothing was done. Report it with the Backup and the version of the server.";
    /// A backup did not end in the time that it has.
    OUT_OF_TIME = "SLV-1404", "the backup did not end in time",
        "See in the server's log what held it up, such as a store that did not answer; then back up again.";
    /// The server that made a backup ended before its operations did.
    OPERATIONS_LOST = "SLV-1405", "operations in the background were not waited for",
        "Do not rely on this backup for the data of volumes; back up again.";
    /// The archive would be one that no restore reads.
    ARCHIVE_TOO_LARGE = "SLV-1406", "too much for one archive",
        "Back up fewer namespaces at once.";
}

#[cfg(test)]
mod tests {
    #[test]
    fn codes_are_used_once() {
        let all = super::ALL.iter().chain(crate::archive::problems::ALL);
        let ids: Vec<_> = all.map(|code| code.id).collect();
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        assert!(ids.iter().all(|id| id.len() == 8 && id.starts_with("SLV-1")));
    }
}
