//! The family of Zstandard, which metadata is compressed with.

use std::io;

use super::Codec;

/// The name of the one for metadata.
pub(super) const FASTEST: &str = "zstd-fastest";

/// The largest window that is read, as a power of two: more than any writer of kopia's uses.
const WINDOW_LOG_MAX: u32 = 26;

/// Kopia's levels are names; these of the reference library do about as much. Their windows stay below 8 MiB.
pub(super) const CODECS: &[Codec] = &[
    codec(0x1100, "zstd", |data| compress(data, 3)),
    codec(0x1101, FASTEST, |data| compress(data, 1)),
    codec(0x1102, "zstd-better-compression", |data| compress(data, 7)),
    codec(0x1103, "zstd-best-compression", |data| compress(data, 11)),
];

const fn codec(id: u32, name: &'static str, compress: fn(&[u8]) -> io::Result<Vec<u8>>) -> Codec {
    Codec { id, name, decompress, compress: Some(compress) }
}

fn decompress(stream: &[u8]) -> io::Result<Box<dyn io::Read + '_>> {
    let mut decoder = ::zstd::stream::read::Decoder::with_buffer(stream)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(Box::new(decoder))
}

fn compress(data: &[u8], level: i32) -> io::Result<Vec<u8>> {
    let mut compressor = ::zstd::bulk::Compressor::new(level)?;
    compressor.set_parameter(::zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
    compressor.compress(data)
}
