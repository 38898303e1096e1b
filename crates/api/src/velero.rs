//! The resources of `velero.io`, as Velero, its clients and its users know them.

pub mod data_move;
pub mod v1;
pub mod v2alpha1;

/// The API group.
pub const GROUP: &str = "velero.io";
