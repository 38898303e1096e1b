//! The kinds of `oadp.openshift.io`.

mod application;
mod data_mover;
mod locations;
mod node_agent;
mod non_admin;
mod pod;
mod server;
mod status;
#[cfg(test)]
mod tests;

pub use application::{
    ApplicationConfig, CustomPlugin, DataProtectionApplication, DataProtectionApplicationSpec, Features,
    LogFormat, PodDnsConfig, PodDnsConfigOption, PullPolicy,
};
pub use data_mover::{DataMover, RetainPolicy, StorageClassOptions, VolumeOptions};
pub use locations::{BackupLocation, CloudStorageLocation, CloudStorageRef, SnapshotLocation};
pub use node_agent::{
    BackupPvc, LoadAffinity, LoadConcurrency, Maintenance, MaintenanceConfig, NodeAgentConfig, PodResources,
    ResticConfig, RestorePvc, RuledConcurrency, UploaderType,
};
pub use non_admin::{EnforcedLocation, EnforcedStorage, NonAdmin};
pub use pod::{
    ConfigMapKeySelector, EnvVar, EnvVarSource, FieldSelector, PodConfig, Quantity, ResourceClaim,
    ResourceFieldSelector, ResourceRequirements, Toleration,
};
pub use server::{DefaultPlugin, LogLevel, ServerArgs, VeleroConfig};
pub use status::{Condition, DataProtectionApplicationStatus, ManagedObject};
