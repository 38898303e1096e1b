//! The family of BLAKE3.

use super::{Algorithm, Keyed};

/// What short secrets are made into keys under.
const CONTEXT: &str = "kopia blake3 derived key v1";

pub(super) const ALGORITHMS: &[Algorithm] = &[
    Algorithm { name: "BLAKE3-256", length: 32, keyed: |secret| keyed(secret) },
    Algorithm { name: "BLAKE3-256-128", length: 16, keyed: |secret| keyed(secret) },
];

fn keyed(secret: &[u8]) -> Keyed {
    let key = match secret.first_chunk::<32>() {
        Some(key) => *key,
        None => blake3::derive_key(CONTEXT, secret),
    };
    Box::new(move |data| *blake3::keyed_hash(&key, data).as_bytes())
}
