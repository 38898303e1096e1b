//! Opening folders below another one without following a link: what a tree is called, or becomes meanwhile, never leads out of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{self as sys, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The most bytes of a path that is opened in one step.
const PATH_MAX: usize = 4000;
/// How a folder is opened.
pub(crate) const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a folder by its path from another one.
pub(crate) fn open(root: impl AsFd, path: &[u8]) -> io::Result<OwnedFd> {
    let mut fd = sys::openat(root.as_fd(), ".", FOLDER, Mode::empty())?;
    let mut rest = path;
    while !rest.is_empty() {
        let end = match rest.len() <= PATH_MAX {
            true => rest.len(),
            false => rest[..PATH_MAX].iter().rposition(|byte| *byte == b'/').unwrap_or(rest.len()),
        };
        let step = &rest[..end];
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        fd = match sys::openat2(&fd, step, FOLDER, Mode::empty(), beneath) {
            // not on this kernel, or not in this container
            Err(Errno::NOSYS | Errno::PERM) => by_names(fd, step)?,
            opened => opened?,
        };
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(fd)
}

fn by_names(root: OwnedFd, path: &[u8]) -> io::Result<OwnedFd> {
    let mut names = path.split(|byte| *byte == b'/');
    names.try_fold(root, |fd, name| Ok(sys::openat(&fd, name, FOLDER, Mode::empty())?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_not_followed_either_way() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        symlink("a", folder.path().join("link")).unwrap();
        let root = || OwnedFd::from(fs::File::open(folder.path()).unwrap());
        for way in [|root: OwnedFd, path: &[u8]| open(root, path), by_names] {
            assert!(way(root(), b"a/b").is_ok());
            for path in [&b"link"[..], b"link/b", b"a/c"] {
                assert!(way(root(), path).is_err(), "{path:?}");
            }
        }
        assert!(open(root(), b"").is_ok());
    }
}
