//! The name of an object: that of a content, behind letters that say how to read it.

use std::fmt;
use std::str::FromStr;

use crate::content::ContentId;
use crate::{Error, Result};

/// How many lists may lie above each other: with parts of a mebibyte, three are enough for any device.
const LEVELS_MAX: u8 = 8;

/// The name of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// How many lists there are between the name and the bytes; each is an `I`.
    levels: u8,
    /// Whether the content begins with the number of a compression, as in the oldest repositories; a `Z`.
    is_compressed: bool,
    content: ContentId,
}

impl ObjectId {
    /// The object that is one content.
    pub fn direct(content: ContentId) -> Self {
        Self { levels: 0, is_compressed: false, content }
    }

    /// The object whose parts are listed in this one.
    pub(super) fn listed(self) -> Option<Self> {
        let levels =
            self.levels.checked_add(1).filter(|levels| *levels <= LEVELS_MAX && !self.is_compressed)?;
        Some(Self { levels, ..self })
    }

    /// The object that lists the parts of this one; `None` if it is one content.
    pub(super) fn list(self) -> Option<Self> {
        let levels = self.levels.checked_sub(1)?;
        Some(Self { levels, ..self })
    }

    pub(crate) fn is_compressed(self) -> bool {
        self.is_compressed
    }

    /// The content that it is, or that its outermost list is in.
    pub fn content(&self) -> &ContentId {
        &self.content
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = (0..self.levels).map(|_| 'I').chain(self.is_compressed.then_some('Z'));
        letters.into_iter().try_for_each(|letter| write!(f, "{letter}"))?;
        self.content.fmt(f)
    }
}

impl FromStr for ObjectId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let rest = text.trim_start_matches('I');
        let levels = u8::try_from(text.len() - rest.len()).ok().filter(|levels| *levels <= LEVELS_MAX);
        let (is_compressed, rest) = rest.strip_prefix('Z').map_or((false, rest), |rest| (true, rest));
        // a letter of the oldest repositories that means nothing any more
        let rest = rest.strip_prefix('D').unwrap_or(rest);
        match (levels, is_compressed) {
            (Some(levels), is_compressed) if levels == 0 || !is_compressed => {
                Ok(Self { levels, is_compressed, content: rest.parse()? })
            }
            _ => Err(Error::corrupt(format_args!("{text:.80?}"), "is not the name of an object")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for text in ["00ff", "k00ff", "Ix00ff", "IIk00", "Z00"] {
            assert_eq!(text.parse::<ObjectId>().unwrap().to_string(), text);
        }
        assert_eq!("D00".parse::<ObjectId>().unwrap().to_string(), "00");
        for text in ["", "I", "IZ00", "ZI00", "IIIIIIIII00", "x", "00I", "ü"] {
            assert!(text.parse::<ObjectId>().is_err(), "{text}");
        }
    }
}
