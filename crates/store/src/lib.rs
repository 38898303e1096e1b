//! Object storage: the port, its adapters and layers, and the files of a backup in a bucket.

pub mod adapter;
pub mod backup_files;
pub mod bucket;
pub mod config;
pub mod conformance;
pub mod fault;
pub mod layer;
pub mod port;

pub use port::{Capabilities, Error, ErrorKind, Meta, Put, Result, Store, Tag, Upload};
