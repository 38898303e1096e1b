//! The Kubernetes port, and the only crate with a kube client.
//!
//! `port` is what the rest of the program sees: a dozen verbs over JSON documents. Unknown fields survive,
//! because no document passes through a struct.

pub mod apply;
mod client;
pub mod clock;
pub mod conditions;
#[cfg(any(test, feature = "fake"))]
pub mod conformance;
mod discovery;
mod errors;
#[cfg(any(test, feature = "fake"))]
pub mod fake;
mod json;
mod kube;
pub mod lease;
mod limits;
pub mod port;
mod request;
#[cfg(test)]
mod scripted;
pub mod streams;
mod through;
pub mod typed;
pub mod wait;
mod watch;

pub use self::kube::Kube;
pub use client::{Connect, user_agent};
pub use limits::Limits;
pub use port::{Cluster, Error, ErrorKind, ListPage, ObjectRef, Page, Patch, Result, WatchEvent};
