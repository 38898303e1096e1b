//! Who maintains a repository, and how often: a manifest.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::manifest::{Changes, Labels, Manifests, TYPE};
use crate::time::nanoseconds;
use crate::{Error, Result, Writer};

/// The type of that manifest.
const MAINTENANCE: &str = "maintenance";

/// How often something is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cycle {
    /// Whether it is done at all.
    pub enabled: bool,
    /// How long after the last time.
    #[serde(with = "nanoseconds")]
    pub interval: Duration,
}

/// Which of kopia's logs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRetention {
    /// The most bytes of all.
    pub max_total_size: u64,
    /// The most blobs.
    pub max_count: u64,
    /// The oldest.
    #[serde(with = "nanoseconds")]
    pub max_age: Duration,
}

/// Who maintains a repository, and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Parameters {
    /// Who does it, as `user@host`; nobody if it is empty.
    pub owner: String,
    /// How often indexes are merged.
    pub quick: Cycle,
    /// How often everything is done.
    pub full: Cycle,
    /// Which logs are kept.
    pub log_retention: LogRetention,
    /// Whether blobs that the store keeps from being deleted are kept longer each time.
    pub extend_object_locks: bool,
    list_parallelism: i64,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            owner: String::new(),
            quick: Cycle { enabled: true, interval: Duration::from_hours(1) },
            full: Cycle { enabled: true, interval: Duration::from_hours(24) },
            log_retention: LogRetention {
                max_total_size: 1 << 30,
                max_count: 10_000,
                max_age: Duration::from_hours(30 * 24),
            },
            extend_object_locks: false,
            list_parallelism: 0,
        }
    }
}

impl Parameters {
    /// Those of a repository; where nobody has set any, nobody maintains it.
    pub fn load(manifests: &Manifests) -> Result<Self> {
        let Some(manifest) = manifests.latest(&[(TYPE, MAINTENANCE)]) else { return Ok(Self::default()) };
        serde_json::from_str(manifest.data())
            .map_err(|error| Error::corrupt(format_args!("manifest {}", manifest.id()), error.to_string()))
    }

    /// Sets them.
    pub fn save(&self, writer: &Writer, manifests: &Manifests) -> Result<()> {
        let document =
            serde_json::to_vec(self).map_err(|error| Error::invalid(MAINTENANCE, error.to_string()))?;
        let labels = Labels::from([(TYPE.to_owned(), MAINTENANCE.to_owned())]);
        let mut changes = Changes::default();
        changes.replace(writer.repository(), manifests, labels, document)?;
        changes.write(writer)?;
        writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_kopias() {
        let json = r#"{"owner":"default@default","quick":{"enabled":true,"interval":3600000000000},"full":{"enabled":true,"interval":86400000000000},"logRetention":{"maxTotalSize":1073741824,"maxCount":10000,"maxAge":2592000000000000},"extendObjectLocks":false,"listParallelism":0}"#;
        let parameters = Parameters { owner: "default@default".to_owned(), ..Parameters::default() };
        assert_eq!(serde_json::to_string(&parameters).unwrap(), json);
        assert_eq!(serde_json::from_str::<Parameters>(json).unwrap(), parameters);
        assert_eq!(serde_json::from_str::<Parameters>("{}").unwrap(), Parameters::default());
    }
}
