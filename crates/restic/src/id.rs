//! Names: SHA-256 of what a file or a blob holds.

use std::fmt;
use std::str::FromStr;

use kopia::ContentId;
use kopia::content::Prefix;
use kopia::hash::Hash;
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind, Result, corrupt};

/// How many bytes a name has.
pub(crate) const LENGTH: usize = 32;

/// The name of a file or of a blob: SHA-256 of what it holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub(crate) [u8; LENGTH]);

impl Id {
    /// The name of what holds these bytes.
    pub fn of(data: &[u8]) -> Self {
        Self(Sha256::digest(data).into())
    }

    /// The same as Kopia's sink takes it: that of a tree has a letter.
    pub(crate) fn to_content(self, prefix: Option<Prefix>) -> Option<ContentId> {
        Hash::from_bytes(&self.0).map(|hash| ContentId::new(prefix, hash))
    }

    pub(crate) fn of_content(content: &ContentId) -> Result<Self> {
        let bytes = content.hash().as_bytes().try_into();
        bytes.map(Self).map_err(|_| Error::new(ErrorKind::Invalid, content.to_string(), "names no blob"))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Id {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut bytes = [0; LENGTH];
        let decoded = hex::decode_to_slice(text, &mut bytes);
        decoded.map_err(|_| corrupt(format_args!("{text:.80?}"), "is not SHA-256 in hexadecimal digits"))?;
        Ok(Self(bytes))
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Id;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("SHA-256 in hexadecimal digits")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Id, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_sha256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Id::of(b"").to_string(), empty);
        let id: Id = empty.parse().unwrap();
        assert_eq!(Id::of_content(&id.to_content(Some(Prefix::DIRECTORY)).unwrap()).unwrap(), id);
        for text in ["", "e3", &empty[1..], &format!("{empty}00"), &empty.replace('e', "g")] {
            assert_eq!(text.parse::<Id>().unwrap_err().kind(), ErrorKind::Corrupt, "{text}");
        }
        assert!(Id::of_content(&"00".parse().unwrap()).is_err());
    }
}
