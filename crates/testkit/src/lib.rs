//! What tests and `xtask` share: a real Kubernetes cluster on one machine, an S3 server, real Velero, images, and
//! objects to back up. Linked by tests and `xtask`, never by `salvor`.

pub mod azurite;
mod cleanup;
pub mod client;
pub mod cluster;
pub mod command;
pub mod compare;
mod control_plane;
mod dns;
pub mod fixture;
pub mod images;
mod kubeconfig;
pub mod layout;
pub mod network;
mod node;
pub mod objects;
#[cfg(test)]
mod on_cluster;
pub mod packages;
pub mod paths;
mod pki;
pub mod process;
pub mod progress;
pub mod s3;
pub mod salvor_image;
pub mod tools;
pub mod unreliable;
pub mod velero;
pub mod wait;
pub mod zoo;
