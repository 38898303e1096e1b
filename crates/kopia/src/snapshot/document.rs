//! The manifest of a snapshot: what it is of, when it was made, and the root of its tree.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

use super::DirEntry;
use crate::gojson::{Object, write_list};
use crate::manifest::{Labels, Manifest, TYPE};
use crate::{Error, Result, Time};

/// The type of these manifests.
const SNAPSHOT: &str = "snapshot";
/// The largest number of files and the like that kopia reads: with a larger one it does not see the snapshot, and deletes its data.
const COUNT_MAX: u64 = i32::MAX as u64;

/// What a snapshot is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Source {
    /// The machine.
    pub host: String,
    /// The user.
    #[serde(rename = "userName")]
    pub user: String,
    /// The folder.
    pub path: String,
}

impl Source {
    /// The labels of all snapshots of it.
    pub fn labels(&self) -> [(&str, &str); 4] {
        [(TYPE, SNAPSHOT), ("hostname", &self.host), ("username", &self.user), ("path", &self.path)]
    }
}

/// What was counted while a snapshot was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Stats {
    /// Bytes, of files that were read and of those that were known.
    pub total_size: u64,
    /// Bytes that were left out.
    pub excluded_total_size: u64,
    /// Files that were read.
    pub file_count: u64,
    /// Files and links that were known from an earlier snapshot.
    pub cached_files: u64,
    /// Files that were not.
    pub non_cached_files: u64,
    /// Directories, with the root.
    pub dir_count: u64,
    /// Files that were left out.
    pub excluded_file_count: u64,
    /// Directories that were left out.
    pub excluded_dir_count: u64,
    /// Failures that are allowed.
    pub ignored_error_count: u64,
    /// Failures.
    pub error_count: u64,
}

/// A snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is of.
    pub source: Source,
    /// What somebody says about it.
    pub description: String,
    /// When it was begun.
    pub started: Time,
    /// When it was ended.
    pub ended: Time,
    /// What was counted.
    pub stats: Stats,
    /// Why it is not whole; empty if it is.
    pub incomplete: String,
    /// The root of its tree.
    pub root: DirEntry,
    /// What it is labelled with besides.
    pub tags: BTreeMap<String, String>,
    /// Who holds it: one that is held does not expire.
    pub pins: Vec<String>,
}

impl Snapshot {
    /// The labels of its manifest.
    pub fn labels(&self) -> Result<Labels> {
        let of_source = self.source.labels();
        if let Some((name, _)) = of_source.iter().find(|(_, value)| value.is_empty()) {
            return Err(Error::invalid("snapshot", format!("has no {name}")));
        }
        let mut labels = self.tags.clone();
        for (name, value) in of_source {
            if labels.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(Error::invalid(
                    "snapshot",
                    format!("has a tag {name:?}, which is a name of its source"),
                ));
            }
        }
        Ok(labels)
    }

    /// The document of its manifest.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.string("id", b"");
        write_source(object.field("source"), &self.source);
        object.string("description", self.description.as_bytes());
        object.time_if_any("startTime", self.started);
        object.time_if_any("endTime", self.ended);
        self.stats.write(object.field("stats"));
        object.string_if_any("incomplete", self.incomplete.as_bytes());
        self.root.write(object.field("rootEntry"));
        if !self.tags.is_empty() {
            let mut tags = Object::begin(object.field("tags"));
            self.tags.iter().for_each(|(name, value)| tags.string(name, value.as_bytes()));
            tags.end();
        }
        if !self.pins.is_empty() {
            write_list(object.field("pins"), &self.pins, |out, pin| {
                crate::gojson::write_string(out, pin.as_bytes());
            });
        }
        object.end();
        out
    }

    /// Reads a manifest of that type; one without a root is refused, since nothing can be said about its data.
    pub fn read(manifest: &Manifest) -> Result<Self> {
        let corrupt = |reason: String| Error::corrupt(format_args!("manifest {}", manifest.id()), reason);
        if !manifest.has(&[(TYPE, SNAPSHOT)]) {
            return Err(corrupt("is no snapshot".to_owned()));
        }
        let row: Row = serde_json::from_str(manifest.data())
            .map_err(|error| corrupt(format!("is no snapshot that can be read: {error}")))?;
        let root = row.root.ok_or_else(|| corrupt("is a snapshot without a root".to_owned()))?;
        Ok(Self {
            source: row.source,
            description: row.description,
            started: row.started,
            ended: row.ended,
            stats: row.stats,
            incomplete: row.incomplete,
            root,
            tags: row.tags,
            pins: row.pins,
        })
    }
}

fn write_source(out: &mut Vec<u8>, source: &Source) {
    let mut object = Object::begin(out);
    object.string("host", source.host.as_bytes());
    object.string("userName", source.user.as_bytes());
    object.string("path", source.path.as_bytes());
    object.end();
}

impl Stats {
    fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.number("totalSize", self.total_size);
        object.number("excludedTotalSize", self.excluded_total_size);
        for (name, count) in [
            ("fileCount", self.file_count),
            ("cachedFiles", self.cached_files),
            ("nonCachedFiles", self.non_cached_files),
            ("dirCount", self.dir_count),
            ("excludedFileCount", self.excluded_file_count),
            ("excludedDirCount", self.excluded_dir_count),
            ("ignoredErrorCount", self.ignored_error_count),
            ("errorCount", self.error_count),
        ] {
            object.number(name, count.min(COUNT_MAX));
        }
        object.end();
    }
}

/// The document as it is stored.
#[derive(Deserialize)]
struct Row {
    source: Source,
    #[serde(default)]
    description: String,
    #[serde(rename = "startTime", default)]
    started: Time,
    #[serde(rename = "endTime", default)]
    ended: Time,
    #[serde(default)]
    stats: Stats,
    #[serde(default)]
    incomplete: String,
    #[serde(rename = "rootEntry")]
    root: Option<DirEntry>,
    #[serde(default, deserialize_with = "empty_if_null")]
    tags: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "empty_if_null")]
    pins: Vec<String>,
}

fn empty_if_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
