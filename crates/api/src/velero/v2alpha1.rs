//! `velero.io/v2alpha1`: one file a kind.

pub mod data_download;
pub mod data_upload;

pub use super::data_move::{DataMovePhase, DataMoveProgress, NodeOs};
pub use data_download::*;
pub use data_upload::*;
