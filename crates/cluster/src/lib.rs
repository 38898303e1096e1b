//! The Kubernetes port, and the only crate with a kube client.
//!
//! `port` is what the rest of the program sees: a dozen verbs over JSON documents. Unknown fields survive,
//! because no document passes through a struct.

pub mod port;

pub use port::{Cluster, Error, ErrorKind, ListPage, ObjectRef, Page, Patch, Result, WatchEvent};
