//! The archive of a backup as a stream: document by document out of the spool, through its transform, into the
//! tar, through gzip, in pieces of a size that stores like.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use engine::archive::{self, Limits, Size, Writer};
use engine::backup::transform::transform;
use engine::backup::{BackupPlan, PlannedItem};
use engine::problem::Problem;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::Stream;
use futures::stream;
use tokio::sync::mpsc;

use crate::operation::spool::Spool;

/// Size of a piece.
const PIECE_BYTES: usize = 1 << 20;
/// Pieces that may wait to be uploaded.
const PIECES_MAX: usize = 2;

/// How far an archive is, and what could not be put into it.
#[derive(Debug, Default)]
pub(super) struct Packed {
    done: AtomicUsize,
    refused: Mutex<Option<archive::Error>>,
    failed: Mutex<BTreeMap<usize, Problem>>,
}

impl Packed {
    /// How many items were handled.
    pub(super) fn done(&self) -> usize {
        self.done.load(Ordering::Relaxed)
    }

    /// The items that are not in the archive, by number, and why.
    pub(super) fn failed(&self) -> BTreeMap<usize, Problem> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why no restore would read the archive, where that is so.
    pub(super) fn refused(&self) -> Option<archive::Error> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Breaks off what is more than a restore reads.
    fn admit(&self, archive: &mut Writer<GzEncoder<Pieces>>) -> io::Result<()> {
        let size = Size { packed: archive.get_mut().get_ref().bytes(), ..archive.size() };
        Limits::written().admit(size).map_err(|error| {
            let told = io::Error::other(error.to_string());
            *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            told
        })
    }

    fn fail(&self, number: usize, problem: Problem) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(number, problem);
    }
}

/// The archive that `plan` describes. It is the same whenever it is made: every entry carries the plan's time.
pub(super) fn stream(
    plan: &Arc<BackupPlan>,
    spool: &Arc<Spool>,
    packed: &Arc<Packed>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + use<> {
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let (plan, spool, packed) = (Arc::clone(plan), Arc::clone(spool), Arc::clone(packed));
    tokio::task::spawn_blocking(move || {
        let pieces = Pieces { piece: Vec::with_capacity(PIECE_BYTES), sent: 0, sender: sender.clone() };
        if let Err(error) = write(&plan, &spool, &packed, pieces) {
            // Nobody listens any more: then nobody needs to know.
            let _unheard = sender.blocking_send(Err(error));
        }
    });
    Box::pin(stream::unfold(receiver, |mut from| async { from.recv().await.map(|piece| (piece, from)) }))
}

fn write(plan: &BackupPlan, spool: &Spool, packed: &Packed, pieces: Pieces) -> io::Result<()> {
    let gzip = GzEncoder::new(pieces, Compression::fast());
    let mut archive = Writer::new(gzip, plan.started)?;
    for (number, item) in plan.items.iter().enumerate() {
        match content(plan, spool, item)? {
            Err(problem) => packed.fail(number, problem),
            Ok(content) => {
                for path in plan.paths(item) {
                    archive.append(&path, &content)?;
                }
                packed.admit(&mut archive)?;
            }
        }
        packed.done.fetch_add(1, Ordering::Relaxed);
    }
    archive.finish()?.finish()?.flush()
}

fn content(plan: &BackupPlan, spool: &Spool, item: &PlannedItem) -> io::Result<Result<Vec<u8>, Problem>> {
    let document = serde_json::from_slice(&spool.read(item.at)?)?;
    Ok(match transform(document, item, plan) {
        Ok(document) => Ok(serde_json::to_vec(&document)?),
        Err(problem) => Err(problem),
    })
}

/// Sends what is written to it, piece by piece.
struct Pieces {
    piece: Vec<u8>,
    sent: u64,
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Pieces {
    /// How much was written to it.
    fn bytes(&self) -> u64 {
        self.sent + self.piece.len() as u64
    }

    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        self.sent += piece.len() as u64;
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the upload has ended");
        self.sender.blocking_send(Ok(piece.into())).map_err(gone)
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.send()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}
