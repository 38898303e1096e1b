//! Objects: byte streams of any length, as one content or as a list of parts, which may be lists themselves.

mod copy;
mod id;
mod list;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

pub use copy::copy;
pub use id::ObjectId;
pub use reader::{ObjectReader, contents_of, leaves};
pub(crate) use writer::array;
pub use writer::{ObjectWriter, concatenate};

/// A part of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    start: u64,
    length: u64,
    object: ObjectId,
}
