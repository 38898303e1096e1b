//! Blobs that hold tables and notes (indexes, session markers): encrypted, and named after the hash of what they hold.

use crate::content::id::iv_of;
use crate::encryption::Encryptor;
use crate::hash::{Hash, Hasher};
use crate::random::Random;
use crate::{Error, Result};

/// The algorithms that contents and tables are kept with.
#[derive(Debug)]
pub(crate) struct Crypto {
    pub(crate) hasher: Hasher,
    pub(crate) encryptor: Encryptor,
}

impl Crypto {
    /// Name and bytes of a blob: prefix, hash, and what follows it in the name.
    pub(crate) fn seal_table(
        &self,
        random: &dyn Random,
        prefix: &str,
        suffix: &str,
        plaintext: &[u8],
    ) -> Result<(String, Vec<u8>)> {
        let hash = self.hasher.hash(plaintext);
        let sealed = self.encryptor.seal(random, iv_of(&hash), plaintext)?;
        Ok((format!("{prefix}{hash}-{suffix}"), sealed))
    }

    /// What a blob holds, which must be what its name says.
    pub(crate) fn open_table(&self, name: &str, sealed: Vec<u8>) -> Result<Vec<u8>> {
        let misnamed = || Error::corrupt(name, "its name holds no hash of this repository");
        let hash = hash_in(name, self.hasher.length()).ok_or_else(misnamed)?;
        let plaintext = self.encryptor.open(&name, iv_of(&hash), sealed)?;
        if self.hasher.hash(&plaintext) != hash {
            return Err(Error::corrupt(name, "does not hold what its name says"));
        }
        Ok(plaintext)
    }
}

/// The hash in the name of a blob: the digits before the first dash.
fn hash_in(name: &str, length: usize) -> Option<Hash> {
    let before = name.split('-').next().unwrap_or(name);
    let digits = before.get(before.len().checked_sub(length * 2)?..)?;
    Hash::from_bytes(&hex::decode(digits).ok()?)
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::ErrorKind;
    use crate::format::tests::synthetic;
    use crate::random::fake::Fixed;
    use sha2::{Digest, Sha256};

    const NONCE: Fixed = Fixed(&[0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab]);

    #[test]
    fn index_blobs_are_named_and_encrypted_as_kopia_does() {
        let crypto = synthetic();
        let plaintext = hex::decode(crate::fuzz::index::V2).unwrap();
        let (name, sealed) =
            crypto.seal_table(&NONCE, "xn0_", "s0011223344556677148-c1", &plaintext).unwrap();
        assert_eq!(name, "xn0_4ed7a4d393580c5e00f869580071fe80-s0011223344556677148-c1");
        assert_eq!(
            hex::encode(Sha256::digest(&sealed)),
            "15fa836bdb36a393f2a7809a78ffbb10f4ef5f11578cac1b8a396c9c8532de84"
        );
        assert_eq!(crypto.open_table(&name, sealed.clone()).unwrap(), plaintext);
        for other in [
            "xn0_4ed7a4d393580c5e00f869580071fe81-s1-c1",
            "xn0_4e-s1",
            "xn0_",
            "xnü0000000000000000000000000000000",
        ] {
            let error = crypto.open_table(other, sealed.clone()).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, other));
        }
    }
}
