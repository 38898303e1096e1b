//! Object storage: the port, its adapters and layers, and the files of a backup in a bucket.

pub mod port;

pub use port::{Capabilities, Error, ErrorKind, Meta, Put, Result, Store, Tag, Upload};
