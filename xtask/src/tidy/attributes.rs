//! A test that does not run says why.

use super::Finding;
use crate::source::Source;

/// Finds tests that are ignored without a reason.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let ignored = source.code.match_indices("#[ignore]");
    ignored
        .map(|(at, _)| Finding::new(&source.path, source.line(at), "`#[ignore]` without a reason"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignoring_needs_a_reason() {
        let text =
            "#[test]\n#[ignore]\nfn a() {}\n#[ignore = \"needs a cluster\"]\nfn b() {}\n// #[ignore]\n";
        let found = check(&Source::new("a.rs", text));
        assert_eq!(found, [Finding::new("a.rs", 2, "`#[ignore]` without a reason")]);
    }
}
