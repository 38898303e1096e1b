//! A random resource policy: what becomes of volumes, and which types are in a backup. All that it says is valid.

use serde_json::{Value, json};
use testkit::zoo::Random;

use super::words::{Lists, Scope, one, types};

/// Writes the policy of a backup, which needs its filters.
pub(super) fn policy(random: &mut Random, backup: &Value) -> Option<Value> {
    if !random.once_in(2) {
        return None;
    }
    let rules: Vec<Value> = (0..random.between(1, 4)).map(|_| rule(random)).collect();
    let mut policy = json!({"version": "v1", "volumePolicies": rules});
    if !by_old_filters(backup) && random.once_in(2) {
        policy["includeExcludePolicy"] = filters(random);
    }
    Some(policy)
}

fn rule(random: &mut Random) -> Value {
    let mut conditions = json!({});
    for _ in 0..random.between(1, 3) {
        match random.between(0, 5) {
            0 => conditions["storageClass"] = json!([one(random, &["diff-by-hand", "diff-of-nobody"])]),
            1 => conditions["capacity"] = json!(one(random, &["0,1Mi", "2Mi,", "1Mi, 1Gi", ","])),
            2 => {
                conditions["volumeTypes"] = json!([one(random, &["hostPath", "csi", "emptyDir"]), "nfs"]);
            }
            3 => conditions["pvcLabels"] = json!({"team": one(random, &["red", "blue"])}),
            _ => conditions["pvcPhase"] = json!([one(random, &["Bound", "Pending"])]),
        }
    }
    json!({"conditions": conditions, "action": {"type": one(random, &["skip", "skip", "snapshot", "fs-backup"])}})
}

/// Whether a backup has filters of the old family, beside which a policy may hold none.
fn by_old_filters(backup: &Value) -> bool {
    ["includedResources", "excludedResources", "includeClusterResources"]
        .iter()
        .any(|field| !backup[*field].is_null())
}

/// Filters of a policy: `*` is not allowed in them.
fn filters(random: &mut Random) -> Value {
    let named = |words: Vec<&'static str>| -> Vec<&'static str> {
        words.into_iter().filter(|word| *word != "*").collect()
    };
    let mut lists = |scope| {
        let Lists { includes, excludes } = types(random, scope);
        (named(includes), named(excludes))
    };
    let (included, excluded) = lists(Scope::Namespaced);
    let (beside, not_beside) = lists(Scope::Beside);
    json!({
        "includedNamespaceScopedResources": included, "excludedNamespaceScopedResources": excluded,
        "includedClusterScopedResources": beside, "excludedClusterScopedResources": not_beside,
    })
}
