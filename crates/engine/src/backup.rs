//! Backups: what is selected, what that brings along, in which order, and what becomes of each document.
//!
//! In the order in which an executor uses them: [`prepare`] validates, [`Planner`] says what to list, what to fetch
//! besides and then everything that will be done, and lints that ([`check`]); [`transform`] runs on each document.
//! [`problems`] has the codes.

pub mod actions;
pub mod check;
mod closure;
mod derived;
#[cfg(test)]
pub(crate) mod fixture;
pub mod observed;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod problems;
pub mod report;
pub mod rule;
pub mod select;
pub mod transform;
mod volumes;

pub use observed::{Defaults, NamespaceFacts, Observed, Version};
pub use plan::{Absence, BackupPlan, Listed, PlannedItem, Request};
pub use planner::{Collected, Planner};
pub use prepare::{Prepared, prepare};
pub use report::Omission;
pub use rule::Rule;
pub use select::{ListRequest, Options, Selection};
pub use volumes::{Asked, Method, PersistentVolume, VolumeDecision};
