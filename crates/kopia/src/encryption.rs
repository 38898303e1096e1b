//! The encryption of contents and of blobs that hold tables: authenticated, under a key of its own for each name.

use std::fmt;

use aws_lc_rs::{aead, hmac};

use crate::random::{self, Random};
use crate::{Error, Result};

/// An algorithm under its name in the repository.
struct Algorithm {
    name: &'static str,
    aead: &'static aead::Algorithm,
}

const ALGORITHMS: [Algorithm; 2] = [
    Algorithm { name: DEFAULT, aead: &aead::AES_256_GCM },
    Algorithm { name: "CHACHA20-POLY1305-HMAC-SHA256", aead: &aead::CHACHA20_POLY1305 },
];

/// What a new repository uses unless told otherwise; an approved algorithm, too.
pub const DEFAULT: &str = "AES256-GCM-HMAC-SHA256";

/// How many bytes a ciphertext is longer than what it hides: a nonce before, a tag behind.
pub const OVERHEAD: usize = aead::NONCE_LEN + TAG_LENGTH;
const TAG_LENGTH: usize = 16;

/// The names of all algorithms.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALGORITHMS.iter().map(|algorithm| algorithm.name)
}

/// An algorithm with the repository's key.
pub struct Encryptor {
    algorithm: &'static aead::Algorithm,
    key: hmac::Key,
}

impl Encryptor {
    /// The algorithm of that name, under the secret that all keys are derived from.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self> {
        let algorithm = ALGORITHMS.iter().find(|algorithm| algorithm.name == name);
        let algorithm =
            algorithm.ok_or_else(|| Error::unsupported(name, "is not an encryption that is known"))?;
        Ok(Self { algorithm: algorithm.aead, key: hmac::Key::new(hmac::HMAC_SHA256, secret) })
    }

    /// Encrypts, for the name that `iv` is part of.
    pub fn seal(&self, random: &dyn Random, iv: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::with_capacity(plaintext.len() + OVERHEAD);
        self.seal_into(random, iv, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// The same, behind what a buffer holds already.
    pub(crate) fn seal_into(
        &self,
        random: &dyn Random,
        iv: &[u8],
        plaintext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let key = self.key_for(iv)?;
        append_sealed(&key, random, iv, plaintext, out)
    }

    /// Decrypts; `subject` names the bytes in errors.
    pub fn open(&self, subject: &dyn fmt::Display, iv: &[u8], sealed: Vec<u8>) -> Result<Vec<u8>> {
        open_with(&self.key_for(iv)?, iv, sealed).ok_or_else(|| {
            Error::corrupt(subject, "does not decrypt: damaged, altered or not of this repository")
        })
    }

    fn key_for(&self, iv: &[u8]) -> Result<aead::LessSafeKey> {
        key(self.algorithm, hmac::sign(&self.key, iv).as_ref())
    }
}

impl fmt::Debug for Encryptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encryptor").field("algorithm", self.algorithm).finish_non_exhaustive()
    }
}

fn key(algorithm: &'static aead::Algorithm, bytes: &[u8]) -> Result<aead::LessSafeKey> {
    let key = aead::UnboundKey::new(algorithm, bytes);
    Ok(aead::LessSafeKey::new(key.map_err(|_| Error::invalid("key", "has the wrong length"))?))
}

/// A key for AES-256-GCM alone, as the blobs of the format use it.
pub(crate) fn aes_key(bytes: &[u8; 32]) -> Result<aead::LessSafeKey> {
    key(&aead::AES_256_GCM, bytes)
}

/// Appends nonce, ciphertext and tag.
pub(crate) fn append_sealed(
    key: &aead::LessSafeKey,
    random: &dyn Random,
    aad: &[u8],
    plaintext: &[u8],
    out: &mut Vec<u8>,
) -> Result<()> {
    let nonce: [u8; aead::NONCE_LEN] = random::bytes(random)?;
    out.extend_from_slice(&nonce);
    let start = out.len();
    out.extend_from_slice(plaintext);
    let nonce = aead::Nonce::assume_unique_for_key(nonce);
    let tag = key.seal_in_place_separate_tag(nonce, aead::Aad::from(aad), &mut out[start..]);
    let tag = tag.map_err(|_| Error::invalid("plaintext", "is too long to be encrypted"))?;
    out.extend_from_slice(tag.as_ref());
    Ok(())
}

/// What nonce, ciphertext and tag hide; `None` if they do not fit each other.
pub(crate) fn open_with(key: &aead::LessSafeKey, aad: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let nonce = aead::Nonce::assume_unique_for_key(*sealed.first_chunk::<{ aead::NONCE_LEN }>()?);
    let length = key.open_in_place(nonce, aead::Aad::from(aad), &mut sealed[aead::NONCE_LEN..]).ok()?.len();
    sealed.copy_within(aead::NONCE_LEN..aead::NONCE_LEN + length, 0);
    sealed.truncate(length);
    Some(sealed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::random::fake::Fixed;

    const NONCE: Fixed = Fixed(&[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab]);

    fn encryptor(name: &str) -> Encryptor {
        let secret = hex::decode("49cbbd8ec38e25389b29de48aa0a383cb3aa37e0e2aa4e02e75c7894aebfacce").unwrap();
        Encryptor::new(name, secret.first_chunk().unwrap()).unwrap()
    }

    #[test]
    fn contents_are_encrypted_as_kopia_does() {
        let iv = hex::decode("8fcad2d89cd8e0b0ad22c2720ddec71a").unwrap();
        for (name, sealed) in [
            (DEFAULT, "a0a1a2a3a4a5a6a7a8a9aaabd84e22650830c9ba5d974f9ac7cce379a4ef1df596b2439d72235fbf"),
            (
                "CHACHA20-POLY1305-HMAC-SHA256",
                "a0a1a2a3a4a5a6a7a8a9aaabbffeae9d195334173e9754f784a5c65144f08f7906f8b1869e0b4525",
            ),
        ] {
            let encryptor = encryptor(name);
            assert_eq!(hex::encode(encryptor.seal(&NONCE, &iv, b"hello world\n").unwrap()), sealed);
            let opened = encryptor.open(&"p", &iv, hex::decode(sealed).unwrap()).unwrap();
            assert_eq!(opened, b"hello world\n");
        }
    }

    #[test]
    fn whatever_is_altered_does_not_open() {
        let encryptor = encryptor(DEFAULT);
        let sealed = encryptor.seal(&NONCE, b"0123456789abcdef", b"hello").unwrap();
        for length in 0..sealed.len() {
            let error = encryptor.open(&"p1", b"0123456789abcdef", sealed[..length].to_vec()).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "p1"));
        }
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(encryptor.open(&"p1", b"0123456789abcdef", altered).is_err());
        }
        assert!(encryptor.open(&"p1", b"0123456789abcdeg", sealed).is_err());
        assert_eq!(Encryptor::new("SALSA20", &[0; 32]).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
