//! Where everything lies in a location: every key as a function, and its parser.
//!
//! The layout is Velero's. Ours are the manifest beside a backup's files and what is below `plugins/salvor/`.

use crate::{Result, Store};

/// The top-level directories that a location may hold; any other makes Velero refuse it.
pub const TOP_LEVEL: [&str; 6] = ["backups", "restores", "restic", "metadata", "plugins", "kopia"];
/// The folder of all backups.
pub const BACKUPS: &str = "backups/";
/// The folder of all restores.
pub const RESTORES: &str = "restores/";
/// The folder of the journals of running operations.
pub const OPERATIONS: &str = "plugins/salvor/operations/";
/// Where the names of backups are taken while they are made.
pub const CLAIMS: &str = "plugins/salvor/claims/";
/// The name of a backup's commit marker.
pub const MARKER: &str = "velero-backup.json";

/// A file of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackupFile {
    /// The stored Backup: the commit marker.
    Marker,
    /// The archive of the objects.
    Contents,
    /// The log.
    Logs,
    /// Warnings and errors.
    Results,
    /// The pod volume backups.
    PodVolumeBackups,
    /// The native snapshots.
    VolumeSnapshots,
    /// The asynchronous operations.
    ItemOperations,
    /// The names of the objects by kind.
    ResourceList,
    /// What became of each volume.
    VolumeInfo,
    /// CSI snapshots, as Velero to 1.16 wrote them.
    CsiVolumeSnapshots,
    /// Contents of CSI snapshots, as Velero to 1.16 wrote them.
    CsiVolumeSnapshotContents,
    /// Classes of CSI snapshots, as Velero to 1.17 wrote them.
    CsiVolumeSnapshotClasses,
    /// Item snapshots, as Velero 1.9 and 1.10 wrote them.
    ItemSnapshots,
    /// Ours: size and digest of every other file.
    Manifest,
}

impl BackupFile {
    /// Every file that a backup may have.
    pub const ALL: [Self; 14] = [
        Self::Marker,
        Self::Contents,
        Self::Logs,
        Self::Results,
        Self::PodVolumeBackups,
        Self::VolumeSnapshots,
        Self::ItemOperations,
        Self::ResourceList,
        Self::VolumeInfo,
        Self::CsiVolumeSnapshots,
        Self::CsiVolumeSnapshotContents,
        Self::CsiVolumeSnapshotClasses,
        Self::ItemSnapshots,
        Self::Manifest,
    ];

    /// What follows the backup's name in the file's name.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Marker => "",
            Self::Contents => ".tar.gz",
            Self::Logs => "-logs.gz",
            Self::Results => "-results.gz",
            Self::PodVolumeBackups => "-podvolumebackups.json.gz",
            Self::VolumeSnapshots => "-volumesnapshots.json.gz",
            Self::ItemOperations => "-itemoperations.json.gz",
            Self::ResourceList => "-resource-list.json.gz",
            Self::VolumeInfo => "-volumeinfo.json.gz",
            Self::CsiVolumeSnapshots => "-csi-volumesnapshots.json.gz",
            Self::CsiVolumeSnapshotContents => "-csi-volumesnapshotcontents.json.gz",
            Self::CsiVolumeSnapshotClasses => "-csi-volumesnapshotclasses.json.gz",
            Self::ItemSnapshots => "-itemsnapshots.json.gz",
            Self::Manifest => "-salvor-manifest.json",
        }
    }

    /// The file's name in the folder of the backup.
    pub fn name(self, backup: &str) -> String {
        match self {
            Self::Marker => MARKER.to_owned(),
            _ => format!("{backup}{}", self.suffix()),
        }
    }

    /// The file's key.
    pub fn key(self, backup: &str) -> String {
        format!("{BACKUPS}{backup}/{}", self.name(backup))
    }

    /// The file that has this name in the folder of the backup.
    pub fn from_name(backup: &str, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.name(backup) == name)
    }
}

/// A file of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RestoreFile {
    /// The log.
    Logs,
    /// Warnings and errors.
    Results,
    /// The names of the objects by kind, with what was done to each.
    ResourceList,
    /// The asynchronous operations.
    ItemOperations,
    /// What became of each volume.
    VolumeInfo,
}

impl RestoreFile {
    /// Every file that a restore may have.
    pub const ALL: [Self; 5] =
        [Self::Logs, Self::Results, Self::ResourceList, Self::ItemOperations, Self::VolumeInfo];

    /// The file's name in the folder of the restore.
    pub fn name(self, restore: &str) -> String {
        match self {
            Self::Logs => format!("restore-{restore}-logs.gz"),
            Self::Results => format!("restore-{restore}-results.gz"),
            Self::ResourceList => format!("restore-{restore}-resource-list.json.gz"),
            Self::ItemOperations => format!("restore-{restore}-itemoperations.json.gz"),
            Self::VolumeInfo => format!("{restore}-volumeinfo.json.gz"),
        }
    }

    /// The file's key.
    pub fn key(self, restore: &str) -> String {
        format!("{RESTORES}{restore}/{}", self.name(restore))
    }

    /// The file that has this name in the folder of the restore.
    pub fn from_name(restore: &str, name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|file| file.name(restore) == name)
    }
}

/// A file of an operation's journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JournalFile {
    /// Whose it is, from before anything else.
    Owner,
    /// The plan, from before the first effect.
    Plan,
    /// A numbered list of finished steps.
    Segment(u32),
    /// A numbered, sealed piece of what was collected.
    Spool(u32),
    /// The end of the operation.
    Done,
    /// What a dry run found.
    DryRun,
}

impl JournalFile {
    /// The file's name in the folder of the operation.
    pub fn name(self) -> String {
        match self {
            Self::Owner => "owner.json".to_owned(),
            Self::Plan => "plan.json.gz".to_owned(),
            Self::Segment(number) => format!("segments/{number:08}.jsonl.gz"),
            Self::Spool(number) => format!("spool/{number:08}.gz"),
            Self::Done => "done.json".to_owned(),
            Self::DryRun => "dry-run.json.gz".to_owned(),
        }
    }

    /// The file's key.
    pub fn key(self, operation: &str) -> String {
        format!("{OPERATIONS}{operation}/{}", self.name())
    }

    /// The file that has this name in the folder of an operation.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "owner.json" => Some(Self::Owner),
            "plan.json.gz" => Some(Self::Plan),
            "done.json" => Some(Self::Done),
            "dry-run.json.gz" => Some(Self::DryRun),
            _ => numbered(name, "segments/", ".jsonl.gz")
                .map(Self::Segment)
                .or_else(|| numbered(name, "spool/", ".gz").map(Self::Spool)),
        }
    }
}

/// The number of eight digits between `prefix` and `suffix`.
fn numbered(name: &str, prefix: &str, suffix: &str) -> Option<u32> {
    let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
    (digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// What a key of a location names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A file of the named backup.
    Backup(String, BackupFile),
    /// A file of the named restore.
    Restore(String, RestoreFile),
    /// A file of the journal of the operation with this uid.
    Journal(String, JournalFile),
}

impl Key {
    /// What this key names, if it is one that the layout knows.
    pub fn parse(key: &str) -> Option<Self> {
        if let Some((owner, name)) = key.strip_prefix(BACKUPS).and_then(|rest| rest.split_once('/')) {
            return Some(Self::Backup(owner.to_owned(), BackupFile::from_name(owner, name)?));
        }
        if let Some((owner, name)) = key.strip_prefix(RESTORES).and_then(|rest| rest.split_once('/')) {
            return Some(Self::Restore(owner.to_owned(), RestoreFile::from_name(owner, name)?));
        }
        let (owner, name) = key.strip_prefix(OPERATIONS)?.split_once('/')?;
        Some(Self::Journal(owner.to_owned(), JournalFile::from_name(name)?))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Backup(owner, file) => out.write_str(&file.key(owner)),
            Self::Restore(owner, file) => out.write_str(&file.key(owner)),
            Self::Journal(owner, file) => out.write_str(&file.key(owner)),
        }
    }
}

/// The folder of a backup, with `/` at its end.
pub fn backup_folder(backup: &str) -> String {
    format!("{BACKUPS}{backup}/")
}

/// The folder of a restore, with `/` at its end.
pub fn restore_folder(restore: &str) -> String {
    format!("{RESTORES}{restore}/")
}

/// The folder of an operation's journal, with `/` at its end.
pub fn operation_folder(operation: &str) -> String {
    format!("{OPERATIONS}{operation}/")
}

/// The object that says which operation makes a backup of this name.
pub fn claim_key(backup: &str) -> String {
    format!("{CLAIMS}{backup}")
}

/// The folder of a Kopia repository, with `/` at its end.
pub fn kopia_folder(namespace: &str) -> String {
    format!("kopia/{namespace}/")
}

/// The folder of a restic repository, with `/` at its end.
pub fn restic_folder(namespace: &str) -> String {
    format!("restic/{namespace}/")
}

/// The file that a DownloadRequest of this kind asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Download {
    /// A file of the backup that the request names.
    Backup(BackupFile),
    /// A file of the restore that the request names; it lies in the location of that restore's backup.
    Restore(RestoreFile),
}

impl Download {
    /// The kinds of DownloadRequests and their files.
    pub const KINDS: [(&str, Self); 14] = [
        ("BackupContents", Self::Backup(BackupFile::Contents)),
        ("BackupLog", Self::Backup(BackupFile::Logs)),
        ("BackupVolumeSnapshots", Self::Backup(BackupFile::VolumeSnapshots)),
        ("BackupItemOperations", Self::Backup(BackupFile::ItemOperations)),
        ("BackupResourceList", Self::Backup(BackupFile::ResourceList)),
        ("BackupResults", Self::Backup(BackupFile::Results)),
        ("BackupVolumeInfos", Self::Backup(BackupFile::VolumeInfo)),
        ("CSIBackupVolumeSnapshots", Self::Backup(BackupFile::CsiVolumeSnapshots)),
        ("CSIBackupVolumeSnapshotContents", Self::Backup(BackupFile::CsiVolumeSnapshotContents)),
        ("RestoreLog", Self::Restore(RestoreFile::Logs)),
        ("RestoreResults", Self::Restore(RestoreFile::Results)),
        ("RestoreResourceList", Self::Restore(RestoreFile::ResourceList)),
        ("RestoreItemOperations", Self::Restore(RestoreFile::ItemOperations)),
        ("RestoreVolumeInfo", Self::Restore(RestoreFile::VolumeInfo)),
    ];

    /// What a request of this kind asks for.
    pub fn parse(kind: &str) -> Option<Self> {
        Self::KINDS.iter().find(|(name, _)| *name == kind).map(|(_, download)| *download)
    }

    /// The file's key, for the backup or restore of this name.
    pub fn key(self, name: &str) -> String {
        match self {
            Self::Backup(file) => file.key(name),
            Self::Restore(file) => file.key(name),
        }
    }
}

/// Why top-level directories make a location invalid, in Velero's words; `None` if they do not.
pub fn invalid_top_level(folders: &[String]) -> Option<String> {
    let invalid: Vec<&str> =
        folders.iter().map(String::as_str).filter(|folder| !TOP_LEVEL.contains(folder)).collect();
    match invalid.as_slice() {
        [] => None,
        few if few.len() <= 3 => {
            Some(format!("Backup store contains invalid top-level directories: [{}]", few.join(" ")))
        }
        many => Some(format!(
            "Backup store contains {} invalid top-level directories: [{} ...]",
            many.len(),
            many[..3].join(" ")
        )),
    }
}

/// Looks at a location's root: what makes it invalid, in Velero's words, or `None` if it is fine.
pub async fn check_layout(store: &dyn Store) -> Result<Option<String>> {
    Ok(invalid_top_level(&store.folders("").await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_parses_back_to_what_it_names() {
        let names = ["b", "nightly-20260101", "a.b", "x-logs.gz", "restore-r"];
        let keys = names.iter().flat_map(|name| {
            let journal = [JournalFile::Plan, JournalFile::Segment(0), JournalFile::Segment(99_999_999)];
            let more = [JournalFile::Spool(7), JournalFile::Done, JournalFile::Owner, JournalFile::DryRun];
            let journal = journal.into_iter().chain(more);
            let backups = BackupFile::ALL.map(|file| Key::Backup((*name).to_owned(), file));
            let restores = RestoreFile::ALL.map(|file| Key::Restore((*name).to_owned(), file));
            let journals = journal.map(|file| Key::Journal((*name).to_owned(), file));
            backups.into_iter().chain(restores).chain(journals).collect::<Vec<_>>()
        });
        for key in keys {
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
    }

    #[test]
    fn keys_are_those_of_velero() {
        assert_eq!(BackupFile::Marker.key("b"), "backups/b/velero-backup.json");
        assert_eq!(BackupFile::Contents.key("b"), "backups/b/b.tar.gz");
        assert_eq!(BackupFile::Results.key("b"), "backups/b/b-results.gz");
        assert_eq!(BackupFile::Manifest.key("b"), "backups/b/b-salvor-manifest.json");
        assert_eq!(RestoreFile::Logs.key("r"), "restores/r/restore-r-logs.gz");
        assert_eq!(RestoreFile::VolumeInfo.key("r"), "restores/r/r-volumeinfo.json.gz");
        assert_eq!(
            JournalFile::Segment(3).key("u"),
            "plugins/salvor/operations/u/segments/00000003.jsonl.gz"
        );
        assert_eq!(JournalFile::Spool(12).key("u"), "plugins/salvor/operations/u/spool/00000012.gz");
        assert_eq!(kopia_folder("shop"), "kopia/shop/");
    }

    #[test]
    fn foreign_keys_name_nothing() {
        for key in [
            "",
            "backups/b",
            "backups/b/c.tar.gz",
            "restores/r/r-logs.gz",
            "plugins/salvor/operations/u/segments/1.jsonl.gz",
            "plugins/salvor/operations/u/spool/+0000001.gz",
            "kopia/ns/kopia.repository",
        ] {
            assert_eq!(Key::parse(key), None, "{key}");
        }
    }

    #[test]
    fn each_download_kind_has_its_key() {
        assert_eq!(
            Download::parse("BackupLog").map(|kind| kind.key("b")),
            Some("backups/b/b-logs.gz".into())
        );
        assert_eq!(
            Download::parse("RestoreVolumeInfo").map(|kind| kind.key("r")),
            Some("restores/r/r-volumeinfo.json.gz".into())
        );
        assert_eq!(Download::parse("backuplog"), None);
    }

    #[test]
    fn invalid_top_level_directories_are_named_as_velero_names_them() {
        let check = |folders: &[&str]| {
            invalid_top_level(&folders.iter().map(|folder| (*folder).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(check(&TOP_LEVEL), None);
        assert_eq!(
            check(&["a", "b", "backups", "c"]).as_deref(),
            Some("Backup store contains invalid top-level directories: [a b c]")
        );
        assert_eq!(
            check(&["a", "b", "c", "d"]).as_deref(),
            Some("Backup store contains 4 invalid top-level directories: [a b c ...]")
        );
    }
}
