//! Readers of what a store holds, each as a function of any bytes that checks what has to hold of the outcome, and samples to begin from. The test
//! here damages the samples by chance; `cargo xtask test fuzz` has libFuzzer look for bytes that take ways through the code that no others took.

#[cfg(test)]
// what damages samples is the same for the readers of both crates
#[path = "../../kopia/src/fuzz/tests.rs"]
mod tests;

use kopia::restore::Data;

use crate::index::Index;
use crate::unpacked::decompress;
use crate::{Result, Snapshot, pack, quoted, tree, unpacked};

/// A reader, and what is tried on it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// What it reads, to begin from.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Reads some bytes; whether that went well. Panics where something does not hold that has to.
    pub read: fn(&[u8]) -> bool,
}

/// All readers.
pub const TARGETS: &[Target] = &[
    Target { name: "restic-compression", samples: compressed, read: read_compressed },
    Target { name: "restic-index", samples: indexes, read: read_index },
    Target { name: "restic-pack", samples: lists, read: read_list },
    Target { name: "restic-snapshot", samples: snapshots, read: read_snapshot },
    Target { name: "restic-tree", samples: trees, read: read_tree },
];

/// What is read is called.
const NAME: &str = "t7";
/// The most bytes that compressed ones may stand for.
const LIMIT: usize = 256 << 10;
/// The name of something, as it is written.
const ID: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// What was read; an error has to tell of what.
fn named<T>(outcome: Result<T>) -> Option<T> {
    outcome.map_err(|error| assert_eq!(error.subject(), NAME, "{error}")).ok()
}

fn compressed() -> Vec<Vec<u8>> {
    let text = b"the same again, and the same again, and the same again and again: 0123456789";
    zstd::bulk::compress(text, 3).into_iter().collect()
}

fn read_compressed(bytes: &[u8]) -> bool {
    let Some(output) = named(decompress(NAME, bytes, LIMIT)) else { return false };
    assert!(output.len() <= LIMIT);
    true
}

fn indexes() -> Vec<Vec<u8>> {
    let blob = |kind, offset| {
        format!(r#"{{"id":"{ID}","type":"{kind}","offset":{offset},"length":50,"uncompressed_length":99}}"#)
    };
    let blobs = [blob("data", 0), blob("tree", 50), blob("data", 100)].join(",");
    vec![
        format!(r#"{{"supersedes":["{ID}"],"packs":[{{"id":"{ID}","blobs":[{blobs}]}},{{"id":"{ID}","blobs":[]}}]}}"#)
            .into_bytes(),
    ]
}

fn read_index(bytes: &[u8]) -> bool {
    let mut index = Index::default();
    if named(index.add_document(NAME, bytes)).is_none() {
        return false;
    }
    index.sort();
    for place in index.by_pack() {
        assert_eq!(index.find(place.kind, &place.id), Some(&place));
        let end = u64::from(place.offset) + u64::from(place.packed_length);
        assert!(!index.pack(place.pack).is_empty() && end <= index.end(place.pack));
    }
    true
}

fn lists() -> Vec<Vec<u8>> {
    let row = |kind: u8, lengths: &[u32]| {
        let lengths: Vec<u8> = lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        [&[kind][..], &lengths, &[kind; 32]].concat()
    };
    vec![[row(0, &[100]), row(1, &[50]), row(2, &[60, 900]), row(3, &[32, 1])].concat()]
}

fn read_list(bytes: &[u8]) -> bool {
    let Some(blobs) = named(pack::parse(NAME, bytes)) else { return false };
    assert!(
        blobs
            .windows(2)
            .all(|pair| pair[0].offset.checked_add(pair[0].packed_length) == Some(pair[1].offset))
    );
    true
}

fn snapshots() -> Vec<Vec<u8>> {
    let sample = format!(
        r#"{{"time":"2026-01-02T03:04:05.6+01:00","tree":"{ID}","paths":["/data"],"hostname":"h","username":"u","tags":null,"uid":1}}"#
    );
    vec![sample.into_bytes()]
}

fn read_snapshot(bytes: &[u8]) -> bool {
    named(unpacked::parse::<Snapshot>(NAME, "snapshot", bytes)).is_some()
}

fn trees() -> Vec<Vec<u8>> {
    let rows = [
        format!(
            r#"{{"name":"f\\xff","type":"file","mode":420,"uid":5,"gid":6,"size":3,"links":2,"inode":9,"device_id":8,
            "mtime":"2020-09-13T14:26:40.5+02:00","content":["{ID}"],"extended_attributes":[{{"name":"user.a","value":"AQI="}}]}}"#
        ),
        format!(r#"{{"name":"d","type":"dir","mode":2147484141,"content":null,"subtree":"{ID}"}}"#),
        r#"{"name":"l","type":"symlink","linktarget":"x","linktarget_raw":"/w==","content":null}"#.to_owned(),
        r#"{"name":"p\\u00e9\\101","type":"fifo","mode":33554852,"device":259}"#.to_owned(),
    ];
    vec![format!(r#"{{"nodes":[{}],"later":{{}}}}"#, rows.join(",")).into_bytes()]
}

fn read_tree(bytes: &[u8]) -> bool {
    if let Ok(text) = str::from_utf8(bytes) {
        let name = quoted::unquote(text);
        assert!(name.is_none_or(|name| name.len() <= bytes.len()));
    }
    let read = tree::read(&NAME, bytes, &mut |found| {
        if let Data::Bytes(target) = &found.data {
            assert_eq!(target.len() as u64, found.entry.size);
        }
        Ok(())
    });
    named(read).is_some()
}
