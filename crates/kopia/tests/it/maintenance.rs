//! Maintenance through days of a clock that is moved by hand: what is needed stays, what is not goes, and not before it may.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kopia::content::Entry;
use kopia::maintenance::{Maintainer, Mode, Report, Safety};
use kopia::manifest::{Changes, Manifests};
use kopia::snapshot::Snapshot;
use kopia::storage::{Blob, Memory};
use kopia::verify::{self, verify};
use kopia::{Contents, ErrorKind, Repository, Storage, Time, Writer, random};

use crate::tree::{compare, noise};
use crate::upload::{in_memory, simple, snapshots};

const DAY: Duration = Duration::from_hours(24);

fn maintainer(repository: &Arc<Repository>) -> Maintainer {
    let maintainer = Maintainer::new(Arc::clone(repository), "me", "here");
    maintainer.take_over().unwrap();
    maintainer
}

fn blobs(storage: &dyn Storage, prefix: &str) -> Vec<Blob> {
    let mut blobs = Vec::new();
    storage
        .list(prefix, &mut |blob| {
            blobs.push(blob);
            Ok(())
        })
        .unwrap();
    blobs
}

fn entries(repository: &Repository) -> Vec<Entry> {
    repository.refresh().unwrap();
    let mut entries = Vec::new();
    repository
        .entries(&mut |entry| {
            entries.push(entry);
            Ok(())
        })
        .unwrap();
    entries
}

/// Deletes the oldest snapshot; it.
fn delete_oldest(repository: &Arc<Repository>) -> Snapshot {
    let manifests = Manifests::load(repository).unwrap();
    let of = |manifest| Snapshot::read(manifest).unwrap();
    let oldest = manifests.find(&[("type", "snapshot")]).min_by_key(|manifest| of(manifest).started).unwrap();
    let writer = Writer::new(Arc::clone(repository)).unwrap();
    let mut changes = Changes::default();
    changes.delete(repository, oldest);
    changes.write(&writer).unwrap();
    writer.flush().unwrap();
    of(oldest)
}

fn is_whole(repository: &Repository) {
    let report = verify(repository, &verify::Options::default(), &false.into()).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(report.snapshots as usize, snapshots(repository).len());
}

fn tree(folder: &Path, files: &[(&str, u64)]) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir(folder).unwrap();
    for (name, seed) in files {
        fs::write(folder.join(name), noise(*seed, 300_000)).unwrap();
    }
}

#[test]
fn what_no_snapshot_needs_is_gone_after_days_and_the_rest_stays() {
    let (storage, repository) = in_memory();
    let folder = tempfile::tempdir().unwrap();
    let of_tree = folder.path().join("tree");
    let maintainer = maintainer(&repository);
    tree(&of_tree, &[("both", 1), ("first", 2)]);
    simple(&repository, &of_tree);
    storage.advance(DAY);
    tree(&of_tree, &[("both", 1), ("second", 3)]);
    let (root, _) = simple(&repository, &of_tree);
    delete_oldest(&repository);
    let lost = repository.id_of(None, &noise(2, 300_000));
    let mut reports = Vec::new();
    for day in 0..5 {
        storage.advance(DAY);
        assert!(day > 2 || repository.content(&lost).is_ok(), "day {day}: a reader may still need it");
        reports.push(maintainer.run(Mode::Auto).unwrap());
        is_whole(&repository);
    }
    assert_eq!(reports[0].contents_deleted, 2, "the file and the directory: {reports:?}");
    assert_eq!(reports[0].blobs_deleted, 0);
    assert!(reports.iter().any(|report| report.dropped_before.is_some()));
    assert!(reports.iter().map(|report| report.blobs_deleted).sum::<u64>() > 0);
    assert_eq!(repository.content(&lost).unwrap_err().kind(), ErrorKind::NotFound);
    let bytes: u64 = blobs(&*storage, "p").iter().map(|blob| blob.length).sum();
    assert!(bytes < 700_000, "two files are left: {bytes}");
    compare(&*repository, &root, &of_tree);
    let again = Repository::open(storage.clone(), Arc::new(random::System), "secret").unwrap();
    compare(&again, &root, &of_tree);
}

#[test]
fn what_is_needed_again_is_taken_back() {
    let (storage, repository) = in_memory();
    let folder = tempfile::tempdir().unwrap();
    tree(&folder.path().join("tree"), &[("a", 1)]);
    simple(&repository, &folder.path().join("tree"));
    let maintainer = maintainer(&repository);
    storage.advance(DAY * 2);
    let deleted = delete_oldest(&repository);
    assert_eq!(maintainer.run(Mode::Full).unwrap().contents_deleted, 2);
    // a writer that began before has gone by what was there, and is done now
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let mut changes = Changes::default();
    changes.put(&repository, deleted.labels().unwrap(), deleted.to_bytes()).unwrap();
    changes.write(&writer).unwrap();
    writer.flush().unwrap();
    storage.advance(DAY);
    assert_eq!(maintainer.run(Mode::Full).unwrap().contents_recovered, 2);
    for _ in 0..4 {
        storage.advance(DAY);
        maintainer.run(Mode::Full).unwrap();
        is_whole(&repository);
    }
    compare(&*repository, &deleted.root, &folder.path().join("tree"));
}

#[test]
fn half_empty_packs_are_filled_anew() {
    let (storage, repository) = in_memory();
    let folder = tempfile::tempdir().unwrap();
    let of_tree = folder.path().join("tree");
    for number in 0..6 {
        tree(&of_tree, &[("a", number), ("b", number + 100)]);
        simple(&repository, &of_tree);
        storage.advance(Duration::from_hours(1));
    }
    let before = blobs(&*storage, "p").len();
    let maintainer = maintainer(&repository);
    storage.advance(DAY);
    let rewritten = maintainer.run(Mode::Full).unwrap();
    assert_eq!((before, rewritten.blobs_deleted), (6, 0));
    assert!(rewritten.contents_rewritten >= 18);
    storage.advance(DAY);
    assert!(maintainer.run(Mode::Full).unwrap().blobs_deleted >= 12);
    assert_eq!(blobs(&*storage, "p").len(), 1);
    is_whole(&repository);
}

#[test]
fn writers_that_are_not_done_keep_their_packs() {
    let (storage, repository) = in_memory();
    let maintainer = maintainer(&repository);
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    for number in 0..30 {
        writer.put(None, &noise(number, 1 << 20), None).unwrap();
    }
    let marks = |storage: &Memory| (blobs(storage, "p").len(), blobs(storage, "s").len());
    assert_eq!(marks(&storage), (1, 1), "a pack is there, and none of its contents in an index");
    for (day, expected) in [(1, (1, 1)), (2, (1, 1)), (3, (1, 1)), (4, (0, 0))] {
        storage.advance(DAY);
        maintainer.run(Mode::Full).unwrap();
        assert_eq!(marks(&storage), expected, "day {day}");
    }
    assert_eq!(writer.flush().unwrap_err().kind(), ErrorKind::NotFound, "it would tell of what is gone");
}

#[test]
fn only_the_owner_maintains_and_one_at_a_time() {
    let (storage, repository) = in_memory();
    let nobody = Maintainer::new(Arc::clone(&repository), "me", "here");
    assert_eq!(nobody.run(Mode::Auto).unwrap_err().kind(), ErrorKind::Locked);
    let owner = maintainer(&repository);
    let other = Maintainer::new(Arc::clone(&repository), "me", "there");
    assert_eq!(other.run(Mode::Full).unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(owner.run(Mode::Auto).unwrap().mode, Some(Mode::Full));
    assert_eq!(owner.run(Mode::Auto).unwrap(), Report::default(), "nothing is due");
    storage.advance(Duration::from_hours(1));
    assert_eq!(owner.run(Mode::Auto).unwrap().mode, Some(Mode::Quick));
    storage.put("w-maintenance-lease", b"another", None).unwrap();
    assert_eq!(owner.run(Mode::Full).unwrap().mode, None);
    storage.advance(DAY * 2);
    assert_eq!(owner.run(Mode::Full).unwrap().mode, Some(Mode::Full), "whoever had it is dead");
    assert!(blobs(&*storage, "w").is_empty());
}

#[test]
fn a_snapshot_that_cannot_be_read_keeps_all_from_being_deleted() {
    for document in ["{}", r#"{"source":{"host":"h","userName":"u","path":"/"},"rootEntry":null}"#] {
        let (storage, repository) = in_memory();
        let maintainer = maintainer(&repository);
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        writer.put(None, b"needed by whom?", None).unwrap();
        let mut changes = Changes::default();
        let labels = [("type".to_owned(), "snapshot".to_owned())].into();
        changes.put(&repository, labels, document.as_bytes().to_vec()).unwrap();
        changes.write(&writer).unwrap();
        writer.flush().unwrap();
        storage.advance(DAY * 2);
        let error = maintainer.run(Mode::Full).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
        assert!(entries(&repository).iter().all(|entry| !entry.is_deleted));
        assert!(blobs(&*storage, "w").is_empty(), "the lease is given back");
    }
}

#[test]
fn epochs_begin_are_merged_and_cleaned_up() {
    let (storage, repository) = in_memory();
    let maintainer = maintainer(&repository);
    let mut written = BTreeSet::new();
    let mut reports = Vec::new();
    for epoch in 0..12_u8 {
        for number in 0..21_u8 {
            let writer = Writer::new(Arc::clone(&repository)).unwrap();
            written.insert(writer.put(None, &[epoch, number], None).unwrap());
            writer.flush().unwrap();
            storage.advance(DAY / 20);
        }
        reports.push(maintainer.run(Mode::Quick).unwrap());
        assert_eq!(reports.last().unwrap().epoch_begun, Some(u64::from(epoch) + 1));
    }
    assert!(reports.iter().any(|report| report.indexes_merged >= 21), "epochs were merged one by one");
    let now = storage.now();
    let full = maintainer.run(Mode::Full).unwrap();
    assert!(full.indexes_merged > 0 && !blobs(&*storage, "xr0_").is_empty(), "and many at once");
    assert_eq!(storage.now(), now);
    storage.advance(DAY);
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    writer.put(None, b"later", None).unwrap();
    writer.flush().unwrap();
    let cleaned = maintainer.run(Mode::Full).unwrap();
    assert!(full.index_blobs_deleted + cleaned.index_blobs_deleted > 150, "{full:?} {cleaned:?}");
    assert!(blobs(&*storage, "xn").len() < 100 && blobs(&*storage, "xe").len() <= 2);
    let again = Repository::open(storage.clone(), Arc::new(random::System), "secret").unwrap();
    let found: BTreeSet<_> = entries(&again).into_iter().map(|entry| entry.id).collect();
    assert!(written.is_subset(&found));
}

#[test]
fn manifests_are_put_together_and_none_is_lost_or_comes_back() {
    let (_, repository) = in_memory();
    let maintainer = maintainer(&repository).with_safety(Safety::NONE);
    let put = |number: usize| {
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        let mut changes = Changes::default();
        let labels =
            [("type".to_owned(), "note".to_owned()), ("number".to_owned(), number.to_string())].into();
        changes.put(&repository, labels, b"{}".to_vec()).unwrap();
        changes.write(&writer).unwrap();
        writer.flush().unwrap();
    };
    (0..20).for_each(put);
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let mut changes = Changes::default();
    let manifests = Manifests::load(&repository).unwrap();
    changes.delete(&repository, manifests.latest(&[("number", "7")]).unwrap());
    changes.write(&writer).unwrap();
    writer.flush().unwrap();
    maintainer.run(Mode::Full).unwrap();
    let of_manifests = |entry: &&Entry| entry.id.to_string().starts_with('m') && !entry.is_deleted;
    assert_eq!(entries(&repository).iter().filter(of_manifests).count(), 1);
    let manifests = Manifests::load(&repository).unwrap();
    assert_eq!(manifests.find(&[("type", "note")]).count(), 19);
    assert!(manifests.latest(&[("number", "7")]).is_none());
}

#[test]
fn verification_names_what_is_lost_and_damaged() {
    let (storage, repository) = in_memory();
    let folder = tempfile::tempdir().unwrap();
    tree(&folder.path().join("tree"), &[("a", 1), ("b", 2)]);
    simple(&repository, &folder.path().join("tree"));
    is_whole(&repository);
    let pack = blobs(&*storage, "p").remove(0);
    let whole = storage.get(&pack.name, 1 << 30).unwrap();
    let look = |percent| {
        let options = verify::Options { percent, ..verify::Options::default() };
        verify(&repository, &options, &false.into()).unwrap()
    };
    let mut damaged = whole.clone();
    damaged[5000] ^= 1;
    storage.put(&pack.name, &damaged, None).unwrap();
    let report = look(100);
    assert_eq!((report.problem_count, report.contents_read + 1), (1, report.contents));
    assert_eq!((report.problems[0].kind(), report.problems[0].subject()), (ErrorKind::Corrupt, &*pack.name));
    assert_eq!((look(0).problem_count, look(0).contents_read), (0, 0));
    storage.put(&pack.name, &whole[..400_000], None).unwrap();
    assert_eq!(look(0).problem_count, 1, "cut off, as its length tells");
    storage.delete(&pack.name).unwrap();
    let report = look(0);
    assert!(report.problem_count == 2 && report.problems.iter().all(|one| one.subject() == pack.name));
    let canceled = verify(&repository, &verify::Options::default(), &true.into());
    assert_eq!(canceled.unwrap_err().kind(), ErrorKind::Canceled);
    assert_eq!(storage.now(), Time::from_seconds(1_700_000_000));
}

#[test]
fn writers_and_maintenance_go_on_at_once() {
    let (storage, repository) = in_memory();
    let folder = tempfile::tempdir().unwrap();
    let maintainer = maintainer(&repository);
    let open = || {
        let opened = Repository::open(storage.clone(), Arc::new(random::System), "secret");
        Arc::new(opened.unwrap())
    };
    std::thread::scope(|scope| {
        for writer in 0..3_u64 {
            let of_tree = folder.path().join(writer.to_string());
            scope.spawn(move || {
                let repository = open();
                for round in 0..4 {
                    tree(&of_tree, &[("shared", round), ("own", writer * 100 + round)]);
                    simple(&repository, &of_tree);
                }
            });
        }
        for _ in 0..6 {
            maintainer.run(Mode::Full).unwrap();
            storage.advance(Duration::from_secs(30));
        }
    });
    assert_eq!(snapshots(&repository).len(), 12);
    is_whole(&repository);
}
