//! How much of an archive is read before it is refused: nothing in a bucket is trusted.

use super::reader::Error;

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

/// How large an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Its entries of any kind.
    pub entries: u64,
    /// Its bytes, uncompressed.
    pub bytes: u64,
    /// The bytes of its largest entry.
    pub entry: u64,
    /// Its bytes as they are stored.
    pub packed: u64,
}

/// Uncompressed bytes for each compressed one that a writer may reach. Less than what is read, since the ratio has to
/// hold for every beginning of an archive, and the last bytes of one are still in the compressor.
const RATIO_WRITTEN: u64 = 200;

impl Limits {
    /// What a writer keeps to, so that what it writes is read.
    pub fn written() -> Self {
        Self { ratio_max: RATIO_WRITTEN, ..Self::default() }
    }

    /// Whether an archive of this size is read to its end: nobody should find out on the day that he needs it.
    pub fn admit(&self, size: Size) -> Result<(), Error> {
        if size.entries > self.entries_max {
            return Err(Error::TooManyEntries { max: self.entries_max });
        }
        if size.bytes > self.bytes_max {
            return Err(Error::TooLarge { max: self.bytes_max });
        }
        if size.entry > self.entry_bytes_max {
            let path = String::new();
            return Err(Error::EntryTooLarge { path, size: size.entry, max: self.entry_bytes_max });
        }
        if size.bytes > self.ratio_free_bytes && size.bytes / self.ratio_max.max(1) > size.packed {
            return Err(Error::Ratio { max: self.ratio_max });
        }
        Ok(())
    }
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
