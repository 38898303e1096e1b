//! Patterns of what is left out, behind the path that they are tried on: whatever they are, trying them ends.

use std::sync::Arc;

use super::Target;
use crate::ignore::{Rules, Scope};

pub(super) const TARGET: Target = Target { name: "ignore", samples, read };

const SAMPLES: [&str; 4] = [
    "a/b/file.tmp\n*.tmp\n!/a/**/file.tmp\n# why\nb/\n\\#odd\\ \n",
    "deep/er/and/deeper\n/deep/**/d[e-g]eper\n**/x\na/**\n[!a-c]?[[:alpha:]]*\n",
    "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/b\n**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/a/**/c\n",
    "aaaaaaaaaaaaaaaaaaaaaaaab\n*a*a*a*a*a*b\n**/a/**/a/**/b\n",
];

fn samples() -> Vec<Vec<u8>> {
    SAMPLES.map(|sample| sample.as_bytes().to_vec()).into()
}

fn read(bytes: &[u8]) -> bool {
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (path, patterns) = bytes.split_at(at);
    let text = String::from_utf8_lossy(patterns);
    let (rules, bad) = Rules::parse(text.lines());
    assert!(bad.iter().all(|line| text.contains(line)));
    let scope = Scope::new(Arc::new(rules));
    let excluded = [true, false].map(|is_directory| scope.excludes(path, is_directory));
    assert!(
        excluded[0] || !excluded[1] || text.contains('!'),
        "files are not left out by more than directories"
    );
    bad.is_empty()
}
