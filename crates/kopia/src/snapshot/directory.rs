//! Directories: a list of entries, and at its end a summary of all that lies below.

use std::fmt;
use std::io::{self, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Mode;
use crate::gojson::{Object, lossy, write_list};
use crate::object::ObjectId;
use crate::{Error, Result, Time};

/// What the document is called.
pub(super) const STREAM: &str = "kopia:directory";
/// The most failures that a directory names; those of its subdirectories are named in it again.
pub(super) const ERRORS_MAX: usize = 10;

/// What fields are called that only this crate knows: one file under several names, and a name that is no text.
const LINK: &str = "salvorLink";
const NAME: &str = "salvorName";

/// What an entry is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum EntryType {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; its target is what it holds.
    Symlink,
    /// Something that no version of kopia has written yet.
    #[default]
    Unknown,
}

impl EntryType {
    fn letter(self) -> &'static str {
        match self {
            Self::File => "f",
            Self::Directory => "d",
            Self::Symlink => "s",
            Self::Unknown => "",
        }
    }

    fn of(letter: &str) -> Self {
        let known = [Self::File, Self::Directory, Self::Symlink].into_iter();
        known.into_iter().find(|kind| kind.letter() == letter).unwrap_or_default()
    }
}

/// A name in a directory, or the root of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DirEntry {
    /// Its name. One that is no text is kept beside what kopia reads, which has replacements in it.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryType,
    /// Its permissions.
    pub mode: Mode,
    /// How many bytes it has; directories have none.
    pub size: u64,
    /// When it was changed.
    pub modified: Time,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// What it holds; nothing where it has not been read.
    pub object: Option<ObjectId>,
    /// What lies below a directory.
    pub summary: Option<Summary>,
    /// Files of a tree with the same number are one file under several names; kopia takes them for several files.
    pub link: Option<u64>,
}

/// What lies below a directory, with the directory itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Bytes in files.
    pub size: u64,
    /// Files.
    pub files: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Directories.
    pub dirs: u64,
    /// When anything in it was changed last.
    #[serde(rename = "maxTime")]
    pub max_time: Time,
    /// Why it is not whole; empty if it is.
    pub incomplete: String,
    /// Entries that could not be read.
    #[serde(rename = "numFailed")]
    pub failed: u64,
    /// Entries that could not be read, which is allowed.
    #[serde(rename = "numIgnoredErrors")]
    pub ignored_errors: u64,
    /// The first of these, by path.
    #[serde(deserialize_with = "list_or_null")]
    pub errors: Vec<EntryError>,
}

/// An entry that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct EntryError {
    /// Its path below the root of the snapshot.
    pub path: String,
    /// Why.
    pub error: String,
}

fn list_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<EntryError>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Summary {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.number("size", self.size);
        object.number("files", self.files);
        object.number("symlinks", self.symlinks);
        object.number("dirs", self.dirs);
        object.time_if_any("maxTime", self.max_time);
        object.string_if_any("incomplete", self.incomplete.as_bytes());
        object.number("numFailed", self.failed);
        object.number_if_any("numIgnoredErrors", self.ignored_errors);
        let errors = &self.errors[..self.errors.len().min(ERRORS_MAX)];
        if !errors.is_empty() {
            write_list(object.field("errors"), errors, |out, failure| {
                let mut object = Object::begin(out);
                object.string("path", failure.path.as_bytes());
                object.string("error", failure.error.as_bytes());
                object.end();
            });
        }
        object.end();
    }
}

impl DirEntry {
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut object = Object::begin(out);
        object.string_if_any("name", &self.name);
        object.string_if_any("type", self.kind.letter().as_bytes());
        if !self.mode.is_none() {
            object.string("mode", self.mode.to_string().as_bytes());
        }
        object.number_if_any("size", self.size);
        object.time_if_any("mtime", self.modified);
        object.number_if_any("uid", self.uid.into());
        object.number_if_any("gid", self.gid.into());
        object.string("obj", self.object.map(|object| object.to_string()).unwrap_or_default().as_bytes());
        if let Some(summary) = &self.summary {
            summary.write(object.field("summ"));
        }
        // what kopia does not know it passes over
        if let Some(link) = self.link {
            object.number(LINK, link);
        }
        if str::from_utf8(&self.name).is_err() {
            object.string(NAME, STANDARD.encode(&self.name).as_bytes());
        }
        object.end();
    }
}

impl<'de> Deserialize<'de> for DirEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let row = Row::deserialize(deserializer)?;
        let mode = if row.mode.is_empty() {
            Mode::default()
        } else {
            row.mode.parse().map_err(de::Error::custom)?
        };
        let object =
            (!row.object.is_empty()).then(|| row.object.parse()).transpose().map_err(de::Error::custom)?;
        let bytes = STANDARD.decode(&row.bytes).ok();
        let name = bytes.filter(|bytes| !bytes.is_empty() && lossy(bytes) == row.name);
        Ok(Self {
            name: name.unwrap_or_else(|| row.name.into_bytes()),
            kind: EntryType::of(&row.kind),
            mode,
            size: row.size,
            modified: row.modified,
            uid: row.uid,
            gid: row.gid,
            object,
            summary: row.summary,
            link: row.link,
        })
    }
}

/// An entry as it is stored.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    mode: String,
    size: u64,
    #[serde(rename = "mtime")]
    modified: Time,
    uid: u32,
    gid: u32,
    #[serde(rename = "obj")]
    object: String,
    #[serde(rename = "summ")]
    summary: Option<Summary>,
    #[serde(rename = "salvorLink")]
    link: Option<u64>,
    #[serde(rename = "salvorName")]
    bytes: String,
}

/// A directory in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directory {
    /// Its entries.
    pub entries: Vec<DirEntry>,
    /// What lies below it.
    pub summary: Option<Summary>,
}

impl Directory {
    /// Brings the entries into the order in which they are stored: directories first, each group by name.
    pub fn sort(&mut self) {
        let order = |entry: &DirEntry| (entry.kind != EntryType::Directory, entry.name.clone());
        self.entries.sort_by_cached_key(order);
    }

    /// The bytes of the directory as an object.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.string("stream", STREAM.as_bytes());
        write_list(object.field("entries"), &self.entries, |out, entry| entry.write(out));
        match &self.summary {
            Some(summary) => summary.write(object.field("summary")),
            None => object.field("summary").extend_from_slice(b"null"),
        }
        object.end();
        out.push(b'\n');
        out
    }

    /// Reads a directory as a whole; `subject` names it in errors.
    pub fn read(subject: &dyn fmt::Display, input: impl Read) -> Result<Self> {
        let mut entries = Vec::new();
        let summary = read_directory(subject, input, &mut |entry| {
            entries.push(entry);
            Ok(())
        })?;
        Ok(Self { entries, summary })
    }
}

/// Reads a directory entry by entry: some have millions. Its summary, if it has one.
pub fn read_directory(
    subject: &dyn fmt::Display,
    input: impl Read,
    visit: &mut dyn FnMut(DirEntry) -> Result<()>,
) -> Result<Option<Summary>> {
    let mut stopped = None;
    let mut deserializer = serde_json::Deserializer::from_reader(io::BufReader::new(input));
    let read = deserializer.deserialize_map(DirectoryVisitor { visit, stopped: &mut stopped });
    let read = read.and_then(|summary| deserializer.end().map(|()| summary));
    match stopped {
        Some(error) => Err(error),
        None => read.map_err(|error| Error::from_json(subject, "directory", error)),
    }
}

struct DirectoryVisitor<'a> {
    visit: &'a mut dyn FnMut(DirEntry) -> Result<()>,
    stopped: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for DirectoryVisitor<'_> {
    type Value = Option<Summary>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a directory")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut stream, mut summary) = (String::new(), None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "stream" => stream = map.next_value()?,
                "entries" => map.next_value_seed(Entries(&mut self))?,
                "summary" => summary = map.next_value()?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if stream == STREAM {
            Ok(summary)
        } else {
            Err(de::Error::custom(format_args!("it is {stream:.40?}")))
        }
    }
}

struct Entries<'a, 'b>(&'a mut DirectoryVisitor<'b>);

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("entries")
    }

    fn visit_none<E: de::Error>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<(), A::Error> {
        while let Some(entry) = rows.next_element()? {
            if let Err(error) = (self.0.visit)(entry) {
                *self.0.stopped = Some(error);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
