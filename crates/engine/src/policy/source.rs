//! The ConfigMaps that hold policies, as they were found in the cluster.

use serde_json::Value;

use super::document::Document;
use super::volumes::VolumePolicies;
use super::{Filter, Policy};
use crate::document::{at, strings};

/// A ConfigMap that holds a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// The ConfigMap; `None` where there is none of the name.
    pub document: Option<Value>,
}

/// The policies that a backup follows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sources {
    /// The one that the Backup names.
    pub own: Option<Source>,
    /// The one that the server names, for the volumes of every backup.
    pub global: Option<Source>,
}

impl Sources {
    /// What they say, or everything that is wrong with them.
    pub fn read(&self) -> Result<Policy, Vec<String>> {
        let own = self.own.as_ref().map_or(Ok(Policy::default()), Source::policy);
        let global = self.global.as_ref().map_or(Ok(Policy::default()), Source::policy);
        let (mut policy, global) = match (own, global) {
            (Ok(own), Ok(global)) => (own, global),
            (own, global) => {
                return Err([own.err(), global.err()].into_iter().flatten().flatten().collect());
            }
        };
        if global.selects()
            && let Some(source) = &self.global
        {
            policy.notes.push(format!(
                "resource policy {}: as the policy of the server it is asked about volumes only, its filters are \
                 passed over",
                source.name
            ));
        }
        policy.volumes.append(global.volumes);
        policy.notes.extend(global.notes);
        Ok(policy)
    }
}

impl Source {
    /// The policy for backups that it holds.
    fn policy(&self) -> Result<Policy, Vec<String>> {
        let document = self.open().map_err(|error| vec![error])?;
        let mut errors = Vec::new();
        let mut policy = Policy::default();
        policy.volumes = VolumePolicies::of(&document, &self.name, &mut errors, &mut policy.notes);
        policy.filter = Filter::of(&document, &mut errors);
        policy.lists = document.include_exclude_policy.unwrap_or_default();
        errors.extend(policy.lists.errors());
        match errors.is_empty() {
            true => Ok(policy),
            false => Err(errors.into_iter().map(|error| self.about(&error)).collect()),
        }
    }

    /// The filters for restores that it holds. What it says about volumes and types is about backups, and refused.
    pub fn filter(&self) -> Result<Filter, Vec<String>> {
        let document = self.open().map_err(|error| vec![error])?;
        let mut errors = Vec::new();
        let filter = Filter::of(&document, &mut errors);
        let foreign = [
            ("volumePolicies", !document.volume_policies.is_empty()),
            ("includeExcludePolicy", document.include_exclude_policy.is_some()),
        ];
        let foreign = foreign.into_iter().filter(|(_, there)| *there);
        errors.extend(
            foreign.map(|(section, _)| format!("{section} is for backups: a restore has no use for it")),
        );
        match errors.is_empty() {
            true => Ok(filter),
            false => Err(errors.into_iter().map(|error| self.about(&error)).collect()),
        }
    }

    fn open(&self) -> Result<Document, String> {
        let Some(document) = &self.document else {
            return Err(format!(
                "resource policy {}: there is no ConfigMap of this name in the server's namespace",
                self.name
            ));
        };
        let data = strings(at(document, &["data"]));
        let mut texts = data.values();
        match (texts.next(), texts.next()) {
            (Some(text), None) => Document::read(text).map_err(|error| self.about(&error)),
            _ => Err(self.about(&format!("its ConfigMap must have exactly one key, and has {}", data.len()))),
        }
    }

    fn about(&self, error: &str) -> String {
        format!("resource policy {}: {error}", self.name)
    }
}
