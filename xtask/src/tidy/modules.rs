//! Every module says what it is, first thing.

use super::Finding;
use crate::source::Source;

/// Finds a file that does not begin with a sentence about itself.
pub(super) fn check(source: &Source) -> Option<Finding> {
    let first = source.text.lines().next().unwrap_or_default();
    let says = first.strip_prefix("//! ").is_some_and(|sentence| sentence.trim().len() >= 10);
    (!says).then(|| Finding::new(&source.path, 1, "the module does not begin with `//!` and what it is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_begins_with_what_it_is() {
        for (text, is_found) in [
            ("//! The wire format.\n", false),
            ("//! x\n", true),
            ("use std::fmt;\n//! Late words.\n", true),
            ("", true),
        ] {
            assert_eq!(check(&Source::new("a.rs", text)).is_some(), is_found, "{text:?}");
        }
    }
}
