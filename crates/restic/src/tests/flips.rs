//! Every byte of a small repository is flipped, and every file of it cut off or lost: an error names the file or the blob, or nothing has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use kopia::restore::Options;

use super::made::{Memory, PASSWORD, open, small};
use crate::crypto::Key;
use crate::verify::verify;
use crate::{Error, ErrorKind, Repository, Result, restore};

/// What is restored, by path.
type Tree = BTreeMap<String, Vec<u8>>;

fn seen(folder: &Path, path: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{path}/{}", entry.file_name().to_str().unwrap());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            seen(&entry.path(), &path, tree);
        } else if kind.is_symlink() {
            tree.insert(path, fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes());
        } else {
            tree.insert(path, fs::read(entry.path()).unwrap());
        }
    }
}

/// Restores all snapshots: what there is of each, and what is wrong.
fn everything(files: &Memory, key: &Key) -> Result<(Tree, Vec<Error>)> {
    let repository = open(files, key)?;
    let (mut tree, mut problems, never) = (Tree::new(), Vec::new(), AtomicBool::new(false));
    for snapshot in repository.snapshots()? {
        let target = tempfile::tempdir().unwrap();
        let options = Options { threads: 1, ..Options::default() };
        let report = restore(&repository, &snapshot, "", target.path(), &options, &never)?;
        problems.extend(report.problems.into_iter().map(|problem| problem.error));
        seen(target.path(), &snapshot.id, &mut tree);
    }
    Ok((tree, problems))
}

/// Whether an error is about a file, or about a blob in it.
fn names(error: &Error, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap();
    error.to_string().contains(name)
}

#[test]
fn every_flipped_byte_is_an_error_that_names_the_file_or_changes_nothing() {
    for version in [1, 2] {
        let (files, key) = small(version);
        let (expected, problems) = everything(&files, &key).unwrap();
        assert!(problems.is_empty() && expected.len() == 3, "{problems:?}");
        for (path, bytes) in files.0.iter().filter(|(path, _)| !path.starts_with("keys/")) {
            for position in 0..bytes.len() {
                let mut flipped = files.clone();
                flipped.0.get_mut(path).unwrap()[position] ^= 1 << (position % 8);
                let at = format!("version {version}, byte {position} of {path}");
                match everything(&flipped, &key) {
                    Err(error) => assert!(names(&error, path), "{at}: {error}"),
                    Ok((tree, problems)) if problems.is_empty() => assert_eq!(tree, expected, "{at}"),
                    Ok((tree, problems)) => {
                        assert!(problems.iter().all(|error| names(error, path)), "{at}: {problems:?}");
                        assert!(tree.iter().all(|(path, data)| expected.get(path) == Some(data)), "{at}");
                    }
                }
            }
        }
    }
}

#[test]
fn verification_finds_every_flipped_byte_of_a_pack_and_names_it() {
    let (files, key) = small(2);
    let never = AtomicBool::new(false);
    let report = verify(&open(&files, &key).unwrap(), 2, &never).unwrap();
    assert_eq!((report.snapshots, report.packs, report.blobs, report.problem_count), (1, 3, 4, 0));
    for (path, bytes) in files.0.iter().filter(|(path, _)| path.starts_with("data/")) {
        for position in 0..bytes.len() {
            let mut flipped = files.clone();
            flipped.0.get_mut(path).unwrap()[position] ^= 0x40;
            let report = verify(&open(&flipped, &key).unwrap(), 1, &never).unwrap();
            assert!(report.problem_count > 0, "byte {position} of {path}");
            assert!(report.problems.iter().any(|error| names(error, path)), "{:?}", report.problems);
        }
    }
}

#[test]
fn files_that_are_cut_off_or_lost_are_named() {
    let (files, key) = small(2);
    for (path, bytes) in &files.0 {
        for length in [None, Some(0), Some(1), Some(31), Some(bytes.len() / 2), Some(bytes.len() - 1)] {
            let mut damaged = files.clone();
            match length {
                Some(length) => damaged.0.get_mut(path).unwrap().truncate(length),
                None => drop(damaged.0.remove(path)),
            }
            if path.starts_with("keys/") {
                let error = Repository::open(Box::new(damaged), PASSWORD).unwrap_err();
                let named = names(&error, path) || (length.is_none() && error.kind() == ErrorKind::NotFound);
                assert!(named, "{path} {length:?}: {error}");
                continue;
            }
            let errors = match everything(&damaged, &key) {
                Err(error) => vec![error],
                Ok((_, problems)) => problems,
            };
            // a list at the end of a pack is read by verification only, and a snapshot or index that is gone is not known of
            let is_known = path.starts_with("data/") || path == "config";
            let is_needed = length.is_some_and(|length| length < bytes.len() / 2) || length.is_none();
            assert!(
                errors.iter().all(|error| names(error, path) || path.starts_with("index/")),
                "{errors:?}"
            );
            assert!(!(errors.is_empty() && is_known && is_needed), "{path} {length:?}");
        }
    }
}

#[test]
fn keys_that_are_damaged_are_told_from_passwords_that_are_wrong() {
    let (files, _) = small(2);
    assert_eq!(Repository::open(Box::new(files.clone()), PASSWORD).unwrap().version(), 2);
    let wrong = Repository::open(Box::new(files.clone()), "wrong").unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidPassword);
    let path = files.0.keys().find(|path| path.starts_with("keys/")).unwrap();
    for position in 0..files.0[path].len() {
        let mut flipped = files.clone();
        flipped.0.get_mut(path).unwrap()[position] ^= 1;
        let error = Repository::open(Box::new(flipped), PASSWORD).unwrap_err();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, path.as_str()), "{position}");
    }
}
