//! Backups and restores as operations: each reads its journal, goes on where the journal ends, and can be killed
//! after any line.
//!
//! What is decided, `engine` decides: these modules list, spool, create, upload and report, and hold no policy.

pub mod backup;
mod context;
mod fetch;
mod journal;
mod log;
pub mod restore;
mod spool;
#[cfg(test)]
mod tests;

pub use context::Operation;
