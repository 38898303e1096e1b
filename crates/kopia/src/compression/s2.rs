//! The family of S2, an extension of Snappy: read, not written.

use super::Codec;

pub(super) const CODECS: &[Codec] = &[
    codec(0x1200, "s2-default"),
    codec(0x1201, "s2-better"),
    codec(0x1202, "s2-parallel-4"),
    codec(0x1203, "s2-parallel-8"),
];

const fn codec(id: u32, name: &'static str) -> Codec {
    Codec { id, name, decompress: |stream| Ok(Box::new(minlz::Reader::new(stream))), compress: None }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    pub(in crate::compression) fn sample(data: &[u8]) -> Vec<u8> {
        let mut writer = minlz::Writer::new(Vec::new());
        writer.write_all(data).unwrap();
        writer.flush().unwrap();
        writer.get_ref().clone()
    }
}
