//! How the format blobs are sealed: AES-256-GCM under keys that follow from the password.

use zeroize::Zeroizing;

use super::keys::{self, Key};
use crate::encryption::{aes_key, append_sealed, open_with};
use crate::random::Random;
use crate::{Error, ErrorKind, Result};

/// The key of the format blobs of one repository, in the two parts that are used.
#[derive(Clone)]
pub(crate) struct Seal {
    key: Key,
    aad: Key,
}

impl Seal {
    /// The seal that a password opens.
    pub(crate) fn new(algorithm: &str, password: &str, unique_id: &[u8]) -> Result<Self> {
        let format_key = keys::from_password(algorithm, password, unique_id)?;
        let derive = |purpose: &[u8]| keys::derive(&*format_key, unique_id, purpose);
        Ok(Self { key: derive(b"AES")?, aad: derive(b"CHECKSUM")? })
    }

    pub(crate) fn seal(&self, random: &dyn Random, plaintext: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = Vec::new();
        append_sealed(&aes_key(&self.key)?, random, &*self.aad, plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// A wrong password and a damaged blob look the same.
    pub(crate) fn open(&self, blob: &str, sealed: Vec<u8>) -> Result<Zeroizing<Vec<u8>>> {
        let opened = open_with(&aes_key(&self.key)?, &*self.aad, sealed);
        let reason = "the password is not the one of this repository, or the blob is damaged";
        opened.map(Zeroizing::new).ok_or_else(|| Error::new(ErrorKind::InvalidPassword, blob, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::fake::Fixed;

    #[test]
    fn format_blobs_are_sealed_as_kopia_does() {
        let unique_id: Vec<u8> = (0..0x20).collect();
        let seal = Seal::new(keys::DEFAULT, "kopia-test", &unique_id).unwrap();
        let nonce = Fixed(&[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab]);
        let sealed = seal.seal(&nonce, b"{}").unwrap();
        assert_eq!(hex::encode(&sealed), "a0a1a2a3a4a5a6a7a8a9aaab3cba56102d31699974bdebd391a75085ece0");
        assert_eq!(seal.open("b", sealed.clone()).unwrap().as_slice(), b"{}");
        for byte in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[byte] ^= 1;
            assert_eq!(seal.open("b", altered).unwrap_err().kind(), ErrorKind::InvalidPassword);
            assert!(seal.open("b", sealed[..byte].to_vec()).is_err());
        }
    }
}
