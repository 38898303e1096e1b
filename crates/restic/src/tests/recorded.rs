//! Repositories that restic 0.18.1 wrote, of both versions of the format: `tests/data/record.sh` makes them, and says what is in them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use kopia::restore::{Options, Problem};
use rustix::fs::{XattrFlags, getxattr, setxattr};

use crate::files::Folder;
use crate::verify::verify;
use crate::{ErrorKind, Files, Repository, restore};

const PASSWORD: &str = "recorded";

fn recorded(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/v{version}"))
}

fn open(version: u32) -> Repository {
    Repository::open(Box::new(Folder::new(recorded(version))), PASSWORD).unwrap()
}

/// Whether extended attributes may be set below a folder.
fn keeps_attributes(folder: &Path) -> bool {
    setxattr(folder, "user.colour", b"red", XattrFlags::empty()).is_ok()
}

#[test]
fn what_restic_wrote_is_verified() {
    for version in [1, 2] {
        let repository = open(version);
        let report = verify(&repository, 2, &AtomicBool::new(false)).unwrap();
        assert_eq!((report.snapshots, report.problem_count), (2, 0), "{:?}", report.problems);
        assert!(report.blobs > 5 && report.bytes > 200_000, "{report:?}");
        assert_eq!(repository.version(), version);
        let snapshots = repository.snapshots().unwrap();
        assert_eq!((snapshots[0].tags.clone(), snapshots[1].tags.len()), (vec!["first".to_owned()], 0));
        assert_eq!(snapshots[1].hostname, "recorded");
        assert!(snapshots[0].paths[0].ends_with("/tree/below"), "{:?}", snapshots[0].paths);
    }
}

#[test]
fn what_restic_wrote_is_restored_as_it_was() {
    for version in [1, 2] {
        let repository = open(version);
        let snapshot = repository.snapshots().unwrap().remove(1);
        let target = tempfile::tempdir().unwrap();
        let keeps = keeps_attributes(target.path());
        let options = Options { is_sparse: true, ignore_permission_errors: true, ..Options::default() };
        let never = AtomicBool::new(false);
        let report = restore(&repository, &snapshot, "tree", target.path(), &options, &never).unwrap();
        let is_expected = |problem: &Problem| !keeps && problem.error.to_string().contains("user.colour");
        assert!(report.problems.iter().all(is_expected), "{:?}", report.problems);
        let at = |name: &str| target.path().join(name);
        assert_eq!(fs::read(at("below/deep")).unwrap(), b"deep\n");
        assert_eq!(fs::read(at("file")).unwrap(), b"hello\n");
        assert_eq!(fs::read(at("empty")).unwrap(), b"");
        let odd = target.path().join(OsStr::from_bytes(b"new\nline \"\\ \xff"));
        assert_eq!(fs::read(odd).unwrap(), b"odd");
        let same = b"the same again and again\n".repeat(4000);
        assert!(fs::read(at("compressible")).unwrap() == same[..100_000]);
        let noise = fs::read(at("noise")).unwrap();
        assert!(noise.len() == 75_000 && noise.iter().all(u8::is_ascii_alphanumeric));
        let zeros = if version == 1 { 65_536 } else { 9 << 20 };
        assert!(fs::read(at("zeros")).unwrap() == vec![0; zeros]);
        assert!(fs::metadata(at("zeros")).unwrap().blocks() * 512 < 50_000, "holes");
        assert_eq!(fs::metadata(at("file")).unwrap().ino(), fs::metadata(at("below/again")).unwrap().ino());
        assert_eq!(fs::read_link(at("below/link")).unwrap(), Path::new("../file"));
        assert_eq!(fs::read_link(at("odd-link")).unwrap().as_os_str().as_bytes(), b"odd\xff");
        let pipe = fs::symlink_metadata(at("pipe")).unwrap();
        assert!(pipe.file_type().is_fifo() && report.special == 1);
        assert_eq!((pipe.mtime(), pipe.mtime_nsec()), (1_600_000_000, 123_456_789));
        for (name, mode) in [("noise", 0o6750), ("empty folder", 0o1777), ("file", 0o644)] {
            let metadata = fs::metadata(at(name)).unwrap();
            assert_eq!(metadata.mode() & 0o7777, mode, "{name}");
            assert_eq!((metadata.mtime(), metadata.mtime_nsec()), (1_600_000_000, 123_456_789), "{name}");
        }
        if keeps {
            let mut value = [0; 16];
            let length = getxattr(at("file"), "user.colour", &mut value).unwrap();
            assert_eq!(&value[..length], b"blue");
        }
        if fs::metadata("/proc/self").unwrap().uid() == 0 {
            let deep = fs::metadata(at("below/deep")).unwrap();
            assert_eq!((deep.uid(), deep.gid()), (1234, 5678));
        }
    }
}

/// The key files of the recorded repositories are restic's own, with its cost: only a few bytes of them are tried.
#[test]
fn keys_of_restic_open_with_their_password_only() {
    let wrong = Repository::open(Box::new(Folder::new(recorded(2))), "wrong").unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidPassword);
    let folder = Folder::new(recorded(2));
    let keys = folder.list("keys").unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(folder.get("keys/none", 1).unwrap_err().kind(), ErrorKind::NotFound);
}
