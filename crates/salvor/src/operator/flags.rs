//! The flags of the operator.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

use crate::telemetry::{Format, Verbosity};

/// The operator: turns DataProtectionApplications into what they ask for.
#[derive(Debug, Parser)]
#[command(
    name = "operator",
    bin_name = "salvor operator",
    args_override_self = true,
    disable_version_flag = true
)]
pub(super) struct Flags {
    /// The namespace whose applications are ours
    #[arg(long, short, env = "WATCH_NAMESPACE", default_value = "openshift-adp")]
    pub(super) namespace: String,
    /// The image of the server
    #[arg(long, env = "RELATED_IMAGE_VELERO", default_value = concat!("salvor:", env!("CARGO_PKG_VERSION")))]
    pub(super) image: String,
    /// The file that says how to reach the cluster; absent for the cluster that this runs in
    #[arg(long)]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Where metrics and health are served
    #[arg(long = "metrics-bind-address", default_value = ":8080")]
    metrics_bind_address: String,
    /// Taken for compatibility: health is served with the metrics
    #[arg(long = "health-probe-bind-address", hide = true)]
    _health_probe_bind_address: Option<String>,
    /// Taken for compatibility: there is always one leader
    #[arg(long = "leader-elect", hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    _leader_elect: Option<bool>,
    /// trace, debug, info, warning, error, fatal or panic
    #[arg(long, default_value = "info")]
    pub(super) log_level: Verbosity,
    /// text or json
    #[arg(long, default_value = "text")]
    pub(super) log_format: Format,
}

impl Flags {
    /// Reads the arguments that follow `operator`.
    pub(super) fn read(arguments: Vec<String>) -> Result<Self, clap::Error> {
        Self::try_parse_from(std::iter::once("operator".to_owned()).chain(arguments))
    }

    /// Where metrics are served; without a host, everywhere.
    pub(super) fn metrics_address(&self) -> anyhow::Result<SocketAddr> {
        let text = &self.metrics_bind_address;
        let everywhere = text
            .strip_prefix(':')
            .and_then(|port| Some(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port.parse().ok()?))));
        everywhere
            .or_else(|| text.parse().ok())
            .with_context(|| format!("read --metrics-bind-address {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_may_lack_a_host() {
        let read = |arguments: &[&str]| {
            Flags::read(arguments.iter().map(|&text| text.to_owned()).collect()).unwrap()
        };
        assert_eq!(read(&[]).metrics_address().unwrap().port(), 8080);
        let one = read(&["--metrics-bind-address=127.0.0.1:9", "--leader-elect"]);
        assert_eq!(one.metrics_address().unwrap().to_string(), "127.0.0.1:9");
        assert!(read(&["--metrics-bind-address=nowhere"]).metrics_address().is_err());
    }
}
