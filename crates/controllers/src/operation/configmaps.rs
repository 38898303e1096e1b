//! Files of an operation in ConfigMaps of the server's namespace, for locations that may not be written to:
//! `salvor-op-UID-N`, numbered as they are written, and never changed.
//!
//! A ConfigMap holds a part of one file, with the digest of the whole. A file counts once all its parts are there, and
//! the one that was written last counts: so a file that was cut off is none. The ConfigMaps are owned by the
//! operation's object: the cluster removes them with it.

use std::collections::BTreeMap;

use api::labels::{EXCLUDE_FROM_BACKUP, OPERATION_UID};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cluster::port::{ListPage, WriteOptions};
use engine::document::{label, name, text};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::bucket::JournalFile;

use crate::deps::Deps;
use crate::error::Result;
use crate::objects::{config_map_at, config_maps};

/// Bytes of a file in one ConfigMap, which may hold a mebibyte.
const PART_BYTES: usize = 512 << 10;
/// What their names begin with; the operation's UID and a number follow.
const PREFIX: &str = "salvor-op-";

/// The files that one operation keeps in the cluster. All of them are in memory, compressed as they are.
pub(crate) struct ConfigMaps {
    uid: String,
    owner: Value,
    files: BTreeMap<String, Bytes>,
    next: u32,
}

/// One ConfigMap of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    /// Its name.
    pub(crate) name: String,
    /// The operation's UID.
    pub(crate) uid: String,
    /// Whether it belongs to the journal, and not to the report.
    pub(crate) of_journal: bool,
}

impl ConfigMaps {
    /// What operation `uid` keeps in the cluster; `owner` is the reference to its object.
    pub(crate) async fn open(deps: &Deps, uid: &str, owner: Value) -> Result<Self> {
        let documents = list(deps, &format!("{OPERATION_UID}={uid}")).await?;
        let mut parts: Vec<(u32, &Value)> =
            documents.iter().filter_map(|document| Some((number(uid, document)?, document))).collect();
        parts.sort_by_key(|(number, _)| *number);
        let next = parts.last().map_or(0, |(number, _)| number + 1);
        Ok(Self { uid: uid.to_owned(), owner, files: whole(&parts), next })
    }

    /// The names of the files, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// A file.
    pub(crate) fn get(&self, file: &str) -> Option<Bytes> {
        self.files.get(file).cloned()
    }

    /// Writes a file, instead of any of its name. Where another server writes too, its number is taken: an error.
    pub(crate) async fn put(&mut self, deps: &Deps, file: &str, content: Bytes) -> Result<()> {
        let digest = hex::encode(Sha256::digest(&content));
        let count = content.len().div_ceil(PART_BYTES).max(1);
        for part in 0..count {
            let piece = &content[part * PART_BYTES..content.len().min((part + 1) * PART_BYTES)];
            let data = json!({
                "v": engine::journal::VERSION.to_string(), "file": file, "sha256": digest,
                "part": part.to_string(), "parts": count.to_string(),
            });
            self.create(deps, &data, piece).await?;
        }
        self.files.insert(file.to_owned(), content);
        Ok(())
    }

    async fn create(&mut self, deps: &Deps, data: &Value, piece: &[u8]) -> Result<()> {
        let at = config_map_at(deps, &format!("{PREFIX}{}-{}", self.uid, self.next));
        let document = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": at.name,
                "namespace": deps.namespace(),
                "labels": {OPERATION_UID: self.uid, EXCLUDE_FROM_BACKUP: "true"},
                "ownerReferences": [self.owner],
            },
            "data": data,
            "binaryData": {"content": STANDARD.encode(piece)},
        });
        deps.cluster.create(&at, &document, WriteOptions::default()).await?;
        self.next += 1;
        Ok(())
    }
}

/// Every ConfigMap of every operation of this server.
pub(crate) async fn held(deps: &Deps) -> Result<Vec<Held>> {
    let documents = list(deps, OPERATION_UID).await?;
    let ours = documents.iter().filter(|document| name(document).starts_with(PREFIX));
    Ok(ours
        .map(|document| Held {
            name: name(document).to_owned(),
            uid: label(document, OPERATION_UID).unwrap_or_default().to_owned(),
            of_journal: is_of_journal(document),
        })
        .collect())
}

/// Deletes one of them; it may have gone.
pub(crate) async fn delete(deps: &Deps, name: &str) -> Result<()> {
    match deps.cluster.delete(&config_map_at(deps, name), None).await {
        Err(error) if error.kind != cluster::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Deletes the journal of an operation, and leaves its report.
pub(crate) async fn delete_journal(deps: &Deps, uid: &str) -> Result<()> {
    for document in list(deps, &format!("{OPERATION_UID}={uid}")).await? {
        if number(uid, &document).is_some() && is_of_journal(&document) {
            delete(deps, name(&document)).await?;
        }
    }
    Ok(())
}

fn is_of_journal(document: &Value) -> bool {
    JournalFile::from_name(text(document, &["data", "file"])).is_some()
}

fn number(uid: &str, document: &Value) -> Option<u32> {
    name(document).strip_prefix(PREFIX)?.strip_prefix(uid)?.strip_prefix('-')?.parse().ok()
}

/// The files of which all parts are there; of those of one name the last.
fn whole(parts: &[(u32, &Value)]) -> BTreeMap<String, Bytes> {
    let mut found: BTreeMap<(&str, &str), BTreeMap<usize, &str>> = BTreeMap::new();
    let mut files = BTreeMap::new();
    for (_, document) in parts {
        let said = |field: &str| text(document, &["data", field]);
        let (Ok(part), Ok(count)) = (said("part").parse(), said("parts").parse::<usize>()) else { continue };
        let file = found.entry((said("file"), said("sha256"))).or_default();
        file.insert(part, text(document, &["binaryData", "content"]));
        if file.len() == count
            && let Some(content) = joined(file, said("sha256"))
        {
            files.insert(said("file").to_owned(), content);
        }
    }
    files
}

fn joined(parts: &BTreeMap<usize, &str>, digest: &str) -> Option<Bytes> {
    let pieces: Option<Vec<Vec<u8>>> = parts.values().map(|part| STANDARD.decode(part).ok()).collect();
    let content = pieces?.concat();
    (hex::encode(Sha256::digest(&content)) == digest).then(|| content.into())
}

async fn list(deps: &Deps, selector: &str) -> Result<Vec<Value>> {
    let of = config_maps();
    let limit = deps.config.limits.page_size;
    let mut page = ListPage { selector: selector.to_owned(), limit, resume: None };
    let mut all = Vec::new();
    loop {
        let found = deps.cluster.list(&of, Some(deps.namespace()), &page).await?;
        all.extend(found.items);
        match found.resume {
            None => return Ok(all),
            resume => page.resume = resume,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;
    use cluster::Cluster;

    async fn open(deps: &Deps) -> ConfigMaps {
        let owner = json!({"apiVersion": "velero.io/v1", "kind": "Restore", "name": "r", "uid": "u"});
        ConfigMaps::open(deps, "u", owner).await.unwrap()
    }

    /// Bytes that do not repeat, of this many.
    fn bytes(count: usize) -> Bytes {
        (0..count).map(|at| (at * 31 % 251) as u8).collect()
    }

    #[tokio::test]
    async fn files_of_any_size_read_back_and_the_last_of_a_name_counts() {
        let world = World::new();
        let deps = world.deps();
        let mut maps = open(&deps).await;
        let sizes = [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES];
        for size in sizes {
            maps.put(&deps, &format!("file-{size}"), bytes(size)).await.unwrap();
        }
        maps.put(&deps, "plan.json.gz", bytes(2 * PART_BYTES)).await.unwrap();
        maps.put(&deps, "plan.json.gz", bytes(7)).await.unwrap();
        let again = open(&deps).await;
        for size in sizes {
            assert_eq!(again.get(&format!("file-{size}")), Some(bytes(size)), "{size}");
        }
        assert_eq!(again.get("plan.json.gz"), Some(bytes(7)));
        assert_eq!(again.names().count(), sizes.len() + 1);
        assert_eq!(again.next, 11, "numbers go on");
    }

    #[tokio::test]
    async fn a_file_that_was_cut_off_or_damaged_is_none() {
        let world = World::new();
        let deps = world.deps();
        let mut maps = open(&deps).await;
        maps.put(&deps, "whole", bytes(9)).await.unwrap();
        maps.put(&deps, "whole", bytes(PART_BYTES + 1)).await.unwrap();
        maps.put(&deps, "cut", bytes(PART_BYTES + 1)).await.unwrap();
        for number in [2, 4] {
            delete(&deps, &format!("{PREFIX}u-{number}")).await.unwrap();
        }
        let again = open(&deps).await;
        assert_eq!(again.get("whole"), Some(bytes(9)), "what was there before counts");
        assert_eq!(again.get("cut"), None);
        let mut damaged = world.fake.get(&config_map_at(&deps, "salvor-op-u-0")).await.unwrap();
        damaged["binaryData"]["content"] = json!(STANDARD.encode("other"));
        world.seed(damaged);
        assert_eq!(open(&deps).await.get("whole"), None);
    }

    #[tokio::test]
    async fn of_two_servers_one_writes() {
        let world = World::new();
        let deps = world.deps();
        let (mut first, mut second) = (open(&deps).await, open(&deps).await);
        first.put(&deps, "a", bytes(1)).await.unwrap();
        assert!(second.put(&deps, "a", bytes(2)).await.is_err());
        assert_eq!(open(&deps).await.get("a"), Some(bytes(1)));
    }

    #[tokio::test]
    async fn the_journal_goes_and_the_report_stays() {
        let world = World::new();
        let deps = world.deps();
        let mut maps = open(&deps).await;
        for file in ["plan.json.gz", "segments/00000000.jsonl.gz", "restore-r-logs.gz"] {
            maps.put(&deps, file, bytes(3)).await.unwrap();
        }
        delete_journal(&deps, "u").await.unwrap();
        assert_eq!(open(&deps).await.names().collect::<Vec<_>>(), ["restore-r-logs.gz"]);
        let left = held(&deps).await.unwrap();
        assert_eq!(left, [Held { name: "salvor-op-u-2".into(), uid: "u".into(), of_journal: false }]);
        let document = world.fake.get(&config_map_at(&deps, "salvor-op-u-2")).await.unwrap();
        assert_eq!(document["metadata"]["ownerReferences"][0]["uid"], "u");
        assert_eq!(label(&document, EXCLUDE_FROM_BACKUP), Some("true"));
    }
}
