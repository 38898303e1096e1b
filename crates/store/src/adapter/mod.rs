//! The stores behind the port.

mod error;
mod filesystem;
pub(crate) mod leftovers;
mod memory;
pub(crate) mod object;
mod upload;

pub use filesystem::{Filesystem, pieces};
pub use memory::Memory;

/// Whether this key can name an object on every store: relative, without empty, `.` and `..` segments and
/// without control characters.
pub(crate) fn is_sound(key: &str) -> bool {
    !key.is_empty()
        && !key.chars().any(|c| c.is_control() || c == '\\')
        && key.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

/// The key that no store can hold.
pub(crate) fn unsound(action: &'static str, key: &str) -> crate::Error {
    let message = "the key is empty, absolute, or has empty, dot or control parts, or a backslash".to_owned();
    crate::Error { kind: crate::ErrorKind::Config, action, key: key.to_owned(), message }
}

/// The part of a requested range `start..end` that lies within `size` bytes.
pub(crate) fn within(start: u64, end: u64, size: u64) -> std::ops::Range<u64> {
    start.min(size)..end.min(size).max(start.min(size))
}
