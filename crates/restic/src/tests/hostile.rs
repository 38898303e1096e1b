//! What somebody with the key may put into a repository: it leads nowhere, and takes no more memory than it may.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use kopia::restore::{Options, Report, find};
use serde_json::{Value, json};

use super::made::{Made, Memory, file, folder, link, open, small};
use crate::crypto::Key;
use crate::index::Kind;
use crate::verify::verify;
use crate::{ErrorKind, Id, restore};

fn restored((files, key): &(Memory, Key), path: &str, target: &Path) -> Report {
    let repository = open(files, key).unwrap();
    let snapshot = repository.snapshots().unwrap().remove(0);
    restore(&repository, &snapshot, path, target, &Options::default(), &AtomicBool::new(false)).unwrap()
}

fn kinds(report: &Report) -> Vec<(&str, ErrorKind)> {
    let mut kinds: Vec<_> =
        report.problems.iter().map(|problem| (problem.path.as_str(), problem.error.kind())).collect();
    kinds.sort_by_key(|(path, _)| *path);
    kinds
}

#[test]
fn names_lead_nowhere() {
    let place = tempfile::tempdir().unwrap();
    let (outside, target) = (place.path().join("outside"), place.path().join("target"));
    fs::create_dir(&outside).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    symlink("../outside", target.join("folder")).unwrap();
    let mut made = Made::new(2);
    let ids = made.pack(&[(Kind::Data, b"overwritten")]);
    let below = made.tree(&json!([file("victim", b"overwritten", &ids)]));
    let names = ["../outside/victim", "..", ".", "", "a/b", "nul\\x00", "/etc/passwd"];
    let mut nodes: Vec<Value> = names.iter().map(|name| file(name, b"overwritten", &ids)).collect();
    nodes.extend([
        folder("folder", below),
        folder("..", below),
        link("out", "../outside"),
        folder("out", below),
    ]);
    let root = made.tree(&nodes.into());
    let report = restored(&made.finish(root), "", &target);
    assert_eq!(report.problem_count, 10, "{:?}", report.problems);
    assert_eq!(fs::read_to_string(outside.join("victim")).unwrap(), "untouched");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn sizes_that_are_not_so_are_problems_of_their_files() {
    let mut made = Made::new(2);
    let ids = made.pack(&[(Kind::Data, b"12345")]);
    let mut huge = file("huge", b"12345", &ids);
    huge["size"] = (u64::MAX).into();
    let mut odd = file("odd", b"", &[]);
    odd["type"] = "irregular".into();
    let nodes = json!([
        huge,
        file("short", b"1234", &ids),
        file("nothing", b"1", &[]),
        file("lost", b"12345", &[Id([9; 32])]),
        odd,
        file("good", b"1234512345", &[ids[0], ids[0]]),
        file("empty", b"", &[]),
    ]);
    let root = made.tree(&nodes);
    let repository = made.finish(root);
    let target = tempfile::tempdir().unwrap();
    let report = restored(&repository, "", target.path());
    let (corrupt, absent) = (ErrorKind::Corrupt, ErrorKind::NotFound);
    assert_eq!(
        kinds(&report),
        [
            ("", ErrorKind::Unsupported),
            ("huge", corrupt),
            ("lost", absent),
            ("nothing", corrupt),
            ("short", corrupt)
        ]
    );
    assert_eq!(fs::read(target.path().join("good")).unwrap(), b"1234512345");
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 2, "and an empty one; nothing half written");
    let report = verify(&open(&repository.0, &repository.1).unwrap(), 1, &AtomicBool::new(false)).unwrap();
    assert_eq!(report.problem_count, 4, "{:?}", report.problems);
}

#[test]
fn blobs_that_lie_about_their_lengths_are_refused() {
    for (field, value, kind) in [
        ("length", json!(u32::MAX), ErrorKind::TooLarge),
        ("length", json!(100), ErrorKind::Corrupt),
        ("length", json!(0), ErrorKind::Corrupt),
        ("offset", json!(u32::MAX), ErrorKind::Corrupt),
        ("offset", json!(1), ErrorKind::Corrupt),
        ("uncompressed_length", json!(u32::MAX), ErrorKind::TooLarge),
        ("uncompressed_length", json!(3), ErrorKind::Corrupt),
        ("uncompressed_length", json!(0), ErrorKind::Corrupt),
    ] {
        let mut made = Made::new(2);
        let data = vec![0; 100_000];
        let ids = made.pack(&[(Kind::Data, &data)]);
        made.rows()[0]["blobs"][0][field] = value;
        let root = made.tree(&json!([file("file", &data, &ids)]));
        let repository = made.finish(root);
        let target = tempfile::tempdir().unwrap();
        let report = restored(&repository, "", target.path());
        assert_eq!(kinds(&report), [("file", kind)], "{field} {:?}", report.problems);
        let report =
            verify(&open(&repository.0, &repository.1).unwrap(), 1, &AtomicBool::new(false)).unwrap();
        assert!(report.problem_count > 0, "{field}");
    }
}

#[test]
fn folders_are_found_and_the_root_keeps_what_it_has() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let repository = small(1);
    let target = tempfile::tempdir().unwrap();
    fs::set_permissions(target.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let report = restored(&repository, "/", target.path());
    assert_eq!((report.files, report.symlinks, report.folders, report.problem_count), (2, 1, 2, 0));
    assert_eq!(fs::metadata(target.path()).unwrap().mode() & 0o777, 0o711);
    let below = fs::metadata(target.path().join("below")).unwrap();
    assert_eq!(
        (below.mode() & 0o777, below.mtime(), below.mtime_nsec()),
        (0o750, 1_600_000_000, 500_000_000)
    );
    let report = restored(&repository, "below", target.path());
    assert_eq!((report.symlinks, report.folders), (1, 1));
    assert_eq!(fs::metadata(target.path()).unwrap().mode() & 0o777, 0o750);
    let opened = open(&repository.0, &repository.1).unwrap();
    let snapshot = opened.snapshot("").unwrap_err();
    assert_eq!(snapshot.kind(), ErrorKind::NotFound);
    let snapshot = opened.snapshots().unwrap().remove(0);
    assert_eq!(opened.snapshot(&snapshot.id[..8]).unwrap(), snapshot);
    let absent = find(&opened, &opened.root(&snapshot), "below/none").unwrap_err();
    assert_eq!((absent.kind(), absent.subject()), (ErrorKind::NotFound, "below/none"));
}

#[test]
fn versions_that_are_not_known_are_refused() {
    let made = Made::new(3);
    let error = open(&made.files, &made.key).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::Unsupported, "config"));
}

#[test]
fn pipes_sockets_and_devices_are_made_and_attributes_that_are_not_set_are_told() {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let special = |name: &str, kind: &str, device: u64| {
        let mut node = file(name, b"", &[]);
        node["type"] = kind.into();
        node["mode"] = 0o622.into();
        node["device"] = device.into();
        node
    };
    let attributes = json!([{"name": "trusted.a", "value": "AQI="}]);
    let (mut socket, mut to) = (special("socket", "socket", 0), link("link", "to"));
    socket["extended_attributes"] = attributes.clone();
    to["extended_attributes"] = attributes;
    let null = 1 << 8 | 3;
    let nodes = json!([
        special("null", "chardev", null),
        special("pipe", "fifo", 0),
        socket,
        to,
        special("..", "fifo", 0)
    ]);
    let mut made = Made::new(2);
    let root = made.tree(&nodes);
    let repository = made.finish(root);
    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("pipe"), "something else").unwrap();
    let report = restored(&repository, "", target.path());
    let at = |name: &str| fs::symlink_metadata(target.path().join(name));
    for name in ["pipe", "socket"] {
        let facts = at(name).unwrap();
        assert!(facts.file_type().is_fifo() || facts.file_type().is_socket(), "{name}");
        assert_eq!(
            (facts.mode() & 0o7777, facts.mtime()),
            (0o622, 1_600_000_000),
            "{name}: whatever the umask is"
        );
    }
    // whoever may not make devices is told
    let is_made = at("null").is_ok_and(|facts| facts.file_type().is_char_device() && facts.rdev() == null);
    assert_eq!(report.special, 2 + u64::from(is_made));
    let told = |path: &str, kind| {
        report.problems.iter().any(|problem| problem.error.subject() == path && problem.error.kind() == kind)
    };
    assert_eq!(told("null", ErrorKind::Storage), !is_made, "{:?}", report.problems);
    assert!(told("socket", ErrorKind::Unsupported) && told("link", ErrorKind::Unsupported));
    assert!(told("..", ErrorKind::Corrupt), "{:?}", report.problems);
    assert_eq!(report.problem_count, 3 + u64::from(!is_made));
    assert_eq!(fs::read_dir(target.path()).unwrap().count(), 3 + usize::from(is_made), "nothing half made");
}
