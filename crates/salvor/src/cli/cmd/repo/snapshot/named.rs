//! Snapshots by the beginnings of their names, whatever kind of repository keeps them.

use kopia::manifest::{Manifests, TYPE};
use kopia::repository::Verified;
use kopia::restore::Tree;
use kopia::snapshot::{DirEntry, Snapshot};
use kopia::{Error, ErrorKind, Repository, Result};

use super::super::access::Opened;

/// What stands for the latest snapshot.
const LATEST: &str = "latest";

/// A snapshot, with the name of its manifest.
pub(in super::super) type Named = (String, Snapshot);

/// All snapshots of a repository of Kopia's, by time; and what is wrong with those that cannot be read.
pub(in super::super) fn all(repository: &Repository) -> Result<(Vec<Named>, Vec<Error>)> {
    let manifests = Manifests::load(repository)?;
    let (mut snapshots, mut unread) = (Vec::new(), Vec::new());
    for manifest in manifests.find(&[(TYPE, "snapshot")]) {
        match Snapshot::read(manifest) {
            Ok(snapshot) => snapshots.push((manifest.id().to_owned(), snapshot)),
            Err(error) => unread.push(error),
        }
    }
    snapshots.sort_by_key(|(_, snapshot)| snapshot.started);
    Ok((snapshots, unread))
}

/// The snapshots whose names begin so; all if none is named.
pub(in super::super) fn chosen(all: Vec<Named>, names: &[String]) -> Result<Vec<Named>> {
    if names.is_empty() {
        return Ok(all);
    }
    names.iter().map(|name| one(&all, name).cloned()).collect()
}

/// The snapshot whose name begins so; `latest` is the latest.
pub(in super::super) fn one<'a>(all: &'a [Named], name: &str) -> Result<&'a Named> {
    let absent = || Error::new(ErrorKind::NotFound, name, "there is no such snapshot");
    if name == LATEST {
        return all.last().ok_or_else(absent);
    }
    let mut found = all.iter().filter(|(id, _)| !name.is_empty() && id.starts_with(name));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(absent()),
        _ => Err(Error::new(ErrorKind::Invalid, name, "begins the names of several snapshots")),
    }
}

impl Opened {
    /// The root of the snapshot whose name begins so.
    pub(in super::super) fn root(&self, name: &str) -> Result<DirEntry> {
        match self {
            Self::Kopia(repository) => {
                one(&all(repository)?.0, name).map(|(_, snapshot)| snapshot.root.clone())
            }
            Self::Restic(repository) => {
                let snapshot = match name {
                    LATEST => repository.snapshots()?.pop(),
                    _ => Some(repository.snapshot(name)?),
                };
                let absent = || Error::new(ErrorKind::NotFound, name, "there is no such snapshot");
                snapshot.map(|snapshot| repository.root(&snapshot)).ok_or_else(absent)
            }
        }
    }

    /// Does something with the trees of the repository, each content of which is compared with its name.
    pub(in super::super) fn with_tree<T>(&self, work: impl FnOnce(&dyn Tree) -> T) -> T {
        match self {
            Self::Kopia(repository) => work(&Verified(repository)),
            Self::Restic(repository) => work(&**repository),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_found_by_the_beginning_of_their_names() {
        let named = |id: &str| {
            let source = kopia::snapshot::Source::default();
            let (root, stats) = (DirEntry::default(), kopia::snapshot::Stats::default());
            let snapshot = Snapshot {
                source,
                root,
                stats,
                description: String::new(),
                started: kopia::Time::EPOCH,
                ended: kopia::Time::EPOCH,
                incomplete: String::new(),
                tags: Default::default(),
                pins: Vec::new(),
            };
            (id.to_owned(), snapshot)
        };
        let all = vec![named("abc"), named("abd"), named("b")];
        assert_eq!(one(&all, "abc").unwrap().0, "abc");
        assert_eq!(one(&all, "latest").unwrap().0, "b");
        for (name, kind) in
            [("ab", ErrorKind::Invalid), ("x", ErrorKind::NotFound), ("", ErrorKind::NotFound)]
        {
            assert_eq!(one(&all, name).unwrap_err().kind(), kind, "{name}");
        }
        assert_eq!(one(&[], "latest").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(chosen(all.clone(), &[]).unwrap().len(), 3);
        assert_eq!(chosen(all, &["b".to_owned()]).unwrap()[0].0, "b");
    }
}
