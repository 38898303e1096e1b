//! The one integration-test binary: Salvor's own program and image against a real cluster, a real object store and
//! the real Velero. `cargo xtask test` brings them up and says where they are; without them every test here says
//! that it was skipped.

#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]

mod archives;
mod commands;
mod demo;
mod differential;
mod e2e;
mod integration;
mod interop;
mod leaders;
mod locations;
mod long;
mod repo;
mod world;
mod zoo;
