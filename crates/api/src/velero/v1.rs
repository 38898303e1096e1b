//! `velero.io/v1`: one file a kind.

pub mod backup;
pub mod backup_repository;
pub mod backup_storage_location;
pub mod delete_backup_request;
pub mod download_request;
pub mod pod_volume_backup;
pub mod pod_volume_restore;
pub mod restore;
pub mod schedule;
pub mod server_status_request;
pub mod volume_snapshot_location;

pub use super::data_move::{DataMovePhase, DataMoveProgress, UploaderType};
pub use backup::*;
pub use backup_repository::*;
pub use backup_storage_location::*;
pub use delete_backup_request::*;
pub use download_request::*;
pub use pod_volume_backup::*;
pub use pod_volume_restore::*;
pub use restore::*;
pub use schedule::*;
pub use server_status_request::*;
pub use volume_snapshot_location::*;
