//! What a stage waits for before the next begins.

use std::time::Duration;

use api::meta::ResourceType;
use cluster::ErrorKind;
use cluster::clock::Deadline;
use cluster::port::ObjectRef;
use engine::document::{list, text};
use engine::journal::{Progress, Record};
use engine::problem::{Problem, Severity};
use engine::restore::plan::{Gate, PlannedItem};
use engine::restore::problems::NOT_ESTABLISHED;
use serde_json::Value;
use tokio::time::sleep;

use super::work::Work;
use crate::deps::Deps;
use crate::error::Result;
use crate::operation::patience::{blamed, patiently};

/// Between two looks at a definition.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Waits until the stage's gate is passed, or has taken too long; what is not behind it then.
pub(super) async fn wait(
    work: &Work<'_>,
    gate: Gate,
    items: &[(u32, &PlannedItem)],
    progress: &Progress,
) -> Result<Vec<Record>> {
    let deadline = Deadline::after(work.operation.deps.config.limits.resource_timeout);
    match gate {
        Gate::None => Ok(Vec::new()),
        Gate::Established => {
            let mut missing = Vec::new();
            // Those that were there already may be new, too.
            for (_, planned) in items.iter().filter(|(number, _)| progress.uid(*number).is_some()) {
                if !established(&work.operation.deps, &planned.name, deadline).await? {
                    missing.push(not_established(work, planned));
                }
            }
            Ok(missing)
        }
    }
}

fn not_established(work: &Work<'_>, planned: &PlannedItem) -> Record {
    let name = &planned.name;
    let message = format!("the definition {name} is not established: the API server serves no objects of it");
    let problem = Problem::new(&NOT_ESTABLISHED, Severity::Error, message).about(&work.plan.target(planned));
    Record::Note { problem: Box::new(problem) }
}

/// Waits until a definition of the cluster is established. False where there is none, or none that is in time.
pub(super) async fn established(deps: &Deps, name: &str, deadline: Deadline) -> Result<bool> {
    let at = ObjectRef { resource: definitions(), namespace: None, name: name.to_owned() };
    loop {
        match patiently(|| deps.cluster.get(&at)).await {
            Ok(definition) if is_established(&definition) => return Ok(true),
            Ok(_) if deadline.has_passed() => break,
            Ok(_) => sleep(LOOK_EVERY).await,
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
            Err(error) => {
                let error = blamed(deps.cluster.as_ref(), error).await?;
                tracing::warn!(definition = %name, "failed to {error}");
                return Ok(false);
            }
        }
    }
    tracing::warn!(definition = %name, "not established in time");
    Ok(false)
}

fn definitions() -> ResourceType {
    let (plural, kind) = ("customresourcedefinitions", "CustomResourceDefinition");
    ResourceType::addressed("apiextensions.k8s.io", "v1", plural, kind, false)
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
