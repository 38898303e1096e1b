//! What belongs to a backup or a restore: patterns, include and exclude lists, label selectors.

pub mod glob;
pub mod selector;
pub mod set;

pub use glob::{Glob, GlobError};
pub use selector::{Selector, SelectorError};
pub use set::Set;
