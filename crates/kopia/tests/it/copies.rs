//! Copies of snapshots, differences of trees, and indexes made anew.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use kopia::copy::Copier;
use kopia::recover::rebuild_indexes;
use kopia::snapshot::{Change, EntryType, diff};
use kopia::storage::{Memory, Storage};
use kopia::verify::{self, verify};
use kopia::{ErrorKind, Format, Repository, Time, Writer, format, random};

use crate::tree::{compare, zoo};
use crate::upload::{in_memory, repository, simple, snapshots};

#[test]
fn snapshots_are_copied_to_a_repository_with_other_keys() {
    let (folder, (memory, from)) = (tempfile::tempdir().unwrap(), in_memory());
    let tree = folder.path().join("tree");
    zoo(&tree);
    simple(&from, &tree);
    memory.advance(Duration::from_secs(1));
    fs::write(tree.join("deep/text"), "changed").unwrap();
    simple(&from, &tree);
    let storage = Arc::new(Memory::new(Time::from_seconds(1_700_000_000)));
    let options = format::Options {
        hash: "BLAKE3-256".to_owned(),
        splitter: "FIXED-1M".to_owned(),
        ..format::Options::default()
    };
    Format::create(&*storage, &random::System, "other", &options).unwrap();
    let to = Arc::new(Repository::open(storage, Arc::new(random::System), "other").unwrap());
    let (writer, never) = (Writer::new(Arc::clone(&to)).unwrap(), AtomicBool::new(false));
    let copier = Copier::new(&from, &writer, 4, None, &never);
    let mut originals = snapshots(&from);
    originals.sort_by_key(|snapshot| snapshot.started);
    let ids: Vec<String> = originals.iter().map(|snapshot| copier.copy(snapshot).unwrap()).collect();
    for snapshot in &originals {
        assert!(ids.contains(&copier.copy(snapshot).unwrap()), "what is there is not copied again");
    }
    let copies = snapshots(&to);
    assert_eq!(copies.len(), originals.len());
    let latest = copies.iter().find(|copy| copy.root.summary == originals[1].root.summary).unwrap();
    assert_eq!((&latest.source, latest.started), (&originals[1].source, originals[1].started));
    compare(&*to, &latest.root, &tree);
    let report = verify(&to, &verify::Options::default(), &never).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let now = AtomicBool::new(true);
    let canceled = Copier::new(&to, &writer, 1, None, &now);
    let other = kopia::snapshot::Snapshot { started: Time::EPOCH, ..originals[0].clone() };
    assert_eq!(canceled.copy(&other).unwrap_err().kind(), ErrorKind::Canceled);
}

#[test]
fn differences_are_shown_by_path() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let tree = folder.path().join("tree");
    zoo(&tree);
    let (before, _) = simple(&repository, &tree);
    fs::write(tree.join("deep/er/new"), "new").unwrap();
    fs::write(tree.join("deep/text"), "changed").unwrap();
    fs::remove_dir_all(tree.join("deep/er/and")).unwrap();
    fs::remove_file(tree.join("dangling")).unwrap();
    symlink("elsewhere", tree.join("dangling")).unwrap();
    fs::remove_dir(tree.join("empty")).unwrap();
    fs::write(tree.join("empty"), "a file now").unwrap();
    let (after, _) = simple(&repository, &tree);
    let shown = |before, after| {
        let mut shown = Vec::new();
        diff(&*repository, before, after, &mut |path, change| {
            let what = match change {
                Change::Added(_) => "added",
                Change::Removed(_) => "removed",
                Change::Changed(before, after) if before.kind != after.kind => "another type",
                Change::Changed(before, _) if before.kind == EntryType::Directory => "folder",
                Change::Changed(..) => "changed",
            };
            shown.push(format!("{what} {path}"));
            Ok(())
        })
        .unwrap();
        shown.sort();
        shown
    };
    assert_eq!(
        shown(&before, &after),
        [
            "added deep/er/new",
            "another type empty",
            "changed dangling",
            "changed deep/text",
            "folder deep/er",
            "removed deep/er/and"
        ]
    );
    assert!(shown(&after, &before).contains(&"added deep/er/and".to_owned()));
    assert!(shown(&after, &after).is_empty());
}

#[test]
fn indexes_that_are_lost_or_damaged_are_made_anew() {
    let (folder, (storage, repository)) = (tempfile::tempdir().unwrap(), in_memory());
    let tree = folder.path().join("tree");
    zoo(&tree);
    simple(&repository, &tree);
    fs::write(tree.join("another"), "x").unwrap();
    let (root, _) = simple(&repository, &tree);
    let mut names = Vec::new();
    storage
        .list("xn", &mut |blob| {
            names.push(blob.name);
            Ok(())
        })
        .unwrap();
    let mut damaged = storage.get(&names[0], 1 << 20).unwrap();
    damaged[40] ^= 1;
    storage.put(&names[0], &damaged, None).unwrap();
    storage.delete(&names[1]).unwrap();
    let open = || Repository::open(storage.clone(), Arc::new(random::System), "secret");
    let error = open().unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, &*names[0]));
    let as_storage: Arc<dyn Storage> = storage.clone();
    let report = rebuild_indexes(&as_storage, &random::System, "secret", 4).unwrap();
    assert_eq!(report.deleted, [names[0].clone()]);
    assert!(report.problems.is_empty() && report.packs >= 3 && report.contents > 15, "{report:?}");
    let again = open().unwrap();
    let report = verify(&again, &verify::Options::default(), &AtomicBool::new(false)).unwrap();
    assert!(report.problems.is_empty() && report.snapshots == 2, "{:?}", report.problems);
    compare(&again, &root, &tree);
}
