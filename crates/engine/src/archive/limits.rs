//! How much of an archive is read before it is refused: nothing in a bucket is trusted.

/// Bounds on an archive that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries of any kind, among them the two of each object.
    pub entries_max: u64,
    /// Bytes of the whole archive, uncompressed.
    pub bytes_max: u64,
    /// Bytes of one entry.
    pub entry_bytes_max: u64,
    /// Bytes of one path.
    pub path_bytes_max: usize,
    /// Uncompressed bytes for each compressed one.
    pub ratio_max: u64,
    /// Uncompressed bytes that may be read before the ratio is looked at.
    pub ratio_free_bytes: u64,
}

impl Default for Limits {
    /// Room for 450,000 objects. Documents of a cluster compress to a tenth or a thirtieth, a bomb to a thousandth.
    fn default() -> Self {
        Self {
            entries_max: 900_000,
            bytes_max: 64 << 30,
            entry_bytes_max: 32 << 20,
            path_bytes_max: 4096,
            ratio_max: 250,
            ratio_free_bytes: 8 << 20,
        }
    }
}
