//! The operator's controllers: one folder a kind of `oadp.openshift.io`.

pub mod dpa;
pub mod problems;
