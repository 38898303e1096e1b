//! Compressed contents of every family: never more than was allowed, and what is compressed again is the same.

use super::{Target, of};
use crate::compression::{Compression, decompress, id_of};

pub(super) const TARGET: Target = Target { name: "compression", samples, read };

/// What the content is called.
const NAME: &str = "p7";
/// The most bytes that may come out.
const LIMIT: usize = 256 << 10;
/// What is compressed: something that repeats itself, and something that does not.
const TEXT: &[u8] =
    b"the same again, and the same again, and the same again and again: 0123456789 abcdefghijklmnopqrstuvwxyz";
/// A stream each of the families that are not written: LZ4 and S2.
const READ_ONLY: [&str; 2] = [
    "0000140004224d1860408248000000ff057468652073616d6520616761696e2c20616e642014000f012700013200f0183a20303132333435363738392061626364\
        65666768696a6b6c6d6e6f707172737475767778797a00000000",
    "00001200ff06000053327354774f00490000ca4b2692674c7468652073616d6520616761696e2c20616e642086140005270532983a203031323334353637383920\
        6162636465666768696a6b6c6d6e6f707172737475767778797a",
];
/// The families that are written.
const WRITTEN: [&str; 4] = ["gzip", "pgzip", "zstd-fastest", "deflate-default"];

fn samples() -> Vec<Vec<u8>> {
    let written = WRITTEN.into_iter().filter_map(Compression::named);
    let written = written.filter_map(|compression| compression.compress(TEXT).ok().flatten());
    written.chain(READ_ONLY.map(|stream| hex::decode(stream).unwrap_or_default())).collect()
}

fn read(bytes: &[u8]) -> bool {
    let Some(id) = id_of(bytes) else { return false };
    let Some(output) = of(NAME, decompress(&NAME, id, bytes, LIMIT)) else { return false };
    assert!(output.len() <= LIMIT);
    if let Some(again) =
        Compression::with_id(id).and_then(|compression| of("", compression.compress(&output)).flatten())
    {
        assert_eq!(of(NAME, decompress(&NAME, id, &again, output.len())), Some(output));
    }
    true
}
