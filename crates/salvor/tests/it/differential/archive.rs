//! What is in the bucket after an operation: the archive of a backup, and what a restore says of each object.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;
use serde_json::Value;
use testkit::objects::name_of;

use crate::world::{BUCKET, World};

/// The folder of the trials in the bucket: both servers keep their backups there, and so find each other's.
pub(super) const PREFIX: &str = "differential";

/// An archive: its objects by name, with the paths of their files.
#[derive(Debug, Default)]
pub(super) struct Archive {
    pub(super) objects: BTreeMap<String, Saved>,
    /// The names in the order in which they were stored.
    pub(super) order: Vec<String>,
}

/// One object of an archive.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) document: Value,
    pub(super) paths: BTreeSet<String>,
}

impl Archive {
    /// The archive of a backup.
    pub(super) fn of(world: &World, backup: &str) -> Self {
        let file = world.s3.folder.join(BUCKET).join(PREFIX).join("backups").join(backup);
        let file = File::open(file.join(format!("{backup}.tar.gz"))).unwrap();
        let mut archive = Self::default();
        for entry in tar::Archive::new(GzDecoder::new(file)).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            if !path.starts_with("resources/") {
                continue;
            }
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            let name = name_of(&document);
            let fresh = || Saved { document: document.clone(), paths: BTreeSet::new() };
            let saved = archive.objects.entry(name.clone()).or_insert_with(fresh);
            assert_eq!(saved.document, document, "{backup}: two files of {name} differ");
            if saved.paths.is_empty() {
                archive.order.push(name);
            }
            assert!(saved.paths.insert(path.clone()), "{backup}: {path} is there twice");
        }
        archive
    }
}

/// What a restore says that it did to each object: `created`, `updated`, `skipped`, `failed`.
pub(super) fn done(world: &World, restore: &str) -> BTreeMap<String, String> {
    let folder = world.s3.folder.join(BUCKET).join(PREFIX).join("restores").join(restore);
    let list = unpacked(&folder.join(format!("restore-{restore}-resource-list.json.gz")));
    let list: Value = serde_json::from_str(&list).unwrap();
    let mut done = BTreeMap::new();
    for (kind, entries) in list.as_object().into_iter().flatten() {
        for entry in entries.as_array().into_iter().flatten().filter_map(Value::as_str) {
            let (name, action) = entry.trim_end_matches(')').rsplit_once('(').unwrap();
            done.insert(format!("{} {name}", kind_of(kind)), action.to_owned());
        }
    }
    done
}

/// The errors and warnings of a restore, for those who read why a trial failed.
pub(super) fn messages(world: &World, restore: &str) -> String {
    let folder = world.s3.folder.join(BUCKET).join(PREFIX).join("restores").join(restore);
    let path = folder.join(format!("restore-{restore}-results.gz"));
    if path.exists() { unpacked(&path) } else { String::new() }
}

fn unpacked(path: &Path) -> String {
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

/// `apps/v1/Deployment` as `Deployment.apps`.
fn kind_of(key: &str) -> String {
    let parts: Vec<&str> = key.split('/').collect();
    match parts[..] {
        [group, _, kind] => format!("{kind}.{group}"),
        [_, kind] => kind.to_owned(),
        _ => key.to_owned(),
    }
}
