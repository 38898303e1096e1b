//! What a backup would hold, as text.

use engine::preview::BackupPreview;
use engine::preview::backup::{Group, Volume};

use super::{block, counted, few, problems};

/// Lines of each list.
const LINES_MAX: usize = 200;

/// A report as text.
pub fn text(report: &BackupPreview) -> String {
    let counts = &report.counts;
    let mut text = format!(
        "Backup: {} in {}, {}; {} left out\n",
        counted(counts.objects, "object", "objects"),
        counted(counts.namespaces, "namespace", "namespaces"),
        match counts.unprotected {
            0 => counted(counts.volumes, "volume", "volumes"),
            lost => format!("{}, {lost} of them without data", counted(counts.volumes, "volume", "volumes")),
        },
        counts.left_out,
    );
    saved(&mut text, &report.saved);
    block(&mut text, "Volumes:", report.volumes.iter().map(volume), LINES_MAX);
    block(&mut text, "Left out:", report.left_out.iter().map(left_out), LINES_MAX);
    let types = report.types_left_out.iter().map(|(resource, rule)| format!("- {resource}: {rule}"));
    block(&mut text, "Types left out:", types, LINES_MAX);
    problems(&mut text, &report.problems);
    block(&mut text, "Data would not be in the backup:", report.data_lost.iter().cloned(), LINES_MAX);
    text
}

/// What would be saved, by namespace and type.
fn saved(text: &mut String, groups: &[Group]) {
    for of_place in groups.chunk_by(|one, next| one.namespace == next.namespace) {
        let namespace = of_place.first().and_then(|group| group.namespace.as_ref());
        let heading = namespace.map_or("Cluster".to_owned(), |namespace| format!("Namespace {namespace}"));
        let line =
            |group: &Group| format!("+ {} {} ({})", group.names.len(), group.resource, few(&group.names));
        block(text, &heading, of_place.iter().map(line), LINES_MAX);
    }
}

fn left_out(group: &Group) -> String {
    let place = group.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let count = group.names.len();
    format!("- {count} {}{place}: {} ({})", group.resource, group.rule, few(&group.names))
}

fn volume(volume: &Volume) -> String {
    let method = match volume.method.as_str() {
        Some("object-only") => "its data is not saved",
        Some("skipped") => "skipped",
        Some(method) => method,
        None => "unknown",
    };
    format!("{}: {method} ({})", volume.of, volume.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counts_come_first_then_each_place() {
        let report = json!({
            "v": 1, "kind": "BackupPreview",
            "counts": {"objects": 3, "namespaces": 1, "leftOut": 1, "volumes": 1, "unprotected": 1},
            "saved": [
                {"resource": "namespaces", "names": ["shop"]},
                {"resource": "configmaps", "namespace": "shop", "names": ["a", "b"]}],
            "leftOut": [{"resource": "pods", "namespace": "shop", "rule": "it is being deleted", "names": ["p"]}],
            "typesLeftOut": [["nodes", "its type is not selected"]],
            "volumes": [{"of": "claim shop/data", "method": "object-only", "reason": "nothing asks for it"}],
            "problems": [], "dataLost": ["persistentvolumeclaims shop/data: it is not in the backup"],
        });
        let report: BackupPreview = serde_json::from_value(report).unwrap();
        let expected = "Backup: 3 objects in 1 namespace, 1 volume, 1 of them without data; 1 left out\n\n\
            Cluster\n  + 1 namespaces (shop)\n\nNamespace shop\n  + 2 configmaps (a, b)\n\n\
            Volumes:\n  claim shop/data: its data is not saved (nothing asks for it)\n\n\
            Left out:\n  - 1 pods in shop: it is being deleted (p)\n\n\
            Types left out:\n  - nodes: its type is not selected\n\n\
            Data would not be in the backup:\n  persistentvolumeclaims shop/data: it is not in the backup\n";
        assert_eq!(text(&report), expected);
        assert!(report.loses());
    }
}
