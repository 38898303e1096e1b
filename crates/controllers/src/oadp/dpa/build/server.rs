//! The server's Deployment, as an application asks for it.

use serde_json::Value;

use crate::install::SERVER;
use crate::install::deployment::{Workload, deployment as build};
use crate::oadp::dpa::reconcile::Settings;
use crate::oadp::dpa::validate::Valid;

/// The Deployment.
pub(super) fn deployment(valid: &Valid, settings: &Settings) -> Value {
    build(&Workload {
        namespace: valid.namespace.clone(),
        platform: settings.platform,
        image: valid.server.image.clone(),
        service_account: SERVER.to_owned(),
        args: valid.server.args.clone(),
        labels: valid.server.labels.clone(),
        pod: valid.server.pod.clone(),
        credentials: valid.credentials.clone(),
        volumes: valid.volumes.clone(),
    })
}
