//! The name of a content: the hash of what it holds, behind a letter if it is metadata.

use std::fmt;
use std::str::FromStr;

use crate::hash::{Hash, LENGTH_MAX};
use crate::{Error, Result};

/// The most bytes of a name as indexes sort it.
pub(crate) const KEY_LENGTH_MAX: usize = 1 + LENGTH_MAX;
/// How many bytes at the end of a hash go into encryption.
const IV_LENGTH: usize = 16;

/// The letter before the hash, which tells what kind of metadata it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(u8);

impl Prefix {
    /// The listing of a directory.
    pub const DIRECTORY: Self = Self(b'k');
    /// A list of the parts of something longer than a content.
    pub const LIST: Self = Self(b'x');
    /// Manifests.
    pub const MANIFEST: Self = Self(b'm');

    /// A prefix; `None` unless it is a letter from `g` to `z`, which no hash begins with.
    pub fn new(letter: u8) -> Option<Self> {
        matches!(letter, b'g'..=b'z').then_some(Self(letter))
    }
}

/// The name of a content. Names sort as indexes have them: data first, then metadata by letter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentId {
    prefix: Option<Prefix>,
    hash: Hash,
}

impl ContentId {
    /// The name of a content with that hash.
    pub fn new(prefix: Option<Prefix>, hash: Hash) -> Self {
        Self { prefix, hash }
    }

    /// The letter before the hash; data has none.
    pub fn prefix(&self) -> Option<Prefix> {
        self.prefix
    }

    /// The hash of what it holds.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// What goes into the encryption of the content.
    pub(crate) fn iv(&self) -> &[u8] {
        iv_of(&self.hash)
    }

    /// The bytes that indexes sort by; as many of the array as are said.
    pub(crate) fn key(&self) -> ([u8; KEY_LENGTH_MAX], usize) {
        let mut key = [0; KEY_LENGTH_MAX];
        key[0] = self.prefix.map_or(0, |prefix| prefix.0);
        let hash = self.hash.as_bytes();
        key[1..=hash.len()].copy_from_slice(hash);
        (key, 1 + hash.len())
    }

    /// The name that such bytes stand for.
    pub(crate) fn from_key(key: &[u8]) -> Option<Self> {
        let (&letter, hash) = key.split_first()?;
        let prefix = if letter == 0 { None } else { Some(Prefix::new(letter)?) };
        Some(Self { prefix, hash: Hash::from_bytes(hash)? })
    }
}

/// The end of a hash, as encryption takes it.
pub(crate) fn iv_of(hash: &Hash) -> &[u8] {
    let bytes = hash.as_bytes();
    &bytes[bytes.len().saturating_sub(IV_LENGTH)..]
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Prefix(letter)) = self.prefix {
            write!(f, "{}", char::from(letter))?;
        }
        self.hash.fmt(f)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let prefix = text.bytes().next().and_then(Prefix::new);
            let digits = &text[usize::from(prefix.is_some())..];
            let is_lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
            let mut bytes = [0; LENGTH_MAX];
            let bytes = bytes.get_mut(..digits.len() / 2).filter(|_| is_lower)?;
            hex::decode_to_slice(digits, bytes).ok()?;
            Some(Self { prefix, hash: Hash::from_bytes(bytes)? })
        };
        parse().ok_or_else(|| Error::corrupt(format_args!("{text:.80?}"), "is not the name of a content"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for text in ["8fcad2d89cd8e0b0ad22c2720ddec71a", "kaddae1c60d7f540f5ec1c7e5e0c126f5", "zff"] {
            let id: ContentId = text.parse().unwrap();
            assert_eq!(id.to_string(), text);
            let (key, length) = id.key();
            assert_eq!(ContentId::from_key(&key[..length]), Some(id));
        }
        let long = "0".repeat(66);
        for text in ["", "k", "a", "kA0", "AB", "fk00", "0g", "k0", "ü0", "kü", &long] {
            let error = text.parse::<ContentId>().unwrap_err();
            assert!(error.subject().contains(&text[..text.len().min(60)]), "{error}");
        }
        assert_eq!(ContentId::from_key(b""), None);
        assert_eq!(ContentId::from_key(b"\0"), None);
        assert_eq!(ContentId::from_key(b"a1"), None);
    }

    #[test]
    fn they_sort_as_keys_and_as_texts_do() {
        let mut ids: Vec<ContentId> =
            ["m00", "kff", "00", "ff", "k00", "0a"].map(|text| text.parse().unwrap()).into();
        let mut by_key = ids.clone();
        ids.sort();
        by_key.sort_by_key(ContentId::key);
        let mut texts: Vec<String> = ids.iter().map(ContentId::to_string).collect();
        assert_eq!(ids, by_key);
        assert!(texts.is_sorted(), "{texts:?}");
        texts.dedup();
        assert_eq!(texts.len(), 6);
    }
}
