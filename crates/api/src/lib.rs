//! The custom resources of `velero.io`, `oadp.openshift.io` and `salvor.io`: types, names, phases, labels.
//!
//! Nothing here does IO or knows a Kubernetes client. The CRD files of `deploy/crds` are generated from
//! these types by `cargo xtask codegen`.

pub mod labels;
pub mod meta;
