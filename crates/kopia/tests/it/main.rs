//! Repositories on disk, held against the real kopia command, which `cargo xtask test` builds and names; without it every test here says that it was
//! skipped.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod command;
mod interop;
mod tree;
