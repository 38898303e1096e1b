//! Both ways with kopia 0.22.3: it opens, verifies, lists, restores and maintains what we wrote, and we read what it wrote.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kopia::content::{Entry, local_index};
use kopia::format::Options;
use kopia::maintenance::{Maintainer, Mode, Report, Safety};
use kopia::manifest::{Changes, Manifests};
use kopia::policy::Effective;
use kopia::repository::Verified;
use kopia::restore;
use kopia::retention::expired;
use kopia::snapshot::Snapshot;
use kopia::storage::{Blob, Filesystem};
use kopia::upload::Request;
use kopia::verify::{self, verify};
use kopia::{Format, Repository, Result, Writer, random};

use crate::command::{World, world};
use crate::tree::{compare, compare_on_disk, noise, set_time, zoo};
use crate::upload::{source_of, upload, upload_with};

/// Makes a snapshot of a tree; the name of its manifest.
fn snapshot_of(repository: &Arc<Repository>, tree: &Path) -> String {
    let request = Request {
        source: source_of(tree),
        description: "ours".to_owned(),
        tags: [("tag:k".to_owned(), "<v>".to_owned())].into(),
        pins: vec!["velero-pin".to_owned()],
        ..Request::default()
    };
    let (saved, counts) = upload(repository, tree, &request);
    assert_eq!((counts.errors, counts.ignored_errors), (0, 0));
    saved.id
}

/// A repository of our own.
pub(crate) fn created(world: &World, options: &Options) -> Arc<Repository> {
    let storage = Filesystem::create(world.repository_path()).unwrap();
    Format::create(&storage, &random::System, &world.password, options).unwrap();
    world.open()
}

fn snapshots(repository: &Repository) -> Vec<Snapshot> {
    repository.refresh().unwrap();
    let manifests = Manifests::load(repository).unwrap();
    let all: Result<Vec<Snapshot>> = manifests.find(&[("type", "snapshot")]).map(Snapshot::read).collect();
    all.unwrap()
}

fn entries(repository: &Repository) -> Vec<Entry> {
    let mut entries = Vec::new();
    repository
        .entries(&mut |entry| {
            entries.push(entry);
            Ok(())
        })
        .unwrap();
    entries
}

fn blobs(repository: &Repository, prefix: &str) -> Vec<Blob> {
    let mut blobs = Vec::new();
    repository
        .storage()
        .list(prefix, &mut |blob| {
            blobs.push(blob);
            Ok(())
        })
        .unwrap();
    blobs
}

/// Reads every content, and the index in every pack.
fn verify_all(repository: &Repository) {
    let entries = entries(repository);
    for entry in &entries {
        repository.verify(&entry.id).unwrap();
    }
    let packs: BTreeSet<&str> = entries.iter().map(|entry| &*entry.pack).collect();
    for pack in packs {
        let local = local_index(repository.storage(), &repository.format(), pack).unwrap();
        for entry in entries.iter().filter(|entry| &*entry.pack == pack && !entry.is_deleted) {
            assert!(local.contains(entry), "{pack} tells of {}", entry.id);
        }
    }
}

/// Has the command verify everything.
pub(crate) fn has_kopia_verify(world: &World) {
    world.kopia(&["content", "verify", "--full"]);
    world.kopia(&["snapshot", "verify", "--verify-files-percent=100"]);
}

#[test]
fn kopia_verifies_lists_restores_and_maintains_what_we_wrote() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    zoo(&tree);
    let repository = created(&world, &Options::default());
    let id = snapshot_of(&repository, &tree);
    world.connect();
    has_kopia_verify(&world);
    let listed = world.kopia_json(&["snapshot", "list", "--all"]);
    let [snapshot] = listed.as_array().unwrap().as_slice() else { panic!("one snapshot: {listed}") };
    assert_eq!(snapshot["id"], id.as_str());
    assert_eq!(snapshot["description"], "ours");
    assert_eq!(snapshot["pins"][0], "velero-pin");
    assert_eq!(snapshot["tags"]["tag:k"], "<v>");
    let restored = world.path("restored");
    world.kopia(&["snapshot", "restore", &id, &restored.display().to_string()]);
    compare_on_disk(&tree, &restored);
    world.kopia(&["index", "inspect", "--all"]);
    world.kopia(&["maintenance", "set", "--owner=me"]);
    world.kopia(&["maintenance", "run", "--full", "--safety=none"]);
    has_kopia_verify(&world);
    repository.refresh().unwrap();
    verify_all(&repository);
    let [snapshot] = &snapshots(&repository)[..] else { panic!("one snapshot") };
    compare(&*repository, &snapshot.root, &tree);
}

#[test]
fn kopia_reads_ours_with_algorithms_of_every_family() {
    let Some(first) = world() else { return };
    let tree = first.path("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), noise(5, 300_000)).unwrap();
    let encryptions: Vec<&str> = kopia::encryption::names().collect();
    let splitters = ["FIXED-128K", "DYNAMIC-128K-RABINKARP", "DYNAMIC-128K-BUZHASH"];
    let hashes = ["BLAKE2S-256", "BLAKE3-256-128", "HMAC-SHA256-128", "HMAC-SHA224", "HMAC-SHA3-256"];
    for (number, name) in hashes.into_iter().enumerate() {
        let Some(world) = world() else { return };
        let options = Options {
            hash: name.to_owned(),
            encryption: encryptions[number % encryptions.len()].to_owned(),
            splitter: splitters[number % splitters.len()].to_owned(),
            ..if number % 4 == 0 { Options::approved() } else { Options::default() }
        };
        snapshot_of(&created(&world, &options), &tree);
        world.connect();
        has_kopia_verify(&world);
        world.snapshot(&tree);
        let ours = world.open();
        assert_eq!(blobs(&ours, "p").len(), 1, "kopia finds the file there with {name}");
        let roots: BTreeSet<_> = snapshots(&ours).iter().map(|snapshot| snapshot.root.object).collect();
        assert_eq!(roots.len(), 1, "both wrote the same root with {name}");
    }
}

#[test]
fn indexes_are_made_again_from_our_packs() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    zoo(&tree);
    // kopia passes over what it does not know of them
    fs::write(tree.join(OsStr::from_bytes(b"no \xff\xfe text")), "w").unwrap();
    fs::hard_link(tree.join("a file"), tree.join("the same file")).unwrap();
    let repository = created(&world, &Options::default());
    snapshot_of(&repository, &tree);
    world.connect();
    for blob in blobs(&repository, "x") {
        repository.storage().delete(&blob.name).unwrap();
    }
    world.kopia(&["cache", "clear"]);
    world.kopia(&["index", "recover", "--commit", "--dangerous-commands=enabled"]);
    has_kopia_verify(&world);
    verify_all(&world.open());
}

#[test]
fn we_read_what_kopia_wrote_in_every_format_version() {
    for version in 1..=3 {
        let Some(world) = world() else { return };
        let tree = world.path("tree");
        zoo(&tree);
        world.create(&[&format!("--format-version={version}")]);
        world.kopia(&["policy", "set", "--global", "--compression=zstd"]);
        for change in 0..3 {
            fs::write(tree.join("changes"), format!("{change}").repeat(5000)).unwrap();
            world.snapshot(&tree);
        }
        if version == 1 {
            world.kopia(&["index", "optimize", "--max-small-blobs=1", "--dangerous-commands=enabled"]);
        }
        let repository = world.open();
        assert_eq!(repository.format().version(), version);
        verify_all(&repository);
        let mut snapshots = snapshots(&repository);
        snapshots.sort_by_key(|snapshot| snapshot.started);
        assert_eq!(snapshots.len(), 3);
        assert!(compare(&*repository, &snapshots[2].root, &tree) > 15);
        let written = Writer::new(Arc::clone(&repository)).is_ok();
        assert_eq!(written, version > 1, "version 1 is only read");
    }
}

#[test]
fn the_same_tree_is_the_same_object_whoever_stores_it() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    zoo(&tree);
    world.create(&[]);
    world.snapshot(&tree);
    let repository = world.open();
    let before = blobs(&repository, "p").len();
    snapshot_of(&repository, &tree);
    let roots: Vec<_> = snapshots(&repository).iter().map(|snapshot| snapshot.root.object).collect();
    assert_eq!(roots.len(), 2);
    assert_eq!(roots[0], roots[1]);
    assert_eq!(blobs(&repository, "p").len(), before, "nothing was stored twice");
    has_kopia_verify(&world);
}

#[test]
fn every_compression_of_kopias_is_read() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    world.create(&[]);
    let names = [
        "gzip",
        "gzip-best-speed",
        "gzip-best-compression",
        "zstd",
        "zstd-fastest",
        "zstd-better-compression",
        "s2-default",
        "s2-better",
        "s2-parallel-4",
        "s2-parallel-8",
        "pgzip",
        "pgzip-best-speed",
        "pgzip-best-compression",
        "lz4",
        "deflate-default",
        "deflate-best-speed",
        "deflate-best-compression",
    ];
    for name in names {
        world.kopia(&["policy", "set", "--global", &format!("--compression={name}")]);
        fs::write(tree.join(name), format!("{name} again and again\n").repeat(60_000)).unwrap();
        world.snapshot(&tree);
    }
    let repository = world.open();
    verify_all(&repository);
    let seen: BTreeSet<u32> = entries(&repository).iter().map(|entry| entry.compression).collect();
    assert_eq!(seen.len(), names.len() + 1, "each, and none at all: {seen:x?}");
}

/// Kopia's maintenance goes by the ages of blobs: these are made old.
fn age(world: &World, letters: &str) {
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    let mut open = vec![world.repository_path().join("x")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.display().to_string().contains(letters) {
            set_time(&path, old);
        }
    }
}

#[test]
fn epochs_that_kopia_begins_merges_and_cleans_up_are_read() {
    let Some(world) = world() else { return };
    world.create(&[]);
    world.kopia(&[
        "repository",
        "set-parameters",
        "--epoch-min-duration=10m",
        "--epoch-refresh-frequency=1m",
        "--epoch-cleanup-safety-margin=3m",
        "--epoch-advance-on-count=10",
        "--epoch-checkpoint-frequency=2",
    ]);
    world.kopia(&["maintenance", "set", "--owner=me"]);
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    for epoch in 0..7_u8 {
        let repository = world.open();
        fs::write(tree.join("file"), [epoch; 100]).unwrap();
        snapshot_of(&repository, &tree);
        for number in 0..9 {
            // what nothing refers to is deleted
            let writer = Writer::new(Arc::clone(&repository)).unwrap();
            writer.put(None, &[epoch, number], None).unwrap();
            writer.flush().unwrap();
            if number == 4 {
                age(&world, &format!("{epoch}_"));
            }
        }
        world.kopia(&["maintenance", "run", "--full", "--safety=none"]);
        let repository = world.open();
        assert_eq!(blobs(&repository, &format!("xe{}", epoch + 1)).len(), 1, "an epoch has begun");
    }
    let repository = world.open();
    assert!(
        !blobs(&repository, "xs").is_empty() && !blobs(&repository, "xr").is_empty(),
        "indexes were merged"
    );
    verify_all(&repository);
    assert_eq!(snapshots(&repository).len(), 7);
    compare(&*repository, &snapshots(&repository).iter().max_by_key(|one| one.started).unwrap().root, &tree);
    let ours =
        entries(&repository).into_iter().filter(|entry| !entry.is_deleted).map(|entry| entry.id.to_string());
    let listed = world.kopia_json(&["content", "list"]);
    let theirs =
        listed.as_array().unwrap().iter().map(|content| content["contentID"].as_str().unwrap().to_owned());
    assert_eq!(ours.collect::<BTreeSet<_>>(), theirs.collect::<BTreeSet<_>>());
}

#[test]
fn passwords_are_changed_by_either() {
    let Some(mut world) = world() else { return };
    created(&world, &Options::default());
    world.connect();
    world.kopia(&["repository", "change-password", "--new-password=second"]);
    world.password = "second".to_owned();
    let storage = Filesystem::open(world.repository_path()).unwrap();
    Format::change_password(&storage, &random::System, "second", "third").unwrap();
    world.kopia(&["repository", "disconnect"]);
    let path = format!("--path={}", world.repository_path().display());
    assert!(world.kopia_fails(&["repository", "connect", "filesystem", &path]));
    world.password = "third".to_owned();
    world.connect();
    assert_eq!(world.open().format().version(), 3);
}

#[test]
fn deletions_of_either_are_seen_by_the_other() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), "x").unwrap();
    let repository = created(&world, &Options::default());
    let ours = snapshot_of(&repository, &tree);
    world.connect();
    world.snapshot(&tree);
    let manifests = Manifests::load(&repository).unwrap();
    assert_eq!(snapshots(&repository).len(), 2);
    let mut changes = Changes::default();
    changes.delete(&repository, manifests.get(&ours).unwrap());
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    changes.write(&writer).unwrap();
    writer.flush().unwrap();
    let listed = world.kopia_json(&["snapshot", "list", "--all"]);
    let [theirs] = listed.as_array().unwrap().as_slice() else { panic!("one is left: {listed}") };
    world.kopia(&["snapshot", "delete", theirs["id"].as_str().unwrap(), "--delete"]);
    assert!(snapshots(&repository).is_empty());
}

#[test]
fn second_backups_go_by_the_others_first() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    zoo(&tree);
    world.create(&[]);
    world.snapshot(&tree);
    let repository = world.open();
    let request = Request { source: source_of(&tree), ..Request::default() };
    let (ours, counts) = upload(&repository, &tree, &request);
    assert_eq!((counts.files, counts.bytes_read), (0, 0), "all is known from kopia's");
    assert_eq!(counts.cached_files, 10);
    fs::write(tree.join("deep/text"), noise(9, 100_000)).unwrap();
    let (changed, counts) = upload(&repository, &tree, &request);
    assert_eq!((counts.files, counts.bytes_read), (1, 100_000));
    assert_ne!(changed.snapshot.root.object, ours.snapshot.root.object);
    let packs = blobs(&repository, "p").len();
    world.snapshot(&tree);
    assert_eq!(blobs(&repository, "p").len(), packs, "kopia stores nothing new");
    let latest = snapshots(&repository).into_iter().max_by_key(|one| one.started).unwrap();
    assert_eq!((latest.stats.non_cached_files, latest.stats.cached_files), (0, 10), "all is known from ours");
    assert_eq!(latest.root.object, changed.snapshot.root.object);
    has_kopia_verify(&world);
}

#[test]
fn what_kopia_wrote_is_restored_as_it_was() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    zoo(&tree);
    world.create(&[]);
    world.kopia(&["policy", "set", "--global", "--compression=zstd"]);
    world.snapshot(&tree);
    let repository = world.open();
    let [snapshot] = &snapshots(&repository)[..] else { panic!("one snapshot") };
    let restored = world.path("restored");
    let options = restore::Options { is_sparse: true, ..restore::Options::default() };
    let never = AtomicBool::new(false);
    let report =
        restore::restore(&Verified(&repository), &snapshot.root, &restored, &options, &never).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    compare_on_disk(&tree, &restored);
    let unchanged = restore::Options { existing: restore::Existing::KeepUnchanged, ..options };
    let report = restore::restore(&*repository, &snapshot.root, &restored, &unchanged, &never).unwrap();
    assert_eq!((report.files, report.kept), (0, 10), "a second restore finds all done");
}

#[test]
fn policies_of_kopias_command_are_gone_by() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    for path in ["keep", "leave.tmp", "cache/x", "cache/CACHEDIR.TAG", "below/secret", "below/.kopiaignore"] {
        fs::create_dir_all(tree.join(path).parent().unwrap()).unwrap();
        fs::write(tree.join(path), path).unwrap();
    }
    fs::write(tree.join("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55").unwrap();
    fs::write(tree.join("below/.kopiaignore"), "secret\n").unwrap();
    world.create(&[]);
    world.kopia(&["policy", "set", "--global", "--add-ignore=*.tmp", "--compression=zstd"]);
    world.kopia(&["policy", "set", &tree.display().to_string(), "--add-never-compress=.gz"]);
    world.snapshot(&tree);
    let repository = world.open();
    let manifests = Manifests::load(&repository).unwrap();
    let (options, bad) = Effective::of(&manifests, &source_of(&tree)).unwrap().options();
    assert!(bad.is_empty(), "{bad:?}");
    assert_eq!(options.compression.never, [".gz"]);
    let request = Request { source: source_of(&tree), is_full: true, ..Request::default() };
    let (ours, _) = upload_with(&repository, &tree, &request, &options);
    let theirs = snapshots(&repository).into_iter().min_by_key(|one| one.started).unwrap();
    assert_eq!(theirs.root.object, ours.snapshot.root.object, "both leave out the same");
    assert_eq!(ours.snapshot.root.summary.unwrap().files, 2);
}

#[test]
fn maintenance_is_done_by_turns() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    world.create(&[]);
    world.kopia(&["maintenance", "set", "--owner=default@default"]);
    let repository = world.open();
    let maintainer = Maintainer::new(Arc::clone(&repository), "default", "default").with_safety(Safety::NONE);
    for round in 0..4 {
        fs::write(tree.join("ours"), noise(round, 200_000)).unwrap();
        snapshot_of(&repository, &tree);
        fs::write(tree.join("theirs"), noise(round + 50, 200_000)).unwrap();
        world.snapshot(&tree);
        let oldest = snapshots(&repository).into_iter().min_by_key(|one| one.started).unwrap();
        let listed = world.kopia_json(&["snapshot", "list", "--all"]);
        let found =
            listed.as_array().unwrap().iter().find(|one| one["startTime"] == oldest.started.to_string());
        world.kopia(&["snapshot", "delete", found.unwrap()["id"].as_str().unwrap(), "--delete"]);
        let report = match round % 2 {
            0 => maintainer.run(Mode::Full).unwrap(),
            _ => {
                world.kopia(&["maintenance", "run", "--full", "--safety=none"]);
                Report::default()
            }
        };
        assert!(round % 2 == 1 || report.contents_deleted > 0, "{report:?}");
        assert!(round != 2 || report.blobs_deleted > 0, "{report:?}");
        has_kopia_verify(&world);
        repository.refresh().unwrap();
        verify_all(&repository);
        let report = verify(&repository, &verify::Options::default(), &AtomicBool::new(false)).unwrap();
        assert!(report.problems.is_empty(), "{:?}", report.problems);
    }
    let info = world.kopia_json(&["maintenance", "info"]);
    let runs = info["schedule"]["runs"]["snapshot-gc"].as_array().unwrap();
    let ours = runs.iter().filter(|run| run["extra"].is_null()).count();
    assert_eq!(ours, 2, "kopia tells of ours, and of its own besides: {info}");
    assert!(runs.len() >= 4 && runs.iter().all(|run| run["success"] == true));
}

#[test]
fn the_go_toolchains_own_source_goes_both_ways() {
    let Some(world) = world() else { return };
    let Ok(found) = Command::new("go").args(["env", "GOROOT"]).output() else {
        eprintln!("skipped: there is no Go toolchain");
        return;
    };
    let tree = Path::new(String::from_utf8(found.stdout).unwrap().trim()).join("src");
    let repository = created(&world, &Options::default());
    let ours = snapshot_of(&repository, &tree);
    world.connect();
    has_kopia_verify(&world);
    let restored = world.path("restored");
    world.kopia(&["snapshot", "restore", &ours, &restored.display().to_string()]);
    compare_on_disk(&tree, &restored);
    fs::remove_dir_all(&restored).unwrap();
    world.snapshot(&tree);
    let theirs = snapshots(&repository).into_iter().max_by_key(|one| one.started).unwrap();
    assert_eq!(theirs.stats.non_cached_files, 0, "kopia finds all of it in ours");
    let (options, never) = (restore::Options::default(), AtomicBool::new(false));
    let report = restore::restore(&Verified(&repository), &theirs.root, &restored, &options, &never).unwrap();
    assert!(report.problems.is_empty() && report.files > 1000, "{:?}", report.problems);
    compare_on_disk(&tree, &restored);
}

#[test]
fn the_same_snapshots_expire() {
    let Some(world) = world() else { return };
    let tree = world.path("tree");
    fs::create_dir(&tree).unwrap();
    world.create(&[]);
    let limits = ["latest=2", "hourly=5", "daily=4", "weekly=3", "monthly=4", "annual=2"];
    let limits: Vec<String> = limits.iter().map(|limit| format!("--keep-{limit}")).collect();
    let limits: Vec<&str> = limits.iter().map(String::as_str).collect();
    world.kopia(&[&["policy", "set", "--global"][..], &limits].concat());
    let repository = world.open();
    let first = upload(&repository, &tree, &Request { source: source_of(&tree), ..Request::default() }).0;
    let (writer, mut changes) = (Writer::new(Arc::clone(&repository)).unwrap(), Changes::default());
    for number in 1..60_u64 {
        let before = std::time::Duration::from_secs(number * number * 12_345);
        let started = first.snapshot.started.minus(before);
        let pins = if number == 50 { vec!["held".to_owned()] } else { Vec::new() };
        let incomplete = if number % 7 == 0 { "checkpoint".to_owned() } else { String::new() };
        let one = Snapshot { started, pins, incomplete, ..first.snapshot.clone() };
        changes.put(&repository, one.labels().unwrap(), one.to_bytes()).unwrap();
    }
    changes.write(&writer).unwrap();
    writer.flush().unwrap();
    let all = snapshots(&repository);
    let keep = Effective::of(&Manifests::load(&repository).unwrap(), &source_of(&tree)).unwrap().retention();
    let ours = expired(&all, &keep);
    let left = all.iter().enumerate().filter(|(place, _)| !ours.contains(place));
    let left: BTreeSet<_> = left.map(|(_, snapshot)| snapshot.started).collect();
    world.kopia(&["snapshot", "expire", "--all", "--delete"]);
    let theirs: BTreeSet<_> = snapshots(&repository).iter().map(|snapshot| snapshot.started).collect();
    assert!(left.len() > 8 && left.len() < 40, "{}", left.len());
    assert_eq!(left, theirs);
}
