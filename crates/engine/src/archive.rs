//! The tarball of a backup: paths, writing, and reading under limits. Compression is the caller's when writing;
//! reading takes the gzip stream as it lies in the bucket, and nothing is ever extracted to disk.

mod limits;
pub mod path;
pub mod problems;
mod reader;
mod strange;
mod writer;

pub use limits::{Limits, Size};
pub use path::{ArchivePath, ItemPath, VersionFolder};
pub use reader::{Entry, Error, PathRule, Reader};
pub use strange::StrangePaths;
pub use writer::Writer;

use serde_json::Value;

use crate::problem::{Problem, Severity};

/// The content of `metadata/version`.
pub const VERSION: &str = "1.1.0\n";

/// The document of an archive entry, which must be a JSON object.
pub fn document(path: &ItemPath, content: &[u8]) -> Result<Value, Problem> {
    let wrong = |why: String| {
        let message = format!("the file of this object in the archive is damaged: {why}");
        Problem::new(&problems::BAD_DOCUMENT, Severity::Error, message).about(&path.key())
    };
    match serde_json::from_slice(content) {
        Ok(document @ Value::Object(_)) => Ok(document),
        Ok(_) => Err(wrong("it is JSON, and not an object".into())),
        Err(error) => Err(wrong(error.to_string())),
    }
}

#[cfg(test)]
mod tests;
