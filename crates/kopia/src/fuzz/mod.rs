//! Readers of what a store holds, each as a function of any bytes that checks what has to hold of the outcome, and samples to begin from. The test
//! here damages the samples by chance; `cargo xtask test fuzz` has libFuzzer look for bytes that take ways through the code that no others took.

mod compression;
mod directory;
mod ignore;
pub(crate) mod index;
mod manifest;
mod notes;
mod object;
mod pack;

#[cfg(test)]
mod tests;

use crate::{Result, format};

/// A reader, and what is tried on it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// What it is called.
    pub name: &'static str,
    /// What it reads, to begin from.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Reads some bytes; whether that went well. Panics where something does not hold that has to.
    pub read: fn(&[u8]) -> bool,
}

/// All readers.
pub const TARGETS: &[Target] = &[
    compression::TARGET,
    directory::TARGET,
    format::fuzz::TARGET,
    ignore::TARGET,
    index::TARGET,
    manifest::TARGET,
    notes::TARGET,
    object::TARGET,
    pack::TARGET,
];

/// What was read; an error has to tell of what.
pub(crate) fn of<T>(subject: &str, outcome: Result<T>) -> Option<T> {
    outcome.map_err(|error| assert_eq!(error.subject(), subject, "{error}")).ok()
}
