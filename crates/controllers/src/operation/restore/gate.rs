//! What a stage waits for before the next begins.

use std::collections::BTreeMap;
use std::time::Duration;

use cluster::ErrorKind;
use cluster::clock::Deadline;
use cluster::port::ObjectRef;
use engine::document::{list, text};
use engine::journal::{Action, Outcome};
use engine::restore::plan::{Gate, PlannedItem, Stage};
use serde_json::Value;
use tokio::time::sleep;

use super::execute::Execution;
use crate::error::Result;
use crate::operation::patience::{blamed, patiently};

/// Between two looks at a definition.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits until the stage's gate is passed, or has taken too long: then the objects behind it say what is missing.
pub(super) async fn wait(
    execution: &Execution<'_>,
    stage: &Stage,
    first: u32,
    outcomes: &BTreeMap<u32, Outcome>,
) -> Result<()> {
    let deadline = Deadline::after(execution.operation.deps.config.limits.resource_timeout);
    match stage.gate {
        Gate::None => Ok(()),
        Gate::Established => {
            for (number, planned) in (first..).zip(&stage.items) {
                let action = outcomes.get(&number).map(|outcome| outcome.action);
                if action == Some(Action::Created) {
                    established(execution, planned, deadline).await?;
                }
            }
            Ok(())
        }
    }
}

async fn established(execution: &Execution<'_>, planned: &PlannedItem, deadline: Deadline) -> Result<()> {
    let resource = execution.plan.resource(planned).clone();
    let at = ObjectRef { resource, namespace: None, name: planned.name.clone() };
    while !deadline.has_passed() {
        match patiently(|| execution.operation.deps.cluster.get(&at)).await {
            Ok(definition) if is_established(&definition) => return Ok(()),
            Ok(_) => sleep(LOOK_EVERY).await,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                let error = blamed(execution.operation.deps.cluster.as_ref(), error).await?;
                tracing::warn!(definition = %planned.name, "failed to {error}");
                return Ok(());
            }
        }
    }
    tracing::warn!(definition = %planned.name, "not established in time");
    Ok(())
}

fn is_established(definition: &Value) -> bool {
    let holds = |condition: &str| {
        list(definition, &["status", "conditions"])
            .iter()
            .any(|of| text(of, &["type"]) == condition && text(of, &["status"]) == "True")
    };
    holds("Established") && holds("NamesAccepted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_conditions_must_hold() {
        let with = |conditions: Value| json!({"status": {"conditions": conditions}});
        let yes = |name: &str| json!({"type": name, "status": "True"});
        assert!(is_established(&with(json!([yes("Established"), yes("NamesAccepted")]))));
        assert!(!is_established(&with(json!([yes("NamesAccepted")]))));
        assert!(!is_established(&with(
            json!([yes("NamesAccepted"), {"type": "Established", "status": "False"}])
        )));
    }
}
