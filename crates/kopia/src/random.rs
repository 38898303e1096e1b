//! Randomness, given to whoever needs it, so that a test can repeat what happened.

use aws_lc_rs::rand;

use crate::{Error, ErrorKind, Result};

/// A source of random bytes. Keys and nonces come from it: outside tests only [`System`] will do.
pub trait Random: Send + Sync {
    /// Fills a buffer.
    fn fill(&self, bytes: &mut [u8]) -> Result<()>;
}

/// The machine's own randomness, fit for keys.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Random for System {
    fn fill(&self, bytes: &mut [u8]) -> Result<()> {
        rand::fill(bytes).map_err(|_| Error::new(ErrorKind::Storage, "randomness", "the machine gives none"))
    }
}

/// So many random bytes.
pub(crate) fn bytes<const N: usize>(random: &dyn Random) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// Sources that tests know the outcome of.
#[cfg(test)]
pub(crate) mod fake {
    use std::sync::Mutex;

    use super::{Random, Result};

    /// Always the same bytes, over and over.
    pub(crate) struct Fixed(pub(crate) &'static [u8]);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) -> Result<()> {
            for (byte, value) in bytes.iter_mut().zip(self.0.iter().cycle()) {
                *byte = *value;
            }
            Ok(())
        }
    }

    /// Bytes that follow from a seed (splitmix64).
    pub(crate) struct Seeded(pub(crate) Mutex<u64>);

    impl Seeded {
        pub(crate) fn new(seed: u64) -> Self {
            Self(Mutex::new(seed))
        }
    }

    impl Random for Seeded {
        fn fill(&self, bytes: &mut [u8]) -> Result<()> {
            let mut state = self.0.lock().unwrap();
            for chunk in bytes.chunks_mut(8) {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut mixed = *state;
                mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                chunk.copy_from_slice(&(mixed ^ (mixed >> 31)).to_le_bytes()[..chunk.len()]);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_gives_other_bytes_each_time() {
        assert_ne!(bytes::<32>(&System).unwrap(), bytes::<32>(&System).unwrap());
    }
}
