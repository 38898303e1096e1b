//! Writing an object: cut into contents as it comes, and a list of them at the end if there are several.

use std::io::{self, Write};

use super::{ObjectId, ObjectReader, Part, list};
use crate::compression::Compression;
use crate::content::{ContentId, Prefix};
use crate::parallel::Crew;
use crate::splitter::Splitter;
use crate::{Error, Result, Writer};

/// How many bytes are taken at once before somebody looks whether a content ends in them.
const STEP: usize = 256 << 10;
/// The length from which on a content gets the room of the longest, so that it is not in memory twice whenever it grows.
const GROWN: usize = 1 << 20;

/// An object that is being written. It keeps at most one content in memory, and one more for each thread that helps. A copy goes on by itself.
#[derive(Clone)]
pub struct ObjectWriter<'a> {
    writer: &'a Writer,
    prefix: Option<Prefix>,
    splitter: Splitter,
    compression: Option<Compression>,
    helpers: Option<&'a Crew>,
    chunk: Vec<u8>,
    /// Contents that wait until there are as many as threads.
    waiting: Vec<Vec<u8>>,
    /// Buffers of contents that are stored.
    spare: Vec<Vec<u8>>,
    parts: Vec<Part>,
    zeros: Option<ContentId>,
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
        Self {
            writer,
            prefix,
            splitter,
            compression,
            helpers: None,
            chunk: Vec::new(),
            waiting: Vec::new(),
            spare: Vec::new(),
            parts: Vec::new(),
            zeros: None,
            length: 0,
        }
    }

    /// Has its contents stored by threads that are idle.
    #[must_use]
    pub(crate) fn with_helpers(self, crew: &'a Crew) -> Self {
        Self { helpers: Some(crew), ..self }
    }

    /// How many bytes it has by now.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Adds bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(STEP) {
            let mut seen = self.chunk.len();
            if seen >= GROWN && self.chunk.capacity() < seen + piece.len() {
                self.chunk.reserve_exact(self.splitter.length_max() + STEP - seen);
            }
            self.chunk.extend_from_slice(piece);
            while let Some(length) = self.splitter.cut(&self.chunk, seen) {
                self.store(length)?;
                seen = 0;
            }
            self.length += piece.len() as u64;
        }
        Ok(())
    }

    /// Adds zeros: a hole of any length costs no more than its list.
    pub fn append_zeros(&mut self, mut count: u64) -> Result<()> {
        let whole = self.splitter.zeros_length();
        while count > 0 {
            if self.chunk.is_empty() && count >= whole as u64 {
                self.store_waiting()?;
                let zeros = match self.zeros {
                    Some(zeros) => zeros,
                    None => self.writer.put(self.prefix, &vec![0; whole], self.compression)?,
                };
                self.zeros = Some(zeros);
                self.push(zeros, whole);
                self.length += whole as u64;
                count -= whole as u64;
                continue;
            }
            // so that a chunk of zeros alone ends with what is added
            let room = whole.checked_sub(self.chunk.len()).filter(|room| *room > 0).unwrap_or(STEP);
            let step = usize::try_from(count).unwrap_or(usize::MAX).min(STEP).min(room);
            self.append(&vec![0; step])?;
            count -= step as u64;
        }
        Ok(())
    }

    /// Ends the object; its name.
    pub fn finish(mut self) -> Result<ObjectId> {
        if !self.chunk.is_empty() || (self.parts.is_empty() && self.waiting.is_empty()) {
            let chunk = std::mem::take(&mut self.chunk);
            self.waiting.push(chunk);
        }
        self.store_waiting()?;
        match self.parts[..] {
            [part] => Ok(part.object),
            _ => store_list(self.writer, self.prefix, &self.parts, None),
        }
    }

    /// Stores so many bytes as a content, or has them wait for others so that several threads have something to do. Buffers are used again: they are
    /// large, and the C library keeps more of what is freed the larger it was.
    fn store(&mut self, length: usize) -> Result<()> {
        let idle = self.helpers.map_or(0, Crew::idle);
        if idle == 0 && self.waiting.is_empty() {
            let content = self.writer.put(self.prefix, &self.chunk[..length], self.compression)?;
            self.chunk.drain(..length);
            self.push(content, length);
            return Ok(());
        }
        let mut rest = self.spare.pop().unwrap_or_default();
        rest.extend_from_slice(&self.chunk[length..]);
        let mut chunk = std::mem::replace(&mut self.chunk, rest);
        chunk.truncate(length);
        self.waiting.push(chunk);
        if self.waiting.len() > idle { self.store_waiting() } else { Ok(()) }
    }

    fn store_waiting(&mut self) -> Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let put = |chunk: &Vec<u8>| self.writer.put(self.prefix, chunk, self.compression);
        let contents = match self.helpers {
            Some(crew) if waiting.len() > 1 => crew.map(&waiting, put)?,
            _ => waiting.iter().map(put).collect::<Result<_>>()?,
        };
        for (content, mut chunk) in contents.into_iter().zip(waiting) {
            self.push(content, chunk.len());
            chunk.clear();
            self.spare.push(chunk);
        }
        Ok(())
    }

    fn push(&mut self, content: ContentId, length: usize) {
        let start = self.parts.last().map_or(0, |part| part.start + part.length);
        self.parts.push(Part { start, length: length as u64, object: ObjectId::direct(content) });
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

/// Stores a list of parts, cut as the repository cuts unless somebody says otherwise; the name of what they are together. The list of something with
/// a prefix has the same.
pub(super) fn store_list(
    writer: &Writer,
    prefix: Option<Prefix>,
    parts: &[Part],
    splitter: Option<Splitter>,
) -> Result<ObjectId> {
    let (prefix, compression) = (prefix.or(Some(Prefix::LIST)), Compression::of_metadata());
    let mut list = match splitter {
        Some(splitter) => ObjectWriter::with_splitter(writer, prefix, compression, splitter),
        None => ObjectWriter::new(writer, prefix, compression)?,
    };
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
    store_list(writer, None, &parts, None)
}

/// Objects of the same length one behind the other as one, whose list is cut so.
pub(crate) fn array(
    writer: &Writer,
    objects: &[ObjectId],
    length: u64,
    splitter: Splitter,
) -> Result<ObjectId> {
    let part = |(number, object): (usize, &ObjectId)| Part {
        start: number as u64 * length,
        length,
        object: *object,
    };
    let parts: Vec<Part> = objects.iter().enumerate().map(part).collect();
    store_list(writer, None, &parts, Some(splitter))
}
