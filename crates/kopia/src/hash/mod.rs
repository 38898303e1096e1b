//! The hashes that name contents. All are keyed with the repository's secret, so that names tell nothing to others.

mod blake2;
mod blake3;
mod hmac;

use std::fmt;

use crate::{Error, Result};

/// The most bytes of a hash.
pub const LENGTH_MAX: usize = 32;

/// A keyed function; what is longer than its algorithm's length is cut off.
type Keyed = Box<dyn Fn(&[u8]) -> [u8; LENGTH_MAX] + Send + Sync>;

/// An algorithm under its name in the repository.
struct Algorithm {
    name: &'static str,
    /// How many bytes a hash has.
    length: usize,
    keyed: fn(&[u8]) -> Keyed,
}

/// Every algorithm, by family.
const ALGORITHMS: [&[Algorithm]; 3] = [blake2::ALGORITHMS, blake3::ALGORITHMS, hmac::ALGORITHMS];

/// What a new repository uses unless told otherwise.
pub const DEFAULT: &str = "BLAKE2B-256-128";
/// What it uses where only approved algorithms are allowed.
pub const APPROVED: &str = "HMAC-SHA256-128";

/// The longest secret that every family takes as a key; kopia makes secrets of this length.
const SECRET_LENGTH_MAX: usize = 32;

/// The names of all algorithms.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.into_iter().flatten().map(|algorithm| algorithm.name)
}

/// A hash of 16, 28 or 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    bytes: [u8; LENGTH_MAX],
    length: u8,
}

impl Hash {
    /// A hash that was read somewhere; `None` unless it has 1 to [`LENGTH_MAX`] bytes.
    pub fn from_bytes(slice: &[u8]) -> Option<Self> {
        let mut bytes = [0; LENGTH_MAX];
        bytes.get_mut(..slice.len())?.copy_from_slice(slice);
        let length = u8::try_from(slice.len()).ok().filter(|length| *length > 0)?;
        Some(Self { bytes, length })
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An algorithm with the repository's secret.
pub struct Hasher {
    length: usize,
    keyed: Keyed,
}

impl Hasher {
    /// The algorithm of that name, keyed.
    pub fn new(name: &str, secret: &[u8]) -> Result<Self> {
        let algorithm = ALGORITHMS.into_iter().flatten().find(|algorithm| algorithm.name == name);
        let algorithm = algorithm.ok_or_else(|| Error::unsupported(name, "is not a hash that is known"))?;
        if secret.len() > SECRET_LENGTH_MAX {
            return Err(Error::unsupported(name, "the secret for this hash is too long"));
        }
        Ok(Self { length: algorithm.length, keyed: (algorithm.keyed)(secret) })
    }

    /// How many bytes its hashes have.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The hash of some bytes.
    pub fn hash(&self, data: &[u8]) -> Hash {
        let mut bytes = (self.keyed)(data);
        bytes[self.length..].fill(0);
        Hash { bytes, length: self.length as u8 }
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("length", &self.length).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Vec<u8> {
        (0x40..0x60).collect()
    }

    #[test]
    fn every_algorithm_hashes_as_kopia_does() {
        for (name, empty, hello) in [
            ("BLAKE2B-256-128", "67d102b539e87f5bebb4503c87ebc993", "8fcad2d89cd8e0b0ad22c2720ddec71a"),
            (
                "BLAKE2B-256",
                "67d102b539e87f5bebb4503c87ebc993682ea1c5bb33129ff9e7f3be67993ca1",
                "8fcad2d89cd8e0b0ad22c2720ddec71a15862d92fc299fdf1c803f6e9a1b2948",
            ),
            ("BLAKE2S-128", "7a6df15d1fee55debfbe43143bcd7f0c", "e8ad683df07c7258e428c33d05950513"),
            (
                "BLAKE2S-256",
                "a206644345f764dc626eab1d181b75db50fa708a7a9956fd1e4e15763e7c7ac2",
                "7b1dda6d7bdd80d7bfeb214f8df3919c4b1e8d036cb2d9f63d3b49f1e16cec8c",
            ),
            (
                "BLAKE3-256",
                "0f98b04f8ae91f2d32500fe8a0fcad43451089e360c0879c93203cb512b52382",
                "2de1cca37883828307a29f96483ad3db4c7cf21d113fea8fa2b00ba5055d4c22",
            ),
            ("BLAKE3-256-128", "0f98b04f8ae91f2d32500fe8a0fcad43", "2de1cca37883828307a29f96483ad3db"),
            (
                "HMAC-SHA256",
                "6656ed44406d8895497b1b8d854118fcd7790e181ce6ea7ca4eed793f0fcd594",
                "53e851465d65155b8369b1a79bcbfb908e252afd3e0e7cf99e89669425300a76",
            ),
            ("HMAC-SHA256-128", "6656ed44406d8895497b1b8d854118fc", "53e851465d65155b8369b1a79bcbfb90"),
            (
                "HMAC-SHA224",
                "594d3592dac66aebce00f5681a6612b41075a337e2f6500d98c8884c",
                "9f0e0734cf4f4d2e2a25bafbbc17d9056d659fd37e39d84fbb7b6b03",
            ),
            (
                "HMAC-SHA3-224",
                "cf06621e979acb82c6ac0e45adec3ccb3df9cb7511c9561f707a20b0",
                "807020c4f4662b414cc2423fca85ddfa76799cd85492ed95ab2a2c4c",
            ),
            (
                "HMAC-SHA3-256",
                "ef82fe186d44f3a4070d7dca6a5929319b738e25c337e7c97b05e8fdc2fbae6f",
                "0db822aa28966efffe3cdef4768fd251e0cc5510b36a7d8b38cbc1ede47e7dd3",
            ),
        ] {
            let hasher = Hasher::new(name, &secret()).unwrap();
            assert_eq!(hasher.hash(b"").to_string(), empty, "{name}");
            assert_eq!(hasher.hash(b"hello world\n").to_string(), hello, "{name}");
            assert_eq!(hasher.length() * 2, empty.len());
        }
        assert_eq!(names().count(), 11);
    }

    #[test]
    fn secrets_of_any_length_do_unless_they_are_absurd() {
        for name in names() {
            for length in [0, 1, 31, SECRET_LENGTH_MAX] {
                let hasher = Hasher::new(name, &vec![7; length]).unwrap();
                assert_ne!(hasher.hash(b"a"), Hasher::new(name, b"x").unwrap().hash(b"a"));
            }
            assert!(Hasher::new(name, &[0; SECRET_LENGTH_MAX + 1]).is_err());
        }
        assert_eq!(Hasher::new("MD5", b"").unwrap_err().subject(), "MD5");
    }
}
