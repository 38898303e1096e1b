//! Trees, uploads and restores through what anybody may call; and repositories on disk, held against the real kopia command, which
//! `cargo xtask test` builds and names: without it those tests say that they were skipped.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod block;
mod command;
mod copies;
mod interop;
mod maintenance;
mod tree;
mod upload;
