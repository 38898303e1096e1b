//! The family of gzip: one stream or several behind each other, since some of kopia's writers work in parallel.

use std::io;

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::Codec;

pub(super) const CODECS: &[Codec] = &[
    codec(0x1000, "gzip", |data| compress(data, 6)),
    codec(0x1001, "gzip-best-speed", |data| compress(data, 1)),
    codec(0x1002, "gzip-best-compression", |data| compress(data, 9)),
    codec(0x1300, "pgzip", |data| compress(data, 6)),
    codec(0x1301, "pgzip-best-speed", |data| compress(data, 1)),
    codec(0x1302, "pgzip-best-compression", |data| compress(data, 9)),
];

const fn codec(id: u32, name: &'static str, compress: fn(&[u8]) -> io::Result<Vec<u8>>) -> Codec {
    Codec {
        id,
        name,
        decompress: |stream| Ok(Box::new(MultiGzDecoder::new(stream))),
        compress: Some(compress),
    }
}

fn compress(data: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    io::Write::write_all(&mut encoder, data)?;
    encoder.finish()
}
