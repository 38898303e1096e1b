//! Trees made up in memory, and what is seen of them on disk.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::sync::atomic::AtomicUsize;

use super::*;
use crate::content::Contents;
use crate::content::{ContentId, Entry, entry_of_tests};
use crate::snapshot::{self, Directory, Mode};
use crate::{ObjectId, Time};

/// Contents by name, read up to a number of times.
struct MadeUp {
    contents: BTreeMap<ContentId, Vec<u8>>,
    cancel: AtomicBool,
    reads_left: AtomicUsize,
    /// The packs of which something was fetched, in order.
    fetched: Mutex<Vec<String>>,
}

impl Contents for MadeUp {
    /// Seven packs, which contents are put into in turn.
    fn place(&self, id: &ContentId) -> Result<Option<Entry>> {
        let Some(number) = self.contents.keys().position(|key| key == id) else { return Ok(None) };
        let (pack, offset) = (format!("p{}", number % 7).into(), (number / 7) as u32 * 40);
        Ok(Some(Entry { id: *id, pack, offset, ..entry_of_tests("00") }))
    }

    fn run(&self, entries: &[Entry], visit: &mut dyn FnMut(usize, Result<Vec<u8>>)) {
        lock(&self.fetched).push(entries[0].pack.to_string());
        for (number, entry) in entries.iter().enumerate() {
            assert_eq!(entry.pack, entries[0].pack);
            visit(number, self.content(&entry.id));
        }
    }

    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        if self.reads_left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.cancel.store(true, Ordering::Relaxed);
        }
        let absent = || Error::new(ErrorKind::NotFound, id.to_string(), "there is no such content");
        self.contents.get(id).cloned().ok_or_else(absent)
    }
}

impl Tree for MadeUp {
    fn list(&self, directory: &DirEntry, visit: &mut dyn FnMut(Found) -> Result<()>) -> Result<()> {
        snapshot::list(self, directory, &mut |entry| visit(Found { entry, ..Found::default() })).map(drop)
    }
}

impl MadeUp {
    fn new() -> Self {
        Self {
            contents: BTreeMap::new(),
            cancel: AtomicBool::new(false),
            reads_left: AtomicUsize::new(usize::MAX),
            fetched: Mutex::default(),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> ObjectId {
        let id: ContentId = format!("{:032x}", self.contents.len()).parse().unwrap();
        self.contents.insert(id, bytes.to_vec());
        ObjectId::direct(id)
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> DirEntry {
        let (object, size) = (Some(self.put(bytes)), bytes.len() as u64);
        DirEntry { size, object, ..entry(name, EntryType::File) }
    }

    fn link(&mut self, name: &str, target: &str) -> DirEntry {
        DirEntry { kind: EntryType::Symlink, ..self.file(name, target.as_bytes()) }
    }

    fn directory(&mut self, name: &str, entries: Vec<DirEntry>) -> DirEntry {
        let object = Some(self.put(&Directory { entries, summary: None }.to_bytes()));
        DirEntry { object, mode: Mode::from_unix(0o2750), ..entry(name, EntryType::Directory) }
    }

    fn restore(&self, root: &DirEntry, target: &Path, options: &Options) -> Result<Report> {
        restore(self, root, target, options, &self.cancel)
    }
}

fn entry(name: &str, kind: EntryType) -> DirEntry {
    let owner = fs::metadata("/proc/self").unwrap();
    DirEntry {
        name: name.into(),
        kind,
        mode: Mode::from_unix(0o640),
        modified: Time::from_nanos(1_600_000_000_123_456_789),
        uid: owner.uid(),
        gid: owner.gid(),
        ..DirEntry::default()
    }
}

fn problems(report: &Report) -> Vec<(&str, ErrorKind)> {
    let mut problems: Vec<_> =
        report.problems.iter().map(|problem| (problem.path.as_str(), problem.error.kind())).collect();
    problems.sort_by_key(|(path, _)| *path);
    problems
}

#[test]
fn a_tree_is_as_it_was() {
    let mut contents = MadeUp::new();
    let mut zeros = vec![0; 3_000_000];
    zeros[1_500_000] = 1;
    let below = vec![contents.file("zeros", &zeros), contents.file("empty", b"")];
    let entries = vec![
        contents.directory("below", below),
        contents.directory("none", Vec::new()),
        contents.file("file", b"hello"),
        contents.link("link", "/etc/passwd"),
    ];
    let root = contents.directory("root", entries);
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new/target");
    let options = Options { is_sparse: true, ..Options::default() };
    let report = contents.restore(&root, &target, &options).unwrap();
    assert_eq!(problems(&report), []);
    assert_eq!((report.files, report.symlinks, report.folders, report.bytes), (3, 1, 3, 3_000_005));
    assert!(fs::read(target.join("below/zeros")).unwrap() == zeros);
    assert_eq!(fs::read(target.join("file")).unwrap(), b"hello");
    assert_eq!(fs::read_link(target.join("link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 4, "nothing is left over");
    let holes = fs::metadata(target.join("below/zeros")).unwrap();
    assert!(holes.blocks() * 512 < 1_000_000, "{} blocks", holes.blocks());
    for (path, mode) in [("file", 0o640), ("below", 0o2750), ("below/empty", 0o640), ("", 0o2750)] {
        let metadata = fs::metadata(target.join(path)).unwrap();
        assert_eq!(metadata.mode() & 0o7777, mode, "{path}");
        assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (1_600_000_000, 123_456_789), "{path}");
    }
    assert_eq!(fs::symlink_metadata(target.join("link")).unwrap().mtime(), 1_600_000_000);
}

#[test]
fn what_is_there_is_replaced_or_kept() {
    let mut contents = MadeUp::new();
    let entries = vec![contents.file("changed", b"new"), contents.file("same", b"same")];
    let root = contents.directory("root", entries);
    for (existing, kept, expected) in
        [(Existing::Replace, 0, "new"), (Existing::KeepUnchanged, 1, "new"), (Existing::Keep, 2, "old")]
    {
        let folder = tempfile::tempdir().unwrap();
        let restore =
            |existing| contents.restore(&root, folder.path(), &Options { existing, ..Options::default() });
        restore(Existing::Replace).unwrap();
        fs::write(folder.path().join("changed"), "old").unwrap();
        let report = restore(existing).unwrap();
        assert_eq!((report.kept, report.files), (kept, 2 - kept), "{existing:?}");
        assert_eq!(fs::read_to_string(folder.path().join("changed")).unwrap(), expected);
    }
}

#[test]
fn nothing_leads_out_of_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let (outside, target) = (folder.path().join("outside"), folder.path().join("target"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    symlink("../outside", target.join("folder")).unwrap();
    symlink("../outside/victim", target.join("file")).unwrap();
    let mut contents = MadeUp::new();
    let below = vec![contents.file("victim", b"overwritten")];
    let entries = vec![
        contents.directory("folder", below),
        contents.file("file", b"mine"),
        contents.file("../outside/victim", b"overwritten"),
        contents.file("..", b"x"),
        contents.file(".", b"x"),
        contents.file("a/b", b"x"),
        contents.file("", b"x"),
        contents.file("nul\0", b"x"),
    ];
    let root = contents.directory("root", entries);
    let report = contents.restore(&root, &target, &Options::default()).unwrap();
    assert_eq!((report.problem_count, report.files), (7, 1));
    assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(fs::symlink_metadata(target.join("file")).unwrap().is_file(), "the link itself was replaced");
    assert_eq!(fs::read(target.join("file")).unwrap(), b"mine");
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_is_restored() {
    let mut contents = MadeUp::new();
    let missing = Some("ff".parse().unwrap());
    let entries = vec![
        DirEntry { object: missing, ..contents.directory("lost folder", Vec::new()) },
        DirEntry { object: missing, ..contents.file("lost", b"12345") },
        DirEntry { size: 4, ..contents.file("short", b"12345") },
        DirEntry { object: None, ..contents.file("nothing", b"") },
        DirEntry { kind: EntryType::Unknown, ..contents.file("odd", b"") },
        contents.link("no target", ""),
        contents.file("good", b"good"),
    ];
    let root = contents.directory("root", entries);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("good folder")).unwrap();
    let report = contents.restore(&root, folder.path(), &Options::default()).unwrap();
    assert_eq!(
        problems(&report),
        [
            ("", ErrorKind::Unsupported),
            ("lost", ErrorKind::NotFound),
            ("lost folder", ErrorKind::NotFound),
            ("no target", ErrorKind::Storage),
            ("nothing", ErrorKind::Corrupt),
            ("short", ErrorKind::Corrupt),
        ]
    );
    assert_eq!(fs::read(folder.path().join("good")).unwrap(), b"good");
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["good", "good folder", "lost folder"], "nothing half written");
    assert_eq!(
        contents.restore(&contents_file(), folder.path(), &Options::default()).unwrap_err().kind(),
        ErrorKind::Invalid
    );
}

fn contents_file() -> DirEntry {
    entry("file", EntryType::File)
}

#[test]
fn a_cancel_ends_it_with_whole_files_only() {
    let mut contents = MadeUp::new();
    let entries = (0..300).map(|number| contents.file(&format!("file {number}"), &[7; 5000])).collect();
    let root = contents.directory("root", entries);
    contents.reads_left = AtomicUsize::new(20);
    let folder = tempfile::tempdir().unwrap();
    let outcome = contents.restore(&root, folder.path(), &Options::default());
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Canceled);
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() < 300);
    assert!(files.iter().all(|file| fs::read(file).unwrap() == [7; 5000]), "{files:?}");
}

#[test]
fn each_pack_is_read_once_whatever_the_order_of_files() {
    let mut contents = MadeUp::new();
    let entries = (0..100).map(|number| contents.file(&format!("{number}"), &[number; 9])).collect();
    let root = contents.directory("root", entries);
    let folder = tempfile::tempdir().unwrap();
    let report = contents.restore(&root, folder.path(), &Options::default()).unwrap();
    assert_eq!((report.files, problems(&report)), (100, Vec::new()));
    let mut fetched = std::mem::take(&mut *lock(&contents.fetched));
    fetched.sort();
    assert_eq!(fetched, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
}

#[test]
fn a_file_of_many_parts_is_put_together_and_none_is_left_if_one_is_missing() {
    let mut contents = MadeUp::new();
    let parts: Vec<ObjectId> = (0..30).map(|number| contents.put(&[number % 3; 1000])).collect();
    let list = |missing: Option<usize>| {
        let row = |(number, object): (usize, &ObjectId)| match missing == Some(number) {
            true => format!(r#"{{"s":{},"l":1000,"o":"ff"}}"#, number * 1000),
            false => format!(r#"{{"s":{},"l":1000,"o":"{object}"}}"#, number * 1000),
        };
        let rows: Vec<String> = parts.iter().enumerate().map(row).collect();
        format!(r#"{{"stream":"kopia:indirect","entries":[{}]}}"#, rows.join(","))
    };
    let mut large = |name: &str, list: String| {
        let list = contents.put(list.as_bytes());
        let object = Some(format!("I{list}").parse().unwrap());
        DirEntry { object, size: 30_000, ..entry(name, EntryType::File) }
    };
    let entries = vec![large("whole", list(None)), large("torn", list(Some(17)))];
    let root = contents.directory("root", entries);
    let folder = tempfile::tempdir().unwrap();
    let report = contents.restore(&root, folder.path(), &Options::default()).unwrap();
    assert_eq!(problems(&report), [("torn", ErrorKind::NotFound)]);
    let expected: Vec<u8> = (0..30).flat_map(|number| [number % 3; 1000]).collect();
    assert!(fs::read(folder.path().join("whole")).unwrap() == expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half written");
}

#[test]
fn only_what_is_selected_is_restored_and_only_there_is_deleted() {
    let mut contents = MadeUp::new();
    let below = vec![contents.file("one", b"1"), contents.file("two", b"2")];
    let above = vec![contents.directory("below", below), contents.file("beside", b"3")];
    let root = vec![contents.directory("above", above), contents.file("other", b"4")];
    let root = contents.directory("root", root);
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    fs::create_dir_all(at("above/below/gone/far")).unwrap();
    fs::write(at("above/below/gone/far/x"), "x").unwrap();
    symlink("/etc", at("above/below/etc")).unwrap();
    fs::write(at("above/stays"), "x").unwrap();
    let select = vec!["above/below".to_owned(), "nowhere".to_owned()];
    let options = Options { select, delete_extra: true, ..Options::default() };
    let report = contents.restore(&root, folder.path(), &options).unwrap();
    assert_eq!(problems(&report), [("nowhere", ErrorKind::NotFound)]);
    assert_eq!((report.files, report.folders, report.deleted), (2, 3, 2));
    assert_eq!(fs::read_dir(at("above/below")).unwrap().count(), 2);
    assert_eq!(fs::read_dir(at("above")).unwrap().count(), 2, "below, and what stays");
    let report = contents.restore(&root, folder.path(), &Options { select: Vec::new(), ..options }).unwrap();
    assert_eq!((report.files, report.deleted), (4, 1));
    assert!(!at("above/stays").exists() && Path::new("/etc").exists());
}

#[test]
fn owners_are_shifted() {
    let mut contents = MadeUp::new();
    let nobody = DirEntry { uid: u32::MAX - 5, ..contents.file("nobody", b"1") };
    let entries = vec![contents.file("file", b"1"), contents.link("link", "file"), nobody];
    let root = contents.directory("root", entries);
    let folder = tempfile::tempdir().unwrap();
    let (uid, gid) = (root.uid, root.gid);
    if uid != 0 {
        eprintln!("skipped: only root may give files away");
        return;
    }
    let options = Options { uid_shift: 5, gid_shift: 7, ..Options::default() };
    let report = contents.restore(&root, folder.path(), &options).unwrap();
    assert_eq!(problems(&report), [("nobody", ErrorKind::Storage)], "which would be no owner at all");
    for name in ["", "file", "link"] {
        let metadata = fs::symlink_metadata(folder.path().join(name)).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (uid + 5, gid + 7), "{name}");
    }
}

#[test]
fn a_tree_deeper_than_a_path_may_be_long_is_restored() {
    let mut contents = MadeUp::new();
    let name = "deep".repeat(60);
    let file = contents.file("bottom", b"here");
    let mut root = contents.directory(&name, vec![file]);
    for _ in 0..40 {
        root = contents.directory(&name, vec![root]);
    }
    let folder = tempfile::tempdir().unwrap();
    let report = contents.restore(&root, folder.path(), &Options::default()).unwrap();
    assert_eq!((report.files, report.folders, problems(&report)), (1, 41, Vec::new()));
    let empty = contents.directory("empty", Vec::new());
    let options = Options { delete_extra: true, ..Options::default() };
    assert_eq!(contents.restore(&empty, folder.path(), &options).unwrap().deleted, 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
