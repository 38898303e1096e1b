//! The documents of the format: what `kopia.repository` says openly, and what it has sealed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::features::Required;
use super::lock::UpgradeLock;
use super::{Options, REPOSITORY};
use crate::random::{self, Random};
use crate::time::nanoseconds;
use crate::{Error, Result, encryption, hash, splitter};

/// The versions of the format that are read; the last one is written.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 1..=3;
/// The only way in which the sealed part is encrypted.
pub(super) const SEALING: &str = "AES256_GCM";
/// The size of packs unless the repository says another.
const PACK_LENGTH_DEFAULT: u32 = 20 << 20;
/// The largest size of packs.
const PACK_LENGTH_MAX: u32 = 120 << 20;
/// The smallest size of packs in new repositories.
const PACK_LENGTH_MIN: u32 = 10 << 20;

/// `kopia.repository`.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) tool: String,
    #[serde(rename = "buildVersion", default)]
    pub(super) build_version: String,
    #[serde(rename = "buildInfo", default)]
    pub(super) build_info: String,
    #[serde(rename = "uniqueID", with = "base64_bytes")]
    pub(super) unique_id: Zeroizing<Vec<u8>>,
    #[serde(rename = "keyAlgo", default)]
    pub(super) key_derivation: String,
    pub(super) encryption: String,
    #[serde(rename = "encryptedBlockFormat", with = "base64_bytes")]
    pub(super) sealed: Zeroizing<Vec<u8>>,
    /// What later versions may add.
    #[serde(flatten)]
    pub(super) other: serde_json::Map<String, serde_json::Value>,
}

impl Envelope {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let envelope: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::corrupt(REPOSITORY, error.to_string()))?;
        if envelope.encryption != SEALING {
            return Err(Error::unsupported(REPOSITORY, format!("is sealed with {:?}", envelope.encryption)));
        }
        Ok(envelope)
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| Error::invalid(REPOSITORY, error.to_string()))?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

/// What is sealed in `kopia.repository`.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    pub(super) format: Config,
}

impl Sealed {
    pub(super) fn parse(bytes: &[u8]) -> Result<Config> {
        let sealed: Self =
            serde_json::from_slice(bytes).map_err(|error| Error::corrupt(REPOSITORY, error.to_string()))?;
        sealed.format.check()?;
        Ok(sealed.format)
    }

    pub(super) fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>> {
        let bytes =
            serde_json::to_vec(self).map_err(|error| Error::invalid(REPOSITORY, error.to_string()))?;
        Ok(Zeroizing::new(bytes))
    }
}

/// The parameters of a repository, and its secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) hash: String,
    pub(super) encryption: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    ecc: String,
    #[serde(rename = "eccOverheadPercent", default, skip_serializing_if = "is_zero")]
    ecc_overhead_percent: u32,
    /// The key of the hash.
    #[serde(with = "base64_or_null", default)]
    pub(super) secret: Zeroizing<Vec<u8>>,
    /// What all keys of encryption follow from.
    #[serde(rename = "masterKey", with = "base64_or_null", default)]
    pub(super) master_key: Zeroizing<Vec<u8>>,
    pub(super) version: u32,
    #[serde(rename = "maxPackSize", default)]
    max_pack_size: u32,
    #[serde(rename = "indexVersion", default)]
    index_version: u32,
    #[serde(rename = "epochParameters", default)]
    pub(super) epochs: EpochParameters,
    #[serde(rename = "enablePasswordChange", default)]
    pub(super) is_password_changeable: bool,
    #[serde(default)]
    pub(super) splitter: String,
    #[serde(rename = "upgradeLock", default, skip_serializing_if = "Option::is_none")]
    pub(super) upgrade_lock: Option<UpgradeLock>,
    #[serde(rename = "requiredFeatures", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) required_features: Vec<Required>,
}

impl Config {
    /// The parameters of a new repository, with fresh secrets.
    pub(super) fn create(random: &dyn Random, options: &Options) -> Result<Self> {
        let config = Self {
            hash: options.hash.clone(),
            encryption: options.encryption.clone(),
            ecc: String::new(),
            ecc_overhead_percent: 0,
            secret: Zeroizing::new(random::bytes::<32>(random)?.to_vec()),
            master_key: Zeroizing::new(random::bytes::<32>(random)?.to_vec()),
            version: *VERSIONS.end(),
            max_pack_size: options.pack_length,
            index_version: 2,
            epochs: EpochParameters::default_for_new(),
            is_password_changeable: true,
            splitter: options.splitter.clone(),
            upgrade_lock: None,
            required_features: Vec::new(),
        };
        if options.pack_length < PACK_LENGTH_MIN {
            return Err(Error::invalid("pack length", format!("{} bytes are too few", options.pack_length)));
        }
        config.check()?;
        Ok(config)
    }

    /// Refuses what this version does not know, and what makes no sense.
    fn check(&self) -> Result<()> {
        let unsupported = |reason: String| Err(Error::unsupported(REPOSITORY, reason));
        if !VERSIONS.contains(&self.version) {
            return unsupported(format!("format version {}: 1 to 3 are known", self.version));
        }
        if !self.ecc.is_empty() && self.ecc_overhead_percent > 0 {
            return unsupported(format!("error correction {} is not read", self.ecc));
        }
        if !(1..=2).contains(&self.index_version()) {
            return unsupported(format!("index version {} is not known", self.index_version));
        }
        let known = [
            ("hash", hash::names().any(|name| name == self.hash), &self.hash),
            ("encryption", encryption::names().any(|name| name == self.encryption), &self.encryption),
            ("splitter", splitter::Splitter::named(&self.splitter).is_some(), &self.splitter),
        ];
        if let Some((what, _, name)) = known.iter().find(|(_, is_known, _)| !is_known) {
            return unsupported(format!("{what} {name:?} is not known"));
        }
        if self.pack_length() > PACK_LENGTH_MAX {
            return Err(Error::corrupt(
                REPOSITORY,
                format!("packs of {} bytes are too long", self.max_pack_size),
            ));
        }
        if self.master_key.is_empty() {
            return Err(Error::corrupt(REPOSITORY, "there is no master key"));
        }
        self.epochs.check()
    }

    pub(super) fn index_version(&self) -> u32 {
        self.index_version.max(1)
    }

    pub(super) fn pack_length(&self) -> u32 {
        if self.max_pack_size == 0 { PACK_LENGTH_DEFAULT } else { self.max_pack_size }
    }
}

/// When indexes begin a new epoch, and how they are merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochParameters {
    /// Whether indexes have epochs at all; those of format version 1 have none.
    #[serde(rename = "Enabled")]
    pub enabled: bool,
    /// How long a client may go by what it has listed.
    #[serde(rename = "EpochRefreshFrequency", with = "nanoseconds")]
    pub refresh_frequency: Duration,
    /// Over how many epochs a merged index goes at least.
    #[serde(rename = "FullCheckpointFrequency")]
    pub checkpoint_frequency: u32,
    /// How long merged indexes have to be there before what they replace is deleted.
    #[serde(rename = "CleanupSafetyMargin", with = "nanoseconds")]
    pub cleanup_margin: Duration,
    /// How long an epoch lasts at least.
    #[serde(rename = "MinEpochDuration", with = "nanoseconds")]
    pub duration_min: Duration,
    /// How many index blobs may begin a new epoch.
    #[serde(rename = "EpochAdvanceOnCountThreshold")]
    pub advance_count: u32,
    /// How many bytes of them may.
    #[serde(rename = "EpochAdvanceOnTotalSizeBytesThreshold")]
    pub advance_bytes: u64,
    /// How many deletions run at once.
    #[serde(rename = "DeleteParallelism")]
    pub delete_parallelism: u32,
}

impl EpochParameters {
    fn default_for_new() -> Self {
        Self {
            enabled: true,
            refresh_frequency: Duration::from_mins(20),
            checkpoint_frequency: 7,
            cleanup_margin: Duration::from_hours(4),
            duration_min: Duration::from_hours(24),
            advance_count: 20,
            advance_bytes: 10 << 20,
            delete_parallelism: 4,
        }
    }

    /// The bounds that keep writers with an old listing from being left behind.
    fn check(&self) -> Result<()> {
        let refresh = self.refresh_frequency.saturating_mul(3);
        let is_sound = self.duration_min >= Duration::from_mins(10)
            && refresh <= self.duration_min
            && refresh <= self.cleanup_margin
            && self.checkpoint_frequency > 0
            && self.advance_count >= 10
            && self.advance_bytes >= 1 << 20;
        if self.enabled && !is_sound {
            return Err(Error::corrupt(REPOSITORY, "the parameters of epochs contradict each other"));
        }
        Ok(())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// Bytes as Go's JSON has them.
mod base64_bytes {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64_STANDARD.encode(bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        BASE64_STANDARD.decode(&*text).map(Zeroizing::new).map_err(de::Error::custom)
    }
}

/// The same where none are `null`.
mod base64_or_null {
    use serde::{Deserialize, Deserializer, Serializer};
    use zeroize::Zeroizing;

    #[derive(Deserialize)]
    struct Present(#[serde(with = "super::base64_bytes")] Zeroizing<Vec<u8>>);

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            [] => serializer.serialize_none(),
            bytes => super::base64_bytes::serialize(bytes, serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Zeroizing<Vec<u8>>, D::Error> {
        Ok(Option::<Present>::deserialize(deserializer)?.map(|present| present.0).unwrap_or_default())
    }
}
