//! The order in which contents are read: by pack and place, so that each pack is read once, in long pieces.

use std::sync::{Arc, mpsc};

use super::target::Target;
use crate::content::{Contents, Entry};
use crate::object::leaves;
use crate::{Error, ErrorKind, ObjectId, Result};

/// How many parts of files are put in order at once; packs that belong to more of them are read again.
const BATCH: usize = 16_384;
/// The most bytes that are fetched at once, unless one content has more.
const LENGTH_MAX: u64 = 8 << 20;
/// The most bytes that are fetched for nothing between two contents.
const GAP_MAX: u64 = 128 << 10;

/// A part of a file, and where it is.
pub(super) struct Piece<'a> {
    pub(super) object: ObjectId,
    pub(super) place: Option<Entry>,
    pub(super) position: u64,
    /// How long it is; the whole file if that is not known.
    pub(super) length: Option<u64>,
    pub(super) target: Arc<Target<'a>>,
}

/// Parts that are fetched together.
pub(super) type Run<'a> = Vec<Piece<'a>>;

/// The parts that are not on their way yet.
pub(super) struct Plan<'a> {
    contents: &'a dyn Contents,
    sender: mpsc::SyncSender<Run<'a>>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(contents: &'a dyn Contents, sender: mpsc::SyncSender<Run<'a>>) -> Self {
        Self { contents, sender, pieces: Vec::new() }
    }

    /// Adds all parts of a file.
    pub(super) fn add(&mut self, target: &Arc<Target<'a>>) -> Result<()> {
        let object = target.entry.object.ok_or_else(|| Error::corrupt(target.path(), "has no bytes"))?;
        leaves(self.contents, object, &mut |object, position, length| {
            let place = match object.is_compressed() {
                true => None,
                false => self.contents.place(object.content())?,
            };
            self.pieces.push(Piece { object, place, position, length, target: Arc::clone(target) });
            if self.pieces.len() >= BATCH { self.send() } else { Ok(()) }
        })
    }

    /// Sends what is there on its way.
    pub(super) fn send(&mut self) -> Result<()> {
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.sort_by(|a, b| order(a).cmp(&order(b)));
        let mut run: Run<'a> = Vec::new();
        for piece in pieces {
            if !run.is_empty() && !belongs(&run, &piece) {
                self.hand_over(std::mem::take(&mut run))?;
            }
            run.push(piece);
        }
        if run.is_empty() { Ok(()) } else { self.hand_over(run) }
    }

    fn hand_over(&self, run: Run<'a>) -> Result<()> {
        self.sender.send(run).map_err(|_| Error::new(ErrorKind::Canceled, "restore", "has no threads left"))
    }
}

fn order<'p>(piece: &'p Piece<'_>) -> (Option<(&'p str, u32)>, ObjectId, u64) {
    (piece.place.as_ref().map(|entry| (&*entry.pack, entry.offset)), piece.object, piece.position)
}

/// Whether a part is to be fetched with those before it.
fn belongs(run: &[Piece<'_>], piece: &Piece<'_>) -> bool {
    let (Some(first), Some(last)) = (run.first(), run.last()) else { return true };
    if last.object == piece.object {
        return true;
    }
    let (Some(first), Some(last), Some(next)) = (&first.place, &last.place, &piece.place) else {
        return false;
    };
    let end = |entry: &Entry| u64::from(entry.offset) + u64::from(entry.packed_length);
    first.pack == next.pack
        && u64::from(next.offset) <= end(last) + GAP_MAX
        && end(next) - u64::from(first.offset) <= LENGTH_MAX
}
