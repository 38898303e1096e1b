//! Resource policies: ConfigMaps that say, beyond a Backup's or Restore's own filters, what is selected and what becomes
//! of volumes. They are read strictly and once; what they come to is part of the plan, so that nobody needs them later.
//!
//! [`Sources`] are the ConfigMaps as they were found, [`Policy`] is what a Backup's say, [`filter`] is the part that backups
//! and restores have in common, and [`volumes`] decides about volumes.

mod document;
pub mod filter;
mod lists;
mod quantity;
mod source;
#[cfg(test)]
mod tests;
pub mod volumes;

pub use filter::Filter;
pub use lists::Lists;
pub use source::{Source, Sources};
pub use volumes::{Action, VolumePolicies};

/// What the resource policies of a backup say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    /// What becomes of volumes; those of the backup come before those of the server.
    pub volumes: VolumePolicies,
    /// Types that are added to the lists of the Backup.
    pub lists: Lists,
    /// What is selected in some namespaces, and of some cluster-scoped kinds.
    pub filter: Filter,
    /// What is written in a policy and changes nothing.
    pub notes: Vec<String>,
}

impl Policy {
    /// Whether it selects objects, which the filters that do not tell scopes apart cannot be combined with.
    pub fn selects(&self) -> bool {
        !self.lists.is_empty() || !self.filter.is_empty()
    }
}
