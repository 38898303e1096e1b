//! Keys: from a password to the key of the format blobs, and from the secrets in them to all others.

use std::num::NonZeroU32;

use aws_lc_rs::{hkdf, pbkdf2};
use zeroize::Zeroizing;

use crate::{Error, ErrorKind, Result};

/// A secret key; it is wiped from memory when it goes.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// How a password is made into a key, under its name in the repository.
struct Derivation {
    name: &'static str,
    derive: fn(&[u8], &[u8]) -> Result<Key>,
}

const DERIVATIONS: [Derivation; 2] =
    [Derivation { name: DEFAULT, derive: scrypt }, Derivation { name: APPROVED, derive: pbkdf2 }];

/// What a new repository uses unless told otherwise: every version of kopia reads it.
pub const DEFAULT: &str = "scrypt-65536-8-1";
/// What it uses where only approved algorithms are allowed: kopia 0.18 and later read it.
pub const APPROVED: &str = "pbkdf2-sha256-600000";

/// The shortest salt that a password is protected by.
const SALT_LENGTH_MIN: usize = 16;

/// The key that the format blobs are sealed with.
pub(crate) fn from_password(algorithm: &str, password: &str, salt: &[u8]) -> Result<Key> {
    // whatever wrote an empty name meant the only algorithm there was
    let name = if algorithm.is_empty() { DEFAULT } else { algorithm };
    let derivation = DERIVATIONS.iter().find(|derivation| derivation.name == name);
    let derivation =
        derivation.ok_or_else(|| Error::unsupported(name, "is not a key derivation that is known"))?;
    if salt.len() < SALT_LENGTH_MIN {
        return Err(Error::corrupt(super::REPOSITORY, "the unique ID is too short"));
    }
    (derivation.derive)(password.as_bytes(), salt)
}

fn scrypt(password: &[u8], salt: &[u8]) -> Result<Key> {
    let failed = |error: &dyn std::fmt::Display| Error::invalid(DEFAULT, error.to_string());
    let params = scrypt::Params::new(16, 8, 1).map_err(|error| failed(&error))?;
    let mut key = Key::default();
    scrypt::scrypt(password, salt, &params, &mut *key).map_err(|error| failed(&error))?;
    Ok(key)
}

fn pbkdf2(password: &[u8], salt: &[u8]) -> Result<Key> {
    const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(599_999);
    let mut key = Key::default();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, password, &mut *key);
    Ok(key)
}

/// A key for one purpose, from a secret that serves several.
pub(crate) fn derive(secret: &[u8], salt: &[u8], info: &[u8]) -> Result<Key> {
    let mut key = Key::default();
    let parts = [info];
    let expanded = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(secret);
    let expanded = expanded.expand(&parts, hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut *key));
    expanded.map_err(|_| Error::new(ErrorKind::Invalid, "key", "cannot be derived"))?;
    Ok(key)
}

/// The secret that keys of contents are derived from. Its purpose is the salt, where all others have it as their info.
pub(crate) fn of_contents(master: &[u8]) -> Result<Key> {
    derive(master, b"encryption", b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_as_kopia_does() {
        let salt: Vec<u8> = (0..0x20).collect();
        let master: Vec<u8> = (0x20..0x40).collect();
        let scrypt = from_password(DEFAULT, "kopia-test", &salt).unwrap();
        let expect = |key: &Key, text| assert_eq!(hex::encode(**key), text);
        expect(&scrypt, "32eef16371039b5c1065db8245baf2afcfa34b15ef9c5e5624da0f1a624845dd");
        let pbkdf2 = from_password(APPROVED, "kopia-test", &salt).unwrap();
        expect(&pbkdf2, "fce83196e41b1f95e59d4ffdb86d37241af29d58b96cd99b3b5271ca772fb89a");
        let aes = derive(&*scrypt, &salt, b"AES").unwrap();
        expect(&aes, "e025b2059e7dae826c3eac23d88fdcbed06d9602d5d1f900bf10ed265dfa85ac");
        expect(
            &of_contents(&master).unwrap(),
            "49cbbd8ec38e25389b29de48aa0a383cb3aa37e0e2aa4e02e75c7894aebfacce",
        );
        expect(
            &derive(&master, &salt, b"maintenance schedule").unwrap(),
            "327e5ba0d7687c8a777e26dddaccb1fc6bdcf0e21a7f753928633d8186db741f",
        );
    }

    #[test]
    fn unknown_derivations_and_short_salts_are_refused() {
        assert_eq!(from_password("pbkdf2", "a", &[0; 32]).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(from_password("", "a", &[0; 15]).unwrap_err().kind(), ErrorKind::Corrupt);
    }
}
