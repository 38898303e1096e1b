//! The order in which contents are read: by pack and place, so that each pack is read once, in long pieces.

use std::sync::{Arc, mpsc};

use super::target::Target;
use super::{Data, Tree};
use crate::content::{ContentId, Entry};
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
    tree: &'a dyn Tree,
    sender: mpsc::SyncSender<Run<'a>>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(tree: &'a dyn Tree, sender: mpsc::SyncSender<Run<'a>>) -> Self {
        Self { tree, sender, pieces: Vec::new() }
    }

    /// Adds all parts of a file, or writes it at once where that is all.
    pub(super) fn add(&mut self, target: &Arc<Target<'a>>, data: Data) -> Result<()> {
        match data {
            Data::Object => self.add_object(target),
            Data::Contents(contents) if contents.is_empty() => target.write(0, None, &[]),
            Data::Contents(contents) => self.add_contents(target, &contents),
            Data::Bytes(bytes) => target.write(0, None, &bytes),
            Data::Special(_) => Err(Error::corrupt(target.path(), "holds no bytes")),
        }
    }

    fn add_object(&mut self, target: &Arc<Target<'a>>) -> Result<()> {
        let object = target.entry.object.ok_or_else(|| Error::corrupt(target.path(), "has no bytes"))?;
        let tree = self.tree;
        leaves(tree, object, &mut |object, position, length| {
            let place = match object.is_compressed() {
                true => None,
                false => tree.place(object.content())?,
            };
            self.push(Piece { object, place, position, length, target: Arc::clone(target) })
        })
    }

    fn add_contents(&mut self, target: &Arc<Target<'a>>, contents: &[ContentId]) -> Result<()> {
        let mut position = 0;
        for content in contents {
            let absent = || Error::new(ErrorKind::NotFound, content.to_string(), "is in no index");
            let place = self.tree.place(content)?.ok_or_else(absent)?;
            let (object, length) = (ObjectId::direct(*content), u64::from(place.length));
            let (place, length_known) = (Some(place), Some(length));
            let target = Arc::clone(target);
            self.push(Piece { object, place, position, length: length_known, target })?;
            position += length;
        }
        Ok(())
    }

    fn push(&mut self, piece: Piece<'a>) -> Result<()> {
        self.pieces.push(piece);
        if self.pieces.len() >= BATCH { self.send() } else { Ok(()) }
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
