//! The compression of contents. What is compressed begins with the four bytes of its algorithm's number, and so does a table entry of it.

mod deflate;
mod gzip;
mod lz4;
mod s2;
mod zstd;

use std::fmt;
use std::io::{self, Read};

use crate::{Error, Result};

/// The stream that stands for some bytes.
type Compress = fn(&[u8]) -> io::Result<Vec<u8>>;

/// An algorithm under its name and number.
struct Codec {
    /// The number in the repository.
    id: u32,
    /// The name in policies.
    name: &'static str,
    /// Reads back what was compressed.
    decompress: for<'a> fn(&'a [u8]) -> io::Result<Box<dyn Read + 'a>>,
    /// Compresses; `None` for what is only read.
    compress: Option<Compress>,
}

/// Every algorithm, by family.
const CODECS: [&[Codec]; 5] = [gzip::CODECS, zstd::CODECS, s2::CODECS, lz4::CODECS, deflate::CODECS];

/// How many bytes say which algorithm it is.
const HEADER: usize = 4;
/// What is set aside for the output before any of it is seen.
const CAPACITY: usize = 8 << 20;

/// An algorithm to compress with.
#[derive(Clone, Copy)]
pub struct Compression {
    id: u32,
    compress: Compress,
}

impl Compression {
    /// The algorithm of that name; `None` if there is none that is written.
    pub fn named(name: &str) -> Option<Self> {
        Self::of(|codec| codec.name == name)
    }

    /// The algorithm of that number; `None` if there is none that is written.
    pub fn with_id(id: u32) -> Option<Self> {
        Self::of(|codec| codec.id == id)
    }

    /// What tables, directories and manifests are compressed with.
    pub fn of_metadata() -> Option<Self> {
        Self::named(zstd::FASTEST)
    }

    fn of(is_meant: impl Fn(&Codec) -> bool) -> Option<Self> {
        let codec = CODECS.into_iter().flatten().find(|codec| is_meant(codec))?;
        Some(Self { id: codec.id, compress: codec.compress? })
    }

    /// Its number in the repository.
    pub fn id(self) -> u32 {
        self.id
    }

    /// The compressed bytes; `None` unless they are fewer.
    pub fn compress(self, data: &[u8]) -> Result<Option<Vec<u8>>> {
        let failed =
            |error: io::Error| Error::invalid(format_args!("compression {:#x}", self.id), error.to_string());
        let stream = (self.compress)(data).map_err(failed)?;
        if stream.len() + HEADER >= data.len() {
            return Ok(None);
        }
        let mut framed = Vec::with_capacity(stream.len() + HEADER);
        framed.extend_from_slice(&self.id.to_be_bytes());
        framed.extend_from_slice(&stream);
        Ok(Some(framed))
    }
}

impl fmt::Debug for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compression({:#x})", self.id)
    }
}

/// The number that compressed bytes begin with.
pub(crate) fn id_of(framed: &[u8]) -> Option<u32> {
    framed.first_chunk().map(|header| u32::from_be_bytes(*header))
}

/// What compressed bytes stand for, of which there may be `limit`; `subject` names them in errors.
pub(crate) fn decompress(
    subject: &dyn fmt::Display,
    id: u32,
    framed: &[u8],
    limit: usize,
) -> Result<Vec<u8>> {
    let codec = CODECS.into_iter().flatten().find(|codec| codec.id == id);
    let codec =
        codec.ok_or_else(|| Error::unsupported(subject, format!("compression {id:#x} is not known")))?;
    if id_of(framed) != Some(id) {
        return Err(Error::corrupt(subject, format!("does not begin as compression {id:#x} does")));
    }
    let failed = |error: io::Error| Error::corrupt(subject, format!("does not decompress: {error}"));
    let mut output = Vec::with_capacity(limit.min(CAPACITY));
    let reader = (codec.decompress)(&framed[HEADER..]).map_err(failed)?;
    reader.take(limit as u64 + 1).read_to_end(&mut output).map_err(failed)?;
    if output.len() > limit {
        return Err(Error::corrupt(subject, format!("decompresses to more than {limit} bytes")));
    }
    Ok(output)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorKind;

    #[test]
    fn every_number_of_kopias_is_read() {
        let mut ids: Vec<u32> = CODECS.into_iter().flatten().map(|codec| codec.id).collect();
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                0x1000, 0x1001, 0x1002, 0x1100, 0x1101, 0x1102, 0x1103, 0x1200, 0x1201, 0x1202, 0x1203,
                0x1300, 0x1301, 0x1302, 0x1400, 0x1500, 0x1501, 0x1502
            ]
        );
    }

    fn text() -> Vec<u8> {
        "the same again, and the same again, and again\n".repeat(500).into_bytes()
    }

    fn each_written() -> impl Iterator<Item = Compression> {
        CODECS.into_iter().flatten().filter_map(|codec| Compression::named(codec.name))
    }

    #[test]
    fn what_is_written_is_read_and_only_if_it_is_shorter() {
        for compression in each_written() {
            let framed = compression.compress(&text()).unwrap().unwrap();
            assert_eq!(id_of(&framed), Some(compression.id()));
            assert_eq!(
                decompress(&"p", compression.id(), &framed, text().len()).unwrap(),
                text(),
                "{compression:?}"
            );
            assert!(compression.compress(b"short").unwrap().is_none());
            let bomb = decompress(&"p", compression.id(), &framed, text().len() - 1).unwrap_err();
            assert_eq!(bomb.kind(), ErrorKind::Corrupt);
            let other = decompress(&"p", 0x1103 ^ (compression.id() & 1), &framed, text().len());
            assert!(other.is_err() || compression.id() == 0x1103);
        }
        assert!(each_written().count() > 10);
        assert_eq!(Compression::of_metadata().unwrap().id(), 0x1101);
        assert_eq!(decompress(&"p9", 7, &[0, 0, 0, 7], 9).unwrap_err().subject(), "p9");
    }

    /// What each family's own command makes of a few bytes.
    #[test]
    fn streams_that_are_only_read_are_read() {
        let lz4 = lz4::tests::sample(&text());
        let s2 = s2::tests::sample(&text());
        for (id, stream) in [(0x1400_u32, lz4), (0x1200, s2.clone()), (0x1203, s2)] {
            let framed = [&id.to_be_bytes()[..], &stream].concat();
            assert_eq!(decompress(&"p", id, &framed, text().len()).unwrap(), text());
            assert!(decompress(&"p", id, &framed, 99).is_err());
        }
    }

    proptest! {
        #[test]
        fn damaged_streams_are_errors_or_other_bytes_and_never_more(
            at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>(),
        ) {
            let samples = each_written().map(|compression| compression.compress(&text()).unwrap().unwrap());
            let read_only = [(0x1400_u32, lz4::tests::sample(&text())), (0x1200, s2::tests::sample(&text()))];
            let read_only = read_only.map(|(id, stream)| [&id.to_be_bytes()[..], &stream].concat());
            for mut framed in samples.chain(read_only) {
                let id = id_of(&framed).unwrap();
                let index = at.index(framed.len());
                framed[index] ^= 1 << bit;
                let outcome = decompress(&"p", id, &framed, text().len());
                prop_assert!(outcome.map_or(true, |output| output.len() <= text().len()));
                let cut = &framed[..cut.index(framed.len())];
                let outcome = decompress(&"p", id, cut, text().len());
                prop_assert!(outcome.map_or(true, |output| output.len() <= text().len()));
            }
        }
    }
}
