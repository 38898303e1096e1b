//! The blocking part of a filesystem location. Every step is taken from an open directory and follows no
//! symbolic link, so that nothing found on the volume leads out of it.

use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{self as sys, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

use crate::{Put, Tag};

/// The folder of the mounted root that holds what is being written.
const PARTIAL: &str = ".salvor-partial";
/// How often a write is begun anew when a deletion removes its folder under it.
const ATTEMPTS: usize = 64;
/// How deep folders may lie.
const DEPTH_MAX: usize = 64;

/// Why a step failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The mounted root is not there.
    NoRoot,
    /// The condition of a put does not hold.
    Condition,
    /// The system's words.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// A file as a listing shows it.
#[derive(Debug)]
pub(super) struct Found {
    /// Its key.
    pub(super) key: String,
    /// Its state.
    pub(super) stat: Stat,
}

/// A folder of a mounted volume that is used as a bucket below a prefix.
#[derive(Debug)]
pub(super) struct Tree {
    mount: PathBuf,
    base: Vec<String>,
    /// Held while the version of an object is compared and the object replaced.
    replacing: Mutex<()>,
}

/// A file that nobody can read yet.
#[derive(Debug)]
pub(super) struct Partial {
    folder: OwnedFd,
    name: String,
    file: File,
    published: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _ = sys::unlinkat(&self.folder, &self.name, AtFlags::empty());
        }
    }
}

impl Partial {
    /// Adds a piece.
    pub(super) fn write(&mut self, piece: &[u8]) -> Result<()> {
        Ok(self.file.write_all(piece)?)
    }
}

impl Tree {
    /// The folder `bucket/prefix` below `mount`.
    pub(super) fn new(mount: PathBuf, bucket: &str, prefix: &str) -> Self {
        let parts = bucket.split('/').chain(prefix.split('/')).filter(|part| !part.is_empty());
        Self { mount, base: parts.map(str::to_owned).collect(), replacing: Mutex::new(()) }
    }

    /// The mounted root.
    fn root(&self) -> Result<OwnedFd> {
        match sys::open(&self.mount, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(root) => Ok(root),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(Failure::NoRoot),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The folder of these parts below the base, made where it is missing if `make` says so.
    fn folder(&self, parts: &[&str], make: bool) -> Result<OwnedFd> {
        let mut folder = self.root()?;
        for part in self.base.iter().map(String::as_str).chain(parts.iter().copied()) {
            folder = match open_folder(&folder, part) {
                Err(Errno::NOENT) if make => make_folder(&folder, part)?,
                opened => opened?,
            };
        }
        Ok(folder)
    }

    /// The folder of a key, and the key's last part.
    fn parent<'a>(&self, key: &'a str, make: bool) -> Result<(OwnedFd, &'a str)> {
        let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        Ok((self.folder(&parts, make)?, name))
    }

    /// Opens an object, and its state.
    pub(super) fn open(&self, key: &str) -> Result<(File, Stat)> {
        let (folder, name) = self.parent(key, false)?;
        // Not to wait for the other end of a named pipe that somebody put there.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = sys::openat(&folder, name, flags, Mode::empty())?;
        let stat = sys::fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Errno::NOENT.into());
        }
        Ok((file.into(), stat))
    }

    /// Bytes of an object: those of `range` that there are, or all.
    pub(super) fn read(&self, key: &str, range: Option<(u64, u64)>) -> Result<Vec<u8>> {
        let (mut file, stat) = self.open(key)?;
        let size = stat.st_size.cast_unsigned();
        let range = range.map_or(0..size, |(start, end)| super::within(start, end, size));
        file.seek(SeekFrom::Start(range.start))?;
        let mut content = Vec::with_capacity((range.end - range.start) as usize);
        file.take(range.end - range.start).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Begins a file that nobody can read yet.
    pub(super) fn begin(&self) -> Result<Partial> {
        let root = self.root()?;
        let folder = match open_folder(&root, PARTIAL) {
            Err(Errno::NOENT) => make_folder(&root, PARTIAL)?,
            opened => opened?,
        };
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let name = unlikely_name();
            match sys::openat(&folder, &name, flags, Mode::from_raw_mode(0o660)) {
                Err(Errno::EXIST) => {}
                opened => return Ok(Partial { file: opened?.into(), folder, name, published: false }),
            }
        }
    }

    /// Makes a file readable under a key, in one step and for good.
    pub(super) fn publish(&self, mut partial: Partial, key: &str, condition: &Put) -> Result<Tag> {
        partial.file.sync_all()?;
        let tag = tag(&sys::fstat(&partial.file)?);
        let _held = match condition {
            Put::Replace(expected) => Some(self.hold_version(key, expected)?),
            Put::Overwrite | Put::Create => None,
        };
        for _ in 0..ATTEMPTS {
            let (folder, name) = match self.parent(key, true) {
                Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound => continue,
                parent => parent?,
            };
            match publish_once(&mut partial, &folder, name, condition) {
                Err(Errno::NOENT) => {}
                Err(Errno::EXIST) if *condition == Put::Create => return Err(Failure::Condition),
                done => {
                    done?;
                    sys::fsync(&folder)?;
                    return Ok(tag);
                }
            }
        }
        Err(Errno::NOENT.into())
    }

    /// Keeps other replacing writes of this process away, if the object is this version.
    fn hold_version(&self, key: &str, expected: &Tag) -> Result<std::sync::MutexGuard<'_, ()>> {
        let held = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        match self.open(key) {
            Ok((_, stat)) if tag(&stat) == *expected => Ok(held),
            Ok(_) => Err(Failure::Condition),
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound => Err(Failure::Condition),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes an object, and the folders that it leaves empty.
    pub(super) fn delete(&self, key: &str) -> Result<()> {
        let deleted = self.parent(key, false).and_then(|(folder, name)| {
            sys::unlinkat(&folder, name, AtFlags::empty())?;
            Ok(())
        });
        match deleted {
            Err(Failure::Io(error)) if is_absent(&error) => return Ok(()),
            deleted => deleted?,
        }
        let mut parts: Vec<&str> = key.split('/').collect();
        parts.pop();
        while let Some(name) = parts.pop() {
            let removed = self.folder(&parts, false).map(|f| sys::unlinkat(&f, name, AtFlags::REMOVEDIR));
            if !matches!(removed, Ok(Ok(()))) {
                break;
            }
        }
        Ok(())
    }

    /// All objects whose key begins with `prefix`, sorted by key.
    pub(super) fn list(&self, prefix: &str) -> Result<Vec<Found>> {
        let above = prefix.rsplit_once('/').map_or("", |(above, _)| above);
        let Some(folder) = self.existing(above)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        let start = if above.is_empty() { String::new() } else { format!("{above}/") };
        walk(&folder, &start, DEPTH_MAX, &mut |entry| {
            if entry.key.starts_with(prefix) {
                found.push(entry);
            }
            true
        })?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    /// The names of the folders directly below `prefix` in which objects lie, sorted.
    pub(super) fn folders(&self, prefix: &str) -> Result<Vec<String>> {
        let Some(folder) = self.existing(prefix)? else { return Ok(Vec::new()) };
        let mut names = Vec::new();
        for (name, _) in entries(&folder)?.into_iter().filter(|(_, stat)| is_folder(stat)) {
            let mut full = false;
            walk(&open_folder(&folder, &name)?, "", DEPTH_MAX, &mut |_| {
                full = true;
                false
            })?;
            if full {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder `key`, if it is there.
    fn existing(&self, key: &str) -> Result<Option<OwnedFd>> {
        let parts: Vec<&str> = key.split('/').filter(|part| !part.is_empty()).collect();
        match self.folder(&parts, false) {
            Ok(folder) => Ok(Some(folder)),
            Err(Failure::Io(error)) if is_absent(&error) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Removes unfinished files that nobody wrote to since a moment, in seconds of the epoch; how many.
    pub(super) fn sweep(&self, before: i64) -> Result<u64> {
        let folder = match open_folder(&self.root()?, PARTIAL) {
            Err(Errno::NOENT) => return Ok(0),
            opened => opened?,
        };
        let old = entries(&folder)?.into_iter().filter(|(_, stat)| stat.st_mtime < before);
        let swept = old.filter(|(name, _)| sys::unlinkat(&folder, name, AtFlags::empty()).is_ok());
        Ok(swept.count() as u64)
    }
}

/// The version of a file's content: each write makes a new file.
pub(super) fn tag(stat: &Stat) -> Tag {
    Tag(format!("{:x}-{:x}.{:x}-{:x}", stat.st_ino, stat.st_mtime, stat.st_mtime_nsec, stat.st_size))
}

/// Whether the system says that there is no such file.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}

fn is_folder(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

fn open_folder(folder: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    sys::openat(folder, name, flags, Mode::empty())
}

/// Makes a folder that stays after a crash; another writer may be faster.
fn make_folder(folder: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    match sys::mkdirat(folder, name, Mode::from_raw_mode(0o770)) {
        Ok(()) => sys::fsync(folder)?,
        Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    open_folder(folder, name)
}

/// Moves a file to its name.
fn publish_once(partial: &mut Partial, to: &OwnedFd, name: &str, put: &Put) -> rustix::io::Result<()> {
    if *put != Put::Create {
        sys::renameat(&partial.folder, &partial.name, to, name)?;
        partial.published = true;
        return Ok(());
    }
    match sys::renameat_with(&partial.folder, &partial.name, to, name, RenameFlags::NOREPLACE) {
        Ok(()) => {
            partial.published = true;
            Ok(())
        }
        // NFS and others cannot do that, but they can link; the first name goes when `partial` does.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            sys::linkat(&partial.folder, &partial.name, to, name, AtFlags::empty())
        }
        Err(errno) => Err(errno),
    }
}

/// The entries of a folder; names that are not text cannot be keys.
fn entries(folder: &OwnedFd) -> Result<Vec<(String, Stat)>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        if matches!(name, "." | "..") {
            continue;
        }
        match sys::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => {}
            stat => entries.push((name.to_owned(), stat?)),
        }
    }
    Ok(entries)
}

/// Shows every file below a folder, until `show` says no; whether it never did.
fn walk(folder: &OwnedFd, prefix: &str, depth: usize, show: &mut dyn FnMut(Found) -> bool) -> Result<bool> {
    for (name, stat) in entries(folder)? {
        let key = format!("{prefix}{name}");
        let go_on = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => show(Found { key, stat }),
            FileType::Directory if depth > 0 => match open_folder(folder, &name) {
                Err(Errno::NOENT) => true,
                opened => walk(&opened?, &format!("{key}/"), depth - 1, show)?,
            },
            _ => true,
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A name that no other writer chooses.
fn unlikely_name() -> String {
    let random = || std::hash::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}
