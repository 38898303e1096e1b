//! The custom resources of `velero.io`, `oadp.openshift.io` and `salvor.io`: types, names, phases, labels.
//!
//! Nothing here does IO or knows a Kubernetes client. The CRD files of `deploy/crds` are generated from
//! these types by `cargo xtask codegen`.

pub mod crd;
pub mod duration;
mod kind;
pub mod labels;
pub mod meta;
pub mod names;
pub mod oadp;
pub mod refs;
pub mod velero;
mod wire;

pub use duration::GoDuration;
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta, Time};
pub use kind::{Column, Kind};
pub use wire::UnknownValue;
