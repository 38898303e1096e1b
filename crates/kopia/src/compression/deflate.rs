//! The family of deflate: bare streams without header and checksum.

use std::io;

use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::Codec;

pub(super) const CODECS: &[Codec] = &[
    codec(0x1500, "deflate-default", |data| compress(data, 6)),
    codec(0x1501, "deflate-best-speed", |data| compress(data, 1)),
    codec(0x1502, "deflate-best-compression", |data| compress(data, 9)),
];

const fn codec(id: u32, name: &'static str, compress: fn(&[u8]) -> io::Result<Vec<u8>>) -> Codec {
    Codec {
        id,
        name,
        decompress: |stream| Ok(Box::new(DeflateDecoder::new(stream))),
        compress: Some(compress),
    }
}

fn compress(data: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::new(), flate2::Compression::new(level));
    io::Write::write_all(&mut encoder, data)?;
    encoder.finish()
}
