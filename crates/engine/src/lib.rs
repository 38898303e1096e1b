//! Every decision of Salvor, pure and synchronous: what is selected, in which order, what becomes of one
//! document, what a phase leads on to. No clock, no randomness, no IO: callers pass in what is so.
//!
//! A backup or restore is planned over [`facts::Facts`] and executed over documents: `backup::plan` and
//! `restore::plan` make a complete plan, `check` lints it, `backup::transform` and `restore::transform` say
//! what happens to one document as it streams by.

#![cfg_attr(test, allow(clippy::needless_pass_by_value, reason = "tests pass literals"))]

pub mod archive;
pub mod backup;
pub mod catalog;
pub mod derived;
pub mod difference;
pub mod document;
pub mod facts;
pub mod files;
pub mod filter;
pub mod hooks;
pub mod journal;
pub mod log;
pub mod machine;
pub mod merge;
pub mod policy;
pub mod preview;
pub mod problem;
pub mod restore;
pub mod results;
