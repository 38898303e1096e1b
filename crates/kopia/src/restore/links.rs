//! Files with several names: the first is restored, and the others are made names of the same file when all else is done.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use super::Job;
use super::folder::{Folder, failed};
use super::target::partial;
use crate::ObjectId;
use crate::snapshot::DirEntry;

/// Files with several names.
#[derive(Default)]
pub(super) struct Links<'a> {
    first: HashMap<u64, First<'a>>,
    later: Vec<Name<'a>>,
}

struct First<'a> {
    name: Name<'a>,
    size: u64,
    object: Option<ObjectId>,
}

struct Name<'a> {
    folder: Arc<Folder<'a>>,
    name: Vec<u8>,
    link: u64,
}

impl<'a> Links<'a> {
    /// Whether a file is one whose first name is being restored already: then it is left for later.
    pub(super) fn take(&mut self, folder: &Arc<Folder<'a>>, entry: &DirEntry) -> bool {
        let Some(link) = entry.link else { return false };
        let name = Name { folder: Arc::clone(folder), name: entry.name.clone(), link };
        match self.first.get(&link) {
            Some(first) if (first.size, first.object) == (entry.size, entry.object) => {
                self.later.push(name);
                true
            }
            // numbers are those of one file system, and there may have been several
            Some(_) => false,
            None => {
                self.first.insert(link, First { name, size: entry.size, object: entry.object });
                false
            }
        }
    }

    /// Makes the other names.
    pub(super) fn make(self, job: &Job<'_>) {
        for later in self.later {
            let Some(first) = self.first.get(&later.link) else { continue };
            match job.check_cancel().map(|()| link(&first.name, &later)) {
                Ok(Ok(())) => job.count(|report| report.files += 1),
                Ok(Err(error)) => {
                    let path = later.folder.path_of(&later.name);
                    job.problem(path.clone(), failed(&path, error));
                }
                Err(_) => return,
            }
        }
    }
}

fn link(first: &Name<'_>, later: &Name<'_>) -> io::Result<()> {
    let (from, to) = (first.folder.open()?, later.folder.open()?);
    let partial = partial(&later.name);
    to.remove(&partial)?;
    from.link_file(&first.name, &to, &partial)?;
    to.rename(&partial, &later.name)?;
    // where both are names of the same file already, the rename has done nothing
    to.remove(&partial)
}
