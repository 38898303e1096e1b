//! A stream that goes on where its connection broke.

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt};

use super::{Layer, Layered, Pieces};
use crate::{Error, ErrorKind, Result, Store};

/// Bytes that are asked for at once after a stream has broken.
const RANGE_BYTES: u64 = 4 << 20;

/// `pieces` of the object `key`; once they break off, what is left of it, range by range through `store`. Whoever
/// overwrites the object meanwhile is found out by its digest, not here.
pub(super) fn resumed<L: Layer>(store: Layered<L>, key: &str, pieces: Pieces) -> Pieces {
    let reading =
        Reading { store: Arc::new(store), key: key.to_owned(), at: 0, from: Source::Stream(pieces) };
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
    key: String,
    /// Bytes that have come.
    at: u64,
    from: Source,
}

/// Where the next bytes come from.
enum Source {
    Stream(Pieces),
    Ranges { size: u64 },
    Nothing,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if let Source::Stream(pieces) = &mut self.from {
            match pieces.next().await {
                Some(Err(error)) if breaks_off(&error) => {
                    tracing::debug!(key = self.key, at = self.at, %error, "the stream broke off");
                    self.from = Source::Ranges { size: self.store.head(&self.key).await?.size };
                }
                piece => return Ok(self.count(piece.transpose()?)),
            }
        }
        let Source::Ranges { size } = self.from else { return Ok(None) };
        if self.at >= size {
            return if self.at == size { Ok(None) } else { Err(self.shorter()) };
        }
        let end = size.min(self.at.saturating_add(RANGE_BYTES));
        let piece = self.store.get_range(&self.key, self.at, end).await?;
        if piece.is_empty() { Err(self.shorter()) } else { Ok(self.count(Some(piece))) }
    }

    fn count(&mut self, piece: Option<Bytes>) -> Option<Bytes> {
        self.at += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        piece
    }

    fn shorter(&self) -> Error {
        let message = format!("the object was replaced by a shorter one after {} bytes were read", self.at);
        Error { kind: ErrorKind::Other, action: "read", key: self.key.clone(), message }
    }
}

/// Whether an error in the middle of an object is one of the connection; what a broken one is called depends on where
/// it broke.
fn breaks_off(error: &Error) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Other)
}
