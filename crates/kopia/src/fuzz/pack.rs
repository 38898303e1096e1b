//! The ends of packs, where their own indexes are: as they are, and with the checksum that they should have.

use std::sync::LazyLock;

use super::{Target, of};
use crate::content::pack::entries_of;
use crate::content::table::Crypto;
use crate::encryption::Encryptor;
use crate::hash::Hasher;
use crate::random::Random;
use crate::storage::Memory;
use crate::{Result, Storage, encryption, hash};

pub(super) const TARGET: Target = Target { name: "pack", samples, read };

/// What the pack is called.
const NAME: &str = "q7";
/// What the encryption of the index begins from.
const IV: [u8; 16] = [3; 16];

/// A pack that is nothing but its index and where that is; instead of the checksum there is the length of what it is of.
fn samples() -> Vec<Vec<u8>> {
    let sample = || {
        let index = hex::decode(super::index::V2).ok()?;
        let sealed = CRYPTO.as_ref().ok()?.encryptor.seal(&Zeros, &IV, &index).ok()?;
        let length = [sealed.len() as u8 | 0x80, (sealed.len() >> 7) as u8];
        let place = [&[1, IV.len() as u8], &IV[..], &[0], &length].concat();
        Some([&sealed[..], &place, &[place.len() as u8]].concat())
    };
    sample().into_iter().collect()
}

/// Samples are the same every time.
struct Zeros;

impl Random for Zeros {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.fill(0);
        Ok(())
    }
}

static CRYPTO: LazyLock<Result<Crypto>> = LazyLock::new(|| {
    Ok(Crypto {
        hasher: Hasher::new(hash::DEFAULT, &[1; 32])?,
        encryptor: Encryptor::new(encryption::DEFAULT, &[2; 32])?,
    })
});

fn read(bytes: &[u8]) -> bool {
    read_pack(bytes);
    let Some((length, before)) = bytes.split_last() else { return false };
    let Some(at) = before.len().checked_sub(usize::from(*length)) else { return false };
    let checksum = crc32fast::hash(&before[at..]).to_be_bytes();
    read_pack(&[before, &checksum, &[length.saturating_add(checksum.len() as u8)]].concat())
}

fn read_pack(bytes: &[u8]) -> bool {
    let Ok(crypto) = &*CRYPTO else { return false };
    let storage = Memory::default();
    let put = storage.put(NAME, bytes, None);
    put.is_ok() && of(NAME, entries_of(&storage, crypto, NAME)).is_some()
}
