//! The list of what a backup holds, or of what a restore did.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::backup::BackupPlan;

/// Names by `group/version/Kind`, sorted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResourceList(pub BTreeMap<String, BTreeSet<String>>);

impl ResourceList {
    /// The items of a plan for whose number `stored` is true.
    pub fn of(plan: &BackupPlan, stored: impl Fn(usize) -> bool) -> Self {
        let mut list = Self::default();
        for (_, item) in plan.items.iter().enumerate().filter(|(index, _)| stored(*index)) {
            if let Some(class) = plan.class(item) {
                list.add(&class.kind_key(), plan.key(item).full_name());
            }
        }
        list
    }

    /// Adds a name: `ns/name`, or on restore `ns/name(action)`.
    pub fn add(&mut self, kind_key: &str, name: String) {
        match self.0.get_mut(kind_key) {
            Some(names) => drop(names.insert(name)),
            None => drop(self.0.insert(kind_key.to_owned(), BTreeSet::from([name]))),
        }
    }
}
