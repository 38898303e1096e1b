//! Indexes of both versions: what one tells is found by name, and written and read again is the same.

use super::{Target, of};
use crate::content::index::{Index, build};
use crate::content::{Entry, Prefix};

pub(super) const TARGET: Target = Target { name: "index", samples, read };

/// What the index is called.
const NAME: &str = "xn7";
/// Two entries, of the specification.
pub(crate) const V2: &str = "0211001100000002000000020200000000008fcad2d89cd8e0b0ad22c2720ddec71a6553f1000000002000000c0000280000006baddae1c60d7f540f5ec1c7e5\
    e0c126f56553f101800000480000c8000064000101360000006b36000000a1000000000300000011010300703130313131323133313431353136313731383139\
    3161316231633164316531662d733030313132323333343435353636373731343871333033313332333333343335333633373338333933613362336333643365\
    33662d7330303131323233333434353536363737313438";
/// The same in version 1.
pub(crate) const V1: &str = "0111001400000002008fcad2d89cd8e0b0ad22c2720ddec71a00006553f10001360000005200000020000000286baddae1c60d7f540f5ec1c7e5e0c126f50000\
    6553f10101360000008880000048000000647031303131313231333134313531363137313831393161316231633164316531662d733030313132323333343435\
    35363637373134387133303331333233333334333533363337333833393361336233633364336533662d7330303131323233333434353536363737313438";

fn samples() -> Vec<Vec<u8>> {
    [V1, V2].map(|text| hex::decode(text).unwrap_or_default()).into()
}

fn read(bytes: &[u8]) -> bool {
    let Some(index) = of(NAME, Index::parse(NAME, bytes.to_vec())) else { return false };
    assert!(index.len() <= bytes.len(), "{} entries in {} bytes", index.len(), bytes.len());
    assert!(index.start_of(Prefix::MANIFEST) <= index.len());
    let entries: Option<Vec<Entry>> = index.entries().map(|entry| of(NAME, entry)).collect();
    let Some(entries) = entries else { return false };
    if entries.is_sorted_by(|a, b| a.id < b.id) {
        for entry in &entries {
            assert_eq!(of(NAME, index.get(&entry.id)).flatten().as_ref(), Some(entry));
        }
        check_written(&entries);
    }
    true
}

/// Old indexes may hold numbers that are not written any more.
fn check_written(entries: &[Entry]) {
    let Ok(written) = build(entries) else { return };
    let again = written.into_iter().filter_map(|bytes| of(NAME, Index::parse(NAME, bytes)));
    let again: Vec<Entry> =
        again.flat_map(|index| index.entries().filter_map(Result::ok).collect::<Vec<_>>()).collect();
    assert_eq!(again, entries);
}
