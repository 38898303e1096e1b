//! The files of a restore that are made of its plan: the list of what became of each object.

use std::collections::BTreeMap;

use api::meta::ObjectKey;

use super::existing::Outcome;
use super::plan::RestorePlan;

/// What became of each object: lines such as `shop/web(created)`, by the version and kind of the objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceList {
    lines: BTreeMap<String, Vec<String>>,
}

impl ResourceList {
    /// The list of what a plan leaves out, as far as it is counted.
    pub fn of(plan: &RestorePlan) -> Self {
        let mut list = Self::default();
        for left in &plan.left_out {
            let Some(outcome) = left.rule.outcome() else { continue };
            let namespace = left.namespace.as_deref().map(|namespace| plan.mapped(namespace));
            for name in &left.names {
                let key = ObjectKey::new(left.resource.clone(), namespace, name);
                list.add(&left.kind, &key, outcome);
            }
        }
        list
    }

    /// Adds an object under its place in the cluster. `kind` is [`api::meta::ResourceType::kind_key`].
    pub fn add(&mut self, kind: &str, target: &ObjectKey, outcome: Outcome) {
        let line = format!("{}({outcome})", target.full_name());
        self.lines.entry(kind.to_owned()).or_default().push(line);
    }

    /// The content of the file, sorted.
    pub fn finish(mut self) -> BTreeMap<String, Vec<String>> {
        self.lines.values_mut().for_each(|lines| lines.sort());
        self.lines
    }
}
