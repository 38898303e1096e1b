//! What a restore would do, as text.

use std::collections::BTreeMap;

use engine::difference::{Change, Difference};
use engine::preview::restore::Volume;
use engine::preview::{Action, Counts, Object, Outcome, RestorePreview};
use engine::problem::Problem;
use engine::restore::LeftOut;
use serde_json::Value;

use super::{block, counted, few, problems};

/// Objects that are listed.
const OBJECTS_MAX: usize = 200;
/// Fields that are listed of an object.
const FIELDS_MAX: usize = 12;
/// Lines of other lists.
const LINES_MAX: usize = 50;

/// A report as text.
pub fn text(report: &RestorePreview) -> String {
    let outcome = &report.outcome;
    let mut text = format!("Restore of backup {}: {}\n", report.asked.backup, counts(&outcome.counts));
    if outcome.counts.is_nothing() {
        text.push_str(&format!("No changes: {}.\n", no_changes(&outcome.counts)));
    }
    objects(&mut text, &report.objects);
    block(&mut text, "Left out:", outcome.left_out.iter().map(left_out), LINES_MAX);
    block(&mut text, "Volumes:", outcome.volumes.iter().map(volume), LINES_MAX);
    missing(&mut text, outcome);
    problems(&mut text, &outcome.problems);
    block(&mut text, "Data would be lost:", outcome.data_lost.iter().cloned(), LINES_MAX);
    text.push_str(&format!("\nPlan {}\n", outcome.digest));
    text
}

/// Why there is nothing to do.
fn no_changes(counts: &Counts) -> &'static str {
    match counts {
        Counts { keep: 0, same: 0, .. } => "the restore selects nothing that the backup has",
        Counts { keep: 0, .. } => "the cluster has what the restore would bring",
        _ => "what is there stays as it is, also where it is different",
    }
}

fn counts(counts: &Counts) -> String {
    let Counts { create, update, recreate, keep, same, refused, unknown, left_out } = *counts;
    let recreated =
        if recreate > 0 { format!("{recreate} to delete and create anew, ") } else { String::new() };
    format!(
        "{create} to create, {update} to update, {recreated}{keep} different and left as they are, {same} as wanted, \
         {refused} refused, {unknown} unknown; {left_out} left out"
    )
}

/// What there is to do, and what is different, by namespace.
fn objects(text: &mut String, objects: &[Object]) {
    let told: Vec<&Object> = objects.iter().filter(|object| object.action != Action::Same).collect();
    let mut places: BTreeMap<Option<&str>, Vec<&Object>> = BTreeMap::new();
    for object in told.iter().take(OBJECTS_MAX) {
        places.entry(object.key.namespace.as_deref()).or_default().push(object);
    }
    for (namespace, objects) in places {
        let heading = namespace.map_or("Cluster".to_owned(), |namespace| format!("Namespace {namespace}"));
        text.push_str(&format!("\n{heading}\n"));
        objects.into_iter().for_each(|one| object(text, one));
    }
    if told.len() > OBJECTS_MAX {
        let more = counted(told.len() - OBJECTS_MAX, "object", "objects");
        text.push_str(&format!("\nand {more} more (-o json has all)\n"));
    }
}

fn object(text: &mut String, object: &Object) {
    let (sign, words) = match object.action {
        Action::Create => ("+", ""),
        Action::Update => ("~", ""),
        Action::Recreate => ("-/+", "deleted and created anew"),
        Action::Keep => ("=", "left as it is"),
        Action::Same => (" ", ""),
        Action::Refused => ("!", "refused"),
        Action::Unknown => ("?", "not known"),
    };
    // That it is different is what the sign says; whatever else there is to say is among the problems of the whole.
    let is_refusal = matches!(object.action, Action::Refused | Action::Unknown);
    let said = object.problem.as_ref().filter(|_| is_refusal);
    let said = said.map(Problem::sentence);
    let note = Some(&object.note).filter(|note| !note.is_empty()).cloned();
    let words = [Some(words.to_owned()).filter(|words| !words.is_empty()), note, said];
    let words: Vec<String> = words.into_iter().flatten().collect();
    let words = if words.is_empty() { String::new() } else { format!("  ({})", words.join(": ")) };
    text.push_str(&format!("  {sign} {} {}{words}\n", object.kind, object.key.name));
    for field in object.differences.iter().take(FIELDS_MAX) {
        text.push_str(&format!("      {}\n", difference(field)));
    }
    let more = object.differences.len().saturating_sub(FIELDS_MAX) + object.omitted;
    if more > 0 {
        text.push_str(&format!("      and {} more\n", counted(more, "field", "fields")));
    }
}

/// A field with its values. Those of Secrets are not in the report.
fn difference(field: &Difference) -> String {
    let told =
        |value: &Option<Value>| value.as_ref().map_or_else(|| "(not shown)".to_owned(), Value::to_string);
    match field.change {
        Change::Added => format!("+ {}: {}", field.path, told(&field.new)),
        Change::Removed => format!("- {}: {}", field.path, told(&field.old)),
        Change::Changed if field.old.is_none() && field.new.is_none() => {
            format!("~ {}: changed (not shown)", field.path)
        }
        Change::Changed => format!("~ {}: {} -> {}", field.path, told(&field.old), told(&field.new)),
    }
}

fn left_out(left: &LeftOut) -> String {
    let place = left.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let count = left.names.len();
    format!("- {count} {}{place}: {} ({})", left.resource, left.rule.text(), few(&left.names))
}

fn volume(volume: &Volume) -> String {
    let decision = match volume.decision.as_str() {
        Some("asIs") => "is as it was, with the storage that it had".to_owned(),
        Some("present") => "is in the cluster, and bound again".to_owned(),
        Some("release") => "is in the cluster, is given free, and bound again".to_owned(),
        Some("provision") => "is provisioned anew by its storage class".to_owned(),
        _ => volume.decision.to_string(),
    };
    format!("{}: {decision}", volume.name)
}

fn missing(text: &mut String, outcome: &Outcome) {
    let missing = &outcome.missing;
    let lines = |what: &'static str, names: &[String]| {
        names.iter().map(|name| format!("{what} {name}")).collect::<Vec<_>>()
    };
    let mut all = lines("type", &missing.types);
    all.extend(lines("storage class", &missing.storage_classes));
    all.extend(lines("owner", &missing.owners));
    block(text, "Missing in the cluster:", all, LINES_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A report with these objects and these members of its outcome.
    fn report(objects: &Value, outcome: &Value) -> RestorePreview {
        let mut document = json!({
            "v": 1, "kind": "RestorePreview", "objects": objects,
            "asked": {"backup": "shop-1", "archive": "ab", "spec": {}},
            "outcome": {"digest": "sha256:00", "leftOut": [], "volumes": [], "problems": [], "dataLost": [],
                "missing": {"types": [], "storageClasses": [], "owners": []},
                "counts": {"create": 0, "update": 0, "keep": 0, "same": 3, "refused": 0, "unknown": 0, "leftOut": 0}},
        });
        for (field, value) in outcome.as_object().unwrap() {
            document["outcome"][field] = value.clone();
        }
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_plan_without_changes_says_so_first() {
        let text = text(&report(&json!([]), &json!({})));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "Restore of backup shop-1: 0 to create, 0 to update, 0 different and left as they are, 3 as wanted, 0 refused, \
             0 unknown; 0 left out"
        );
        assert_eq!(lines[1], "No changes: the cluster has what the restore would bring.");
    }

    #[test]
    fn every_object_has_its_sign_and_every_field_its_values() {
        let object = |action: &str, name: &str| json!({"action": action, "kind": "v1/ConfigMap", "resource": "configmaps", "namespace": "shop", "name": name});
        let mut update = object("update", "settings");
        update["differences"] = json!([
            {"path": "data.mode", "change": "changed", "old": "slow", "new": "fast"},
            {"path": "data.more", "change": "added", "new": 1},
            {"path": "data.password", "change": "changed"},
        ]);
        update["omitted"] = json!(2);
        let mut unknown = object("unknown", "odd");
        unknown["note"] = json!("a webhook");
        let objects =
            json!([object("create", "new"), update, object("keep", "old"), object("same", "equal"), unknown]);
        let outcome = json!({
            "counts": {"create": 1, "update": 1, "keep": 1, "same": 1, "refused": 0, "unknown": 1, "leftOut": 7},
                "missing": {"types": [], "storageClasses": ["fast"], "owners": []},
                "leftOut": [{"rule": "completed", "resource": "pods", "namespace": "shop", "kind": "v1/Pod",
                    "names": ["a", "b", "c", "d", "e", "f", "g"]}],
                "volumes": [{"name": "pv", "decision": "provision"}], "dataLost": ["volume pv: it is gone"],
        });
        let report = report(&objects, &outcome);
        let expected = "\nNamespace shop\n  + v1/ConfigMap new\n  ~ v1/ConfigMap settings\n      ~ data.mode: \"slow\" -> \"fast\"\n      \
            + data.more: 1\n      ~ data.password: changed (not shown)\n      and 2 fields more\n  \
            = v1/ConfigMap old  (left as it is)\n  ? v1/ConfigMap odd  (not known: a webhook)\n\n\
            Left out:\n  - 7 pods in shop: it has ended (a, b, c, d, e and 2 more)\n\n\
            Volumes:\n  pv: is provisioned anew by its storage class\n\n\
            Missing in the cluster:\n  storage class fast\n\n\
            Data would be lost:\n  volume pv: it is gone\n\nPlan sha256:00\n";
        let text = text(&report);
        let (_, rest) = text.split_once('\n').unwrap();
        assert_eq!(rest, expected);
    }

    #[test]
    fn what_is_long_is_cut_and_counted() {
        let object = |number: usize| json!({"action": "create", "kind": "v1/ConfigMap", "resource": "configmaps", "name": format!("n-{number}")});
        let objects: Vec<Value> = (0..OBJECTS_MAX + 5).map(object).collect();
        let text = text(&report(&json!(objects), &json!({})));
        assert_eq!(text.matches("  + v1/ConfigMap").count(), OBJECTS_MAX);
        assert!(text.contains("and 5 objects more (-o json has all)"), "{text}");
    }
}
