//! Events on a Backup or Restore for what went wrong with it: one for each sort of problem, so that `kubectl describe` says
//! what the results file says in full.

use engine::problem::{Problem, summary};
use serde_json::{Value, json};

use super::Operation;
use crate::report::report;

/// Sorts of problems that become Events; the results have all of them.
const EVENTS_MAX: usize = 10;
/// The reason of the Events.
const REASON: &str = "ProblemFound";

/// Reports the problems that an operation ended with.
pub(super) async fn announce(operation: &Operation, problems: &[Problem]) {
    let about = about(operation);
    for problem in summary(problems).iter().take(EVENTS_MAX) {
        report(&operation.deps, &about, REASON, problem).await;
    }
}

/// Says on an operation that it waits for something, so that nobody thinks that it hangs.
pub(super) async fn waits(operation: &Operation, problem: &Problem) {
    report(&operation.deps, &about(operation), "Waiting", problem).await;
}

/// The resource of an operation, as far as an Event refers to it.
fn about(operation: &Operation) -> Value {
    let of = &operation.at.resource;
    json!({
        "apiVersion": of.api_version(), "kind": of.kind,
        "metadata": {"name": operation.at.name, "namespace": operation.at.namespace, "uid": operation.uid},
    })
}
