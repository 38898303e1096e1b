//! Recovery: indexes that are lost or damaged are made anew from the packs, each of which has one of its own at its end.

use std::sync::Arc;

use crate::content::table::Crypto;
use crate::content::{Entry, local_index};
use crate::index_set::epochs::Epochs;
use crate::index_set::fetch_all;
use crate::index_set::publish::Publisher;
use crate::parallel::Crew;
use crate::random::{self, Random};
use crate::storage::sorted;
use crate::{Error, ErrorKind, Format, Result, Storage};

/// How many packs are looked at before what they hold is written.
const PACKS: usize = 2000;

/// What was done.
#[derive(Debug, Default)]
pub struct Report {
    /// Packs that were read.
    pub packs: u64,
    /// Contents that they hold.
    pub contents: u64,
    /// Index blobs that were damaged, and were deleted.
    pub deleted: Vec<String>,
    /// Packs that do not tell what is in them.
    pub problems: Vec<Error>,
}

/// Deletes damaged index blobs and writes an index of all that packs hold. Nobody may write meanwhile. Deletions that only a lost index told of
/// are undone: maintenance finds those contents again.
pub fn rebuild_indexes(
    storage: &Arc<dyn Storage>,
    random: &dyn Random,
    password: &str,
    threads: usize,
) -> Result<Report> {
    let format = Format::open(&**storage, password)?;
    format.check_writable()?;
    let crypto = Crypto { hasher: format.hasher()?, encryptor: format.encryptor()? };
    let crew = Crew::new(threads);
    let mut report = Report { deleted: delete_damaged(&**storage, &crypto, &crew)?, ..Report::default() };
    let packs = [sorted(&**storage, "p")?, sorted(&**storage, "q")?].concat();
    let publisher = Publisher { storage: &**storage, random, format: &format, crypto: &crypto };
    for page in packs.chunks(PACKS) {
        let found = crew.map(page, |pack| match local_index(&**storage, &format, &pack.name) {
            Err(error) if error.kind() == ErrorKind::Storage => Err(error),
            found => Ok(found),
        })?;
        let mut entries = Vec::new();
        for found in found {
            report.packs += 1;
            match found {
                Ok(found) => entries.extend(found),
                Err(error) => report.problems.push(error),
            }
        }
        let entries = latest(entries);
        report.contents += entries.len() as u64;
        if !entries.is_empty() {
            let session = format!("s{}", hex::encode(random::bytes::<8>(random)?));
            publisher.publish(&entries, &session, None)?;
        }
    }
    Ok(report)
}

/// Of each content the entry that holds, by name.
fn latest(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by(|a, b| a.id.cmp(&b.id).then_with(|| b.supersedes(a).cmp(&a.supersedes(b))));
    entries.dedup_by(|next, kept| next.id == kept.id);
    entries
}

/// Deletes index blobs that cannot be read; their names.
fn delete_damaged(storage: &dyn Storage, crypto: &Crypto, crew: &Crew) -> Result<Vec<String>> {
    let mut blobs = sorted(storage, "x")?;
    blobs.retain(|blob| Epochs::is_index(&blob.name));
    let damaged = crew.map(&blobs, |blob| match fetch_all(storage, crypto, std::slice::from_ref(blob)) {
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::TooLarge) => {
            storage.delete(&blob.name).map(|()| Some(blob.name.clone()))
        }
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(None),
    })?;
    Ok(damaged.into_iter().flatten().collect())
}
