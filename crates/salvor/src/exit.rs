//! How a process of ours ends: the one list of exit codes.

use std::process::ExitCode;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for is done.
    Done = 0,
    /// It could not be done: wrong usage, no connection, refused.
    Failed = 1,
    /// It ran to its end, and the outcome is not what was asked for: a backup or restore that was waited for
    /// ended with errors.
    Incomplete = 2,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
