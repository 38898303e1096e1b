//! No call takes for ever.

use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::{Call, Layer, Verb};
use crate::{Error, ErrorKind, Result};

/// Gives up on calls that take too long.
#[derive(Debug, Clone, Copy)]
pub struct Timeout {
    /// For one request and its answer, and for each piece of a stream.
    pub call: Duration,
    /// For what may take many requests, or sends much.
    pub long: Duration,
}

impl Default for Timeout {
    fn default() -> Self {
        Self { call: Duration::from_secs(60), long: Duration::from_secs(600) }
    }
}

impl Timeout {
    fn of(self, verb: Verb) -> Duration {
        match verb {
            Verb::Head | Verb::GetRange | Verb::Stream | Verb::Piece | Verb::Upload | Verb::Presign => {
                self.call
            }
            Verb::Get
            | Verb::Put
            | Verb::Write
            | Verb::Complete
            | Verb::Abort
            | Verb::List
            | Verb::Folders
            | Verb::Delete
            | Verb::Sweep => self.long,
        }
    }
}

#[async_trait]
impl Layer for Timeout {
    async fn once<T: Send>(&self, call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        let limit = self.of(call.verb);
        let Ok(done) = tokio::time::timeout(limit, run).await else {
            return Err(Error {
                kind: ErrorKind::Unavailable,
                action: call.verb.name(),
                key: call.key.to_owned(),
                message: format!("the store gave no answer within {limit:?}"),
            });
        };
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_without_an_answer_ends() {
        let timeout = Timeout { call: Duration::from_millis(1), long: Duration::from_secs(600) };
        let never = Box::pin(std::future::pending::<Result<()>>());
        let error = timeout.once(Call { verb: Verb::Piece, key: "k" }, never).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        let done = timeout.once(Call { verb: Verb::List, key: "" }, Box::pin(async { Ok(1) })).await;
        assert_eq!(done.unwrap(), 1);
    }
}
