//! Blobs as files, in the layout of kopia's filesystem provider: long names are spread over folders by their first characters.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Blob, Put, Retention, Storage, absent, check_name, out_of_range, taken, too_large};
use crate::random::{self, System};
use crate::{Error, ErrorKind, Result, Time};

/// The file that tells how names are spread.
const SHARDS: &str = ".shards";
/// What the name of every blob's file ends with.
const SUFFIX: &str = ".f";
/// The most bytes of [`SHARDS`].
const SHARDS_LENGTH_MAX: u64 = 64 << 10;
/// How deep blobs may lie.
const DEPTH_MAX: usize = 16;

/// A folder of blobs.
#[derive(Debug)]
pub struct Filesystem {
    root: PathBuf,
    layout: Layout,
}

/// How names are spread over folders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Layout {
    /// How many characters each level takes.
    default: Vec<usize>,
    /// Names up to this length stay at the top.
    #[serde(rename = "maxNonShardedLength", default)]
    flat_length_max: usize,
    /// Other levels for some names; the first that fits holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<Override>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Override {
    prefix: String,
    shards: Vec<usize>,
}

impl Layout {
    fn of_levels(levels: [usize; 2]) -> Self {
        Self { default: levels.to_vec(), flat_length_max: 20, overrides: Vec::new() }
    }

    /// The file of a blob, below the root.
    fn path(&self, name: &str) -> PathBuf {
        let mut path = PathBuf::new();
        let mut rest = name;
        if name.len() > self.flat_length_max {
            let special = self.overrides.iter().find(|other| name.starts_with(&other.prefix));
            for &size in special.map_or(&self.default, |other| &other.shards) {
                match rest.split_at_checked(size) {
                    Some((folder, after)) if !after.is_empty() && !folder.is_empty() => {
                        path.push(folder);
                        rest = after;
                    }
                    _ => break,
                }
            }
        }
        path.push(format!("{rest}{SUFFIX}"));
        path
    }
}

impl Filesystem {
    /// A folder for a new repository; made if it is not there.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        make_folder(&root).map_err(|error| failed(&root.display().to_string(), error))?;
        let layout = match read_layout(&root)? {
            Some(layout) => layout,
            None => write_layout(&root, Layout::of_levels([1, 3]))?,
        };
        Ok(Self { root, layout })
    }

    /// The folder of a repository that is there.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self> {
        let root = root.into();
        if !root.is_dir() {
            return Err(Error::new(
                ErrorKind::NotFound,
                root.display().to_string(),
                "there is no such folder",
            ));
        }
        let layout = read_layout(&root)?.unwrap_or_else(|| Layout::of_levels([3, 3]));
        Ok(Self { root, layout })
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.root.join(self.layout.path(name)))
    }

    fn file(&self, name: &str) -> Result<(File, u64)> {
        let file = File::open(self.path(name)?).map_err(|error| failed(name, error))?;
        let length = file.metadata().map_err(|error| failed(name, error))?.len();
        Ok((file, length))
    }

    /// Lists one folder; `before` is the part of the names that its place stands for.
    fn list_folder(
        &self,
        folder: &Path,
        before: &str,
        prefix: &str,
        depth: usize,
        visit: Visit<'_>,
    ) -> Result<()> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|error| failed(&folder.display().to_string(), error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed(&folder.display().to_string(), error))?;
            let file_name = entry.file_name();
            let Some(part) = file_name.to_str() else { continue };
            let name = format!("{before}{part}");
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < DEPTH_MAX && (name.starts_with(prefix) || prefix.starts_with(&name)) {
                self.list_folder(&entry.path(), &name, prefix, depth + 1, visit)?;
            } else if let Some(blob) =
                name.strip_suffix(SUFFIX).filter(|blob| !is_folder && blob.starts_with(prefix))
            {
                show(blob, &entry.path(), visit)?;
            }
        }
        Ok(())
    }
}

type Visit<'a> = &'a mut dyn FnMut(Blob) -> Result<()>;

/// Shows a blob, unless it went in the meantime.
fn show(name: &str, path: &Path, visit: Visit<'_>) -> Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        metadata => {
            let metadata = metadata.map_err(|error| failed(name, error))?;
            let modified = metadata.modified().map_err(|error| failed(name, error))?;
            visit(Blob { name: name.to_owned(), length: metadata.len(), modified: time_of(modified) })
        }
    }
}

impl Storage for Filesystem {
    fn get(&self, name: &str, limit: usize) -> Result<Vec<u8>> {
        let (file, length) = self.file(name)?;
        if length > limit as u64 {
            return Err(too_large(name, length, limit));
        }
        let mut data = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.take(limit as u64).read_to_end(&mut data).map_err(|error| failed(name, error))?;
        Ok(data)
    }

    fn get_range(&self, name: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let (mut file, size) = self.file(name)?;
        if offset.checked_add(length as u64).is_none_or(|end| end > size) {
            return Err(out_of_range(name, offset, length, size));
        }
        let mut data = vec![0; length];
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut data));
        read.map_err(|error| failed(name, error))?;
        Ok(data)
    }

    fn head(&self, name: &str) -> Result<Blob> {
        let metadata = fs::metadata(self.path(name)?).map_err(|error| failed(name, error))?;
        let modified = metadata.modified().map_err(|error| failed(name, error))?;
        Ok(Blob { name: name.to_owned(), length: metadata.len(), modified: time_of(modified) })
    }

    /// Writes beside the final place, then moves there: in place of what is there, or only if nothing is.
    fn store(&self, name: &str, data: Bytes, how: Put) -> Result<()> {
        let path = self.path(name)?;
        if how.retention.is_some() {
            return Err(Error::unsupported(name, "folders cannot keep blobs from being deleted"));
        }
        let unfinished =
            path.with_added_extension(format!("tmp.{}", hex::encode(random::bytes::<8>(&System)?)));
        let outcome = write_file(&unfinished, &data).and_then(|()| match how.replace {
            true => fs::rename(&unfinished, &path),
            false => fs::hard_link(&unfinished, &path),
        });
        if !how.replace || outcome.is_err() {
            // what is left of it would be ignored by every reader, and cleaned up by kopia
            let _ = fs::remove_file(&unfinished);
        }
        outcome.and_then(|()| sync_folder(&path)).map_err(|error| failed(name, error))
    }

    fn delete(&self, name: &str) -> Result<()> {
        match fs::remove_file(self.path(name)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(name, error)),
            _ => Ok(()),
        }
    }

    fn list(&self, prefix: &str, visit: &mut dyn FnMut(Blob) -> Result<()>) -> Result<()> {
        self.list_folder(&self.root, "", prefix, 0, visit)
    }

    fn extend_retention(&self, name: &str, _retention: Retention) -> Result<()> {
        Err(Error::unsupported(name, "folders cannot keep blobs from being deleted"))
    }

    fn now(&self) -> Time {
        time_of(SystemTime::now())
    }
}

fn failed(name: &str, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => absent(name),
        io::ErrorKind::AlreadyExists => taken(name),
        _ => {
            Error::new(ErrorKind::Storage, name, format!("the file system failed: {error}")).caused_by(error)
        }
    }
}

fn time_of(time: SystemTime) -> Time {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => Time::EPOCH.plus(after),
        Err(before) => Time::EPOCH.minus(before.duration()),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn write_file(path: &Path, data: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(data)?;
    file.sync_all()
}

/// Without it a file that was moved may be gone after a crash of the machine.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

fn read_layout(root: &Path) -> Result<Option<Layout>> {
    let mut text = String::new();
    match File::open(root.join(SHARDS)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.and_then(|file| file.take(SHARDS_LENGTH_MAX).read_to_string(&mut text)),
    }
    .map_err(|error| failed(SHARDS, error))?;
    serde_json::from_str(&text).map(Some).map_err(|error| Error::corrupt(SHARDS, error.to_string()))
}

fn write_layout(root: &Path, layout: Layout) -> Result<Layout> {
    let text = serde_json::to_vec(&layout).map_err(|error| Error::invalid(SHARDS, error.to_string()))?;
    write_file(&root.join(SHARDS), &text).map_err(|error| failed(SHARDS, error))?;
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::conformance;

    #[test]
    fn conformance_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(conformance::all(&Filesystem::create(folder.path()).unwrap()), []);
        let left: Vec<_> = files(folder.path()).into_iter().filter(|path| path.contains(".tmp.")).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    fn files(folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { found.extend(files(&path)) } else { found.push(path.display().to_string()) }
        }
        found
    }

    #[test]
    fn names_are_spread_as_kopia_spreads_them() {
        let layout = Layout::of_levels([1, 3]);
        for (name, path) in [
            ("kopia.repository", "kopia.repository.f"),
            ("qc4d46b9fcb21eb98", "qc4d46b9fcb21eb98.f"),
            ("qc4d46b9fcb21eb9847b2-s1", "q/c4d/46b9fcb21eb9847b2-s1.f"),
            ("xn0_7e81ed6069fd6414ca6d", "x/n0_/7e81ed6069fd6414ca6d.f"),
            ("xe12", "xe12.f"),
        ] {
            assert_eq!(layout.path(name), Path::new(path));
        }
        let other = Layout {
            overrides: vec![Override { prefix: "p".into(), shards: vec![3] }],
            flat_length_max: 0,
            ..layout
        };
        assert_eq!(other.path("pabcdef"), Path::new("pab/cdef.f"));
        assert_eq!(other.path("pab"), Path::new("pab.f"));
    }

    #[test]
    fn a_folder_is_opened_as_it_was_created() {
        let folder = tempfile::tempdir().unwrap();
        let name = "p0123456789abcdef0123456789abcdef";
        Filesystem::create(folder.path()).unwrap().put(name, b"x", None).unwrap();
        assert_eq!(Filesystem::open(folder.path()).unwrap().get(name, 1).unwrap(), b"x");
        fs::write(folder.path().join(SHARDS), "{").unwrap();
        assert_eq!(Filesystem::open(folder.path()).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(Filesystem::open(folder.path().join("no")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
