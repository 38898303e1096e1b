//! Indexes of the specification, ours, and damaged ones.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::ErrorKind;
use crate::content::entry::tests::entry;
use crate::fuzz::index::{V1, V2};

fn first() -> Entry {
    let pack = "p101112131415161718191a1b1c1d1e1f-s0011223344556677148";
    entry("8fcad2d89cd8e0b0ad22c2720ddec71a", 1_700_000_000, pack)
}

fn second() -> Entry {
    Entry {
        is_deleted: true,
        offset: 72,
        packed_length: 100,
        length: 200,
        compression: 0x1101,
        ..entry(
            "kaddae1c60d7f540f5ec1c7e5e0c126f5",
            1_700_000_001,
            "q303132333435363738393a3b3c3d3e3f-s0011223344556677148",
        )
    }
}

fn one(entries: &[Entry]) -> Vec<u8> {
    let mut built = build(entries).unwrap();
    assert_eq!(built.len(), 1);
    built.remove(0)
}

fn entries(bytes: Vec<u8>) -> Vec<Entry> {
    Index::parse("xn0", bytes).unwrap().entries().collect::<Result<_>>().unwrap()
}

#[test]
fn version_2_is_kopias_byte_for_byte() {
    let bytes = one(&[first(), second()]);
    assert_eq!(hex::encode(&bytes), V2);
    assert_eq!(
        hex::encode(Sha256::digest(&bytes)),
        "3bb900f3b595adf3c006bc7a43a5025cf98ba98d2dcb1fe8ba6dff19ae61f376"
    );
    assert_eq!(entries([&bytes[..], &[7; 32]].concat()), [first(), second()], "a random tail is ignored");
}

#[test]
fn version_1_is_read() {
    let bytes = hex::decode(V1).unwrap();
    assert_eq!(
        hex::encode(Sha256::digest(&bytes)),
        "352cee134e3b6e33d9de7b32c0995c3d629fbe2b558f969b1e260f8f25bd7656"
    );
    let old =
        |entry: Entry| Entry { format_version: 1, compression: 0, length: entry.packed_length - 28, ..entry };
    assert_eq!(entries(bytes), [old(first()), old(second())]);
    let empty = Index::parse("n1", vec![1, 0xff, 0, 20, 0, 0, 0, 0]).unwrap();
    assert_eq!(empty.len(), 0);
    assert_eq!(empty.get(&first().id).unwrap(), None);
}

#[test]
fn contents_are_found_by_name() {
    let index = Index::parse("xn0", one(&[first(), second()])).unwrap();
    assert_eq!(index.get(&first().id).unwrap(), Some(first()));
    assert_eq!(index.get(&second().id).unwrap(), Some(second()));
    for absent in ["8fcad2d89cd8e0b0ad22c2720ddec71b", "00000000000000000000000000000000", "zff", "8fca"] {
        assert_eq!(index.get(&absent.parse().unwrap()).unwrap(), None, "{absent}");
    }
}

#[test]
fn large_numbers_make_entries_longer() {
    let at = |number: u32, pack: String| entry(&format!("{number:032x}"), 1, &pack);
    let long = Entry { length: (1 << 28) - 1, packed_length: 1 << 24, ..first() };
    let bytes = one(std::slice::from_ref(&long));
    assert_eq!(bytes[3], 19);
    assert_eq!(entries(bytes), [long]);
    let many: Vec<Entry> = (0..(1 << 16) + 1).map(|number| at(number, format!("p{number}"))).collect();
    let bytes = one(&many);
    assert_eq!(bytes[3], 18);
    assert_eq!(entries(bytes), many);
    let formats: Vec<Entry> =
        (0..255).map(|number| Entry { compression: number, ..at(number, "p".into()) }).collect();
    assert_eq!(entries(one(&formats)), formats);
    let too_many = [formats, vec![Entry { compression: 999, ..first() }]].concat();
    assert_eq!(build(&too_many).unwrap_err().kind(), ErrorKind::Invalid);
    for bad in [
        Entry { offset: 1 << 30, ..first() },
        Entry { length: 1 << 28, ..first() },
        Entry { packed_length: 1 << 28, ..first() },
        Entry { time: -1, ..first() },
        Entry { pack: "p".repeat(256).into(), ..first() },
    ] {
        assert_eq!(build(&[bad]).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn very_many_entries_are_spread_by_name() {
    let all: Vec<Entry> = (0..100).map(|number| entry(&format!("{number:032x}"), 1, "p1")).collect();
    let parts = shards(&all, 30);
    assert_eq!(parts.len(), 4);
    assert!(parts.iter().all(|part| part.len() > 10 && part.is_sorted_by_key(|entry| entry.id)));
    assert_eq!(parts.concat().len(), 100);
    assert_eq!(fnv1a(b"a"), 0xe40c_292c);
}

#[test]
fn names_that_many_packs_share_are_refused() {
    let (packs, name) = (100_u32, [b'p'; 255]);
    let start = 17 + packs * 5 + 6;
    let rows = [&[255][..], &start.to_be_bytes()].concat().repeat(packs as usize);
    let header = [&[2, 2, 0, 16, 0, 0, 0, 0][..], &packs.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    let index = |rows: &[u8]| Index::parse("xn7", [&header[..], rows, &[0; 6], &name].concat());
    assert_eq!(index(&rows).unwrap_err().kind(), ErrorKind::Corrupt);
    let once = [&rows[..5], &[0; 5].repeat(99)].concat();
    assert_eq!(index(&once).unwrap().len(), 0);
}

#[test]
fn whatever_is_cut_off_is_an_error_or_fewer_bytes_of_a_tail() {
    for whole in [V1, V2].map(|text| hex::decode(text).unwrap()) {
        for length in 0..whole.len() {
            let index = match Index::parse("xn7", whole[..length].to_vec()) {
                Ok(index) => index,
                Err(error) => {
                    assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "xn7"));
                    continue;
                }
            };
            // names of packs lie at the end
            assert!(index.entries().any(|entry| entry.is_err()), "{length}");
        }
    }
    assert_eq!(Index::parse("xn7", vec![3; 100]).unwrap_err().kind(), ErrorKind::Unsupported);
}

proptest! {
    #[test]
    fn damaged_indexes_never_panic(
        is_new in any::<bool>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = hex::decode(if is_new { V2 } else { V1 }).unwrap();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let size = bytes.len();
        if let Ok(index) = Index::parse("xn7", bytes) {
            prop_assert!(index.len() <= size);
            let named = index.entries().filter_map(Result::err).all(|error| error.subject() == "xn7");
            prop_assert!(named);
            let _ = index.get(&first().id);
        }
    }

    #[test]
    fn what_is_written_is_read(seeds in prop::collection::btree_map(any::<[u8; 16]>(), any::<(u32, u32, u32, u16)>(), 1..50)) {
        let written: Vec<Entry> = seeds.iter().map(|(hash, (time, offset, length, pack))| Entry {
            offset: offset % (1 << 30),
            packed_length: length % (1 << 28),
            length: time % (1 << 28),
            is_deleted: pack % 2 == 0,
            compression: u32::from(pack % 5),
            ..entry(&hex::encode(hash), i64::from(*time), &format!("p{}", pack % 7))
        }).collect();
        prop_assert_eq!(entries(one(&written)), written);
    }
}
