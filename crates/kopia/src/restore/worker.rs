//! Fetching parts of files that lie together, and writing them.

use std::io::Read;

use super::Job;
use super::plan::{Piece, Run};
use crate::content::Entry;
use crate::object::ObjectReader;
use crate::{Error, Result};

/// The most bytes of an object that is compressed the old way.
const OLD_LENGTH_MAX: u64 = 64 << 20;

/// Restores parts of files; what goes wrong is reported.
pub(super) fn run(job: &Job<'_>, mut run: Run<'_>) {
    run.retain(|piece| !piece.target.is_failed());
    let groups: Vec<&[Piece<'_>]> = run.chunk_by(|a, b| a.object == b.object).collect();
    let entries: Option<Vec<Entry>> = groups.iter().map(|group| group[0].place.clone()).collect();
    match entries {
        Some(entries) => {
            job.tree.run(&entries, &mut |number, data| write(job, groups[number], &data));
        }
        None => groups.into_iter().for_each(|group| write(job, group, &read(job, &group[0]))),
    }
}

/// What is in no pack that is known is read alone.
fn read(job: &Job<'_>, piece: &Piece<'_>) -> Result<Vec<u8>> {
    let reader = ObjectReader::open(job.tree, piece.object)?;
    let mut bytes = Vec::new();
    let read = reader.take(OLD_LENGTH_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Error::from_io(piece.object, error))?;
    Ok(bytes)
}

/// Writes the same bytes wherever they belong.
fn write(job: &Job<'_>, pieces: &[Piece<'_>], data: &Result<Vec<u8>>) {
    for piece in pieces.iter().filter(|piece| !piece.target.is_failed()) {
        let written = job.check_cancel().and_then(|()| match data {
            Ok(bytes) => piece.target.write(piece.position, piece.length, bytes),
            Err(error) => Err(error.repeated()),
        });
        if let Err(error) = written {
            piece.target.fail(error);
        }
    }
}
