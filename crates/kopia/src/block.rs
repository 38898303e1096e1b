//! Block devices, and images of them, as kopia stores them for Velero: holes are not read, and neither is what has not changed, if somebody knows.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::compression::Compression;
use crate::content::{ContentId, Contents, Prefix};
use crate::holes::next_data;
use crate::object::{ObjectWriter, array, leaves};
use crate::parallel::Crew;
use crate::snapshot::{DirEntry, Directory, EntryType, Mode, Summary};
use crate::splitter::Splitter;
use crate::{Error, ErrorKind, ObjectId, Result, Time, Writer};

/// The length of a block.
const BLOCK: u64 = 1 << 20;
/// How many blocks are read before the next are looked for.
const PAGE: usize = 64;
/// What kopia takes to mean that there is no time.
const NO_TIME: Time = Time::from_nanos(-6_795_364_578_871_345_152);
/// The permissions of everything in such a tree.
const MODE: u32 = 0o777;

/// How a device is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Layout {
    /// As a file, cut as the repository cuts: what Velero's node agent does.
    #[default]
    File,
    /// As a list of blocks of 1 MiB, each of which can be taken over from an earlier snapshot: what Velero's block uploader does.
    Blocks,
}

/// What an earlier snapshot has of a device, and what has changed since.
#[derive(Debug, Clone)]
pub struct Since<'a> {
    /// The device then, in blocks.
    pub object: ObjectId,
    /// The bytes that may have changed; all others have not.
    pub changed: &'a [Range<u64>],
}

/// An upload of a device.
pub struct BlockUpload<'a> {
    /// What it is written with.
    pub writer: &'a Writer,
    /// How many blocks are read at once.
    pub threads: usize,
    /// How it is stored.
    pub layout: Layout,
    /// What need not be read; for blocks only.
    pub since: Option<Since<'a>>,
    /// What blocks are compressed with.
    pub compression: Option<Compression>,
    /// Ends it as soon as it is set.
    pub cancel: &'a AtomicBool,
}

/// What was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// The device.
    pub object: ObjectId,
    /// How many bytes it has as an object: whole blocks.
    pub length: u64,
    /// How many bytes were read.
    pub bytes_read: u64,
}

impl BlockUpload<'_> {
    /// Uploads a device of so many bytes.
    pub fn run(&self, device: &File, length: u64) -> Result<Uploaded> {
        match self.layout {
            Layout::File => self.as_file(device, length),
            Layout::Blocks => self.as_blocks(device, length),
        }
    }

    fn check_cancel(&self) -> Result<()> {
        match self.cancel.load(Ordering::Relaxed) {
            true => Err(Error::new(ErrorKind::Canceled, "upload", "was canceled")),
            false => Ok(()),
        }
    }

    fn as_file(&self, device: &File, length: u64) -> Result<Uploaded> {
        let crew = Crew::new(self.threads);
        let object = ObjectWriter::new(self.writer, None, self.compression)?;
        let (mut object, mut bytes_read) = (object.with_helpers(&crew), 0);
        let mut buffer = vec![0; BLOCK as usize];
        let mut position = 0;
        while position < length {
            let (data, end) =
                next_data(device, position, length).map_err(failed)?.unwrap_or((position, length));
            object.append_zeros(data.min(length) - position)?;
            position = data.min(length);
            while position < end.min(length) {
                self.check_cancel()?;
                let room =
                    usize::try_from(end.min(length) - position).unwrap_or(usize::MAX).min(buffer.len());
                device.read_exact_at(&mut buffer[..room], position).map_err(failed)?;
                object.append(&buffer[..room])?;
                position += room as u64;
                bytes_read += room as u64;
            }
        }
        Ok(Uploaded { object: object.finish()?, length, bytes_read })
    }

    fn as_blocks(&self, device: &File, length: u64) -> Result<Uploaded> {
        let before = self
            .since
            .as_ref()
            .map_or_else(|| Ok(Vec::new()), |since| blocks_of(self.writer, since.object))?;
        let (crew, zero) = (Crew::new(self.threads), OnceLock::new());
        let numbers: Vec<u64> = (0..length.div_ceil(BLOCK)).collect();
        let (mut objects, mut bytes_read) = (Vec::with_capacity(numbers.len()), 0);
        for page in numbers.chunks(PAGE) {
            self.check_cancel()?;
            for (object, read) in
                crew.map(page, |number| self.block(device, length, *number, &before, &zero))?
            {
                objects.push(object);
                bytes_read += read;
            }
        }
        let object = match objects.is_empty() {
            true => ObjectWriter::new(self.writer, None, None)?.finish()?,
            false => array(self.writer, &objects, BLOCK, Splitter::FIXED_128K)?,
        };
        Ok(Uploaded { object, length: objects.len() as u64 * BLOCK, bytes_read })
    }

    /// A block, and how many bytes of it were read.
    fn block(
        &self,
        device: &File,
        length: u64,
        number: u64,
        before: &[ObjectId],
        zero: &OnceLock<ContentId>,
    ) -> Result<(ObjectId, u64)> {
        let start = number * BLOCK;
        let end = length.min(start + BLOCK);
        let known = usize::try_from(number).ok().and_then(|number| before.get(number));
        if let (Some(known), Some(since)) = (known, &self.since)
            && !since.changed.iter().any(|changed| changed.start < end && start < changed.end)
        {
            return Ok((*known, 0));
        }
        let next = next_data(device, start, length).map_err(failed)?;
        let mut bytes = vec![0; BLOCK as usize];
        if next.is_some_and(|(data, _)| data >= end) {
            let put = || self.writer.put(None, &bytes, self.compression);
            let content = zero.get().copied().map_or_else(put, Ok)?;
            zero.get_or_init(|| content);
            return Ok((ObjectId::direct(content), 0));
        }
        let count = (end - start) as usize;
        device.read_exact_at(&mut bytes[..count], start).map_err(failed)?;
        Ok((ObjectId::direct(self.writer.put(None, &bytes, self.compression)?), end - start))
    }
}

/// The blocks of a device that was stored as such.
fn blocks_of(contents: &dyn Contents, object: ObjectId) -> Result<Vec<ObjectId>> {
    let mut blocks = Vec::new();
    leaves(contents, object, &mut |block, start, length| {
        if start != blocks.len() as u64 * BLOCK || length.is_some_and(|length| length != BLOCK) {
            return Err(Error::invalid(object, "is not stored in blocks of 1 MiB"));
        }
        blocks.push(block);
        Ok(())
    })?;
    Ok(blocks)
}

/// Stores the root of a device's tree: a directory that has nothing but the device in it.
pub fn root(
    writer: &Writer,
    name: &str,
    uploaded: &Uploaded,
    layout: Layout,
    modified: Time,
) -> Result<DirEntry> {
    let mode = Mode::from_unix(MODE);
    let file = DirEntry {
        name: name.as_bytes().to_vec(),
        kind: EntryType::File,
        mode,
        size: uploaded.length,
        modified,
        object: Some(uploaded.object),
        ..DirEntry::default()
    };
    let summary = Summary { size: uploaded.length, ..Summary::default() };
    let (of_directory, of_root, modified) = match layout {
        Layout::File => {
            let summary = Summary { files: 1, dirs: 1, max_time: modified, ..summary };
            (Some(summary.clone()), summary, NO_TIME)
        }
        Layout::Blocks => (None, summary, Time::EPOCH),
    };
    let directory = Directory { entries: vec![file], summary: of_directory };
    let mut object = ObjectWriter::new(writer, Some(Prefix::DIRECTORY), Compression::of_metadata())?;
    object.append(&directory.to_bytes())?;
    Ok(DirEntry {
        kind: EntryType::Directory,
        mode,
        modified,
        object: Some(object.finish()?),
        summary: Some(of_root),
        ..DirEntry::default()
    })
}

/// Writes a device of so many bytes back. On one that is all zeros, zeros are not written. How many bytes were written.
pub fn restore(
    contents: &dyn Contents,
    object: ObjectId,
    device: &File,
    length: u64,
    is_zeroed: bool,
    threads: usize,
    cancel: &AtomicBool,
) -> Result<u64> {
    let crew = Crew::new(threads);
    let mut page = Vec::new();
    let mut written = 0;
    let mut write = |page: &mut Vec<(ObjectId, u64)>| {
        let counts = crew.map(page, |(part, start)| {
            if cancel.load(Ordering::Relaxed) {
                return Err(Error::new(ErrorKind::Canceled, "restore", "was canceled"));
            }
            let bytes = contents.content(part.content())?;
            let room = usize::try_from(length.saturating_sub(*start)).unwrap_or(usize::MAX);
            let bytes = &bytes[..bytes.len().min(room)];
            if is_zeroed && bytes.iter().all(|byte| *byte == 0) {
                return Ok(0);
            }
            device.write_all_at(bytes, *start).map_err(failed)?;
            Ok(bytes.len() as u64)
        });
        page.clear();
        counts.map(|counts| written += counts.iter().sum::<u64>())
    };
    leaves(contents, object, &mut |part, start, _| {
        page.push((part, start));
        if page.len() >= PAGE { write(&mut page) } else { Ok(()) }
    })?;
    write(&mut page)?;
    device.sync_all().map_err(failed)?;
    Ok(written)
}

fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, "device", format!("failed: {error}")).caused_by(error)
}
