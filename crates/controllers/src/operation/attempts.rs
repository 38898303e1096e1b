//! Operations that failed to go on: each failure is an Event on the resource, and after enough of them in a row the
//! operation ends for the last.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use engine::document::uid;
use engine::machine::attempts::Attempts;
use engine::problem::{Problem, Severity};
use jiff::Timestamp;
use serde_json::Value;
use store::backup_files::{CommitError, FileError};

use crate::deps::Deps;
use crate::error::{Error, Result};
use crate::report::report;
use crate::server::problems::{GIVEN_UP, TRIED_AGAIN};

/// The failures of each operation since it last went well, by UID. A server that is started anew begins to count anew.
#[derive(Debug, Default)]
pub struct Failures(Mutex<BTreeMap<String, Attempts>>);

impl Failures {
    fn count(&self, uid: &str, passing: bool, now: Timestamp) -> Attempts {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = Attempts::and_one(failures.get(uid).copied(), passing, now);
        failures.insert(uid.to_owned(), attempts);
        attempts
    }

    fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

/// Makes of an attempt at the operation of `document` what follows from it: its success, an error that is tried again,
/// or `give_up` with the reason for it.
pub async fn conclude<F>(
    deps: &Deps,
    document: &Value,
    attempt: Result<()>,
    give_up: impl FnOnce(Problem) -> F,
) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    let failures = &deps.failures;
    let ended = match attempt {
        Ok(()) => Ok(()),
        Err(error) if error.is_superseded() => return Err(error),
        Err(error) => {
            let enough = failures.count(uid(document), error.is_passing(), deps.now()).are_enough(deps.now());
            let code = if enough { &GIVEN_UP } else { &TRIED_AGAIN };
            let problem = Problem::new(code, Severity::Error, format!("failed to {error}"));
            if !enough {
                report(deps, document, "Failing", &problem).await;
                return Err(error);
            }
            give_up(problem).await
        }
    };
    if ended.is_ok() {
        failures.forget(uid(document));
    }
    ended
}

impl Error {
    /// Whether it may pass by itself: an outage, or another server that was faster. A token that is worth nothing any
    /// more says only that this process is about to end.
    fn is_passing(&self) -> bool {
        match self {
            Self::Cluster(error) => !error.is_a_judgement(),
            Self::Store(error) | Self::Commit(CommitError::File(FileError::Store(error))) => passes(error),
            Self::Deadline(_) => true,
            _ => false,
        }
    }
}

/// A condition that does not hold is another server's doing.
fn passes(error: &store::Error) -> bool {
    error.is_transient() || error.kind == store::ErrorKind::Precondition
}
