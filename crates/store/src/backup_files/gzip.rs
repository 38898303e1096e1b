//! Gzip in memory, unpacked under caps: nothing from a bucket decides how much memory is taken.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// How much unpacking may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// The most bytes that are taken in.
    pub packed_max: u64,
    /// The most bytes that may come out.
    pub unpacked_max: u64,
    /// The most bytes that may come out of one that is taken in, once a mebibyte came out.
    pub ratio_max: u64,
}

impl Caps {
    /// For side files: a list of every object of a large cluster fits many times. Deflate itself gives at
    /// most 1032 to 1, and lists of like names come near 100.
    pub const SIDE_FILE: Self = Self { packed_max: 64 << 20, unpacked_max: 512 << 20, ratio_max: 400 };
}

/// Below this many bytes the ratio says nothing.
const RATIO_FROM_BYTES: u64 = 1 << 20;

/// Why something does not unpack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GzipError {
    /// It is no gzip, is damaged, or ends early.
    #[error("it is not whole gzip: {0}")]
    Damaged(String),
    /// It gives more than the caps admit.
    #[error("it unpacks to more than {unpacked_max} bytes")]
    TooLarge {
        /// The cap.
        unpacked_max: u64,
    },
    /// It gives suspiciously much for its size.
    #[error("it unpacks to more than {ratio_max} times its size")]
    TooDense {
        /// The cap.
        ratio_max: u64,
    },
}

/// Packs bytes at the default level.
pub fn gzip(content: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 4 + 64), Compression::default());
    // Writing to memory does not fail; were it to, the reader would see a short file.
    let packed = encoder.write_all(content).and_then(|()| encoder.finish());
    packed.unwrap_or_default().into()
}

/// Unpacks bytes; members that follow each other count as one.
pub fn gunzip(packed: &[u8], caps: Caps) -> Result<Vec<u8>, GzipError> {
    let by_ratio = (packed.len() as u64).saturating_mul(caps.ratio_max).max(RATIO_FROM_BYTES);
    let limit = caps.unpacked_max.min(by_ratio);
    let mut content = Vec::new();
    let mut decoder = MultiGzDecoder::new(packed).take(limit + 1);
    decoder.read_to_end(&mut content).map_err(|error| GzipError::Damaged(error.to_string()))?;
    match content.len() as u64 > limit {
        false => Ok(content),
        true if limit < caps.unpacked_max => Err(GzipError::TooDense { ratio_max: caps.ratio_max }),
        true => Err(GzipError::TooLarge { unpacked_max: caps.unpacked_max }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Caps = Caps { packed_max: 1 << 20, unpacked_max: 4 << 20, ratio_max: 50 };

    #[test]
    fn what_was_packed_unpacks() {
        for content in [&b""[..], b"x", &[7; 100_000]] {
            assert_eq!(gunzip(&gzip(content), SMALL).unwrap(), content);
        }
    }

    #[test]
    fn members_that_follow_each_other_count_as_one() {
        let both = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(gunzip(&both, SMALL).unwrap(), b"one two");
    }

    #[test]
    fn damage_is_seen() {
        let packed = gzip(&[3; 10_000]);
        for damaged in [&b"{}"[..], b"", &packed[..packed.len() - 3]] {
            assert!(matches!(gunzip(damaged, SMALL), Err(GzipError::Damaged(_))), "{damaged:?}");
        }
    }

    #[test]
    fn bombs_are_refused() {
        let bomb = gzip(&vec![0; 3 << 20]);
        assert_eq!(gunzip(&bomb, SMALL), Err(GzipError::TooDense { ratio_max: 50 }));
        let roomy = Caps { ratio_max: 100_000, ..SMALL };
        assert_eq!(
            gunzip(&gzip(&vec![0; 5 << 20]), roomy),
            Err(GzipError::TooLarge { unpacked_max: 4 << 20 })
        );
    }
}
