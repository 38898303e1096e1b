//! `velero.io/change-storage-class`: the names of storage classes, `OLD: NEW`.

use serde_json::Value;

use super::new_names::NewNames;
use super::{problem, workloads};
use crate::document::{list_mut, object_mut};
use crate::problem::{Problem, Severity};
use crate::restore::adjustments::problems::NO_SUCH_CLASS;
use crate::restore::modifiers::Subject;

/// The label of its ConfigMap.
pub(super) const LABEL: &str = "velero.io/change-storage-class";
/// Where claims of old had their class; it still goes before the field.
const ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Gives claims, volumes and templates of claims the classes that `names` has for their old ones.
pub(super) fn apply(names: &NewNames, document: &mut Value, subject: &Subject<'_>) -> Result<(), Problem> {
    if names.is_empty() {
        return Ok(());
    }
    let specs = match subject.resource.to_string().as_str() {
        "persistentvolumeclaims" | "persistentvolumes" => vec![&mut *document],
        _ => claim_templates(document, subject),
    };
    let mut missing = None;
    for spec in specs {
        missing = claim(names, spec).or(missing);
    }
    let Some(class) = missing else { return Ok(()) };
    let message = format!("the storage class {class} that its own is mapped to is not in the cluster");
    Err(problem(&NO_SUCH_CLASS, Severity::Error, message, subject))
}

/// Maps the class of a claim, a volume, or a template of claims. Returns the new class if there is none like it.
fn claim<'n>(names: &'n NewNames, claim: &mut Value) -> Option<&'n str> {
    let mut missing = None;
    for (path, field) in [(&["spec"][..], "storageClassName"), (&["metadata", "annotations"][..], ANNOTATION)]
    {
        let Some(fields) = object_mut(claim, path) else { continue };
        let Some(new) = fields.get(field).and_then(Value::as_str).and_then(|old| names.of(old)) else {
            continue;
        };
        fields.insert(field.to_owned(), Value::from(new));
        missing = missing.or(Some(new).filter(|new| names.lacks(new)));
    }
    missing
}

/// The templates of claims that a workload has: of a stateful set, and of volumes that live as long as a pod.
fn claim_templates<'a>(document: &'a mut Value, subject: &Subject<'_>) -> Vec<&'a mut Value> {
    if !subject.resource.is("apps", "statefulsets") {
        return workloads::pod_spec(document, subject.resource).map(ephemeral).unwrap_or_default();
    }
    let mut templates = Vec::new();
    let Some(spec) = document.get_mut("spec").and_then(Value::as_object_mut) else { return templates };
    for (field, value) in spec {
        match field.as_str() {
            "volumeClaimTemplates" => templates.extend(list_mut(value, &[]).into_iter().flatten()),
            "template" => templates.extend(value.get_mut("spec").map(ephemeral).unwrap_or_default()),
            _ => {}
        }
    }
    templates
}

fn ephemeral(spec: &mut Value) -> Vec<&mut Value> {
    let volumes = list_mut(spec, &["volumes"]).into_iter().flatten();
    volumes.filter_map(|volume| volume.get_mut("ephemeral")?.get_mut("volumeClaimTemplate")).collect()
}
