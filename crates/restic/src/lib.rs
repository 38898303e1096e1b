//! Restic repositories, versions 1 and 2: reading them, to restore what is in them, without the restic command.
//!
//! Nothing is written, not even a lock: whoever prunes a repository meanwhile takes packs away, which is then an error that names them. A
//! repository is a few folders of files. From the bottom up:
//!
//! | module | layer |
//! |---|---|
//! | [`files`] | files by their path, in a folder or wherever an adapter keeps them |
//! | [`id`] | the names of files and blobs: SHA-256 of what they hold |
//! | `crypto` | AES-256-CTR with Poly1305-AES, in which everything is sealed |
//! | `keys` | from a password to the master key |
//! | `unpacked` | files that hold one document: configuration, indexes, snapshots |
//! | `index`, `pack` | where blobs are: what indexes say, and what packs say of themselves |
//! | [`snapshot`], [`tree`] | the documents of snapshots and directories |
//! | `ahead` | trees, fetched with those that lie beside them |
//! | [`repository`] | an open repository: its blobs, each compared with its name |
//! | [`verify`] | whether all that snapshots need is there, and is what it should be |
//!
//! An open repository is a [`kopia::restore::Tree`]: [`restore`] hands it to the same sink that Kopia's snapshots go into, which nothing leads out of.
//!
//! What a restore brings back: files, links, folders, several names of one file, owners, permissions, times and extended attributes but for those of
//! SELinux, which are the node's; of links they are problems. Devices are made where the system lets a process, pipes and sockets everywhere. The old layout that restic had for S3 before version 0.8 is not read.

pub mod files;
pub mod id;
pub mod repository;
pub mod restore;
pub mod snapshot;
pub mod tree;
pub mod verify;

#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;

mod ahead;
mod crypto;
mod index;
mod keys;
mod pack;
mod quoted;
mod unpacked;

#[cfg(test)]
mod tests;

pub use files::Files;
pub use id::Id;
pub use kopia::{Error, ErrorKind, Result};
pub use repository::Repository;
pub use restore::restore;
pub use snapshot::Snapshot;

use std::fmt::Display;

/// Bytes that are not what the format says.
fn corrupt(subject: impl Display, reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, subject.to_string(), reason)
}

/// What is longer than anything that restic writes.
fn too_large(subject: impl Display, length: u64, limit: usize) -> Error {
    let reason = format!("has {length} bytes, {limit} at most are read");
    Error::new(ErrorKind::TooLarge, subject.to_string(), reason)
}
