//! Restores: what is validated, what is planned, what becomes of each document, and what is done about objects
//! that are there already.
//!
//! The flow: [`prepare()`] a Restore, take the [`archived`] facts of each entry of the archive, [`plan()`], [`check()`]
//! the plan, then run it stage by stage: [`transform()`] a document, create it, and if it exists [`decide()`].

pub mod actions;
pub mod check;
pub mod existing;
pub mod files;
pub mod namespaces;
pub mod order;
pub mod plan;
pub mod planner;
pub mod prepare;
pub mod problems;
pub mod scope;
pub mod status;
pub mod transform;
pub mod volumes;

pub use check::check;
pub use existing::{Existing, Outcome, decide};
pub use plan::{Identity, LeftOut, PlannedItem, Policy, RestorePlan, Rule, Stage};
pub use planner::{Request, Target, archived, plan};
pub use prepare::{Prepared, prepare};
pub use transform::transform;
pub use volumes::Volumes;

