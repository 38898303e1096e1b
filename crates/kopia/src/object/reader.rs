//! Reading an object, from any place in it.

use std::io::{self, Read, Seek, SeekFrom};

use super::{ObjectId, Part, list};
use crate::content::{ContentId, Contents};
use crate::{Error, Result, compression};

/// How deep objects may lie in each other.
const DEPTH_MAX: usize = 8;
/// The most bytes of a content that is compressed the old way, without its length being told.
const OLD_LENGTH_MAX: usize = 64 << 20;

/// An object that is open. It keeps one of its contents in memory at a time, and the list of its parts.
pub struct ObjectReader<'a> {
    contents: &'a dyn Contents,
    parts: Vec<Part>,
    length: u64,
    position: u64,
    depth: usize,
    current: Option<(usize, Loaded<'a>)>,
}

enum Loaded<'a> {
    Bytes(Vec<u8>),
    Nested(Box<ObjectReader<'a>>),
}

impl<'a> ObjectReader<'a> {
    /// Opens an object.
    pub fn open(contents: &'a dyn Contents, id: ObjectId) -> Result<Self> {
        Self::open_at(contents, id, 0)
    }

    fn open_at(contents: &'a dyn Contents, id: ObjectId, depth: usize) -> Result<Self> {
        if depth > DEPTH_MAX {
            return Err(Error::corrupt(id, "its parts lie too deep in each other"));
        }
        let (parts, current) = match id.list() {
            Some(list) => (list::read(&id, Self::open_at(contents, list, depth + 1)?)?, None),
            None => {
                let bytes = load(contents, id)?;
                let part = Part { start: 0, length: bytes.len() as u64, object: id };
                (vec![part], Some((0, Loaded::Bytes(bytes))))
            }
        };
        let length = parts.last().map_or(0, |part| part.start + part.length);
        Ok(Self { contents, parts, length, position: 0, depth, current })
    }

    /// How many bytes it has.
    pub fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Reads from a place in it: at least a byte, unless the place is behind its end or the buffer is empty.
    pub fn read_at(&mut self, position: u64, buffer: &mut [u8]) -> Result<usize> {
        if position >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let which = self.parts.partition_point(|part| part.start + part.length <= position);
        let part = self.parts[which];
        let inside = position - part.start;
        match self.loaded(which)? {
            Loaded::Bytes(bytes) => {
                let bytes = &bytes[usize::try_from(inside).unwrap_or(bytes.len())..];
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                Ok(count)
            }
            Loaded::Nested(reader) => reader.read_at(inside, buffer),
        }
    }

    fn loaded(&mut self, which: usize) -> Result<&mut Loaded<'a>> {
        let loaded = match self.current.take() {
            Some((at, loaded)) if at == which => loaded,
            // what was there goes before something else comes
            _ => self.load(self.parts[which])?,
        };
        Ok(&mut self.current.insert((which, loaded)).1)
    }

    fn load(&self, part: Part) -> Result<Loaded<'a>> {
        let (loaded, length) = match part.object.list() {
            None => {
                let bytes = load(self.contents, part.object)?;
                let length = bytes.len() as u64;
                (Loaded::Bytes(bytes), length)
            }
            Some(_) => {
                let reader = Self::open_at(self.contents, part.object, self.depth + 1)?;
                let length = reader.length;
                (Loaded::Nested(Box::new(reader)), length)
            }
        };
        if length != part.length {
            let reason = format!("has {length} bytes, {} were expected", part.length);
            return Err(Error::corrupt(part.object, reason));
        }
        Ok(loaded)
    }
}

/// Shows the parts of an object that are contents, and where in it each begins and how long it is. The length of one that is a content itself
/// is not known before that is read.
pub fn leaves(
    contents: &dyn Contents,
    id: ObjectId,
    visit: &mut dyn FnMut(ObjectId, u64, Option<u64>) -> Result<()>,
) -> Result<()> {
    leaves_at(contents, id, 0, 0, visit)
}

fn leaves_at(
    contents: &dyn Contents,
    id: ObjectId,
    start: u64,
    depth: usize,
    visit: &mut dyn FnMut(ObjectId, u64, Option<u64>) -> Result<()>,
) -> Result<()> {
    let Some(list) = id.list() else { return visit(id, start, None) };
    let reader = ObjectReader::open_at(contents, list, depth + 1)?;
    for part in list::read(&id, reader)? {
        let at = start.checked_add(part.start).ok_or_else(|| Error::corrupt(id, "is too long"))?;
        match part.object.list() {
            Some(_) => leaves_at(contents, part.object, at, depth + 1, visit)?,
            None => visit(part.object, at, Some(part.length))?,
        }
    }
    Ok(())
}

/// Shows every content that an object needs: those of its lists, and those of its bytes.
pub fn contents_of(
    contents: &dyn Contents,
    id: ObjectId,
    visit: &mut dyn FnMut(&ContentId) -> Result<()>,
) -> Result<()> {
    contents_at(contents, id, 0, visit)
}

fn contents_at(
    contents: &dyn Contents,
    id: ObjectId,
    depth: usize,
    visit: &mut dyn FnMut(&ContentId) -> Result<()>,
) -> Result<()> {
    let Some(list) = id.list() else { return visit(id.content()) };
    contents_at(contents, list, depth + 1, visit)?;
    let reader = ObjectReader::open_at(contents, list, depth + 1)?;
    list::read(&id, reader)?
        .into_iter()
        .try_for_each(|part| contents_at(contents, part.object, depth + 1, visit))
}

fn load(contents: &dyn Contents, id: ObjectId) -> Result<Vec<u8>> {
    let bytes = contents.content(id.content())?;
    if !id.is_compressed() {
        return Ok(bytes);
    }
    let compression = compression::id_of(&bytes).ok_or_else(|| Error::corrupt(id, "is too short"))?;
    compression::decompress(&id, compression, &bytes, OLD_LENGTH_MAX)
}

impl Read for ObjectReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read_at(self.position, buffer).map_err(io::Error::other)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for ObjectReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.length.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
