//! The family of HMAC, over SHA-2 and SHA-3.

use aws_lc_rs::hmac;
use sha3::digest::Digest;
use sha3::{Sha3_224, Sha3_256};

use super::{Algorithm, Keyed, LENGTH_MAX};

pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "HMAC-SHA256", length: 32, keyed: |secret| sha2(hmac::HMAC_SHA256, secret) },
    Algorithm { name: "HMAC-SHA256-128", length: 16, keyed: |secret| sha2(hmac::HMAC_SHA256, secret) },
    Algorithm { name: "HMAC-SHA224", length: 28, keyed: |secret| sha2(hmac::HMAC_SHA224, secret) },
    Algorithm { name: "HMAC-SHA3-224", length: 28, keyed: |secret| sha3::<Sha3_224, 144>(secret) },
    Algorithm { name: "HMAC-SHA3-256", length: 32, keyed: |secret| sha3::<Sha3_256, 136>(secret) },
];

fn sha2(algorithm: hmac::Algorithm, secret: &[u8]) -> Keyed {
    let key = hmac::Key::new(algorithm, secret);
    Box::new(move |data| padded(hmac::sign(&key, data).as_ref()))
}

/// RFC 2104 over a hash with blocks of so many bytes: what signs with SHA-2 has no SHA-3.
fn sha3<D: Digest + Clone + Send + Sync + 'static, const BLOCK: usize>(secret: &[u8]) -> Keyed {
    let mut block = [0; BLOCK];
    // a secret is never longer than a block, which is hashed first by the RFC
    block[..secret.len()].copy_from_slice(secret);
    let (inner, outer) = (
        D::new_with_prefix(block.map(|byte| byte ^ 0x36)),
        D::new_with_prefix(block.map(|byte| byte ^ 0x5c)),
    );
    Box::new(move |data| {
        let first = inner.clone().chain_update(data).finalize();
        padded(&outer.clone().chain_update(first).finalize())
    })
}

fn padded(hash: &[u8]) -> [u8; LENGTH_MAX] {
    let mut bytes = [0; LENGTH_MAX];
    bytes[..hash.len()].copy_from_slice(hash);
    bytes
}
