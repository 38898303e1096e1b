//! What was done, on its way into the journal: more is done while a batch is written.

use std::future::pending;
use std::sync::Arc;

use engine::journal::Record;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::error::Result;
use crate::operation::journal::Journal;
use crate::operation::{Operation, still_wanted};

/// Records of a batch. What is not in the journal when the server dies is found again by the operation's UID.
const BATCH: usize = 200;

/// Records that are written in batches, one batch at a time.
pub(super) struct Records<'a> {
    operation: &'a Operation,
    journal: Arc<Journal>,
    waiting: Vec<Record>,
    writing: Option<BoxFuture<'a, Result<()>>>,
}

impl<'a> Records<'a> {
    pub(super) fn new(operation: &'a Operation, journal: Arc<Journal>) -> Self {
        Self { operation, journal, waiting: Vec::new(), writing: None }
    }

    /// Takes a record. A full batch begins to be written, when the one before it is.
    pub(super) async fn add(&mut self, record: Record) -> Result<()> {
        self.waiting.push(record);
        if self.waiting.len() >= BATCH {
            self.settle().await?;
            self.writing = Some(self.batch(None));
        }
        Ok(())
    }

    /// Begins to write all that waits, and then the operation's status. Does not when something is being written.
    pub(super) fn report(&mut self, status: Value) -> bool {
        let begins = self.writing.is_none();
        if begins {
            self.writing = Some(self.batch(Some(status)));
        }
        begins
    }

    /// Until what is being written is there; for ever if there is nothing.
    pub(super) async fn written(&mut self) -> Result<()> {
        match &mut self.writing {
            Some(writing) => {
                let outcome = writing.await;
                self.writing = None;
                outcome
            }
            None => pending().await,
        }
    }

    /// Until all is there.
    pub(super) async fn flush(&mut self) -> Result<()> {
        self.settle().await?;
        self.batch(None).await
    }

    async fn settle(&mut self) -> Result<()> {
        if self.writing.is_some() { self.written().await } else { Ok(()) }
    }

    /// Writes what waits; a status never runs ahead of the journal.
    fn batch(&mut self, status: Option<Value>) -> BoxFuture<'a, Result<()>> {
        let (journal, operation, records) =
            (Arc::clone(&self.journal), self.operation, std::mem::take(&mut self.waiting));
        Box::pin(async move {
            journal.append(&records).await?;
            match status {
                Some(status) => still_wanted(operation.patch_status(status).await),
                None => Ok(()),
            }
        })
    }
}
