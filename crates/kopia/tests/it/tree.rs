//! Trees of files: odd ones on disk, how they are put into a repository, and how they are compared with what is in one.

use std::fs::{self, File, FileTimes};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kopia::object::ObjectReader;
use kopia::snapshot::{DirEntry, Directory, EntryType, Mode};
use kopia::{Contents, ObjectId, Time};

/// Bytes that follow from a seed and do not compress.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A tree with what trees may hold: names, sizes, permissions, times, links.
pub(crate) fn zoo(root: &Path) {
    for folder in ["empty", "deep/er/and/deeper", "sticky"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (name, bytes) in [
        ("a file", b"hello world\n".to_vec()),
        ("no bytes", Vec::new()),
        ("<html> & \"quotes\" \\", b"x".to_vec()),
        ("new\nline and \t tab and \u{1} and \u{7f}", b"y".to_vec()),
        ("line \u{2028} separator, ünicode \u{fffd}", b"z".to_vec()),
        ("deep/er/and/deeper/noise", noise(1, 11_000_000)),
        ("deep/zeros", vec![0; 5_000_000]),
        ("deep/text", "again and again\n".repeat(20_000).into_bytes()),
    ] {
        fs::write(root.join(name), bytes).unwrap();
    }
    symlink("../nowhere", root.join("dangling")).unwrap();
    symlink("a file", root.join("deep/link")).unwrap();
    for (name, mode) in [("sticky", 0o1777), ("a file", 0o4755), ("no bytes", 0o400), ("empty", 0o2750)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let years = Duration::from_secs(10 * 365 * 24 * 3600);
    for (name, time) in [
        ("a file", UNIX_EPOCH),
        ("no bytes", UNIX_EPOCH - years),
        ("deep/text", UNIX_EPOCH + years * 10),
        ("empty", UNIX_EPOCH - years),
    ] {
        set_time(&root.join(name), time);
    }
}

pub(crate) fn set_time(path: &Path, time: SystemTime) {
    File::open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn time_of(metadata: &fs::Metadata) -> Time {
    Time::from_nanos(metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec())
}

fn read(contents: &dyn Contents, object: ObjectId) -> Vec<u8> {
    let mut bytes = Vec::new();
    ObjectReader::open(contents, object).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

/// Compares what a repository has with what is on disk; how many entries there are.
pub(crate) fn compare(contents: &dyn Contents, entry: &DirEntry, path: &Path) -> usize {
    let metadata = fs::symlink_metadata(path).unwrap();
    assert_eq!(entry.modified, time_of(&metadata), "{}", path.display());
    assert_eq!((entry.uid, entry.gid), (metadata.uid(), metadata.gid()));
    let bytes = read(contents, entry.object.unwrap());
    match entry.kind {
        EntryType::File => {
            assert_eq!(entry.mode, Mode::from_unix(metadata.mode()));
            assert_eq!(entry.size, metadata.len());
            assert!(bytes == fs::read(path).unwrap(), "{}", path.display());
            1
        }
        EntryType::Symlink => {
            assert_eq!(bytes, fs::read_link(path).unwrap().as_os_str().as_bytes());
            1
        }
        _ => {
            assert!(metadata.is_dir());
            let directory = Directory::read(&path.display(), &bytes[..]).unwrap();
            assert_eq!(directory.to_bytes(), bytes, "it would be written again to the byte");
            assert_eq!(directory.entries.len(), fs::read_dir(path).unwrap().count());
            let child = |entry: &DirEntry| path.join(std::ffi::OsStr::from_bytes(&entry.name));
            let below = directory.entries.iter().map(|entry| compare(contents, entry, &child(entry)));
            1 + below.sum::<usize>()
        }
    }
}

/// Compares two trees on disk.
pub(crate) fn compare_on_disk(one: &Path, other: &Path) {
    let [first, second] = [one, other].map(|path| fs::symlink_metadata(path).unwrap());
    let facts = |metadata: &fs::Metadata| (metadata.mode(), metadata.uid(), metadata.gid());
    assert_eq!(facts(&first), facts(&second), "{}", one.display());
    if first.is_dir() {
        let mut names: Vec<_> = fs::read_dir(one).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names.len(), fs::read_dir(other).unwrap().count(), "{}", one.display());
        names.iter().for_each(|name| compare_on_disk(&one.join(name), &other.join(name)));
    } else if first.is_symlink() {
        assert_eq!(fs::read_link(one).unwrap(), fs::read_link(other).unwrap());
    } else {
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{}", one.display());
        assert_eq!(time_of(&first), time_of(&second), "{}", one.display());
    }
}
