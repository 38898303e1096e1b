//! Every difference from Velero that is known, each narrowly: what Velero does wrong, and what we do otherwise on purpose.
//! A difference that none of them is about fails the trial.

use super::case::Case;
use super::difference::{Difference, Stage};

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
                && case.backup["snapshotVolumes"] == true
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
            found.kind() == "Secret" && found.object.contains("-token-") && found.stage == Stage::Told
        },
    },
];

/// The first that a difference is.
pub(super) fn known(found: &Difference, case: &Case) -> Option<&'static Flaw> {
    KNOWN.iter().find(|flaw| (flaw.is)(found, case))
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
