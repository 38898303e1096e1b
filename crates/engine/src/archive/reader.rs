//! Reading an archive that nobody vouches for: entry by entry, in memory, under limits.

use std::io::{self, Read};

use flate2::read::MultiGzDecoder;
use tar::{EntryType, Header, PaxExtensions};

use super::{Limits, Size};

const BLOCK: usize = 512;
const CHUNK: usize = 64 << 10;

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path: relative, without `.` and `..`.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// Why an archive was refused, or not read to its end; completes "failed to read the archive: ...".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stream does not begin like gzip.
    #[error("it is not gzip")]
    NotGzip,
    /// The stream ends before the archive does.
    #[error("it is truncated after {entries} entries")]
    Truncated {
        /// How many entries were whole.
        entries: u64,
    },
    /// The stream cannot be decompressed, or is no archive.
    #[error("it is corrupt: {reason}")]
    Corrupt {
        /// What was found.
        reason: String,
    },
    /// The stream could not be read.
    #[error("its source failed: {reason}")]
    Source {
        /// What the source said.
        reason: String,
    },
    /// More entries than allowed.
    #[error("it has more than {max} entries")]
    TooManyEntries {
        /// The limit.
        max: u64,
    },
    /// More bytes than allowed.
    #[error("it has more than {max} bytes uncompressed")]
    TooLarge {
        /// The limit.
        max: u64,
    },
    /// It grows more than allowed.
    #[error("it decompresses to more than {max} times its size")]
    Ratio {
        /// The limit.
        max: u64,
    },
    /// An entry has more bytes than allowed.
    #[error("the entry {path:?} has {size} bytes, and {max} are allowed")]
    EntryTooLarge {
        /// The entry.
        path: String,
        /// Its size.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// An entry has a path that is not allowed.
    #[error("the entry {path:?} has a path that {rule}")]
    Path {
        /// The path.
        path: String,
        /// The rule that it breaks.
        rule: PathRule,
    },
    /// An entry is neither a file nor a folder.
    #[error("the entry {path:?} is neither a file nor a folder")]
    Kind {
        /// The entry.
        path: String,
    },
}

/// What a path must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathRule {
    /// It begins with `/`.
    #[error("is absolute")]
    Absolute,
    /// It has a `..` in it.
    #[error("leads out of the archive")]
    Parent,
    /// It names nothing.
    #[error("is empty")]
    Empty,
    /// It is no UTF-8, or has a NUL in it.
    #[error("is no text")]
    NotText,
    /// It has more bytes than allowed.
    #[error("is too long")]
    TooLong,
}

/// The outcome of a step.
type Result<T> = std::result::Result<T, Error>;

/// Reads the files of a gzipped archive in their order. After an error it ends.
#[derive(Debug)]
pub struct Reader<R: Read> {
    source: MultiGzDecoder<Counted<R>>,
    limits: Limits,
    bytes: u64,
    entries: u64,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads `source`, a gzip stream of one or more members.
    pub fn new(source: R, limits: Limits) -> Self {
        let source = MultiGzDecoder::new(Counted { inner: source, bytes: 0, failed: false });
        Self { source, limits, bytes: 0, entries: 0, ended: false }
    }

    /// Its source, wherever that stands.
    pub fn into_inner(self) -> R {
        self.source.into_inner().inner
    }

    /// The next file, past folders and the records that belong to it.
    fn advance(&mut self) -> Result<Option<Entry>> {
        let mut long_path = None;
        loop {
            let Some(header) = self.header()? else { return self.end() };
            let size = header.entry_size().map_err(|error| corrupt(&error))?;
            match header.entry_type() {
                EntryType::GNULongName => long_path = Some(self.long_name(size)?),
                EntryType::XHeader => long_path = self.pax(size)?.or(long_path),
                EntryType::XGlobalHeader => drop(self.content("a global header", size, CHUNK as u64)?),
                EntryType::Regular | EntryType::Continuous | EntryType::Directory => {
                    let bytes = long_path.take().unwrap_or_else(|| header.path_bytes().into_owned());
                    let path = self.path(&bytes)?;
                    let content = self.content(&path, size, self.limits.entry_bytes_max)?;
                    if header.entry_type() != EntryType::Directory && !bytes.ends_with(b"/") {
                        return Ok(Some(Entry { path, content }));
                    }
                }
                _ => return Err(Error::Kind { path: lossy(&header.path_bytes()) }),
            }
        }
    }

    /// The next header; `None` at the mark that ends an archive.
    fn header(&mut self) -> Result<Option<Header>> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        if block == [0; BLOCK] {
            return Ok(None);
        }
        let header = Header::from_byte_slice(&block).clone();
        if header.cksum().map_err(|error| corrupt(&error))? != checksum(&block) {
            return Err(Error::Corrupt { reason: "a header has the wrong checksum".into() });
        }
        self.entries += 1;
        Ok(Some(header))
    }

    /// Reads to the very end: only there does gzip tell whether everything came through.
    fn end(&mut self) -> Result<Option<Entry>> {
        let mut chunk = [0; BLOCK];
        self.fill(&mut chunk)?;
        loop {
            if chunk != [0; BLOCK] {
                return Err(Error::Corrupt {
                    reason: "there is something after the end of the archive".into(),
                });
            }
            if self.read(&mut chunk)? == 0 {
                return Ok(None);
            }
        }
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>> {
        let mut name = self.content("a long name", size, self.limits.path_bytes_max as u64 + 1)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// The path in the PAX record of the entry that follows. A size there would mean an entry beyond every limit.
    fn pax(&mut self, size: u64) -> Result<Option<Vec<u8>>> {
        let record = self.content("a PAX record", size, self.limits.path_bytes_max as u64 + CHUNK as u64)?;
        let mut path = None;
        for extension in PaxExtensions::new(&record) {
            let extension = extension.map_err(|error| corrupt(&error))?;
            match extension.key_bytes() {
                b"path" => path = Some(extension.value_bytes().to_vec()),
                b"size" | b"GNU.sparse.major" => {
                    return Err(Error::Kind { path: lossy(extension.key_bytes()) });
                }
                _ => {}
            }
        }
        Ok(path)
    }

    fn path(&self, bytes: &[u8]) -> Result<String> {
        let broken = |rule| Error::Path { path: lossy(bytes), rule };
        if bytes.len() > self.limits.path_bytes_max {
            return Err(broken(PathRule::TooLong));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| broken(PathRule::NotText))?;
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let rule = if text.contains('\0') {
            Some(PathRule::NotText)
        } else if text.starts_with('/') {
            Some(PathRule::Absolute)
        } else if parts.contains(&"..") {
            Some(PathRule::Parent)
        } else {
            text.is_empty().then_some(PathRule::Empty)
        };
        rule.map_or_else(|| Ok(parts.join("/")), |rule| Err(broken(rule)))
    }

    /// The content of an entry, read piece by piece: a size that a header claims is no reason to allocate.
    fn content(&mut self, path: &str, size: u64, max: u64) -> Result<Vec<u8>> {
        if size > max {
            return Err(Error::EntryTooLarge { path: path.to_owned(), size, max });
        }
        let size = usize::try_from(size).map_err(|error| corrupt(&error))?;
        let mut content = Vec::with_capacity(size.min(CHUNK));
        while content.len() < size {
            let start = content.len();
            content.resize(size.min(start + CHUNK), 0);
            self.fill(&mut content[start..])?;
        }
        let padding = size.next_multiple_of(BLOCK) - size;
        self.fill(&mut [0; BLOCK][..padding])?;
        Ok(content)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => return Err(self.truncated()),
                more => filled += more,
            }
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = loop {
            match self.source.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(&error)),
                Ok(count) => break count,
            }
        };
        self.bytes += count as u64;
        let packed = self.source.get_ref().bytes;
        self.limits.admit(Size { entries: self.entries, bytes: self.bytes, entry: 0, packed })?;
        Ok(count)
    }

    fn failure(&self, error: &io::Error) -> Error {
        let inner = self.source.get_ref();
        if inner.failed {
            Error::Source { reason: error.to_string() }
        } else if self.bytes == 0 && (inner.bytes < 2 || error.to_string().contains("header")) {
            Error::NotGzip
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            self.truncated()
        } else {
            corrupt(error)
        }
    }

    fn truncated(&self) -> Error {
        Error::Truncated { entries: self.entries.saturating_sub(1) }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Counts what was read, and knows a failure of the source from one of its content.
#[derive(Debug)]
struct Counted<R> {
    inner: R,
    bytes: u64,
    failed: bool,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = self.inner.read(buffer);
        match &outcome {
            Ok(count) => self.bytes += *count as u64,
            Err(error) => self.failed = error.kind() != io::ErrorKind::Interrupted,
        }
        outcome
    }
}

fn corrupt(error: &impl ToString) -> Error {
    Error::Corrupt { reason: error.to_string() }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(256)]).into_owned()
}

/// The sum of a header's bytes, its own checksum read as blanks.
fn checksum(block: &[u8; BLOCK]) -> u32 {
    let field = 148..156;
    let byte =
        |(at, byte): (usize, &u8)| if field.contains(&at) { u32::from(b' ') } else { u32::from(*byte) };
    block.iter().enumerate().map(byte).sum()
}
