//! Observe, decide, act, report: the controllers of the server, and the one driver that runs them all.
//!
//! A controller is a [`runtime::Spec`]: what it watches and a function that brings one object a step
//! further. The function reads what is so through [`deps::Deps`], asks `engine` what that means, does it and
//! writes the outcome into the object's status. It may be stopped after any line and run again.

mod adjust;
mod choice;
pub mod config;
pub mod deps;
pub mod error;
pub mod fence;
pub mod install;
pub mod metrics;
pub mod oadp;
pub mod objects;
pub mod operation;
pub mod report;
pub mod runtime;
pub mod server;
pub mod stores;
#[cfg(test)]
pub(crate) mod testing;

pub use config::Config;
pub use deps::{Clock, Deps, Ids, Stores};
pub use error::{Error, Result};
