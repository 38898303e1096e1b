//! Trees into a repository and back: what is read, what is known already, what is left out, and what goes wrong.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kopia::ignore::Rules;
use kopia::manifest::Manifests;
use kopia::object::ObjectReader;
use kopia::restore::{self, restore};
use kopia::snapshot::{DirEntry, Directory, Snapshot, Source, find};
use kopia::storage::Memory;
use kopia::upload::{self, Counts, Options, Progress, Request, Saved, Severity, Upload};
use kopia::{ErrorKind, Format, Repository, Time, Writer, random};

use crate::tree::{compare, compare_on_disk, noise, zoo};

/// What a folder is called as a source.
pub(crate) fn source_of(folder: &Path) -> Source {
    Source { host: "default".to_owned(), user: "default".to_owned(), path: folder.display().to_string() }
}

/// Makes a snapshot of a folder.
pub(crate) fn upload(repository: &Arc<Repository>, folder: &Path, request: &Request) -> (Saved, Counts) {
    upload_with(repository, folder, request, &Options::default())
}

/// The same in a way that somebody chooses.
pub(crate) fn upload_with(
    repository: &Arc<Repository>,
    folder: &Path,
    request: &Request,
    options: &Options,
) -> (Saved, Counts) {
    let writer = Writer::new(Arc::clone(repository)).unwrap();
    let progress = Progress::default();
    let never = AtomicBool::new(false);
    let saved = upload::snapshot(&writer, folder, request, options, &progress, &never).unwrap();
    (saved, progress.counts())
}

/// A repository in memory.
pub(crate) fn repository() -> Arc<Repository> {
    in_memory().1
}

/// The same, with the memory.
pub(crate) fn in_memory() -> (Arc<Memory>, Arc<Repository>) {
    let storage = Arc::new(Memory::new(Time::from_seconds(1_700_000_000)));
    Format::create(&*storage, &random::System, "secret", &kopia::format::Options::default()).unwrap();
    let repository = Repository::open(storage.clone(), Arc::new(random::System), "secret").unwrap();
    (storage, Arc::new(repository))
}

/// Makes a snapshot of a folder that nobody says anything about.
pub(crate) fn simple(repository: &Arc<Repository>, folder: &Path) -> (DirEntry, Counts) {
    let request = Request { source: source_of(folder), ..Request::default() };
    let (saved, counts) = upload(repository, folder, &request);
    (saved.snapshot.root, counts)
}

/// All snapshots.
pub(crate) fn snapshots(repository: &Repository) -> Vec<Snapshot> {
    repository.refresh().unwrap();
    let manifests = Manifests::load(repository).unwrap();
    manifests.find(&[("type", "snapshot")]).map(|manifest| Snapshot::read(manifest).unwrap()).collect()
}

fn names(repository: &Repository, directory: &DirEntry) -> Vec<String> {
    let reader = ObjectReader::open(repository, directory.object.unwrap()).unwrap();
    let directory = Directory::read(&"directory", reader).unwrap();
    directory.entries.into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect()
}

#[test]
fn a_tree_comes_back_as_it_was() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path().join("tree");
    zoo(&tree);
    for name in [&b"no \xff\xfe text"[..], b"no \xff\xfd text", b"\xe2\x82"] {
        fs::write(tree.join(OsStr::from_bytes(name)), name).unwrap();
    }
    let (root, counts) = simple(&repository, &tree);
    assert!(compare(&*repository, &root, &tree) > 18);
    assert_eq!((counts.errors, counts.warnings, counts.cached_files), (0, 3, 0), "names that are no text");
    assert_eq!(simple(&repository, &tree).1.files, 0, "they are known again");
    let summary = root.summary.as_ref().unwrap();
    assert_eq!((summary.files + summary.symlinks, summary.dirs), (counts.files, counts.directories));
    let restored = folder.path().join("restored");
    let options = restore::Options { is_sparse: true, ..restore::Options::default() };
    let report = restore(&*repository, &root, &restored, &options, &AtomicBool::new(false)).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    compare_on_disk(&tree, &restored);
    let entry = find(&*repository, &root, "/deep/er/and/deeper/noise").unwrap();
    let mut bytes = [0; 100];
    let mut reader = ObjectReader::open(&*repository, entry.object.unwrap()).unwrap();
    assert_eq!(reader.read_at(10_000_000, &mut bytes).unwrap(), 100);
    assert_eq!(bytes, noise(1, 11_000_000)[10_000_000..10_000_100]);
    for path in ["nowhere", "a file/below"] {
        assert!(find(&*repository, &root, path).is_err());
    }
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path().join("tree");
    zoo(&tree);
    let (first, counts) = simple(&repository, &tree);
    assert!(counts.bytes_read > 11_000_000);
    let (second, counts) = simple(&repository, &tree);
    assert_eq!((first.object, counts.files, counts.bytes_read), (second.object, 0, 0));
    assert_eq!(counts.cached_files, first.summary.as_ref().unwrap().files + 2);
    fs::write(tree.join("deep/text"), "changed").unwrap();
    fs::remove_file(tree.join("dangling")).unwrap();
    let (third, counts) = simple(&repository, &tree);
    assert_eq!((counts.files, counts.bytes_read), (1, 7));
    compare(&*repository, &third, &tree);
    let request = Request { source: source_of(&tree), is_full: true, ..Request::default() };
    let (full, counts) = upload(&repository, &tree, &request);
    assert_eq!((full.snapshot.root.object, counts.cached_files), (third.object, 0));
    assert_eq!(snapshots(&repository).len(), 4);
    let tagged = |tag: &str| Request {
        source: source_of(&tree),
        tags: [("requester".to_owned(), tag.to_owned())].into(),
        parent_tags: vec!["requester".to_owned()],
        ..Request::default()
    };
    assert_eq!(upload(&repository, &tree, &tagged("one")).1.cached_files, 0, "none has the tag");
    assert_ne!(upload(&repository, &tree, &tagged("one")).1.cached_files, 0);
    assert_eq!(upload(&repository, &tree, &tagged("two")).1.cached_files, 0);
}

#[test]
fn holes_are_not_read_and_files_with_several_names_are_read_once() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    let sparse = File::create(tree.join("sparse")).unwrap();
    sparse.write_all_at(&noise(3, 5000), 700 << 20).unwrap();
    sparse.set_len(3 << 30).unwrap();
    fs::write(tree.join("linked"), noise(4, 300_000)).unwrap();
    for name in ["again", "once more"] {
        fs::hard_link(tree.join("linked"), tree.join(name)).unwrap();
    }
    let request = Request { source: source_of(tree), ..Request::default() };
    let options = Options { threads: 1, ..Options::default() };
    let (saved, counts) = upload_with(&repository, tree, &request, &options);
    assert!(counts.bytes_read < 400_000, "{counts:?}");
    assert_eq!((counts.files, counts.cached_files), (2, 2));
    let root = saved.snapshot.root;
    let entry = find(&*repository, &root, "sparse").unwrap();
    assert_eq!(entry.size, 3 << 30);
    let mut reader = ObjectReader::open(&*repository, entry.object.unwrap()).unwrap();
    let mut bytes = vec![1; 5000];
    let mut at = 0;
    while at < bytes.len() {
        at += reader.read_at((700 << 20) + at as u64, &mut bytes[at..]).unwrap();
    }
    assert!(bytes == noise(3, 5000));
    let restored = folder.path().join("restored");
    let options = restore::Options { is_sparse: true, ..restore::Options::default() };
    restore(&*repository, &root, &restored, &options, &AtomicBool::new(false)).unwrap();
    let metadata = fs::metadata(restored.join("sparse")).unwrap();
    assert_eq!(metadata.len(), 3 << 30);
    assert!(metadata.blocks() < 1000, "holes are holes again: {}", metadata.blocks());
    assert!(fs::read(restored.join("again")).unwrap() == noise(4, 300_000));
    let numbers =
        ["linked", "again", "once more"].map(|name| fs::metadata(restored.join(name)).unwrap().ino());
    assert!(numbers[0] == numbers[1] && numbers[1] == numbers[2], "one file again: {numbers:?}");
    let report = restore(&*repository, &root, &restored, &options, &AtomicBool::new(false)).unwrap();
    assert_eq!((report.files, report.problems.len()), (4, 0), "also in place of what is there");
    assert_eq!(fs::read_dir(&restored).unwrap().count(), 4);
}

#[test]
fn a_file_in_parts_is_the_file() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let whole = noise(6, 4_000_000);
    for (name, length) in [("larger", 4_000_000), ("parts", 3_000_000), ("smaller", 999_999)] {
        fs::write(folder.path().join(name), &whole[..length]).unwrap();
    }
    let request = Request { source: source_of(folder.path()), ..Request::default() };
    let options = Options { part_length: 1_000_000, ..Options::default() };
    let (saved, counts) = upload_with(&repository, folder.path(), &request, &options);
    assert_eq!(counts.bytes_read, 7_999_999);
    compare(&*repository, &saved.snapshot.root, folder.path());
}

#[test]
fn large_and_many_directories_are_stored_in_order() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    for number in 0..2500 {
        fs::write(tree.join(format!("file {number}")), number.to_string()).unwrap();
    }
    for number in 0..150 {
        let below = tree.join(format!("folder {number}"));
        fs::create_dir(&below).unwrap();
        symlink("x", below.join("link")).unwrap();
    }
    let request = Request { source: source_of(tree), ..Request::default() };
    let one = Options { threads: 1, ..Options::default() };
    let (saved, _) = upload_with(&repository, tree, &request, &one);
    assert_eq!(compare(&*repository, &saved.snapshot.root, tree), 2801);
    let eight = Options { threads: 8, ..Options::default() };
    let (again, _) = upload_with(&repository, tree, &Request { is_full: true, ..request }, &eight);
    assert_eq!(again.snapshot.root.object, saved.snapshot.root.object, "whatever threads do it");
    let mut sorted = names(&repository, &saved.snapshot.root);
    assert_eq!((sorted[0].as_str(), sorted[150].as_str()), ("folder 0", "file 0"));
    sorted[..150].sort();
    assert_eq!(sorted, names(&repository, &saved.snapshot.root));
}

#[test]
fn rules_leave_out_what_they_say() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    for path in ["keep/a", "keep/b.tmp", "keep/sub/c.log", "gone/x", "cache/x", "large", "keep/sub/keep.tmp"]
    {
        fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
        fs::write(tree.join(path), path).unwrap();
    }
    fs::write(tree.join("large"), [0; 2000]).unwrap();
    fs::write(tree.join("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    fs::write(tree.join("keep/.rules"), "# here\n*.log\n[\n!keep.tmp\n").unwrap();
    let (rules, _) = Rules::parse(["*.tmp", "/gone/"]);
    let options = Options {
        rules: Arc::new(rules),
        rule_files: vec![".rules".to_owned()],
        skip_caches: true,
        length_max: 1000,
        ..Options::default()
    };
    let request = Request { source: source_of(tree), ..Request::default() };
    let (saved, counts) = upload_with(&repository, tree, &request, &options);
    let root = saved.snapshot.root;
    let listed = |path: &str| names(&repository, &find(&*repository, &root, path).unwrap());
    assert_eq!(listed(""), ["cache", "keep"]);
    assert_eq!(listed("cache"), [""; 0]);
    assert_eq!(listed("keep"), ["sub", ".rules", "a"]);
    assert_eq!(listed("keep/sub"), ["keep.tmp"]);
    assert_eq!((counts.excluded_files, counts.excluded_directories, counts.warnings), (3, 1, 1));
}

#[test]
fn what_cannot_be_stored_is_told_and_the_rest_is_stored() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    fs::create_dir(tree.join("below")).unwrap();
    for name in ["below/socket", "below/other"] {
        std::os::unix::net::UnixListener::bind(tree.join(name)).unwrap();
    }
    fs::write(tree.join("below/file"), "x").unwrap();
    let request = Request { source: source_of(tree), ..Request::default() };
    let (saved, counts) = upload(&repository, tree, &request);
    assert_eq!((counts.warnings, counts.errors, saved.snapshot.root.summary.unwrap().failed), (2, 0, 0));
    let strict = Options { ignore_unknown_types: false, ..Options::default() };
    let (saved, counts) = upload_with(&repository, tree, &request, &strict);
    let summary = saved.snapshot.root.summary.unwrap();
    assert_eq!((counts.errors, summary.failed, summary.files), (2, 2, 1));
    let paths: Vec<&str> = summary.errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(paths, ["below/other", "below/socket"]);
    assert_eq!(saved.snapshot.stats.error_count, 2);
    let lenient = Options { ignore_file_errors: true, ..strict };
    let (saved, counts) = upload_with(&repository, tree, &request, &lenient);
    let summary = saved.snapshot.root.summary.unwrap();
    assert_eq!((counts.errors, summary.failed, summary.ignored_errors), (0, 0, 2));
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let (progress, never) = (Progress::default(), AtomicBool::new(false));
    let nowhere =
        upload::snapshot(&writer, &tree.join("nowhere"), &request, &lenient, &progress, &never).unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
}

/// Uploads until so many checkpoints were made; what the last of them had.
fn interrupted(repository: &Arc<Repository>, tree: &Path, after: usize) -> (DirEntry, Progress) {
    let writer = Writer::new(Arc::clone(repository)).unwrap();
    let (cancel, progress) = (AtomicBool::new(false), Progress::default());
    let (made, last) = (AtomicUsize::new(0), Mutex::new(None));
    let options = Options { threads: 1, checkpoint_every: Duration::ZERO, ..Options::default() };
    let keep = |root: DirEntry| {
        if made.fetch_add(1, Ordering::SeqCst) + 1 == after {
            cancel.store(true, Ordering::SeqCst);
        }
        *last.lock().unwrap() = Some(root);
        writer.flush()
    };
    let upload = Upload {
        writer: &writer,
        options: &options,
        previous: &[],
        progress: &progress,
        cancel: &cancel,
        checkpoint: Some(&keep),
    };
    assert_eq!(upload.run(tree).unwrap_err().kind(), ErrorKind::Canceled);
    (last.into_inner().unwrap().unwrap(), progress)
}

#[test]
fn an_upload_that_was_cut_off_goes_on() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    for number in 0..20 {
        let below = tree.join(format!("{number}/below"));
        fs::create_dir_all(&below).unwrap();
        for file in 0..5 {
            fs::write(below.join(file.to_string()), format!("{number} {file}")).unwrap();
        }
    }
    let (checkpoint, progress) = interrupted(&repository, tree, 10);
    let summary = checkpoint.summary.clone().unwrap();
    assert_eq!(summary.incomplete, "checkpoint");
    let done = progress.counts().files;
    assert!((10..100).contains(&done) && summary.files == done, "{done} {summary:?}");
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let (progress, never) = (Progress::default(), AtomicBool::new(false));
    let upload = Upload {
        writer: &writer,
        options: &Options::default(),
        previous: &[checkpoint],
        progress: &progress,
        cancel: &never,
        checkpoint: None,
    };
    let root = upload.run(tree).unwrap();
    writer.flush().unwrap();
    assert_eq!((progress.counts().cached_files, progress.counts().files), (done, 100 - done));
    compare(&*repository, &root, tree);
}

#[test]
fn checkpoints_are_snapshots_until_the_whole_one_is_there() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    for number in 0..10 {
        fs::write(folder.path().join(number.to_string()), number.to_string()).unwrap();
    }
    let request = Request {
        source: source_of(folder.path()),
        tags: [("a".to_owned(), "b".to_owned())].into(),
        ..Request::default()
    };
    let options = Options { threads: 1, checkpoint_every: Duration::ZERO, ..Options::default() };
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let (progress, cancel) = (Progress::default(), AtomicBool::new(true));
    let canceled = upload::snapshot(&writer, folder.path(), &request, &options, &progress, &cancel);
    assert_eq!(canceled.unwrap_err().kind(), ErrorKind::Canceled);
    let [checkpoint] = &snapshots(&repository)[..] else { panic!("one checkpoint") };
    assert_eq!((checkpoint.incomplete.as_str(), checkpoint.tags.len()), ("checkpoint", 0));
    let (saved, _) = upload_with(&repository, folder.path(), &request, &options);
    let [whole] = &snapshots(&repository)[..] else { panic!("one whole snapshot") };
    assert_eq!((whole.incomplete.as_str(), whole), ("", &saved.snapshot));
}

#[test]
fn what_vanishes_meanwhile_is_a_warning() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path();
    fs::create_dir(tree.join("a folder")).unwrap();
    for name in ["a folder/first", "second", "third"] {
        fs::write(tree.join(name), name).unwrap();
    }
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let (progress, never) = (Progress::default(), AtomicBool::new(false));
    let options = Options { threads: 1, checkpoint_every: Duration::ZERO, ..Options::default() };
    let vanish = |_| {
        let _ = fs::remove_file(tree.join("third"));
        Ok(())
    };
    let upload = Upload {
        writer: &writer,
        options: &options,
        previous: &[],
        progress: &progress,
        cancel: &never,
        checkpoint: Some(&vanish),
    };
    let root = upload.run(tree).unwrap();
    writer.flush().unwrap();
    assert_eq!(names(&repository, &root), ["a folder", "second"]);
    let [problem] = &progress.problems()[..] else { panic!("one problem") };
    assert_eq!((problem.path.as_str(), problem.severity), ("third", Severity::Warning));
    assert_eq!(root.summary.unwrap().failed, 0);
}
