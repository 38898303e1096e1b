//! Snapshots: which tree was backed up, from where, and when.

use kopia::Time;
use serde::{Deserialize, Deserializer};

use crate::crypto::Key;
use crate::unpacked::{document, parse};
use crate::{Error, ErrorKind, Files, Id, Result};

/// The folder of the snapshots.
const FOLDER: &str = "snapshots";

/// A snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// The name of its file.
    #[serde(skip)]
    pub id: String,
    /// When it was made.
    pub time: Time,
    /// Its tree.
    pub tree: Id,
    /// What was backed up.
    #[serde(default, deserialize_with = "list_or_null")]
    pub paths: Vec<String>,
    /// The machine.
    #[serde(default)]
    pub hostname: String,
    /// The user.
    #[serde(default)]
    pub username: String,
    /// What it is labelled with.
    #[serde(default, deserialize_with = "list_or_null")]
    pub tags: Vec<String>,
}

fn list_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// All snapshots, by time.
pub(crate) fn list(files: &dyn Files, key: &Key) -> Result<Vec<Snapshot>> {
    let names = files.list(FOLDER)?;
    let mut snapshots =
        names.into_iter().map(|file| read(files, key, &file.name)).collect::<Result<Vec<_>>>()?;
    snapshots.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    Ok(snapshots)
}

/// The snapshot whose name begins so.
pub(crate) fn find(files: &dyn Files, key: &Key, name: &str) -> Result<Snapshot> {
    let mut names = files.list(FOLDER)?;
    names.retain(|file| !name.is_empty() && file.name.starts_with(name));
    match &names[..] {
        [] => Err(Error::new(ErrorKind::NotFound, name, "there is no such snapshot")),
        [file] => read(files, key, &file.name),
        _ => Err(Error::new(ErrorKind::Invalid, name, "begins the names of several snapshots")),
    }
}

fn read(files: &dyn Files, key: &Key, name: &str) -> Result<Snapshot> {
    let path = format!("{FOLDER}/{name}");
    let snapshot: Snapshot = parse(&path, "snapshot", &document(files, key, &path)?)?;
    Ok(Snapshot { id: name.to_owned(), ..snapshot })
}
