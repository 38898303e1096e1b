//! What each step of a restore is given, and what it comes to.

use std::sync::{Arc, OnceLock};

use cluster::clock::Deadline;
use engine::journal::{Outcome, Record};
use engine::restore::RestorePlan;
use engine::restore::plan::PlannedItem;
use engine::restore::refused::Hope;
use serde_json::Value;

use super::owners::Owners;
use super::pace::Pace;
use crate::error::{Error, Result};
use crate::operation::Operation;
use crate::operation::spool::Spool;

/// What each step is given.
#[derive(Clone)]
pub(super) struct Work<'a> {
    pub(super) operation: &'a Operation,
    pub(super) plan: &'a RestorePlan,
    pub(super) spool: Arc<Spool>,
    pub(super) pace: Arc<Pace>,
    pub(super) owners: Arc<Owners>,
    /// Until when what was being deleted already is waited for: since the first of it, for all together.
    pub(super) leave_by: Arc<OnceLock<Deadline>>,
}

impl Work<'_> {
    /// How long to wait for what was being deleted already.
    pub(super) fn leaving(&self) -> Deadline {
        *self.leave_by.get_or_init(|| self.leaving_now())
    }

    /// How long to wait for what is deleted now.
    pub(super) fn leaving_now(&self) -> Deadline {
        Deadline::after(self.operation.deps.config.restore.terminating_timeout)
    }

    /// The document of an item, as it was archived.
    pub(super) fn archived(&self, planned: &PlannedItem) -> Result<Value> {
        serde_json::from_slice(&self.spool.read(planned.at)?).map_err(|error| Error::Malformed {
            what: self.plan.source(planned).to_string(),
            message: error.to_string(),
        })
    }
}

/// What a step comes to.
pub(super) enum Step<'a> {
    /// It is done.
    Done(Vec<Record>),
    /// It was refused, and may still come right.
    Later(Later<'a>),
}

/// An item that was refused, and may still come right.
pub(super) struct Later<'a> {
    /// The item's number in the plan.
    pub(super) number: u32,
    /// The item.
    pub(super) planned: &'a PlannedItem,
    /// What may help.
    pub(super) hope: Hope,
    /// What became of it if nothing does.
    pub(super) outcome: Outcome,
}
