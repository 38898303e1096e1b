//! Files that hold one document. Version 2 puts a byte before it that says how it is compressed; where a document begins at once, it is not.

use std::io::Read;

use serde::de::DeserializeOwned;

use crate::crypto::Key;
use crate::{Error, ErrorKind, Files, Id, Result, corrupt};

/// The most bytes of a sealed document: restic begins another index at 8 MiB.
pub(crate) const LENGTH_MAX: usize = 64 << 20;
/// The most bytes of a document.
const DOCUMENT_LENGTH_MAX: usize = 256 << 20;
/// The byte before a document that is compressed.
const ZSTD: u8 = 2;
/// The largest window that is read, as a power of two: more than restic uses.
const WINDOW_LOG_MAX: u32 = 27;

/// A file whose name is SHA-256 of what it holds, compared with that.
pub(crate) fn raw(files: &dyn Files, path: &str, limit: usize) -> Result<Vec<u8>> {
    let bytes = files.get(path, limit)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    match name.parse::<Id>() {
        Ok(id) if id == Id::of(&bytes) => Ok(bytes),
        Ok(_) => Err(corrupt(path, "does not hold what its name says")),
        Err(_) => Err(corrupt(path, "is not named by what it holds")),
    }
}

/// The document in a file whose name is SHA-256 of what it holds.
pub(crate) fn document(files: &dyn Files, key: &Key, path: &str) -> Result<Vec<u8>> {
    let opened = key.open(&path, raw(files, path, LENGTH_MAX)?)?;
    decode(path, opened)
}

fn decode(path: &str, bytes: Vec<u8>) -> Result<Vec<u8>> {
    match bytes.first() {
        Some(b'{' | b'[') => Ok(bytes),
        Some(&ZSTD) => decompress(path, &bytes[1..], DOCUMENT_LENGTH_MAX),
        Some(other) => {
            let reason = format!("is encoded in a way that is not known: {other:#x}");
            Err(Error::new(ErrorKind::Unsupported, path, reason))
        }
        None => Err(corrupt(path, "is empty")),
    }
}

/// What compressed bytes stand for, of which there may be `limit`.
pub(crate) fn decompress(subject: &str, compressed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let decompress = |bytes: &mut Vec<u8>| {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(compressed)?;
        decoder.window_log_max(WINDOW_LOG_MAX)?;
        decoder.take(limit as u64 + 1).read_to_end(bytes)
    };
    let read = decompress(&mut bytes);
    read.map_err(|error| corrupt(subject, format!("does not decompress: {error}")))?;
    if bytes.len() > limit {
        return Err(corrupt(subject, format!("decompresses to more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Reads a document; `what` it is not if that fails.
pub(crate) fn parse<T: DeserializeOwned>(path: &str, what: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| corrupt(path, format!("is no {what}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_as_they_are_or_compressed() {
        let compressed = zstd::bulk::compress(br#"{"a":1}"#, 3).unwrap();
        assert_eq!(decode("it", [&[ZSTD][..], &compressed].concat()).unwrap(), br#"{"a":1}"#);
        assert_eq!(decode("it", b"[]".to_vec()).unwrap(), b"[]");
        assert_eq!(decode("it", vec![3, 0]).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(decode("it", Vec::new()).unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(decode("it", vec![ZSTD, 1, 2, 3]).unwrap_err().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn what_grows_beyond_measure_is_refused() {
        let bomb = zstd::bulk::compress(&vec![0; 1 << 20], 3).unwrap();
        assert_eq!(decompress("it", &bomb, 1 << 20).unwrap().len(), 1 << 20);
        assert_eq!(decompress("it", &bomb, 1000).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
