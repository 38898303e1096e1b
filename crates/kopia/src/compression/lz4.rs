//! LZ4: read, never written, since kopia 0.23 reads it no longer.

use super::Codec;

pub(super) const CODECS: &[Codec] = &[Codec {
    id: 0x1400,
    name: "lz4",
    decompress: |stream| Ok(Box::new(lz4_flex::frame::FrameDecoder::new(stream))),
    compress: None,
}];

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    pub(in crate::compression) fn sample(data: &[u8]) -> Vec<u8> {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }
}
