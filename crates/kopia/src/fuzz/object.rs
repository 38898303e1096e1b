//! Lists of parts, as objects are read through them: whatever they say, reading ends.

use std::io::Read;

use super::Target;
use crate::content::{ContentId, Contents, Prefix};
use crate::hash::Hash;
use crate::object::{ObjectId, ObjectReader, contents_of, leaves};
use crate::{Error, Result};

pub(super) const TARGET: Target = Target { name: "object", samples, read };

/// How many bytes of an object are read, and how many of its parts are looked at.
const MUCH: u64 = 10_000;
/// What every content holds that is no list.
const PART: &[u8] = b"hello world\n";

fn samples() -> Vec<Vec<u8>> {
    let flat = br#"{"stream":"kopia:indirect","entries":[{"l":12,"o":"00ff"},{"s":12,"l":12,"o":"k00"},{"s":24,"l":12,"o":"D01"}]}"#;
    let nested = br#"{"stream":"kopia:indirect","entries":[{"s":0,"l":12,"o":"Ix00","later":[]},{"s":12,"l":12,"o":"Ix01"}]}"#;
    vec![flat.to_vec(), nested.to_vec()]
}

/// A list of one part.
const SHORT: &[u8] = br#"{"stream":"kopia:indirect","entries":[{"l":12,"o":"00ff"}]}"#;
/// The hash of the list that is tried.
const TRIED: [u8; 1] = [7];

/// Contents of which one list holds the bytes that are tried.
struct Fake<'a>(&'a [u8]);

impl Contents for Fake<'_> {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        let bytes = match id.prefix() {
            Some(Prefix::LIST) if id.hash().as_bytes() == TRIED => self.0,
            Some(Prefix::LIST) => SHORT,
            _ => PART,
        };
        Ok(bytes.to_vec())
    }
}

/// An object whose parts are listed in the bytes.
fn object() -> Option<ObjectId> {
    let list = ContentId::new(Some(Prefix::LIST), Hash::from_bytes(&TRIED)?);
    format!("I{list}").parse().ok()
}

fn read(bytes: &[u8]) -> bool {
    let Some(object) = object() else { return false };
    let fake = Fake(bytes);
    let mut seen = 0;
    let mut count = || {
        seen += 1;
        if seen > MUCH { Err(Error::invalid(object, "has very many parts")) } else { Ok(()) }
    };
    let are_listed = named(leaves(&fake, object, &mut |_, _, _| count()));
    named(contents_of(&fake, object, &mut |_| count()));
    let Ok(mut reader) = ObjectReader::open(&fake, object) else { return false };
    let length = reader.length();
    let mut output = Vec::new();
    let is_read = reader.by_ref().take(MUCH).read_to_end(&mut output);
    let is_read = named(is_read.map_err(|error| Error::from_io(object, error)));
    assert!(!is_read || output.len() as u64 == length.min(MUCH));
    assert!(output.iter().zip(PART.iter().cycle()).all(|(a, b)| a == b));
    are_listed && is_read
}

/// Whether it went well; if not, the error tells of something.
fn named<T>(outcome: Result<T>) -> bool {
    outcome.map_err(|error| assert!(!error.subject().is_empty(), "{error}")).is_ok()
}
