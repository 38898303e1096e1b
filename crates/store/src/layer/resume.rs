//! A stream that goes on where its connection broke.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::{Layer, Layered, Pieces};
use crate::{Error, ErrorKind, Meta, Result, Store};

/// Bytes that are asked for at once after a stream has broken.
const RANGE_BYTES: u64 = 4 << 20;

/// `pieces` of the object that `meta` tells of; once they break off, what is left of it, range by range through `store`.
pub(super) fn resumed<L: Layer>(store: Layered<L>, meta: Meta, pieces: Pieces) -> Pieces {
    let reading = Reading { store: Arc::new(store), meta, at: 0, from: Source::Stream(pieces) };
    stream::unfold(reading, |mut reading| async move {
        match reading.next().await {
            Ok(None) => None,
            Ok(Some(piece)) => Some((Ok(piece), reading)),
            Err(error) => {
                reading.from = Source::Nothing;
                Some((Err(error), reading))
            }
        }
    })
    .boxed()
}

/// An object on its way in.
struct Reading {
    store: Arc<dyn Store>,
    meta: Meta,
    /// Bytes that have come.
    at: u64,
    from: Source,
}

/// Where the next bytes come from.
enum Source {
    Stream(Pieces),
    Ranges,
    Nothing,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Source::Stream(pieces) = &mut self.from {
            match pieces.next().await {
                Some(Err(error)) if breaks_off(&error) => {
                    tracing::debug!(key = self.meta.key, at = self.at, %error, "the stream broke off");
                    self.is_the_same().await?;
                    self.from = Source::Ranges;
                }
                piece => return Ok(self.count(piece.transpose()?)),
            }
        }
        if matches!(self.from, Source::Nothing) || self.at >= self.meta.size {
            return Ok(None);
        }
        let end = self.meta.size.min(self.at.saturating_add(RANGE_BYTES));
        let piece = self.store.get_range(&self.meta.key, self.at, end).await?;
        if piece.is_empty() { Err(self.replaced()) } else { Ok(self.count(Some(piece))) }
    }

    /// Fails if the object is another one by now; whoever replaces it later still is found out by its digest.
    async fn is_the_same(&mut self) -> Result<()> {
        let now = self.store.head(&self.meta.key).await?;
        let same = now.size == self.meta.size && now.tag == self.meta.tag;
        if same { Ok(()) } else { Err(self.replaced()) }
    }

    fn count(&mut self, piece: Option<Bytes>) -> Option<Bytes> {
        self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        piece
    }

    fn replaced(&self) -> Error {
        let message = format!("the object was replaced after {} bytes of it were read", self.at);
        Error { kind: ErrorKind::Other, action: "read", key: self.meta.key.clone(), message }
    }
}

/// Whether an error in the middle of an object is one of the connection; what a broken one is called depends on where
/// it broke.
fn breaks_off(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Other)
}
