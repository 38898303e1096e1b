//! Dry runs: what a backup or restore would do, as a report that people and programs read.
//!
//! A Backup or Restore with the annotation `salvor.io/dry-run` is planned as any other and never executed. What would come
//! of it is told by [`BackupPreview`] and [`RestorePreview`]: versioned JSON, written by the server and printed by the
//! commands. The digest of a restore's preview covers the archive, what is asked for, and each object with the state that
//! was seen and the one that is wanted: whoever applies a plan names it, and the server refuses unless a new preview has
//! the same one.

pub mod admission;
pub mod backup;
pub mod gaps;
pub mod moved;
pub mod problems;
pub mod restore;
#[cfg(test)]
mod tests;
pub mod writer;

use std::collections::BTreeMap;

use api::labels;
use serde_json::Value;

use crate::document::annotation;

pub use backup::BackupPreview;
pub use gaps::Gaps;
pub use moved::moved;
pub use restore::{Action, Asked, Counts, Object, Outcome, RestorePreview, Seen};
pub use writer::Writer;

/// The version of the reports.
pub const VERSION: u32 = 1;

/// Annotations of a resource.
type Annotations = BTreeMap<String, String>;

/// Whether a Backup or Restore with these annotations is only to be planned. Whatever the annotation says but `false`: who
/// writes `yes` into it does not want to see it executed.
pub fn is_dry_run(annotations: Option<&Annotations>) -> bool {
    says_so(annotations.and_then(|annotations| annotations.get(labels::DRY_RUN)).map(String::as_str))
}

/// The same of a document.
pub fn document_is_dry_run(document: &Value) -> bool {
    says_so(annotation(document, labels::DRY_RUN))
}

fn says_so(annotation: Option<&str>) -> bool {
    annotation.is_some_and(|said| said != "false")
}

/// The digest of the plan that a Restore with these annotations is to execute, and no other.
pub fn expected_plan(annotations: Option<&Annotations>) -> Option<&str> {
    annotations?.get(labels::EXPECTED_PLAN).map(String::as_str)
}
