//! A repository in memory, sealed as restic seals it.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::crypto::Key;
use crate::files::{Listed, out_of_range};
use crate::index::Kind;
use crate::{Error, ErrorKind, Files, Id, Repository, Result, too_large};

pub(super) const PASSWORD: &str = "correct horse";

/// Files by their path.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(pub(super) BTreeMap<String, Vec<u8>>);

impl Memory {
    fn file(&self, path: &str) -> Result<&Vec<u8>> {
        self.0.get(path).ok_or_else(|| Error::new(ErrorKind::NotFound, path, "there is no such file"))
    }
}

impl Files for Memory {
    fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>> {
        let file = self.file(path)?;
        if file.len() > limit { Err(too_large(path, file.len() as u64, limit)) } else { Ok(file.clone()) }
    }

    fn get_range(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        let file = self.file(path)?;
        let start = usize::try_from(offset).unwrap();
        let bytes = start.checked_add(length).and_then(|end| file.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| out_of_range(path, offset, length, file.len() as u64))
    }

    fn length(&self, path: &str) -> Result<u64> {
        Ok(self.file(path)?.len() as u64)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let name = |path: &str| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let listed =
            |(path, file): (&String, &Vec<u8>)| Some(Listed { name: name(path)?, length: file.len() as u64 });
        Ok(self.0.iter().filter_map(listed).collect())
    }
}

/// A repository in the making.
pub(super) struct Made {
    pub(super) files: Memory,
    pub(super) key: Key,
    version: u32,
    packs: Vec<Value>,
}

impl Made {
    /// A repository of a version of the format.
    pub(super) fn new(version: u32) -> Self {
        let key = Key {
            encrypt: Zeroizing::new([1; 32]),
            mac_k: Zeroizing::new([2; 16]),
            mac_r: Zeroizing::new([3; 16]),
        };
        let mut made = Self { files: Memory::default(), key, version, packs: Vec::new() };
        let config = json!({"version": version, "id": "00", "chunker_polynomial": "25b468838dcb75"});
        let sealed = made.key.seal([9; 16], config.to_string().as_bytes()).unwrap();
        made.files.0.insert("config".to_owned(), sealed);
        made.add_key();
        made
    }

    fn add_key(&mut self) {
        let mut bytes = [0; 64];
        let params = scrypt::Params::new(4, 8, 1).unwrap();
        scrypt::scrypt(PASSWORD.as_bytes(), b"salt", &params, &mut bytes).unwrap();
        let of_password = Key {
            encrypt: Zeroizing::new(bytes[..32].try_into().unwrap()),
            mac_k: Zeroizing::new(bytes[32..48].try_into().unwrap()),
            mac_r: Zeroizing::new(bytes[48..].try_into().unwrap()),
        };
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        let master = json!({
            "mac": {"k": text(&*self.key.mac_k), "r": text(&*self.key.mac_r)},
            "encrypt": text(&*self.key.encrypt),
        });
        let data = text(&of_password.seal([8; 16], master.to_string().as_bytes()).unwrap());
        let file = json!({"kdf": "scrypt", "N": 16, "r": 8, "p": 1, "salt": text(b"salt"), "data": data});
        self.put_named("keys", file.to_string().into_bytes());
    }

    fn put_named(&mut self, folder: &str, bytes: Vec<u8>) -> String {
        let path = format!("{folder}/{}", Id::of(&bytes));
        self.files.0.insert(path.clone(), bytes);
        path
    }

    fn put_document(&mut self, folder: &str, document: &Value) -> String {
        let mut bytes = document.to_string().into_bytes();
        if self.version > 1 {
            bytes = [&[2][..], &zstd::bulk::compress(&bytes, 3).unwrap()].concat();
        }
        let sealed = self.key.seal([7; 16], &bytes).unwrap();
        self.put_named(folder, sealed)
    }

    /// Adds a pack with some blobs; their names.
    pub(super) fn pack(&mut self, blobs: &[(Kind, &[u8])]) -> Vec<Id> {
        let (mut pack, mut list, mut rows, mut ids) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (kind, data) in blobs {
            let (id, offset, is_tree) = (Id::of(data), pack.len(), u8::from(*kind == Kind::Tree));
            let sealed = match self.version {
                1 => self.key.seal([6; 16], data).unwrap(),
                _ => self.key.seal([6; 16], &zstd::bulk::compress(data, 3).unwrap()).unwrap(),
            };
            list.push(is_tree + if self.version == 1 { 0 } else { 2 });
            list.extend((sealed.len() as u32).to_le_bytes());
            let mut row = json!({"id": id.to_string(), "offset": offset, "length": sealed.len()});
            row["type"] = if is_tree == 1 { "tree".into() } else { "data".into() };
            if self.version > 1 {
                list.extend((data.len() as u32).to_le_bytes());
                row["uncompressed_length"] = data.len().into();
            }
            list.extend(id.0);
            rows.push(row);
            ids.push(id);
            pack.extend(sealed);
        }
        let list = self.key.seal([5; 16], &list).unwrap();
        pack.extend(&list);
        pack.extend((list.len() as u32).to_le_bytes());
        let id = Id::of(&pack);
        self.files.0.insert(crate::pack::path(&id.to_string()), pack);
        self.packs.push(json!({"id": id.to_string(), "blobs": rows}));
        ids
    }

    /// Adds a tree, in a pack of its own.
    pub(super) fn tree(&mut self, nodes: &Value) -> Id {
        let document = json!({ "nodes": nodes }).to_string();
        self.pack(&[(Kind::Tree, document.as_bytes())])[0]
    }

    /// What the index says of the packs so far, to be changed before it is written.
    pub(super) fn rows(&mut self) -> &mut Vec<Value> {
        &mut self.packs
    }

    /// Adds a snapshot of a tree, and the index: the files.
    pub(super) fn finish(mut self, tree: Id) -> (Memory, Key) {
        let packs = std::mem::take(&mut self.packs);
        self.put_document("index", &json!({ "packs": packs }));
        let snapshot = json!({
            "time": "2026-01-02T03:04:05.6+01:00", "tree": tree.to_string(), "paths": ["/data"], "hostname": "h",
            "username": "u", "tags": ["a=b"],
        });
        self.put_document("snapshots", &snapshot);
        (self.files, self.key)
    }
}

/// A file of a tree.
pub(super) fn file(name: &str, data: &[u8], contents: &[Id]) -> Value {
    let contents: Vec<String> = contents.iter().map(Id::to_string).collect();
    let owner = owner();
    json!({"name": name, "type": "file", "mode": 0o640, "mtime": "2020-09-13T12:26:40.5Z", "size": data.len(),
        "uid": owner.0, "gid": owner.1, "content": contents})
}

/// A folder of a tree.
pub(super) fn folder(name: &str, tree: Id) -> Value {
    let owner = owner();
    json!({"name": name, "type": "dir", "mode": 0o750, "mtime": "2020-09-13T12:26:40.5Z",
        "uid": owner.0, "gid": owner.1, "subtree": tree.to_string()})
}

/// A link of a tree.
pub(super) fn link(name: &str, target: &str) -> Value {
    let owner = owner();
    json!({"name": name, "type": "symlink", "mode": 0o777, "mtime": "2020-09-13T12:26:40.5Z",
        "uid": owner.0, "gid": owner.1, "linktarget": target})
}

fn owner() -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let owner = std::fs::metadata("/proc/self").unwrap();
    (owner.uid(), owner.gid())
}

/// A small repository of a version: two files, one of two blobs, and a folder with a link.
pub(super) fn small(version: u32) -> (Memory, Key) {
    let mut made = Made::new(version);
    let (one, two) = (b"one, and more of it".repeat(20), b"two".repeat(7));
    let ids = made.pack(&[(Kind::Data, &one), (Kind::Data, &two)]);
    let below = made.tree(&json!([link("link", "../one")]));
    let both = [&one[..], &two].concat();
    let nodes = json!([file("both", &both, &ids), folder("below", below), file("one", &one, &ids[..1])]);
    let root = made.tree(&nodes);
    made.finish(root)
}

pub(super) fn open(files: &Memory, key: &Key) -> Result<Repository> {
    Repository::with_key(Box::new(files.clone()), key.clone())
}
