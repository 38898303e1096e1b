//! Trees: directories as restic stores them, and what Kopia's sink makes of their entries.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kopia::content::Prefix;
use kopia::restore::{Attribute, Data, Found, Special};
use kopia::snapshot::{DirEntry, EntryType, Mode};
use kopia::{ObjectId, Time};
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};

use crate::quoted::unquote;
use crate::{Error, Id, Result, corrupt};

/// The label that SELinux gives a file: it belongs to the node, not to the data.
const SELINUX: &str = "security.selinux";

/// An entry of a tree, as it is stored.
#[derive(Deserialize)]
struct Node {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    mode: u32,
    #[serde(default, rename = "mtime")]
    modified: Time,
    #[serde(default)]
    uid: u32,
    #[serde(default)]
    gid: u32,
    #[serde(default)]
    inode: u64,
    #[serde(default)]
    device_id: u64,
    /// The number of a device.
    #[serde(default)]
    device: u64,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    links: u64,
    #[serde(default, rename = "linktarget")]
    link_target: String,
    #[serde(default, rename = "linktarget_raw")]
    link_target_bytes: Option<Base64>,
    #[serde(default)]
    extended_attributes: Option<Vec<ExtendedAttribute>>,
    #[serde(default)]
    content: Option<Vec<Id>>,
    #[serde(default)]
    subtree: Option<Id>,
}

#[derive(Deserialize)]
struct ExtendedAttribute {
    name: String,
    value: Option<Base64>,
}

/// Bytes in the form that JSON has for them.
struct Base64(Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(de::Error::custom)
    }
}

impl Node {
    fn into_found(self, subject: &dyn fmt::Display) -> Result<Found> {
        let name = unquote(&self.name);
        let name =
            name.ok_or_else(|| corrupt(subject, format!("has a name that is none: {:.80?}", self.name)))?;
        let mut entry = DirEntry {
            name,
            mode: Mode::from_go(self.mode),
            modified: self.modified,
            uid: self.uid,
            gid: self.gid,
            ..DirEntry::default()
        };
        let mut data = Data::default();
        match self.kind.as_str() {
            "file" => {
                let contents = self.content.as_deref().unwrap_or_default();
                entry.kind = EntryType::File;
                entry.size = self.size;
                entry.link = (self.links > 1).then(|| file_number(self.device_id, self.inode));
                entry.object = identity(contents);
                data = Data::Contents(contents.iter().filter_map(|id| id.to_content(None)).collect());
            }
            "dir" => {
                entry.kind = EntryType::Directory;
                entry.object = self.subtree.and_then(object_of_tree);
            }
            "symlink" => {
                let target = match self.link_target_bytes {
                    Some(bytes) => bytes.0,
                    None => self.link_target.into_bytes(),
                };
                entry.kind = EntryType::Symlink;
                entry.size = target.len() as u64;
                data = Data::Bytes(target);
            }
            "fifo" => data = Data::Special(Special::Pipe),
            "socket" => data = Data::Special(Special::Socket),
            "chardev" => data = Data::Special(Special::CharacterDevice(self.device)),
            "dev" => data = Data::Special(Special::BlockDevice(self.device)),
            _ => {}
        }
        Ok(Found { entry, data, attributes: attributes(self.extended_attributes.unwrap_or_default()) })
    }
}

fn attributes(stored: Vec<ExtendedAttribute>) -> Vec<Attribute> {
    let attribute = |one: ExtendedAttribute| Attribute {
        name: one.name,
        value: one.value.map(|value| value.0).unwrap_or_default(),
    };
    stored.into_iter().map(attribute).filter(|attribute| attribute.name != SELINUX).collect()
}

/// What a tree is found by.
pub(crate) fn object_of_tree(id: Id) -> Option<ObjectId> {
    id.to_content(Some(Prefix::DIRECTORY)).map(ObjectId::direct)
}

/// What only files have in common that hold the same.
fn identity(contents: &[Id]) -> Option<ObjectId> {
    if contents.is_empty() {
        return None;
    }
    let all = contents.iter().fold(Sha256::new(), |hash, id| hash.chain_update(id.0));
    Id(all.finalize().into()).to_content(Some(Prefix::LIST)).map(ObjectId::direct)
}

/// A number that only the names of one file have in common.
fn file_number(device: u64, inode: u64) -> u64 {
    let hash = Sha256::new().chain_update(device.to_le_bytes()).chain_update(inode.to_le_bytes()).finalize();
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Shows the entries of a tree one by one: some have millions. `subject` names it in errors.
pub(crate) fn read(
    subject: &dyn fmt::Display,
    document: &[u8],
    visit: &mut dyn FnMut(Found) -> Result<()>,
) -> Result<()> {
    let mut stopped = None;
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let reader = Reader { subject, visit, stopped: &mut stopped };
    let read = deserializer.deserialize_map(reader).and_then(|()| deserializer.end());
    match stopped {
        Some(error) => Err(error),
        None => read.map_err(|error| corrupt(subject, format!("is no tree: {error}"))),
    }
}

struct Reader<'a> {
    subject: &'a dyn fmt::Display,
    visit: &'a mut dyn FnMut(Found) -> Result<()>,
    /// Why it is not read to its end.
    stopped: &'a mut Option<Error>,
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tree")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> std::result::Result<(), A::Error> {
        let mut has_nodes = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "nodes" {
                has_nodes = true;
                map.next_value_seed(Nodes(&mut self))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_nodes { Ok(()) } else { Err(de::Error::missing_field("nodes")) }
    }
}

struct Nodes<'a, 'b>(&'a mut Reader<'b>);

impl<'de> DeserializeSeed<'de> for Nodes<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Nodes<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the entries of a tree")
    }

    fn visit_none<E: de::Error>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut nodes: A) -> std::result::Result<(), A::Error> {
        while let Some(node) = nodes.next_element::<Node>()? {
            let shown = node.into_found(self.0.subject).and_then(|found| (self.0.visit)(found));
            if let Err(error) = shown {
                *self.0.stopped = Some(error);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn found(nodes: &str) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        read(&"t", format!(r#"{{"nodes":{nodes}}}"#).as_bytes(), &mut |found| {
            all.push(found);
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn entries_are_what_restic_says_they_are() {
        let id = Id([7; 32]);
        let rows = [
            format!(
                r#"{{"name":"f\\xff","type":"file","mode":420,"uid":5,"gid":6,"size":3,"links":2,"inode":9,
                "mtime":"2020-09-13T14:26:40.5+02:00","content":["{id}"],"extended_attributes":
                [{{"name":"user.a","value":"AQI="}},{{"name":"security.selinux","value":"AA=="}}]}}"#
            ),
            format!(r#"{{"name":"d","type":"dir","mode":2147484141,"content":null,"subtree":"{id}"}}"#),
            r#"{"name":"l","type":"symlink","linktarget":"x","linktarget_raw":"/w==","content":null}"#
                .to_owned(),
            r#"{"name":"p","type":"fifo","mode":33554852}"#.to_owned(),
            r#"{"name":"c","type":"chardev","mode":69206454,"device":259}"#.to_owned(),
            r#"{"name":"i","type":"irregular"}"#.to_owned(),
        ];
        let found = found(&format!("[{}]", rows.join(","))).unwrap();
        let file = &found[0];
        assert_eq!((&file.entry.name[..], file.entry.kind), (&b"f\xff"[..], EntryType::File));
        assert_eq!(file.entry.modified, Time::from_nanos(1_600_000_000_500_000_000));
        assert_eq!((file.entry.uid, file.entry.gid, file.entry.size), (5, 6, 3));
        assert_eq!(file.data, Data::Contents(vec![id.to_content(None).unwrap()]));
        assert_eq!(file.attributes, [Attribute { name: "user.a".to_owned(), value: vec![1, 2] }]);
        assert_eq!(file.entry.link, Some(file_number(0, 9)));
        assert_eq!((found[1].entry.kind, found[1].entry.object), (EntryType::Directory, object_of_tree(id)));
        assert_eq!(found[1].entry.mode, Mode::from_unix(0o755));
        assert_eq!((&found[2].data, found[2].entry.size), (&Data::Bytes(vec![0xff]), 1));
        let special = |found: &Found| (found.entry.kind, found.data.clone());
        assert_eq!(special(&found[3]), (EntryType::Unknown, Data::Special(Special::Pipe)));
        assert_eq!(special(&found[4]), (EntryType::Unknown, Data::Special(Special::CharacterDevice(259))));
        assert_eq!(special(&found[5]), (EntryType::Unknown, Data::Object), "restic's irregular ones");
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        assert!(found("null").unwrap().is_empty() && found("[]").unwrap().is_empty());
        let deep = "[".repeat(100_000);
        for nodes in ["{}", "[1]", "[{}]", r#"[{"name":"\\","type":"file"}]"#, r#"[{"name":"a"}]"#, &deep]
            .into_iter()
            .chain([
                r#"[{"name":"a","type":"file","size":-1}]"#,
                r#"[{"name":"a","type":"file","content":["00"]}]"#,
            ])
        {
            let error = found(nodes).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "t"), "{nodes:.80}");
        }
        assert!(read(&"t", b"{}", &mut |_| Ok(())).is_err());
        assert!(read(&"t", br#"{"nodes":[]} x"#, &mut |_| Ok(())).is_err());
    }
}
