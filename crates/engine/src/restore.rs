//! Restores: what is validated, what is planned, what becomes of each document, and what is done about objects
//! that are there already.
//!
//! The flow: [`prepare()`] a Restore, [`plan()`] over the facts of the archive, [`hooked::add_hooks`], [`check()`] the plan, then run it stage by stage: [`transform()`] a document, create it, and if it exists [`decide()`].

pub mod actions;
pub mod adjustments;
pub mod check;
pub mod existing;
pub mod files;
pub mod hooked;
pub mod log;
pub mod mappings;
pub mod modifiers;
pub mod namespaces;
pub mod order;
pub mod owners;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod problems;
pub mod refused;
pub mod scope;
pub mod status;
pub mod transform;
pub mod versions;
pub mod volumes;

pub use crate::backup::check::{Gravity, Note};
pub use crate::journal::Action as Outcome;
pub use adjustments::Adjustments;
pub use check::check;
pub use existing::{Change, Existing, decide};
pub use plan::{Identity, LeftOut, PlannedItem, Policy, RestorePlan, Rule, Stage};
pub use planner::{Refusal, Request, Target, plan};
pub use prepare::{Prepared, prepare};
pub use transform::{Transformed, transform};
pub use volumes::Volumes;

#[cfg(test)]
mod tests;
