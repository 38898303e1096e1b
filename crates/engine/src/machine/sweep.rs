//! What operations left behind: journals that nobody needs any more, and folders of backups that never became one.
//!
//! Nothing is taken from a server that may still be writing. How that is known:
//!
//! - **The journal's owner.** A journal names the installation that began it: the UID of its server's namespace. One
//!   server works there at a time, the holder of the Lease, and it is the one that sweeps. So of its own journals it
//!   knows from the objects of its own cluster whether their operations go on; of others it knows nothing.
//! - **Age, where the owner is another.** A journal of another installation, or one that does not say whose it is, goes
//!   once nothing was written to it for longer than any operation may take on any server.
//! - **Folders follow journals.** A folder without a marker is looked at only if a dead journal of ours names its
//!   backup. It stays while any other journal names that backup, or a younger Backup of the name is in the cluster; and
//!   for an hour after its last file, since Velero, which has no journals, writes its marker right after its first file.
//!
//! The location is read before the cluster: an operation that begins in between has a journal that was not seen,
//! while one that was seen and has no object any more has really gone.

use std::collections::BTreeSet;

use api::labels;
use api::velero::v1::{BackupPhase, RestorePhase};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::document::{annotation, name, text, uid};
use crate::journal::{Kind, Owner};
use crate::preview::document_is_dry_run;

/// Longer than any operation may take: a journal that was not written to for so long is nobody's.
pub const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// How long a folder without a marker is left alone after its last file.
pub const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// How long a dry run stays that nobody deletes.
pub const DRY_RUN_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The journal of an operation, as it lies in a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The operation's UID.
    pub uid: String,
    /// Whose it is, where it says so.
    pub owner: Option<Owner>,
    /// When its last file was written, where the store tells.
    pub written: Option<Timestamp>,
}

/// The folder of a backup in a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The backup's name.
    pub backup: String,
    /// Whether its marker is there.
    pub marker: bool,
    /// Whether there is more than a log and results.
    pub leftovers: bool,
    /// When its last file was written, where the store tells.
    pub written: Option<Timestamp>,
}

/// An operation, as its object in the cluster says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Which kind of object.
    pub kind: Kind,
    /// The object's name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// Whether it has ended.
    pub ended: bool,
}

/// What is so.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The UID of the server's namespace.
    pub installation: &'a str,
    /// Every journal of the location.
    pub journals: &'a [Journal],
    /// The folders of the backups that [`folders_of`] names.
    pub folders: &'a [Folder],
    /// The operations of the cluster, read last.
    pub operations: &'a [Operation],
}

/// How much of a folder goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// All but the log and the results of the backup, which has failed.
    ButItsReport,
}

/// What goes: folders first, since their journals say whose they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Folders of backups.
    pub folders: Vec<(String, Extent)>,
    /// Journals, by their operation's UID.
    pub journals: Vec<String>,
}

impl Operation {
    /// The operation that an object is. One in a phase that is not known may go on, and the report of a dry run, or of a
    /// plan that was refused, is there as long as its object.
    pub fn of(kind: Kind, document: &Value) -> Self {
        let phase = text(document, &["status", "phase"]);
        let ended = match kind {
            Kind::Backup => phase.parse().is_ok_and(BackupPhase::is_terminal),
            Kind::Restore => phase.parse().is_ok_and(RestorePhase::is_terminal),
            Kind::DryRun => false,
        };
        let refused = phase == "FailedValidation" && annotation(document, labels::EXPECTED_PLAN).is_some();
        let kind = if document_is_dry_run(document) { Kind::DryRun } else { kind };
        let ended = ended && kind != Kind::DryRun && !refused;
        Self { kind, name: name(document).to_owned(), uid: uid(document).to_owned(), ended }
    }
}

/// Whether an object is a dry run that ended long enough ago for everybody to have looked at it.
pub fn is_old_dry_run(document: &Value, now: Timestamp) -> bool {
    let phase = text(document, &["status", "phase"]);
    let ended = phase.parse().is_ok_and(BackupPhase::is_terminal)
        || phase.parse().is_ok_and(RestorePhase::is_terminal);
    let time = |path: &[&str]| text(document, path).parse().ok();
    let end = time(&["status", "completionTimestamp"]).or_else(|| time(&["metadata", "creationTimestamp"]));
    document_is_dry_run(document) && ended && silent(end, DRY_RUN_KEPT, now)
}

/// The backups whose folders have to be looked at: those that journals of this installation name.
pub fn folders_of(journals: &[Journal], installation: &str) -> BTreeSet<String> {
    let ours = journals.iter().filter_map(|journal| owned(journal, installation));
    ours.filter(|owner| owner.kind == Kind::Backup).map(|owner| owner.name.clone()).collect()
}

/// What goes.
pub fn plan(observed: &Observed<'_>, now: Timestamp) -> Plan {
    let mut plan = Plan::default();
    for journal in observed.journals.iter().filter(|journal| !goes_on(&journal.uid, observed.operations)) {
        match owned(journal, observed.installation) {
            None if silent(journal.written, SILENCE_MAX, now) => plan.journals.push(journal.uid.clone()),
            None => {}
            Some(owner) => match folder(observed, journal, owner, now) {
                Fate::Wait => {}
                Fate::Stays => plan.journals.push(journal.uid.clone()),
                Fate::Goes(extent) => {
                    plan.folders.push((owner.name.clone(), extent));
                    plan.journals.push(journal.uid.clone());
                }
            },
        }
    }
    plan
}

/// The backups of this installation whose journals go, by UID and name: their hooks may have left pods at rest.
pub fn released<'a>(plan: &Plan, observed: &Observed<'a>) -> Vec<(&'a str, &'a str)> {
    let going = observed.journals.iter().filter(|journal| plan.journals.contains(&journal.uid));
    let ours = going.filter_map(|journal| Some((journal, owned(journal, observed.installation)?)));
    let backups = ours.filter(|(_, owner)| owner.kind == Kind::Backup);
    backups.map(|(journal, owner)| (journal.uid.as_str(), owner.name.as_str())).collect()
}

/// Whether files that an operation keeps in the cluster are still needed: its journal until it ends, its report as
/// long as its object is there.
pub fn is_needed(uid: &str, of_journal: bool, operations: &[Operation]) -> bool {
    operations.iter().any(|operation| operation.uid == uid && !(of_journal && operation.ended))
}

/// What becomes of the folder that a dead journal names.
enum Fate {
    /// Somebody may be writing to it: look again later.
    Wait,
    /// Nothing of it goes.
    Stays,
    /// So much of it goes.
    Goes(Extent),
}

fn folder(observed: &Observed<'_>, journal: &Journal, owner: &Owner, now: Timestamp) -> Fate {
    let named = |folder: &&Folder| owner.kind == Kind::Backup && folder.backup == owner.name;
    let Some(folder) = observed.folders.iter().find(named).filter(|folder| !folder.marker) else {
        return Fate::Stays;
    };
    let same_name = |of: &&Operation| of.kind == Kind::Backup && of.name == owner.name;
    let extent = match observed.operations.iter().find(same_name) {
        Some(backup) if backup.uid != journal.uid => return Fate::Stays,
        Some(_) if !folder.leftovers => return Fate::Stays,
        Some(_) => Extent::ButItsReport,
        None => Extent::Whole,
    };
    let shared = observed.journals.iter().any(|other| may_write(observed, other, owner));
    match !shared && silent(folder.written, QUIET, now) {
        true => Fate::Goes(extent),
        false => Fate::Wait,
    }
}

/// Whether the operation of a journal may be writing to the folder that `owner` names: unless it is dead, or says
/// that it is about something else.
fn may_write(observed: &Observed<'_>, journal: &Journal, owner: &Owner) -> bool {
    let dead = owned(journal, observed.installation).is_some() && !goes_on(&journal.uid, observed.operations);
    !dead && journal.owner.as_ref().is_none_or(|of| of.kind == owner.kind && of.name == owner.name)
}

fn owned<'a>(journal: &'a Journal, installation: &str) -> Option<&'a Owner> {
    journal.owner.as_ref().filter(|owner| !installation.is_empty() && owner.installation == installation)
}

fn goes_on(uid: &str, operations: &[Operation]) -> bool {
    is_needed(uid, true, operations)
}

/// Whether the last write is known, and long ago.
fn silent(written: Option<Timestamp>, span: SignedDuration, now: Timestamp) -> bool {
    written.is_some_and(|written| now.duration_since(written) > span)
}

#[cfg(test)]
mod tests;
