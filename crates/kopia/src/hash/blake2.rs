//! The family of BLAKE2: the default, and quick on any processor.

use super::{Algorithm, LENGTH_MAX};

/// `BLAKE2B-256-128` is BLAKE2b-256 cut to half: BLAKE2b-128 would be another function, since the length is hashed too.
pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "BLAKE2B-256-128", length: 16, keyed: |secret| blake2b(secret) },
    Algorithm { name: "BLAKE2B-256", length: 32, keyed: |secret| blake2b(secret) },
    Algorithm { name: "BLAKE2S-128", length: 16, keyed: |secret| blake2s(secret, 16) },
    Algorithm { name: "BLAKE2S-256", length: 32, keyed: |secret| blake2s(secret, 32) },
];

fn blake2b(secret: &[u8]) -> super::Keyed {
    let mut params = blake2b_simd::Params::new();
    params.hash_length(LENGTH_MAX).key(secret);
    Box::new(move |data| padded(params.hash(data).as_bytes()))
}

fn blake2s(secret: &[u8], length: usize) -> super::Keyed {
    let mut params = blake2s_simd::Params::new();
    params.hash_length(length).key(secret);
    Box::new(move |data| padded(params.hash(data).as_bytes()))
}

fn padded(hash: &[u8]) -> [u8; LENGTH_MAX] {
    let mut bytes = [0; LENGTH_MAX];
    bytes[..hash.len()].copy_from_slice(hash);
    bytes
}
