//! The adapter against what repositories rely on, over the stores of tests and over a folder.

use std::sync::atomic::AtomicBool;

use controllers::deps::SystemClock;
use kopia::storage::{Retention, RetentionMode, Storage, conformance};
use kopia::upload::{self, Progress, Request};
use kopia::{Format, Repository, Writer, format, random, restore};
use restic::Files;
use store::adapter::{Filesystem, Memory};
use store::fault::{Fault, Faults, Rule};
use store::layer::{Layered, Verb};

use super::*;

/// Does what blocks, in a thread that is none of the runtime's.
fn blocking<T: Send>(store: Arc<dyn Store>, folder: &str, work: impl FnOnce(Bucket) -> T + Send) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let bucket = Bucket::new(store, folder, runtime.handle().clone(), Arc::new(SystemClock));
    work(bucket)
}

fn folder_store(path: &std::path::Path) -> Arc<dyn Store> {
    Arc::new(Filesystem::new(path, "bucket", "prefix"))
}

#[test]
fn conformance_over_a_location() {
    let place = tempfile::tempdir().unwrap();
    blocking(folder_store(place.path()), "kopia/ns/", |bucket| assert_eq!(conformance::all(&bucket), []));
    let memory = Memory::default();
    memory.set_clock(jiff::Timestamp::now());
    blocking(Arc::new(memory), "", |bucket| assert_eq!(conformance::all(&bucket), []));
}

#[test]
fn a_tree_goes_into_a_location_and_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let (source, target) = (place.path().join("source"), place.path().join("target"));
    std::fs::create_dir_all(source.join("below")).unwrap();
    std::fs::write(source.join("below/file"), vec![7; 3_000_000]).unwrap();
    blocking(folder_store(place.path()), "kopia/ns/", |bucket| {
        let storage: Arc<dyn Storage> = Arc::new(bucket);
        Format::create(&*storage, &random::System, "password", &format::Options::default()).unwrap();
        let repository =
            Repository::open(Arc::clone(&storage), Arc::new(random::System), "password").unwrap();
        let repository = Arc::new(repository);
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        let of = kopia::snapshot::Source { host: "h".into(), user: "u".into(), path: "/data".into() };
        let request = Request { source: of, ..Request::default() };
        let (options, progress, never) =
            (upload::Options::default(), Progress::default(), AtomicBool::new(false));
        let saved = upload::snapshot(&writer, &source, &request, &options, &progress, &never).unwrap();
        let (root, options) = (&saved.snapshot.root, restore::Options::default());
        let report = restore::restore(&*repository, root, &target, &options, &never).unwrap();
        assert_eq!((report.files, report.problem_count), (1, 0));
        let mut names = Vec::new();
        let mut note = |blob: kopia::storage::Blob| {
            names.push(blob.name);
            Ok(())
        };
        storage.list("", &mut note).unwrap();
        assert!(names.contains(&"kopia.repository".to_owned()), "{names:?}");
    });
    assert!(place.path().join("bucket/prefix/kopia/ns/kopia.repository").is_file());
    assert_eq!(std::fs::read(target.join("below/file")).unwrap(), vec![7; 3_000_000]);
}

#[test]
fn files_of_restic_are_found_by_their_paths() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("bucket/prefix/restic/ns");
    for path in ["config", "keys/aa", "keys/bb", "data/ab/abcd"] {
        std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        std::fs::write(root.join(path), path).unwrap();
    }
    blocking(folder_store(place.path()), "restic/ns/", |bucket| {
        let names = |folder| -> Vec<String> {
            Files::list(&bucket, folder).unwrap().into_iter().map(|file| file.name).collect()
        };
        assert_eq!(
            (names("keys"), names("data"), names("none")),
            (vec!["aa".into(), "bb".into()], vec![], vec![])
        );
        assert_eq!(Files::get(&bucket, "data/ab/abcd", 100).unwrap(), b"data/ab/abcd");
        assert_eq!(Files::get_range(&bucket, "config", 1, 3).unwrap(), b"onf");
        assert_eq!(bucket.length("config").unwrap(), 6);
        assert_eq!(Files::get(&bucket, "config", 3).unwrap_err().kind(), ErrorKind::TooLarge);
        assert_eq!(bucket.length("none").unwrap_err().kind(), ErrorKind::NotFound);
    });
}

#[test]
fn what_a_store_cannot_do_is_refused_and_its_failures_are_told_apart() {
    blocking(Arc::new(Memory::default()), "", |bucket| {
        let retention = Retention { mode: RetentionMode::Compliance, until: Time::EPOCH };
        let error = bucket.put("pblob", b"x", Some(retention)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(bucket.extend_retention("pblob", retention).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(bucket.head("pblob").unwrap_err().kind(), ErrorKind::NotFound, "nothing was put");
    });
    for (kind, expected) in [
        (store::ErrorKind::Denied, ErrorKind::Storage),
        (store::ErrorKind::Unavailable, ErrorKind::Storage),
        (store::ErrorKind::Unsupported, ErrorKind::Unsupported),
    ] {
        let faults = Faults::new(vec![Rule::every(Verb::Put, Fault::Before(kind))]);
        let store = Arc::new(Layered::new(Arc::new(Memory::default()), faults));
        blocking(store, "", |bucket| {
            let error = bucket.put("pblob", b"x", None).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (expected, "pblob"));
        });
    }
}
