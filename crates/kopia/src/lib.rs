//! Kopia repositories: reading and writing them, on any store of blobs, without the kopia command.
//!
//! A repository is a flat set of named blobs. From the bottom up:
//!
//! | module | layer |
//! |---|---|
//! | [`storage`] | blobs: opaque bytes under a name, in a folder, in memory, or wherever an adapter keeps them |
//! | [`format`] | the two blobs that hold the parameters and, sealed with a password, the secrets |
//! | [`hash`], [`encryption`], [`compression`], [`splitter`] | the algorithms, each found by its name in the repository |

pub mod compression;
pub mod encryption;
pub mod error;
pub mod format;
pub mod hash;
pub mod random;
pub mod splitter;
pub mod storage;
pub mod time;

mod sync;

pub use error::{Error, ErrorKind, Result};
pub use format::Format;
pub use storage::Storage;
pub use time::Time;
