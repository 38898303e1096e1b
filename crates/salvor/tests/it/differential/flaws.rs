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
pub(super) const KNOWN: &[Flaw] = &[Flaw {
    id: "EB3",
    why: "a backup of everything by the scoped filters holds no cluster-scoped types in Velero since 1.17, which its \
              documentation promises: we store them",
    is: |found, case| {
        found.stage == Stage::Archive
            && found.only_ours()
            && found.namespace().is_none()
            && case.everywhere()
            && scoped(case)
            && no_cluster_lists(case)
    },
}];

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

fn no_cluster_lists(case: &Case) -> bool {
    case.saved("includedClusterScopedResources").is_empty()
        && case.saved("excludedClusterScopedResources").is_empty()
}
