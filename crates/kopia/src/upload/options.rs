//! How a tree is uploaded.

use std::sync::Arc;
use std::time::Duration;

use crate::compression::Compression;
use crate::ignore::Rules;
use crate::splitter::Splitter;

/// The size from which on kopia cuts a file into parts of that size, each an object: whoever does the same finds the same contents.
const PART_LENGTH: u64 = 2 << 30;

/// Which files are compressed, and how.
#[derive(Debug, Clone, Default)]
pub struct CompressionRule {
    /// What they are compressed with; nothing if there is none.
    pub compression: Option<Compression>,
    /// Endings of names, with their dots, of files that are not.
    pub never: Vec<String>,
    /// Files of fewer bytes are not.
    pub length_min: u64,
    /// Files of more bytes are not, unless this is 0.
    pub length_max: u64,
}

impl CompressionRule {
    /// What a file is compressed with.
    pub(super) fn of(&self, name: &[u8], size: u64) -> Option<Compression> {
        let dot = name.iter().rposition(|byte| *byte == b'.');
        let ending = dot.map(|dot| &name[dot..]);
        let is_excepted = ending.is_some_and(|ending| self.never.iter().any(|one| one.as_bytes() == ending));
        let fits = size >= self.length_min && (self.length_max == 0 || size <= self.length_max);
        self.compression.filter(|_| fits && !is_excepted)
    }
}

/// How a tree is uploaded.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many files and directories are read at once, and parts of large files.
    pub threads: usize,
    /// What files are compressed with.
    pub compression: CompressionRule,
    /// What directories are compressed with.
    pub metadata_compression: Option<Compression>,
    /// How files are cut; as the repository says if nobody says otherwise.
    pub splitter: Option<Splitter>,
    /// The size of the parts that larger files are uploaded in, each from its own beginning.
    pub part_length: u64,
    /// What is left out.
    pub rules: Arc<Rules>,
    /// Names of files in the tree that say what is left out beside them and below.
    pub rule_files: Vec<String>,
    /// Stores folders that say they are caches (`CACHEDIR.TAG`) as empty ones.
    pub skip_caches: bool,
    /// Files of more bytes are left out, unless this is 0.
    pub length_max: u64,
    /// Leaves out what is on other file systems than the root.
    pub one_file_system: bool,
    /// Files that cannot be read are no failure.
    pub ignore_file_errors: bool,
    /// Directories that cannot be read are no failure.
    pub ignore_directory_errors: bool,
    /// Devices, sockets and the like, which the format has no place for, are no failure.
    pub ignore_unknown_types: bool,
    /// How long after the last one a checkpoint is made.
    pub checkpoint_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 4,
            compression: CompressionRule::default(),
            metadata_compression: Compression::of_metadata(),
            splitter: None,
            part_length: PART_LENGTH,
            rules: Arc::default(),
            rule_files: Vec::new(),
            skip_caches: false,
            length_max: 0,
            one_file_system: false,
            ignore_file_errors: false,
            ignore_directory_errors: false,
            ignore_unknown_types: true,
            checkpoint_every: Duration::from_mins(45),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compressed_by_size_and_ending() {
        let rule = CompressionRule {
            compression: Compression::named("zstd"),
            never: vec![".gz".to_owned()],
            length_min: 10,
            length_max: 100,
        };
        for (name, size, expected) in
            [("a.txt", 10, true), ("a", 100, true), ("a.gz", 50, false), ("gz", 9, false), ("a", 101, false)]
        {
            assert_eq!(rule.of(name.as_bytes(), size).is_some(), expected, "{name} {size}");
        }
        assert!(CompressionRule::default().of(b"a", 5).is_none());
    }
}
