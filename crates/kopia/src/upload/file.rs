//! Reading files and links: what is known is not read, holes are not read either, and large files are read in parts.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, openat, readlinkat};
use rustix::io::Errno;

use super::Job;
use super::names::Names;
use super::walk::{Missing, Place, modified};
use crate::holes::next_data;
use crate::ignore::Rules;
use crate::object::{ObjectWriter, concatenate};
use crate::snapshot::DirEntry;
use crate::{ObjectId, Result};

/// How many bytes are read at once.
const STEP: usize = 256 << 10;
/// The unit in which the file system says how much of a file is there.
const BLOCK: u64 = 512;
/// The name of the file that makes a folder a cache, and what it begins with.
const CACHE_TAG: (&str, &[u8]) = ("CACHEDIR.TAG", b"Signature: 8a477f597d28d172789f06886806bc55");
/// The most bytes of a file that says what is left out.
const RULES_MAX: u64 = 1 << 20;

type Outcome = std::result::Result<Option<DirEntry>, Missing>;

/// Uploads a file.
pub(super) fn regular(place: &Place<'_>, folder: impl AsFd, entry: DirEntry, stat: &Stat) -> Outcome {
    let (job, progress) = (place.job, place.job.upload.progress);
    let link = (stat.st_nlink > 1).then_some((stat.st_dev, stat.st_ino));
    let other_name = || link.and_then(|key| job.known_link(key, entry.modified, entry.size));
    if let Some(object) = place.known.file(&entry).or_else(other_name) {
        progress.count(|counts| {
            counts.cached_files += 1;
            counts.cached_bytes += entry.size;
        });
        return Ok(Some(DirEntry { object: Some(object), ..entry }));
    }
    let file = open(folder, &entry.name)?;
    let (object, size) = read(job, &file, &entry)?;
    if let Some(key) = link {
        job.note_link(key, modified(stat), size, object);
    }
    progress.count(|counts| {
        counts.files += 1;
        counts.bytes += size;
    });
    Ok(Some(DirEntry { object: Some(object), size, ..entry }))
}

/// Uploads a link: its target is what it holds.
pub(super) fn link(place: &Place<'_>, folder: impl AsFd, entry: DirEntry) -> Outcome {
    let progress = place.job.upload.progress;
    if let Some(object) = place.known.file(&entry) {
        progress.count(|counts| counts.cached_files += 1);
        return Ok(Some(DirEntry { object: Some(object), ..entry }));
    }
    let target = readlinkat(folder, &entry.name[..], Vec::new())?.into_bytes();
    let mut object = ObjectWriter::new(place.job.upload.writer, None, None)?;
    object.append(&target)?;
    let object = Some(object.finish()?);
    progress.count(|counts| counts.files += 1);
    Ok(Some(DirEntry { object, size: target.len() as u64, ..entry }))
}

/// Opens a file that may have become anything meanwhile.
fn open(folder: impl AsFd, name: &[u8]) -> std::result::Result<File, Missing> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = match openat(folder, name, flags, Mode::empty()) {
        Err(Errno::LOOP | Errno::NXIO) => return Err(Missing::Nothing),
        opened => opened?,
    };
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Missing::Nothing);
    }
    Ok(file.into())
}

/// Reads a file to its end: its object and how many bytes it has.
fn read(job: &Job<'_>, file: &File, entry: &DirEntry) -> std::result::Result<(ObjectId, u64), Missing> {
    let options = job.upload.options;
    let length = options.part_length.max(1);
    if entry.size <= length {
        return read_part(job, file, entry, 0, None);
    }
    // the last part goes to the end, wherever that is by then, and may be empty, as with kopia
    let count = entry.size / length;
    let parts: Vec<(u64, Option<u64>)> =
        (0..=count).map(|part| (part * length, (part < count).then_some(length))).collect();
    let outcomes =
        job.crew.map(&parts, |(start, length)| match read_part(job, file, entry, *start, *length) {
            Err(Missing::Fatal(error)) => Err(error),
            outcome => Ok(outcome),
        })?;
    let parts: Vec<(ObjectId, u64)> = outcomes.into_iter().collect::<std::result::Result<_, _>>()?;
    let objects: Vec<ObjectId> = parts.iter().map(|(object, _)| *object).collect();
    let object = concatenate(job.upload.writer, &objects)?;
    Ok((object, parts.iter().map(|(_, length)| length).sum()))
}

fn read_part(
    job: &Job<'_>,
    file: &File,
    entry: &DirEntry,
    start: u64,
    length: Option<u64>,
) -> std::result::Result<(ObjectId, u64), Missing> {
    let end = length.map_or(u64::MAX, |length| start + length);
    let mut object = begin(job, entry)?;
    let is_sparse = fstat(file).is_ok_and(|stat| {
        u64::try_from(stat.st_blocks)
            .is_ok_and(|blocks| blocks * BLOCK < entry.size.saturating_sub(STEP as u64))
    });
    let mut position = start;
    while is_sparse && position < end {
        let Some((data, hole)) = next_data(file, position, entry.size)? else { break };
        object.append_zeros(data.min(end) - position)?;
        position = data.min(end);
        position += append(job, file, position, hole.min(end), &mut object)?;
    }
    // what is no hole, and what has been added to the file since
    append(job, file, position, end, &mut object)?;
    let length = object.length();
    Ok((object.finish()?, length))
}

fn begin<'a>(job: &'a Job<'_>, entry: &DirEntry) -> Result<ObjectWriter<'a>> {
    let options = job.upload.options;
    let compression = options.compression.of(&entry.name, entry.size);
    let object = match options.splitter {
        Some(splitter) => ObjectWriter::with_splitter(job.upload.writer, None, compression, splitter),
        None => ObjectWriter::new(job.upload.writer, None, compression)?,
    };
    Ok(object.with_helpers(&job.crew))
}

/// Adds the bytes of a file from one place to another, or to its end; how many there were.
fn append(
    job: &Job<'_>,
    file: &File,
    start: u64,
    end: u64,
    object: &mut ObjectWriter<'_>,
) -> std::result::Result<u64, Missing> {
    let mut buffer = vec![0; STEP];
    let mut position = start;
    while position < end {
        job.check_cancel()?;
        let room = usize::try_from(end - position).unwrap_or(STEP).min(STEP);
        let count = match file.read_at(&mut buffer[..room], position) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if count == 0 {
            break;
        }
        object.append(&buffer[..count])?;
        job.upload.progress.has_read(count as u64);
        position += count as u64;
    }
    Ok(position - start)
}

/// Whether a folder says that it is a cache.
pub(super) fn is_cache(folder: impl AsFd, names: &Names) -> std::result::Result<bool, Missing> {
    let (name, signature) = CACHE_TAG;
    if !names.has_file(name.as_bytes()) {
        return Ok(false);
    }
    let mut begin = Vec::new();
    match open(folder, name.as_bytes()) {
        Ok(file) => drop(file.take(signature.len() as u64).read_to_end(&mut begin)?),
        Err(Missing::Nothing) => {}
        Err(missing) => return Err(missing),
    }
    Ok(begin == signature)
}

/// What a file says is left out, and its patterns that are none. A link is not followed: it could lead anywhere.
pub(super) fn rules(folder: impl AsFd, name: &str) -> std::result::Result<(Rules, Vec<String>), Missing> {
    let mut bytes = Vec::new();
    match open(folder, name.as_bytes()) {
        Ok(file) => drop(file.take(RULES_MAX).read_to_end(&mut bytes)?),
        Err(Missing::Nothing) => {}
        Err(missing) => return Err(missing),
    }
    Ok(Rules::parse(String::from_utf8_lossy(&bytes).lines()))
}
