//! What a backup would hold.

use std::collections::BTreeMap;

use api::meta::GroupResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::VERSION;
use super::restore::sentence;
use crate::backup::plan::{BackupPlan, LeftOut};
use crate::backup::{VolumeDecision, problems};
use crate::problem::{Problem, errors};

/// The `kind` of the report.
pub const KIND: &str = "BackupPreview";
/// Problems that say that the data of a volume is not in the backup.
const DATA_LOST: [&str; 2] = [problems::PROTECTION_MISSING.id, problems::UNPROTECTED_VOLUME.id];

/// What a backup would hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BackupPreview {
    /// The version of this form.
    pub v: u32,
    /// [`KIND`].
    pub kind: String,
    /// How much there is of all.
    pub counts: Counts,
    /// What would be saved.
    pub saved: Vec<Group>,
    /// Objects that would not be saved, and by which rule.
    pub left_out: Vec<Group>,
    /// Types of which nothing would be saved, and by which rule.
    pub types_left_out: Vec<(GroupResource, String)>,
    /// What would become of each volume's data.
    pub volumes: Vec<Volume>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
    /// The data that would not be in the backup.
    pub data_lost: Vec<String>,
}

/// How much there is of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Objects that would be saved.
    pub objects: usize,
    /// Namespaces that they are in.
    pub namespaces: usize,
    /// Objects that would not be saved.
    pub left_out: usize,
    /// Volumes.
    pub volumes: usize,
    /// Those of them whose data would not be saved, though nobody said so.
    pub unprotected: usize,
}

/// Objects of one type in one namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Their type.
    pub resource: GroupResource,
    /// Their namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The rule that leaves them out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub rule: String,
    /// Their names, sorted.
    pub names: Vec<String>,
}

/// What would become of a volume's data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Volume {
    /// The claim, the pod with its volume, or the volume.
    pub of: String,
    /// How its data would be saved.
    pub method: Value,
    /// Why so.
    pub reason: String,
}

impl BackupPreview {
    /// What the backup of a plan would hold.
    pub fn of(plan: BackupPlan) -> Self {
        let mut saved = Groups::default();
        for item in &plan.items {
            let resource = plan.class(item).map(|class| class.resource.clone()).unwrap_or_default();
            saved.add((item.namespace.clone(), resource, String::new()), item.name.clone());
        }
        let mut left_out = Groups::default();
        for LeftOut { key, rule } in plan.left_out {
            left_out.add((key.namespace, key.resource, rule.to_string()), key.name);
        }
        let (saved, left_out) = (saved.finish(), left_out.finish());
        let lost: Vec<String> =
            plan.problems.iter().filter(|problem| is_lost(problem)).map(sentence).collect();
        let count = |groups: &[Group]| groups.iter().map(|group| group.names.len()).sum();
        let mut namespaces: Vec<&String> =
            saved.iter().filter_map(|group| group.namespace.as_ref()).collect();
        namespaces.dedup();
        Self {
            v: VERSION,
            kind: KIND.to_owned(),
            counts: Counts {
                objects: plan.items.len(),
                namespaces: namespaces.len(),
                left_out: count(&left_out),
                volumes: plan.volumes.len(),
                unprotected: lost.len(),
            },
            saved,
            left_out,
            types_left_out: plan
                .types_left_out
                .into_iter()
                .map(|(of, rule)| (of, rule.to_string()))
                .collect(),
            volumes: plan.volumes.iter().map(Volume::of).collect(),
            problems: plan.problems,
            data_lost: lost,
        }
    }

    /// Whether something that was asked for would not be there.
    pub fn loses(&self) -> bool {
        !self.data_lost.is_empty() || errors(&self.problems) > 0
    }
}

fn is_lost(problem: &Problem) -> bool {
    DATA_LOST.contains(&problem.code.as_str())
}

impl Volume {
    fn of(decision: &VolumeDecision) -> Self {
        let claim = decision.claim.as_ref().map(|claim| format!("claim {}", claim.full_name()));
        let pod = decision.pod.as_ref().map(|(pod, volume)| format!("pod {}: {volume}", pod.full_name()));
        let volume = decision.volume.as_ref().map(|volume| format!("volume {}", volume.name));
        Self {
            of: claim.or(pod).or(volume).unwrap_or_default(),
            method: serde_json::to_value(decision.method).unwrap_or_default(),
            reason: decision.reason.clone(),
        }
    }
}

/// Names by namespace, type and rule; cluster-scoped ones first.
#[derive(Default)]
struct Groups(BTreeMap<(Option<String>, GroupResource, String), Vec<String>>);

impl Groups {
    fn add(&mut self, of: (Option<String>, GroupResource, String), name: String) {
        self.0.entry(of).or_default().push(name);
    }

    fn finish(self) -> Vec<Group> {
        let group = |((namespace, resource, rule), mut names): (_, Vec<String>)| {
            names.sort();
            Group { resource, namespace, rule, names }
        };
        self.0.into_iter().map(group).collect()
    }
}
