//! Names and label values that must come out as Velero makes them.

use sha2::{Digest, Sha256};

/// The most bytes that a label value may have.
const LABEL_VALUE_MAX: usize = 63;
/// Hexadecimal digits of the hash that ends a shortened label value.
const HASH_DIGITS: usize = 6;

/// A name as a label value: itself if it fits, else its beginning and the beginning of its SHA-256.
pub fn label_value(name: &str) -> String {
    if name.len() <= LABEL_VALUE_MAX {
        return name.to_owned();
    }
    let kept = name.floor_char_boundary(LABEL_VALUE_MAX - HASH_DIGITS);
    let hash = hex::encode(Sha256::digest(name.as_bytes()));
    format!("{}{}", &name[..kept], &hash[..HASH_DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_names_end_in_their_hash() {
        let long = "a".repeat(64);
        for (name, expect) in [
            ("short", "short".to_owned()),
            (&long[..63], "a".repeat(63)),
            // sha256 of 64 times "a" begins with ffe054
            (&long[..], format!("{}ffe054", "a".repeat(57))),
        ] {
            assert_eq!(label_value(name), expect);
        }
    }

    proptest! {
        #[test]
        fn label_values_fit_and_are_stable(name in "\\PC{0,300}") {
            let value = label_value(&name);
            prop_assert!(value.len() <= LABEL_VALUE_MAX);
            prop_assert_eq!(label_value(&value), value);
        }

        #[test]
        fn names_that_differ_at_their_end_stay_apart(name in "[a-z]{70,90}", a in 0..100u32, b in 100..200u32) {
            prop_assert_ne!(label_value(&format!("{name}{a}")), label_value(&format!("{name}{b}")));
        }
    }
}
