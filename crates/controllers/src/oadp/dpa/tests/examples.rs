//! The examples are what they say they are: read, checked and built.

use std::path::{Path, PathBuf};

use api::Kind;
use api::velero::v1::{Backup, BackupStorageLocation, Restore};
use serde_json::Value;

use super::{of_document, settings};
use crate::oadp::dpa::{build, validate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// Every example, by the name of its file.
fn all() -> Vec<(String, Value)> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    yaml.map(|path| {
        let text = std::fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name.clone(), serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
    })
    .collect()
}

/// What is read says what was written: nothing misspelt, nothing lost.
fn complete<K: Kind>(name: &str, document: &Value) {
    let read = K::from_document(document).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(read.to_document()["spec"], document["spec"], "{name}");
}

#[test]
fn every_example_is_valid() {
    let examples = all();
    assert!(examples.len() >= 9, "some examples are missing");
    for (name, document) in examples {
        match document["kind"].as_str().unwrap() {
            "DataProtectionApplication" => {
                let found = of_document(&document);
                let valid =
                    validate(&found, &settings()).unwrap_or_else(|problems| panic!("{name}: {problems:#?}"));
                assert!(valid.pending.is_empty(), "{name}: {:?}", valid.pending);
                let resources = build(&valid, &found, &settings());
                assert!(!resources.locations.is_empty(), "{name}");
            }
            "Backup" => complete::<Backup>(&name, &document),
            "Restore" => complete::<Restore>(&name, &document),
            "BackupStorageLocation" => complete::<BackupStorageLocation>(&name, &document),
            other => panic!("{name}: no test reads a {other}"),
        }
    }
}

#[test]
fn every_example_is_listed() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    for (name, _) in all() {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}
