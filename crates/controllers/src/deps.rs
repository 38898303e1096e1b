//! What a controller may use: the cluster, the stores, a clock, randomness, the settings and the metrics.

use std::sync::Arc;

use api::meta::ResourceType;
use api::velero::v1::BackupStorageLocation;
use async_trait::async_trait;
use cluster::Cluster;
use cluster::clock::{self, LeaseClock};
use jiff::Timestamp;
use store::Store;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Result;
use crate::metrics::{Metric, Metrics};
use crate::operation::attempts::Failures;
use crate::runtime::Host;

/// Tells the time. The only clock of the controllers.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Makes what must not repeat. The only randomness of the controllers.
pub trait Ids: Send + Sync + 'static {
    /// A new identifier.
    fn uuid(&self) -> Uuid;
}

/// Opens the stores of backup locations.
#[async_trait]
pub trait Stores: Send + Sync + 'static {
    /// The store of a location, with the credentials and certificates that the cluster holds for it now.
    async fn open(&self, location: &BackupStorageLocation) -> Result<Arc<dyn Store>>;

    /// What is questionable about a location that can be opened, such as an unverified connection.
    async fn warnings(&self, _location: &BackupStorageLocation) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        clock::SystemClock.wall()
    }
}

/// Identifiers from the machine's randomness.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl Ids for RandomIds {
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// What every controller of the server is given.
pub struct Deps {
    /// The cluster that it works on.
    pub cluster: Arc<dyn Cluster>,
    /// The stores of backup locations.
    pub stores: Arc<dyn Stores>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers and jitter.
    pub ids: Arc<dyn Ids>,
    /// The settings, resolved once.
    pub config: Arc<Config>,
    /// The numbers it reports.
    pub metrics: Arc<Metrics>,
    /// How often the operations at work have failed in a row.
    pub failures: Failures,
    /// Cancelled when the process is about to end, or has lost its Lease.
    pub stop: CancellationToken,
}

impl Deps {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The namespace whose objects are ours.
    pub fn namespace(&self) -> &str {
        &self.config.namespace
    }
}

impl Host for Deps {
    fn cluster(&self) -> &Arc<dyn Cluster> {
        &self.cluster
    }

    fn namespace(&self) -> &str {
        &self.config.namespace
    }

    fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn ids(&self) -> &dyn Ids {
        self.ids.as_ref()
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    fn counted(&self, kind: &ResourceType, count: usize) {
        let metric = match kind.kind.as_str() {
            "Backup" => Metric::Backups,
            "Restore" => Metric::Restores,
            _ => return,
        };
        self.metrics.set(metric, &[], u32::try_from(count).map_or(f64::MAX, f64::from));
    }
}
