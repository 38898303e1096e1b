//! Kopia repositories: reading and writing them, on any store of blobs, without the kopia command.
//!
//! A repository is a flat set of named blobs. From the bottom up:
//!
//! | module | layer |
//! |---|---|
//! | [`storage`] | blobs: opaque bytes under a name, in a folder, in memory, or wherever an adapter keeps them |
//! | [`format`] | the two blobs that hold the parameters and, sealed with a password, the secrets |
//! | [`hash`], [`encryption`], [`compression`], [`splitter`] | the algorithms, each found by its name in the repository |
//! | [`content`] | byte strings under the hash of what they hold, gathered in packs and found through indexes |
//! | [`repository`], [`writer`] | an open repository, and a session of writing to it |
//! | [`object`] | byte streams of any length, as lists of contents |
//! | [`manifest`] | small documents with labels |
//! | [`snapshot`] | the documents of snapshots and directories |
//! | [`policy`], [`ignore`], [`retention`] | what somebody wants to be left out, compressed, and kept |
//! | [`upload`] | a tree of the file system into a snapshot |
//! | [`block`] | a device or an image of one, and back |
//! | [`restore`] | a tree of a snapshot back onto the file system |
//! | [`maintenance`] | what nothing refers to any more goes, and indexes are merged |
//! | [`verify`], [`recover`], [`copy`] | whether all is there, indexes that are lost, and snapshots in other repositories |
//!
//! `examples/snapshot.rs` goes the whole way from a folder into a repository and back. Nothing here is asynchronous, reads a clock or an environment, or
//! keeps a global state: storage, randomness and the clock (that of the storage) are given.
//!
//! What holds of every repository, and what all of this relies on:
//!
//! - a blob is written once, under a name of random digits or of the hash of what it holds, and never changed;
//! - a content is found through indexes only; of several entries about one the latest holds, so that whoever reads the same indexes sees the same;
//! - packs are there before an index names them, and are deleted a day after the last index has ceased to;
//! - of a deletion everybody knows for hours before it is final, and nobody builds upon a content that is deleted.

pub mod block;
pub mod compression;
pub mod content;
pub mod copy;
pub mod encryption;
pub mod error;
pub mod format;
pub mod hash;
pub mod ignore;
pub mod maintenance;
pub mod manifest;
pub mod object;
pub mod policy;
pub mod random;
pub mod recover;
pub mod repository;
pub mod restore;
pub mod retention;
pub mod snapshot;
pub mod splitter;
pub mod storage;
pub mod time;
pub mod upload;
pub mod verify;
pub mod writer;

#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;

mod beneath;
mod cache;
mod gojson;
mod holes;
mod index_set;
mod parallel;
mod sync;
#[cfg(test)]
mod tests;

pub use content::{ContentId, Contents};
pub use error::{Error, ErrorKind, Result};
pub use format::Format;
pub use object::ObjectId;
pub use repository::Repository;
pub use storage::Storage;
pub use time::Time;
pub use writer::Writer;
