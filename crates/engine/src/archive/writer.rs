//! Writing the archive, with the headers that Velero's own archives have.

use std::io::{self, Write};

use tar::{EntryType, Header};

use super::path::{ArchivePath, ItemPath};
use super::{Size, VERSION};

const BLOCK: usize = 512;
const MODE: u32 = 0o755;

/// Writes an archive, uncompressed, entry by entry. Pieces that different writers wrote may be joined: only the
/// first has the version file, only the last is finished.
#[derive(Debug)]
pub struct Writer<W: Write> {
    out: W,
    modified: u64,
    size: Size,
}

impl<W: Write> Writer<W> {
    /// Begins an archive; `modified` is the time that every entry carries.
    pub fn new(out: W, modified: jiff::Timestamp) -> io::Result<Self> {
        let mut writer = Self::resume(out, modified);
        writer.entry(&ArchivePath::Version.to_string(), VERSION.as_bytes())?;
        Ok(writer)
    }

    /// Goes on with an archive whose beginning is elsewhere.
    pub fn resume(out: W, modified: jiff::Timestamp) -> Self {
        Self { out, modified: u64::try_from(modified.as_second()).unwrap_or_default(), size: Size::default() }
    }

    /// Adds the file of an object.
    pub fn append(&mut self, path: &ItemPath, content: &[u8]) -> io::Result<()> {
        self.entry(&path.to_string(), content)
    }

    /// How much it has written; it does not know what is made of that.
    pub fn size(&self) -> Size {
        self.size
    }

    /// What it writes to; to see how much was written, or to seal a piece.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Ends a piece that is not the last.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, content: &[u8]) -> io::Result<()> {
        let mut header = self.header(EntryType::Regular, MODE, content.len())?;
        if !(path.is_ascii() && header.set_path(path).is_ok()) {
            self.long_path(path)?;
            header.set_path(shortened(path))?;
        }
        self.block(header, content)
    }

    /// A PAX record in front of the entry whose path its header cannot hold.
    fn long_path(&mut self, path: &str) -> io::Result<()> {
        let record = pax_record("path", path);
        let mut header = self.header(EntryType::XHeader, 0o644, record.len())?;
        header.set_path(shortened(&format!("PaxHeaders.0/{path}")))?;
        self.block(header, record.as_bytes())
    }

    fn header(&self, kind: EntryType, mode: u32, length: usize) -> io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(length as u64);
        header.set_mtime(self.modified);
        header.set_uid(0);
        header.set_gid(0);
        header.set_device_major(0)?;
        header.set_device_minor(0)?;
        Ok(header)
    }

    fn block(&mut self, mut header: Header, content: &[u8]) -> io::Result<()> {
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        self.out.write_all(content)?;
        let padding = content.len().next_multiple_of(BLOCK) - content.len();
        self.size.entries += 1;
        self.size.entry = self.size.entry.max(content.len() as u64);
        self.size.bytes += (BLOCK + content.len() + padding) as u64;
        self.out.write_all(&[0; BLOCK][..padding])
    }
}

/// What old readers see of a path that does not fit: ASCII, and short enough.
fn shortened(path: &str) -> String {
    path.chars().filter(char::is_ascii).take(90).collect::<String>().trim_end_matches('/').to_owned()
}

/// A PAX record: its own length in decimal, key, value.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_counts_its_own_length() {
        assert_eq!(pax_record("path", "a"), "9 path=a\n");
        assert_eq!(pax_record("path", "ab"), "11 path=ab\n");
        for length in 1..1200 {
            let record = pax_record("path", &"x".repeat(length));
            let said: usize = record.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, record.len());
        }
    }
}
