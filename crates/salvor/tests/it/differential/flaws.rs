//! Every difference from Velero that is known, each narrowly: what Velero does wrong, and what we do otherwise on purpose.
//! A difference that none of them is about fails the trial.

use super::case::Case;
use super::difference::{Difference, Stage};

/// The ConfigMap of each namespace whose data nobody may change.
const IMMUTABLE: &str = "/leaflet-2";
/// The volume that was made for a claim that nobody made.
const UNCLAIMED: &str = "PersistentVolume diff-unclaimed-volume";
/// What the binder of claims writes on those that have their volume.
const BIND_COMPLETED: &str = "/metadata/annotations/pv.kubernetes.io~1bind-completed";
/// The same, on those that it chose the volume for.
const BOUND_BY_CONTROLLER: &str = "/metadata/annotations/pv.kubernetes.io~1bound-by-controller";

/// A known difference.
pub(super) struct Flaw {
    /// What it is called in the reports: flaws of backups begin with `EB`, those of restores with `ER`; what we do otherwise on
    /// purpose with `own`.
    pub(super) id: &'static str,
    /// What Velero does, and what we do.
    pub(super) why: &'static str,
    /// Whether a difference is this one.
    is: fn(&Difference, &Case) -> bool,
}

/// All of them.
pub(super) const KNOWN: &[Flaw] = &[
    Flaw {
        id: "EB3",
        why: "a backup of everything by the scoped filters holds no cluster-scoped types in Velero since 1.17, which its \
              documentation promises: Salvor stores them",
        is: |found, case| {
            found.stage == Stage::Archive
                && found.only_ours()
                && found.namespace().is_none()
                && case.everywhere()
                && scoped(case)
                && no_cluster_lists(case)
        },
    },
    Flaw {
        id: "ER8",
        why: "a claim keeps the name of a volume that does not come back in Velero if volumes are filtered out, and waits for ever: \
              Salvor decides on every volume, and the claim gets a new one",
        is: |found, case| {
            found.stage == Stage::Cluster
                && found.kind() == "PersistentVolumeClaim"
                && found.field == "/spec/volumeName"
                && found.ours.is_null()
                && (case.restore["includeClusterResources"] == false || filters_types(case))
        },
    },
    Flaw {
        id: "ER11",
        why: "cluster-scoped objects bring Namespaces along in Velero that the restore's filter leaves out: Salvor keeps to the filter",
        is: |found, case| {
            matches!(found.stage, Stage::Told | Stage::Cluster)
                && found.kind() == "Namespace"
                && found.field.is_empty()
                && found.ours.is_null()
                && case.restore["includeClusterResources"] == true
        },
    },
    Flaw {
        id: "own-1",
        why: "a label selector makes Velero store Namespace objects that the namespace filter leaves out: Salvor keeps to the filter",
        is: |found, case| {
            found.stage == Stage::Archive
                && found.only_theirs()
                && found.kind() == "Namespace"
                && case.labels_choose()
        },
    },
    Flaw {
        id: "own-2",
        why: "volumes whose data is asked for and cannot be taken leave a backup of Velero Completed: Salvor's is PartiallyFailed",
        is: |found, case| {
            found.stage == Stage::Backup
                && found.ours == "PartiallyFailed"
                && found.theirs == "Completed"
                && (case.backup["snapshotVolumes"] == true || case.policy.is_some())
        },
    },
    Flaw {
        id: "own-3",
        why: "an existing definition differs from the one in the backup for Velero, whatever it says, since Velero reads it into a \
              type of its own: Salvor compares documents",
        is: |found, _| {
            found.stage == Stage::Told
                && found.kind() == "CustomResourceDefinition.apiextensions.k8s.io"
                && found.ours == "skipped"
        },
    },
    Flaw {
        id: "own-4",
        why: "a token of an account is left out by Velero if the cluster has the account where the backup was made: Salvor asks whether \
              the backup has it",
        is: |found, _| {
            found.kind() == "Secret"
                && found.object.contains("-token-")
                && (found.stage == Stage::Told || found.stage == Stage::Cluster && found.only_ours())
        },
    },
    Flaw {
        id: "own-5",
        why: "what controllers make again by themselves is stored and restored by Velero: Salvor leaves it out, and says so",
        is: |found, _| {
            made_again(found)
                && match found.stage {
                    Stage::Archive => found.only_theirs(),
                    Stage::Cluster => found.ours.is_null(),
                    Stage::Told => found.ours == "skipped",
                    _ => false,
                }
        },
    },
    Flaw {
        id: "own-6",
        why: "a namespace that is there already is never changed by Velero: Salvor gives it what it lacks, where the restore is to \
              update",
        is: |found, case| {
            found.kind() == "Namespace"
                && updates(case)
                && found.theirs.is_null()
                && (found.stage == Stage::Cluster || found.stage == Stage::Told && found.ours == "updated")
        },
    },
    Flaw {
        id: "ER9",
        why: "an update takes what only the cluster has out of an object in Velero: Salvor leaves it there",
        is: |found, case| {
            updates(case)
                && found.kind() != "Namespace"
                && match found.stage {
                    Stage::Told if found.object.ends_with(IMMUTABLE) => {
                        found.ours == "updated" && found.theirs == "failed"
                    }
                    Stage::Told => found.ours == "skipped" && found.theirs == "updated",
                    Stage::Cluster => !found.field.is_empty() && found.theirs.is_null(),
                    _ => false,
                }
        },
    },
    Flaw {
        id: "own-7",
        why: "a volume that is in the cluster for the claim of another namespace is what a claim restored beside it asks for in Velero, \
              and never gets, or takes from that claim with `existingResourcePolicy: update`: Salvor says so, and the claim gets a new \
              one",
        is: |found, case| {
            !case.emptied
                && match (found.stage, found.kind()) {
                    (Stage::Cluster, "PersistentVolumeClaim") => {
                        found.ours.is_null()
                            && ["/spec/volumeName", BIND_COMPLETED, BOUND_BY_CONTROLLER]
                                .contains(&found.field.as_str())
                    }
                    (Stage::Told, "PersistentVolume") => found.ours == "skipped" && found.theirs != "created",
                    _ => false,
                }
        },
    },
    Flaw {
        id: "own-8",
        why: "`includeClusterResources: false` leaves the Namespace objects out in Velero, and with them their labels and annotations: \
              Salvor stores those of all namespaces that are in the backup",
        is: |found, case| {
            found.stage == Stage::Archive
                && found.only_ours()
                && found.kind() == "Namespace"
                && case.backup["includeClusterResources"] == false
        },
    },
    Flaw {
        id: "own-9",
        why: "who owns which field counts as a difference in Velero, so that an object to which only the labels of an earlier restore \
              were added is another one: Salvor compares what objects say",
        is: |found, case| {
            found.stage == Stage::Told
                && found.ours == "skipped"
                && (found.theirs == "failed" || found.theirs == "updated")
                && (found.namespace().is_none() || case.there_before > 0)
        },
    },
    Flaw {
        id: "own-10",
        why: "an update makes those who owned fields in the backup their owners in Velero: Salvor leaves them to those who own them in \
              the cluster",
        is: |found, case| {
            found.stage == Stage::Cluster
                && updates(case)
                && found.field.starts_with("/metadata/managedFields")
        },
    },
    Flaw {
        id: "own-11",
        why: "where definitions are asked for, a label selector leaves those out in Velero whose objects are in the backup: Salvor stores \
              them",
        is: |found, case| {
            found.stage == Stage::Archive
                && found.only_ours()
                && found.kind() == "CustomResourceDefinition.apiextensions.k8s.io"
                && case.labels_choose()
        },
    },
    Flaw {
        id: "own-12",
        why: "with a volume policy, a volume whose claim is gone is an error in Velero, and not in the backup: Salvor decides without the \
              claim",
        is: |found, case| {
            case.policy.is_some()
                && match found.stage {
                    Stage::Backup => found.ours == "Completed" && found.theirs == "PartiallyFailed",
                    Stage::Archive => found.only_ours() && found.object == UNCLAIMED,
                    _ => false,
                }
        },
    },
    Flaw {
        id: "own-13",
        why: "revisions go before the objects whose revisions they are in Velero: Salvor creates them side by side, and one that the \
              controller was faster with is the controller's",
        is: |found, _| {
            found.kind() == "ControllerRevision.apps"
                && match found.stage {
                    Stage::Told => found.ours == "skipped" && found.theirs == "created",
                    Stage::Cluster => {
                        found.ours.is_null() && found.field.starts_with("/metadata/labels/velero.io~1")
                    }
                    _ => false,
                }
        },
    },
];

/// The first that a difference is.
pub(super) fn known(found: &Difference, case: &Case) -> Option<&'static Flaw> {
    KNOWN.iter().find(|flaw| (flaw.is)(found, case))
}

/// Whether a difference is about something that a controller makes again.
fn made_again(found: &Difference) -> bool {
    match found.kind() {
        "Endpoints" | "EndpointSlice.discovery.k8s.io" => true,
        "ConfigMap" => found.object.ends_with("/kube-root-ca.crt"),
        _ => false,
    }
}

/// Whether a restore changes what is there already, and something is.
fn updates(case: &Case) -> bool {
    case.restore["existingResourcePolicy"] == "update" && case.there_before > 0
}

/// Whether a backup uses none of the old filters.
fn scoped(case: &Case) -> bool {
    ["includedResources", "excludedResources", "includeClusterResources"]
        .iter()
        .all(|field| case.backup[*field].is_null())
}

/// Whether a restore chooses by types.
fn filters_types(case: &Case) -> bool {
    !case.restored("includedResources").is_empty() || !case.restored("excludedResources").is_empty()
}

fn no_cluster_lists(case: &Case) -> bool {
    case.saved("includedClusterScopedResources").is_empty()
        && case.saved("excludedClusterScopedResources").is_empty()
}
