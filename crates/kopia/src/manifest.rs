//! Manifests: small documents with labels (snapshots, policies, parameters), found by those.
//!
//! They live in contents of their own, many in one. A deletion is an entry that comes later; whoever compacts leaves both out.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::Compression as Level;
use flate2::bufread::{GzEncoder, MultiGzDecoder};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::compression::Compression;
use crate::content::{ContentId, Prefix};
use crate::random;
use crate::{Error, ErrorKind, Repository, Result, Time, Writer};

/// The label that every manifest has.
pub const TYPE: &str = "type";
/// The most bytes of a content of manifests, in the open.
const LENGTH_MAX: u64 = 256 << 20;
/// How often all are read anew when one has gone, compacted by somebody.
const ATTEMPTS: usize = 5;

/// Names and values by which a manifest is found.
pub type Labels = BTreeMap<String, String>;

/// A document and how it is found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    id: String,
    #[serde(default, deserialize_with = "labels_or_null")]
    labels: Labels,
    modified: Time,
    #[serde(default, skip_serializing_if = "is_false")]
    deleted: bool,
    data: Option<Box<RawValue>>,
}

impl Manifest {
    /// Its name: 32 digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its labels.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// When it was written, by the writer's clock.
    pub fn modified(&self) -> Time {
        self.modified
    }

    /// The document.
    pub fn data(&self) -> &str {
        self.data.as_ref().map_or("null", |data| data.get())
    }

    /// Whether it has all of these labels.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(name, value)| self.labels.get(*name).is_some_and(|has| has == value))
    }
}

fn labels_or_null<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Labels, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What one content of manifests holds. Kopia reads no other key beside this one.
#[derive(Serialize, Deserialize)]
struct Document {
    entries: Vec<Manifest>,
}

/// All manifests of a repository, as they were when they were loaded.
#[derive(Debug, Default)]
pub struct Manifests {
    by_id: BTreeMap<String, Manifest>,
}

impl Manifests {
    /// Loads them as they were when the repository was opened or [refreshed](Repository::refresh).
    pub fn load(repository: &Repository) -> Result<Self> {
        let mut gone = None;
        for _ in 0..ATTEMPTS {
            match Self::load_once(repository) {
                Err(error) if error.kind() == ErrorKind::NotFound => gone = Some(error),
                loaded => return loaded,
            }
            repository.refresh()?;
        }
        Err(gone.unwrap_or_else(|| Error::new(ErrorKind::NotFound, "manifests", "are never whole")))
    }

    fn load_once(repository: &Repository) -> Result<Self> {
        let mut ids = Vec::new();
        repository.entries_of(Prefix::MANIFEST, &mut |entry| {
            if !entry.is_deleted {
                ids.push(entry.id);
            }
            Ok(())
        })?;
        Self::read(repository, &ids)
    }

    fn read(repository: &Repository, ids: &[ContentId]) -> Result<Self> {
        let documents = repository.manifests(ids)?;
        Ok(Self::of(documents.iter().flat_map(|manifests| manifests.iter().cloned())))
    }

    /// Of each manifest the latest entry; none if that deletes it.
    fn of(entries: impl Iterator<Item = Manifest>) -> Self {
        let mut by_id = BTreeMap::<String, Manifest>::new();
        for entry in entries {
            match by_id.get(&entry.id) {
                Some(known) if known.modified >= entry.modified => {}
                _ => drop(by_id.insert(entry.id.clone(), entry)),
            }
        }
        by_id.retain(|_, entry| !entry.deleted);
        Self { by_id }
    }

    /// The manifest of that name.
    pub fn get(&self, id: &str) -> Option<&Manifest> {
        self.by_id.get(id)
    }

    /// Those that have all of these labels, by name.
    pub fn find<'a>(&'a self, labels: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = &'a Manifest> {
        self.by_id.values().filter(move |manifest| manifest.has(labels))
    }

    /// Of those that have all of these labels the latest: there should be one, and two clients may have made two.
    pub fn latest(&self, labels: &[(&str, &str)]) -> Option<&Manifest> {
        let order = |manifest: &&Manifest| (manifest.modified, manifest.id.clone());
        self.by_id.values().filter(|manifest| manifest.has(labels)).max_by_key(order)
    }
}

/// The manifests in a content.
pub(crate) fn parse(id: &ContentId, gzip: &[u8]) -> Result<Vec<Manifest>> {
    let mut json = Vec::new();
    let unpacked = MultiGzDecoder::new(gzip).take(LENGTH_MAX + 1).read_to_end(&mut json);
    unpacked.map_err(|error| Error::corrupt(id, format!("does not decompress: {error}")))?;
    if json.len() as u64 > LENGTH_MAX {
        return Err(Error::corrupt(id, format!("has more than {LENGTH_MAX} bytes")));
    }
    parse_json(id, &json)
}

/// The same, unpacked.
pub(crate) fn parse_json(id: &ContentId, json: &[u8]) -> Result<Vec<Manifest>> {
    let document: Document = serde_json::from_slice(json)
        .map_err(|error| Error::corrupt(id, format!("holds no manifests: {error}")))?;
    Ok(document.entries)
}

/// Changes of manifests, which are written together.
#[derive(Debug, Default)]
pub struct Changes {
    entries: Vec<Manifest>,
}

impl Changes {
    /// Adds a manifest; its name. The labels have to tell its [`TYPE`].
    pub fn put(&mut self, repository: &Repository, labels: Labels, data: Vec<u8>) -> Result<String> {
        self.put_after(repository, labels, data, None)
    }

    fn put_after(
        &mut self,
        repository: &Repository,
        labels: Labels,
        data: Vec<u8>,
        before: Option<Time>,
    ) -> Result<String> {
        if !labels.contains_key(TYPE) {
            return Err(Error::invalid("manifest", "has no label that tells its type"));
        }
        let invalid =
            |error: &dyn std::fmt::Display| Error::invalid("manifest", format!("is no JSON: {error}"));
        let text = String::from_utf8(data).map_err(|error| invalid(&error))?;
        let data = RawValue::from_string(text).map_err(|error| invalid(&error))?;
        let id = hex::encode(random::bytes::<16>(repository.random())?);
        let modified = later(repository.storage().now(), before);
        self.entries.push(Manifest { id: id.clone(), labels, modified, deleted: false, data: Some(data) });
        Ok(id)
    }

    /// Deletes a manifest.
    pub fn delete(&mut self, repository: &Repository, manifest: &Manifest) {
        let modified = later(repository.storage().now(), Some(manifest.modified));
        self.entries.push(Manifest {
            id: manifest.id.clone(),
            labels: Labels::new(),
            modified,
            deleted: true,
            data: None,
        });
    }

    /// Puts a manifest in place of all that have the same labels.
    pub fn replace(
        &mut self,
        repository: &Repository,
        manifests: &Manifests,
        labels: Labels,
        data: Vec<u8>,
    ) -> Result<String> {
        let wanted: Vec<(&str, &str)> =
            labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let old: Vec<&Manifest> = manifests.find(&wanted).collect();
        let last = old.iter().map(|manifest| manifest.modified).max();
        for manifest in old {
            self.delete(repository, manifest);
        }
        self.put_after(repository, labels, data, last)
    }

    /// Writes the changes; the writer's next flush makes them visible.
    pub fn write(self, writer: &Writer) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let failed = |error: &dyn std::fmt::Display| Error::invalid("manifests", error.to_string());
        let mut json =
            serde_json::to_vec(&Document { entries: self.entries }).map_err(|error| failed(&error))?;
        json.push(b'\n');
        let mut gzip = Vec::new();
        GzEncoder::new(&json[..], Level::default()).read_to_end(&mut gzip).map_err(|error| failed(&error))?;
        writer.put(Some(Prefix::MANIFEST), &gzip, Compression::of_metadata())?;
        Ok(())
    }
}

/// How many contents of manifests are put together into one.
const COMPACT_MIN: usize = 16;

/// Puts all manifests into one content, if they are in many. Only for whoever maintains the repository: of two at once, one could bring back what
/// somebody deletes meanwhile.
pub(crate) fn compact(writer: &Writer) -> Result<()> {
    let repository = writer.repository();
    repository.refresh()?;
    let mut old = Vec::new();
    repository.entries_of(Prefix::MANIFEST, &mut |entry| {
        if !entry.is_deleted {
            old.push(entry);
        }
        Ok(())
    })?;
    if old.len() < COMPACT_MIN {
        return Ok(());
    }
    let manifests = Manifests::read(repository, &old.iter().map(|entry| entry.id).collect::<Vec<_>>())?;
    Changes { entries: manifests.by_id.into_values().collect() }.write(writer)?;
    old.iter().for_each(|entry| writer.mark_deleted(entry));
    writer.flush()
}

/// Now, but later than what it takes the place of, whatever the clock says.
fn later(now: Time, before: Option<Time>) -> Time {
    before.map_or(now, |before| now.max(Time::from_nanos(before.nanos().saturating_add(1))))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::Storage;
    use crate::format::tests::{of_kopia, synthetic};
    use crate::random::fake::Seeded;

    const TOMBSTONE: &str = "1f8b08000000000000ff25cb410a83301046e17d8f316b857f26566dced155c545342304a6166c5c89776fa4cb07ef3b48d7bc25fd921f0e4a913c0160081c1adcd1a2438f070226cc88502c54918549ad907537abe8fd8969497a5981b89ab9e6e629e2d979c1abfc514df335e46dd79221873f3ec7f3f6034896132183000000";

    fn writer() -> Writer {
        let storage = Arc::new(of_kopia()) as Arc<dyn Storage>;
        Writer::new(Arc::new(Repository::open(storage, Arc::new(Seeded::new(2)), "test-pass").unwrap()))
            .unwrap()
    }

    fn labels(of: &[(&str, &str)]) -> Labels {
        of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn ids(manifests: &Manifests, labels: &[(&str, &str)]) -> Vec<String> {
        manifests.find(labels).map(|manifest| manifest.id().to_owned()).collect()
    }

    #[test]
    fn kopias_tombstone_is_read() {
        let gzip = hex::decode(TOMBSTONE).unwrap();
        let id = ContentId::new(Some(Prefix::MANIFEST), synthetic().hasher.hash(&gzip));
        assert_eq!(id.to_string(), "m56dc24c1227411a14de50270d7e2ce87");
        let entries = parse(&id, &gzip).unwrap();
        assert_eq!(entries[0].id(), "000102030405060708090a0b0c0d0e0f");
        assert!(entries[0].deleted);
        assert_eq!(entries[0].modified(), Time::from_seconds(1_700_000_000));
        let json = serde_json::to_string(&Document { entries }).unwrap();
        let text = r#"{"entries":[{"id":"000102030405060708090a0b0c0d0e0f","labels":{},"modified":"2023-11-14T22:13:20Z","deleted":true,"data":null}]}"#;
        assert_eq!(json, text);
    }

    #[test]
    fn manifests_are_put_found_replaced_and_deleted() {
        let writer = writer();
        let repository = Arc::clone(writer.repository());
        let change = |change: &dyn Fn(&mut Changes, &Manifests)| {
            let mut changes = Changes::default();
            change(&mut changes, &Manifests::load(&repository).unwrap());
            changes.write(&writer).unwrap();
            writer.flush().unwrap();
            Manifests::load(&repository).unwrap()
        };
        let policy = [("type", "policy"), ("policyType", "global")];
        let loaded = change(&|changes, _| {
            changes
                .put(&repository, labels(&[("type", "snapshot"), ("path", "/a")]), b"{\"a\": 1}".to_vec())
                .unwrap();
            changes.put(&repository, labels(&policy), b"{}".to_vec()).unwrap();
        });
        assert_eq!((ids(&loaded, &[]).len(), ids(&loaded, &[("type", "snapshot")]).len()), (2, 1));
        assert_eq!(loaded.latest(&[("path", "/a")]).unwrap().data(), "{\"a\": 1}", "to the byte");
        let old = ids(&loaded, &policy);
        let replaced = change(&|changes, manifests| {
            changes.replace(&repository, manifests, labels(&policy), b"{\"b\":2}".to_vec()).unwrap();
        });
        assert_eq!(ids(&replaced, &policy).len(), 1);
        assert!(replaced.get(&old[0]).is_none());
        assert_eq!(replaced.latest(&policy).unwrap().data(), "{\"b\":2}");
        let deleted = change(&|changes, manifests| {
            manifests.find(&[]).for_each(|manifest| changes.delete(&repository, manifest));
        });
        assert_eq!(ids(&deleted, &[]), [""; 0]);
        let none = change(&|_, _| ());
        assert!(none.latest(&[]).is_none());
    }

    #[test]
    fn what_cannot_be_found_or_is_no_json_is_refused() {
        let writer = writer();
        let put = |labels, data: &[u8]| Changes::default().put(writer.repository(), labels, data.to_vec());
        for (labels, data) in [
            (Labels::new(), &b"{}"[..]),
            (labels(&[("type", "a")]), b"{"),
            (labels(&[("type", "a")]), b"\xff"),
        ] {
            assert_eq!(put(labels, data).unwrap_err().kind(), ErrorKind::Invalid);
        }
    }

    #[test]
    fn the_later_entry_holds_whatever_order_they_come_in() {
        let entry = |seconds, deleted| Manifest {
            id: "00".to_owned(),
            labels: Labels::new(),
            modified: Time::from_seconds(seconds),
            deleted,
            data: None,
        };
        for (entries, there) in [
            (vec![entry(1, false), entry(2, true)], false),
            (vec![entry(2, true), entry(1, false)], false),
            (vec![entry(3, false), entry(2, true)], true),
        ] {
            assert_eq!(Manifests::of(entries.into_iter()).get("00").is_some(), there);
        }
    }

    proptest! {
        #[test]
        fn damaged_manifests_are_errors_that_name_the_content(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut gzip = hex::decode(TOMBSTONE).unwrap();
            let at = at.index(gzip.len());
            let id: ContentId = "m00".parse().unwrap();
            if let Err(error) = parse(&id, &gzip[..at]) {
                prop_assert_eq!(error.subject(), "m00");
            }
            gzip[at] = byte;
            if let Err(error) = parse(&id, &gzip) {
                prop_assert_eq!(error.subject(), "m00");
            }
        }
    }
}
