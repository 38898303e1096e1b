//! The indexes of format version 1, without epochs: all `n` blobs but those that logs of compactions (`m` blobs) say are replaced.

use std::collections::HashSet;

use serde::Deserialize;

use super::Active;
use crate::content::table::Crypto;
use crate::storage::sorted;
use crate::{Error, Result, Storage, parallel};

/// What the name of the blob holds that keeps old clients out of repositories that were upgraded.
const POISON: &str = "repository_unreadable_by_this_kopia_version";
/// The most bytes of a log.
const LOG_LENGTH_MAX: usize = 16 << 20;
/// How many logs are fetched at once.
const FETCHES: usize = 8;

#[derive(Deserialize)]
struct Log {
    #[serde(rename = "inputMetadata")]
    inputs: Vec<Named>,
    #[serde(rename = "outputMetadata")]
    outputs: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The index blobs that hold.
pub(super) fn active(storage: &dyn Storage, crypto: &Crypto) -> Result<Active> {
    let mut blobs = sorted(storage, "n")?;
    blobs.retain(|blob| !blob.name.contains(POISON));
    let logs = parallel::map(&sorted(storage, "m")?, FETCHES, |blob| {
        let log = crypto.open_table(&blob.name, storage.get(&blob.name, LOG_LENGTH_MAX)?)?;
        serde_json::from_slice::<Log>(&log).map_err(|error| Error::corrupt(&blob.name, error.to_string()))
    })?;
    let there: HashSet<&str> = blobs.iter().map(|blob| blob.name.as_str()).collect();
    let is_whole = |log: &&Log| log.outputs.iter().all(|output| there.contains(output.id.as_str()));
    let replaced: HashSet<String> = logs
        .iter()
        .filter(is_whole)
        .flat_map(|log| log.inputs.iter().map(|input| input.id.clone()))
        .collect();
    blobs.retain(|blob| !replaced.contains(&blob.name));
    Ok(Active { blobs, watermark: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::format::tests::synthetic;
    use crate::random::fake::Seeded;
    use crate::storage::Memory;

    #[test]
    fn what_compactions_replaced_is_left_out_once_they_are_whole() {
        let (storage, crypto) = (Memory::default(), synthetic());
        for name in [
            "n1",
            "n2",
            "n3",
            "n000000000000000000000-repository_unreadable_by_this_kopia_version_upgrade_required",
        ] {
            storage.put(name, b"", None).unwrap();
        }
        let log = br#"{"inputMetadata":[{"id":"n1","length":1},{"id":"n2"}],"outputMetadata":[{"id":"n4"}]}"#;
        let (name, sealed) = crypto.seal_table(&Seeded::new(1), "m", "x", log).unwrap();
        storage.put(&name, &sealed, None).unwrap();
        let names = || -> Vec<String> {
            active(&storage, &crypto).unwrap().blobs.into_iter().map(|blob| blob.name).collect()
        };
        assert_eq!(names(), ["n1", "n2", "n3"]);
        storage.put("n4", b"", None).unwrap();
        assert_eq!(names(), ["n3", "n4"]);
        let (name, sealed) = crypto.seal_table(&Seeded::new(1), "m", "x", b"{}").unwrap();
        storage.put(&name, &sealed, None).unwrap();
        let error = active(&storage, &crypto).err().unwrap();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, name.as_str()));
    }
}
