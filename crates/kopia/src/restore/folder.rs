//! Folders of the target. Every step is taken from one that is open, by a single name, and no link is followed.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::fs::{self as sys, AtFlags, FileType, Mode, OFlags, Stat, Timespec, Timestamps, XattrFlags};
use rustix::fs::{Gid, Uid};
use rustix::io::Errno;

use super::options::Selected;
use super::{Attribute, Existing, Job, Options};
use crate::beneath::{self, FOLDER};
use crate::snapshot::{DirEntry, EntryType};
use crate::sync::lock;
use crate::{Error, ErrorKind, Result, Time};

/// What kopia makes of the zero time of Go: no time at all.
const NO_TIME: Time = Time::from_nanos(-6_795_364_578_871_345_152);
/// A folder. When nobody needs it any more it gets the owner, the permissions and the time that it had: all below it is written by then.
pub(super) struct Folder<'a> {
    job: &'a Job<'a>,
    /// Its path below the target.
    path: Vec<u8>,
    entry: DirEntry,
    attributes: Vec<Attribute>,
    /// Hashes of the names in it, while it is to be cleared of all others.
    names: Mutex<Names>,
    /// Is finished later than this one.
    _above: Option<Arc<Self>>,
}

/// What is known of the names that belong into a folder.
enum Names {
    /// Nothing: what else is there stays.
    Unknown,
    /// Those listed so far.
    Some(HashSet<u64>),
    /// All of them.
    All(HashSet<u64>),
}

/// What is known of the names in a folder of which nothing has been listed yet.
fn names_of(options: &Options, is_whole: bool) -> Mutex<Names> {
    let is_cleared = is_whole && options.delete_extra;
    Mutex::new(if is_cleared { Names::Some(HashSet::new()) } else { Names::Unknown })
}

/// The target itself, which may be a link for whoever names it.
pub(super) fn open_target(target: &Path) -> Result<OwnedFd> {
    let name = target.display().to_string();
    std::fs::create_dir_all(target).map_err(|error| failed(&name, error))?;
    let fd = sys::open(target, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    fd.map_err(|error| failed(&name, error))
}

impl<'a> Folder<'a> {
    pub(super) fn root(job: &'a Job<'a>, entry: DirEntry) -> Self {
        let names = names_of(job.options, job.options.select.is_empty());
        Self { job, path: Vec::new(), entry, attributes: Vec::new(), names, _above: None }
    }

    /// A folder in another one; made if it is not there.
    pub(super) fn below(
        above: &Arc<Self>,
        entry: DirEntry,
        attributes: Vec<Attribute>,
        selected: Selected,
    ) -> Result<Self> {
        let path = above.bytes_of(&entry.name);
        let name = String::from_utf8_lossy(&path).into_owned();
        let place = above.open().map_err(|error| failed(&name, error))?;
        match sys::mkdirat(&place.0, &entry.name[..], Mode::RWXU) {
            Ok(()) => {}
            Err(Errno::EXIST) if place.is_folder(&entry.name) => {}
            Err(error) => return Err(failed(&name, error)),
        }
        let names = names_of(above.job.options, selected == Selected::Whole);
        Ok(Self { job: above.job, path, entry, attributes, names, _above: Some(Arc::clone(above)) })
    }

    pub(super) fn job(&self) -> &Job<'a> {
        self.job
    }

    /// Its path below the target.
    pub(super) fn path(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    /// The path of something in it.
    pub(super) fn path_of(&self, name: &[u8]) -> String {
        String::from_utf8_lossy(&self.bytes_of(name)).into_owned()
    }

    pub(super) fn bytes_of(&self, name: &[u8]) -> Vec<u8> {
        if self.path.is_empty() { name.to_vec() } else { [&self.path[..], b"/", name].concat() }
    }

    /// Opens it. No folder stays open: there may be more of them than a process may have open.
    pub(super) fn open(&self) -> io::Result<Opened> {
        Ok(Opened(beneath::open(&self.job.root, &self.path)?))
    }

    /// Whether what is there stays in place of an entry.
    pub(super) fn keeps(&self, entry: &DirEntry) -> bool {
        let there = || {
            let place = self.open().ok()?;
            sys::statat(&place.0, &entry.name[..], AtFlags::SYMLINK_NOFOLLOW).ok()
        };
        match self.job.options.existing {
            Existing::Replace => false,
            Existing::Keep => there().is_some(),
            Existing::KeepUnchanged => {
                there().is_some_and(|stat| is_unchanged(&stat, entry, self.job.options))
            }
        }
    }

    /// Takes note of a name that belongs into it.
    pub(super) fn note(&self, name: &[u8]) {
        if let Names::Some(names) = &mut *lock(&self.names) {
            names.insert(hash(name));
        }
    }

    /// Takes note that those were all.
    pub(super) fn listed(&self) {
        let mut names = lock(&self.names);
        *names = match std::mem::replace(&mut *names, Names::Unknown) {
            Names::Some(all) => Names::All(all),
            other => other,
        };
    }

    fn finish(&self) -> io::Result<()> {
        let place = self.open()?;
        if let Names::All(names) = &*lock(&self.names)
            && self.job.check_cancel().is_ok()
        {
            let deleted = place.remove_all_but(&|name| names.contains(&hash(name)))?;
            self.job.count(|report| report.deleted += deleted);
        }
        if self.path.is_empty() && self.job.options.keep_root {
            return Ok(());
        }
        set(&place.0, &self.entry, self.job.options)?;
        set_attributes(&place.0, &self.attributes, self.job.options)
    }
}

impl Drop for Folder<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            self.job.problem(self.path(), failed("folder", error));
        }
    }
}

fn hash(name: &[u8]) -> u64 {
    blake3::hash(name).as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes)
}

/// A folder that is open.
pub(super) struct Opened(OwnedFd);

impl Opened {
    fn is_folder(&self, name: &[u8]) -> bool {
        let stat = sys::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// A new file, in place of what a restore that broke off left.
    pub(super) fn create(&self, name: &[u8]) -> io::Result<File> {
        self.remove(name)?;
        self.open_file(name, OFlags::CREATE | OFlags::EXCL)
    }

    /// The same file again.
    pub(super) fn reopen(&self, name: &[u8]) -> io::Result<File> {
        self.open_file(name, OFlags::empty())
    }

    fn open_file(&self, name: &[u8], flags: OFlags) -> io::Result<File> {
        let flags = flags | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(sys::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// A new link, likewise.
    pub(super) fn link(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        self.remove(name)?;
        Ok(sys::symlinkat(target, &self.0, name)?)
    }

    /// A new pipe, socket or device, likewise.
    pub(super) fn make(&self, name: &[u8], kind: FileType, number: u64) -> io::Result<()> {
        self.remove(name)?;
        Ok(sys::mknodat(&self.0, name, kind, Mode::RUSR | Mode::WUSR, number)?)
    }

    /// Another name for a file.
    pub(super) fn link_file(&self, name: &[u8], folder: &Self, other: &[u8]) -> io::Result<()> {
        Ok(sys::linkat(&self.0, name, &folder.0, other, AtFlags::empty())?)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &[u8]) -> io::Result<()> {
        match sys::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives a file its name, in place of a file that has it.
    pub(super) fn rename(&self, from: &[u8], to: &[u8]) -> io::Result<()> {
        Ok(sys::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes what is not to be kept, folders with all that is in them; how many things.
    fn remove_all_but(&self, is_kept: &dyn Fn(&[u8]) -> bool) -> io::Result<u64> {
        let mut removed = 0;
        for entry in sys::Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") || is_kept(name) {
                continue;
            }
            if self.is_folder(name) {
                Self(sys::openat(&self.0, name, FOLDER, Mode::empty())?).remove_all_but(&|_| false)?;
                sys::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?;
            } else {
                self.remove(name)?;
            }
            removed += 1;
        }
        Ok(removed)
    }
}

/// Gives a file or folder the owner, then the permissions, which a new owner would take away, and then the time that it had.
pub(super) fn set(fd: impl AsFd, entry: &DirEntry, options: &Options) -> io::Result<()> {
    let (fd, ignore) = (fd.as_fd(), options.ignore_permission_errors);
    let (uid, gid) = owner(entry, options)?;
    allowed(sys::fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))), ignore)?;
    allowed(sys::fchmod(fd, Mode::from_raw_mode(entry.mode.to_unix())), ignore)?;
    allowed(sys::futimens(fd, &times(entry)), ignore)
}

/// Gives a link the owner and the time that it had.
pub(super) fn set_of_link(
    place: &Opened,
    name: &[u8],
    entry: &DirEntry,
    options: &Options,
) -> io::Result<()> {
    let (uid, gid) = owner(entry, options)?;
    let (uid, gid) = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
    allowed(sys::chownat(&place.0, name, uid, gid, no_follow), options.ignore_permission_errors)?;
    allowed(sys::utimensat(&place.0, name, &times(entry), no_follow), options.ignore_permission_errors)
}

/// Gives what cannot be opened the permissions that it had, by the way to it that the system knows: its name may be a link's by now.
pub(super) fn set_mode(place: &Opened, name: &[u8], entry: &DirEntry, options: &Options) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = sys::openat(&place.0, name, flags, Mode::empty())?;
    let mode = Mode::from_raw_mode(entry.mode.to_unix());
    allowed(sys::chmod(format!("/proc/self/fd/{}", fd.as_raw_fd()), mode), options.ignore_permission_errors)
}

/// Gives a file or folder its extended attributes. A new owner takes some away, so that they come last.
pub(super) fn set_attributes(fd: impl AsFd, attributes: &[Attribute], options: &Options) -> io::Result<()> {
    for attribute in attributes {
        let set = sys::fsetxattr(&fd, &attribute.name[..], &attribute.value, XattrFlags::empty());
        let named = |error: io::Error| {
            io::Error::new(error.kind(), format!("extended attribute {:?}: {error}", attribute.name))
        };
        allowed(set, options.ignore_permission_errors).map_err(named)?;
    }
    Ok(())
}

fn allowed(outcome: std::result::Result<(), Errno>, ignore: bool) -> io::Result<()> {
    match outcome {
        Err(Errno::PERM | Errno::ACCESS) if ignore => Ok(()),
        outcome => Ok(outcome?),
    }
}

/// The owner that an entry gets: `u32::MAX` is none, and would leave the old one.
fn owner(entry: &DirEntry, options: &Options) -> io::Result<(u32, u32)> {
    let shift = |id: u32, by| id.checked_add_signed(by).filter(|id| *id != u32::MAX);
    let owner = shift(entry.uid, options.uid_shift).zip(shift(entry.gid, options.gid_shift));
    owner.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "there is no such owner"))
}

fn times(entry: &DirEntry) -> Timestamps {
    let time = if entry.modified == NO_TIME { Time::EPOCH } else { entry.modified };
    let spec = Timespec { tv_sec: time.seconds(), tv_nsec: time.nanos().rem_euclid(1_000_000_000) };
    Timestamps { last_access: spec, last_modification: spec }
}

/// Whether it is what an entry says, as far as can be told without reading it.
fn is_unchanged(stat: &Stat, entry: &DirEntry, options: &Options) -> bool {
    let times = times(entry).last_modification;
    let kind = match entry.kind {
        EntryType::Symlink => FileType::Symlink,
        _ => FileType::RegularFile,
    };
    let has_time = i128::from(stat.st_mtime) == i128::from(times.tv_sec)
        && i128::from(stat.st_mtime_nsec) == i128::from(times.tv_nsec);
    FileType::from_raw_mode(stat.st_mode) == kind
        && has_time
        && u64::try_from(stat.st_size) == Ok(entry.size)
        && (kind == FileType::Symlink || stat.st_mode & 0o7777 == entry.mode.to_unix())
        && owner(entry, options).is_ok_and(|owner| owner == (stat.st_uid, stat.st_gid))
}

/// Refuses names that are none, or that would lead out of the folder.
pub(super) fn check_name(name: &[u8], path: &str) -> Result<()> {
    let leads_elsewhere = matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0);
    if leads_elsewhere { Err(Error::corrupt(path, "is not the name of a file")) } else { Ok(()) }
}

pub(super) fn failed(path: &str, error: impl Into<io::Error>) -> Error {
    let error = error.into();
    Error::new(ErrorKind::Storage, path, format!("the file system failed: {error}")).caused_by(error)
}
