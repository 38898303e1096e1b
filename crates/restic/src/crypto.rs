//! What everything is sealed in: `IV || AES-256-CTR || MAC`, the MAC being Poly1305-AES over what is encrypted.

use std::fmt;

use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use zeroize::Zeroizing;

use crate::{Result, corrupt};

/// How many bytes the IV and the MAC each have.
const BLOCK: usize = 16;
/// How much longer something is when it is sealed.
pub(crate) const OVERHEAD: usize = 2 * BLOCK;

/// The keys that something is sealed with; they are wiped from memory when they go.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) encrypt: Zeroizing<[u8; 32]>,
    /// Makes the part of the MAC that differs each time.
    pub(crate) mac_k: Zeroizing<[u8; BLOCK]>,
    /// Makes the part of the MAC that does not.
    pub(crate) mac_r: Zeroizing<[u8; BLOCK]>,
}

impl Key {
    /// What is sealed; `subject` names it in errors.
    pub(crate) fn open(&self, subject: &dyn fmt::Display, mut sealed: Vec<u8>) -> Result<Vec<u8>> {
        let short = || corrupt(subject, format!("has {} bytes, {OVERHEAD} are the fewest", sealed.len()));
        let length = sealed.len().checked_sub(OVERHEAD).ok_or_else(short)?;
        let mut iv = [0; BLOCK];
        iv.copy_from_slice(&sealed[..BLOCK]);
        let (ciphertext, mac) = sealed[BLOCK..].split_at(length);
        let failed = |_| corrupt(subject, "cannot be decrypted");
        let expected = self.mac(&iv, ciphertext).map_err(failed)?;
        verify_slices_are_equal(mac, &expected)
            .map_err(|_| corrupt(subject, "is not what was sealed with the key of the repository"))?;
        sealed.copy_within(BLOCK..BLOCK + length, 0);
        sealed.truncate(length);
        let cipher = UnboundCipherKey::new(&AES_256, &*self.encrypt).and_then(DecryptingKey::ctr);
        let context = DecryptionContext::Iv128(FixedLength::from(&iv));
        cipher.and_then(|cipher| cipher.decrypt(&mut sealed, context).map(drop)).map_err(failed)?;
        Ok(sealed)
    }

    /// Poly1305-AES: the one-time key's second half is the IV, encrypted.
    fn mac(&self, iv: &[u8; BLOCK], ciphertext: &[u8]) -> std::result::Result<[u8; BLOCK], Unspecified> {
        // a block of zeros in counter mode is the counter's first value, encrypted
        let mut pad = [0; BLOCK];
        let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, &*self.mac_k)?)?;
        cipher.less_safe_encrypt(&mut pad, EncryptionContext::Iv128(FixedLength::from(iv)))?;
        let mut once = Zeroizing::new([0; 2 * BLOCK]);
        once[..BLOCK].copy_from_slice(&*self.mac_r);
        once[BLOCK..].copy_from_slice(&pad);
        let mac = Poly1305::new((&*once).into()).compute_unpadded(ciphertext);
        let mut bytes = [0; BLOCK];
        bytes.copy_from_slice(&mac);
        Ok(bytes)
    }

    /// Seals something with that IV.
    #[cfg(test)]
    pub(crate) fn seal(&self, iv: [u8; BLOCK], plaintext: &[u8]) -> Option<Vec<u8>> {
        let cipher = UnboundCipherKey::new(&AES_256, &*self.encrypt).and_then(EncryptingKey::ctr).ok()?;
        let mut sealed = plaintext.to_vec();
        let context = EncryptionContext::Iv128(FixedLength::from(&iv));
        cipher.less_safe_encrypt(&mut sealed, context).map(drop).ok()?;
        let mac = self.mac(&iv, &sealed).ok()?;
        Some([&iv[..], &sealed, &mac].concat())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    /// The second vector of appendix B of "The Poly1305-AES message-authentication code".
    #[test]
    fn the_mac_is_that_of_the_paper() {
        let array = |text: &str| Zeroizing::new(<[u8; 16]>::try_from(hex::decode(text).unwrap()).unwrap());
        let key = Key {
            encrypt: Zeroizing::new([0; 32]),
            mac_k: array("75deaa25c09f208e1dc4ce6b5cad3fbf"),
            mac_r: array("a0f3080000f46400d0c7e9076c834403"),
        };
        let nonce = array("61ee09218d29b0aaed7e154a2c5509cc");
        assert_eq!(hex::encode(key.mac(&nonce, b"").unwrap()), "dd3fab2251f11ac759f0887129cc2ee7");
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        let key = Key {
            encrypt: Zeroizing::new([1; 32]),
            mac_k: Zeroizing::new([2; 16]),
            mac_r: Zeroizing::new([3; 16]),
        };
        for length in [0, 1, 15, 16, 17, 1000] {
            let plaintext: Vec<u8> = (0..length).map(|number| number as u8).collect();
            let sealed = key.seal([7; 16], &plaintext).unwrap();
            assert_eq!(sealed.len(), length + OVERHEAD);
            assert_eq!(key.open(&"it", sealed.clone()).unwrap(), plaintext);
            for position in 0..sealed.len() {
                let mut flipped = sealed.clone();
                flipped[position] ^= 1;
                assert_eq!(key.open(&"it", flipped).unwrap_err().kind(), ErrorKind::Corrupt);
                assert!(key.open(&"it", sealed[..position].to_vec()).is_err());
            }
        }
    }
}
