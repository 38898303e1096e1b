//! Salvor's binary as a library: its roles, its commands, and the adapters between crates that may not see
//! each other.

pub mod cli;
pub mod exit;
pub mod operator;
pub mod prepare;
mod problems;
mod process;
pub mod repository;
pub mod role;
pub mod server;
pub mod telemetry;
