//! Writing an object: cut into contents as it comes, and a list of them at the end if there are several.

use std::io::{self, Write};

use super::{ObjectId, ObjectReader, Part, list};
use crate::compression::Compression;
use crate::content::Prefix;
use crate::splitter::Splitter;
use crate::{Error, Result, Writer};

/// How many bytes are taken at once before somebody looks whether a content ends in them.
const STEP: usize = 256 << 10;

/// An object that is being written. It keeps at most one content in memory.
pub struct ObjectWriter<'a> {
    writer: &'a Writer,
    prefix: Option<Prefix>,
    splitter: Splitter,
    compression: Option<Compression>,
    chunk: Vec<u8>,
    parts: Vec<Part>,
    length: u64,
}

impl<'a> ObjectWriter<'a> {
    /// Begins an object, cut as the repository cuts. Metadata has a prefix.
    pub fn new(writer: &'a Writer, prefix: Option<Prefix>, compression: Option<Compression>) -> Result<Self> {
        let splitter = writer.repository().format().splitter()?;
        Ok(Self::with_splitter(writer, prefix, compression, splitter))
    }

    /// Begins an object that is cut otherwise.
    pub fn with_splitter(
        writer: &'a Writer,
        prefix: Option<Prefix>,
        compression: Option<Compression>,
        splitter: Splitter,
    ) -> Self {
        Self { writer, prefix, splitter, compression, chunk: Vec::new(), parts: Vec::new(), length: 0 }
    }

    /// How many bytes it has by now.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(STEP) {
            let mut seen = self.chunk.len();
            self.chunk.extend_from_slice(piece);
            while let Some(length) = self.splitter.cut(&self.chunk, seen) {
                self.store(length)?;
                seen = 0;
            }
            self.length += piece.len() as u64;
        }
        Ok(())
    }

    /// Ends the object; its name.
    pub fn finish(mut self) -> Result<ObjectId> {
        if self.parts.is_empty() || !self.chunk.is_empty() {
            self.store(self.chunk.len())?;
        }
        match self.parts[..] {
            [part] => Ok(part.object),
            _ => store_list(self.writer, self.prefix, &self.parts),
        }
    }

    /// Stores the first bytes of what is in memory as a content.
    fn store(&mut self, length: usize) -> Result<()> {
        let content = self.writer.put(self.prefix, &self.chunk[..length], self.compression)?;
        let start = self.parts.last().map_or(0, |part| part.start + part.length);
        self.parts.push(Part { start, length: length as u64, object: ObjectId::direct(content) });
        self.chunk.drain(..length);
        Ok(())
    }
}

impl Write for ObjectWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    /// Nothing: contents end where the splitter says, and the session has a flush of its own.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Stores a list of parts; the name of what they are together. The list of something with a prefix has the same.
fn store_list(writer: &Writer, prefix: Option<Prefix>, parts: &[Part]) -> Result<ObjectId> {
    let mut list = ObjectWriter::new(writer, prefix.or(Some(Prefix::LIST)), Compression::of_metadata())?;
    let mut buffered = io::BufWriter::new(&mut list);
    list::write(parts, &mut buffered)
        .and_then(|()| buffered.flush())
        .map_err(|error| Error::from_io("list", error))?;
    drop(buffered);
    let id = list.finish()?;
    id.listed().ok_or_else(|| Error::invalid(id, "has too many parts for lists of lists"))
}

/// Several objects one behind the other as one. Parts of a large file are written by several threads, each as an object.
pub fn concatenate(writer: &Writer, objects: &[ObjectId]) -> Result<ObjectId> {
    if let [only] = objects {
        return Ok(*only);
    }
    let (mut parts, mut start) = (Vec::new(), 0);
    for object in objects {
        let reader = ObjectReader::open(writer, *object)?;
        parts.extend(reader.parts().iter().map(|part| Part { start: start + part.start, ..*part }));
        start += reader.length();
    }
    if parts.is_empty() {
        return Err(Error::invalid("object", "of no objects at all none can be made"));
    }
    store_list(writer, None, &parts)
}
