//! What a restore changes in objects because ConfigMaps of the server's namespace ask for it: the rules of a resource
//! modifier, and mappings. Read once, completed with what is so in the cluster, and kept in the plan.

pub mod problems;

use std::collections::BTreeSet;

use api::velero::v1::RestoreSpec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mappings::{Before, Existing, Mappings};
use super::modifiers::template::{Fact, Facts};
use super::modifiers::{Modifiers, Subject};
use crate::problem::{Problem, Severity};

/// Everything that is changed because a ConfigMap asks for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Adjustments {
    /// The rules of the resource modifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modifiers: Option<Modifiers>,
    /// New names of storage classes, images and nodes.
    #[serde(skip_serializing_if = "Mappings::is_empty")]
    pub mappings: Mappings,
}

/// The ConfigMap of the resource modifier that a restore is to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// The Restore names it: without it there is no restore.
    Named(&'a str),
    /// The server's default: without it the restore goes on.
    Default(&'a str),
}

impl<'a> Chosen<'a> {
    /// The one of a Restore, on a server with this default. One that a Restore names is used alone.
    pub fn of(spec: &'a RestoreSpec, default: Option<&'a str>) -> Option<Self> {
        match &spec.resource_modifier {
            Some(reference) if reference.kind.eq_ignore_ascii_case("configmap") => {
                Some(Self::Named(&reference.name))
            }
            Some(_) => None,
            None if spec.skip_default_resource_modifier == Some(true) => None,
            None => default.map(Self::Default),
        }
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        match self {
            Self::Named(name) | Self::Default(name) => name,
        }
    }
}

/// What a reading of the ConfigMaps came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What can be used.
    pub adjustments: Adjustments,
    /// Why the restore cannot be made.
    pub errors: Vec<String>,
    /// What the restore goes on without.
    pub problems: Vec<Problem>,
}

/// What of the cluster has to be known to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Questions {
    /// What values refer to.
    pub facts: BTreeSet<Fact>,
    /// Which storage classes there are.
    pub storage_classes: bool,
    /// Which nodes there are.
    pub nodes: bool,
}

impl Reading {
    /// Reads the ConfigMap of the modifier, `None` where there is none of that name, and those with the label
    /// [`super::mappings::CONFIG`].
    pub fn of(modifier: Option<(Chosen<'_>, Option<&Value>)>, mappings: &[Value]) -> Self {
        let mut reading = Self::default();
        if let Some((chosen, config_map)) = modifier {
            let missing = || Err(vec!["it does not exist".to_owned()]);
            match config_map.map_or_else(missing, Modifiers::read) {
                Ok(modifiers) => reading.adjustments.modifiers = Some(modifiers),
                Err(reasons) => reading.without(chosen, &reasons),
            }
        }
        match Mappings::read(mappings) {
            Ok(mappings) => reading.adjustments.mappings = mappings,
            Err(errors) => reading.errors.extend(errors),
        }
        reading
    }

    /// What has to be known of the cluster.
    pub fn questions(&self) -> Questions {
        let Adjustments { modifiers, mappings } = &self.adjustments;
        Questions {
            facts: modifiers.as_ref().map(Modifiers::facts).unwrap_or_default(),
            storage_classes: mappings.ask_for_storage_classes(),
            nodes: mappings.ask_for_nodes(),
        }
    }

    /// Puts what is known of the cluster into it.
    pub fn complete(&mut self, chosen: Option<Chosen<'_>>, facts: &Facts, existing: &Existing) {
        self.adjustments.mappings.complete(existing);
        let Some(modifiers) = &mut self.adjustments.modifiers else { return };
        if let (Err(reasons), Some(chosen)) = (modifiers.complete(facts), chosen) {
            self.adjustments.modifiers = None;
            self.without(chosen, &reasons);
        }
    }

    /// The modifier cannot be used.
    fn without(&mut self, chosen: Chosen<'_>, reasons: &[String]) {
        let name = chosen.name();
        match chosen {
            Chosen::Named(_) => {
                self.errors
                    .extend(reasons.iter().map(|reason| format!("resourceModifier {name:?}: {reason}")));
            }
            Chosen::Default(_) => {
                let reasons = reasons.join("; ");
                let message = format!("the default resource modifier {name:?} was not used: {reasons}");
                let code = &problems::DEFAULT_MODIFIER_UNUSABLE;
                self.problems.push(Problem::new(code, Severity::Warning, message));
            }
        }
    }
}

impl Adjustments {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Changes a document, as the last step before it gets the names and marks of the restore. An error means that it must
    /// not be restored like that.
    pub fn apply(
        &self,
        document: &mut Value,
        before: &Before,
        subject: &Subject<'_>,
    ) -> Result<Vec<Problem>, Problem> {
        let mut problems = self.mappings.apply(document, before, subject)?;
        if let Some(modifiers) = &self.modifiers {
            problems.extend(modifiers.apply(document, subject));
        }
        Ok(problems)
    }
}
