//! The documents of the format blobs: open, and as they are once their seals are broken. What is read and written again is read the same.

use super::config::{Envelope, Sealed};
use super::{BLOBCFG, REPOSITORY, blobcfg, features};
use crate::fuzz::{Target, of};
use crate::{Result, Time};

pub(crate) const TARGET: Target = Target { name: "format", samples, read };

const SAMPLES: [&str; 4] = [
    r#"{"tool":"t","buildVersion":"0.22.3","buildInfo":"","uniqueID":"J9ixAY9EKGsjN791i+8LCOJF9xkzVAkIsmlDl0wDu9I=",
        "keyAlgo":"scrypt-65536-8-1","encryption":"AES256_GCM","encryptedBlockFormat":"AAEC","later":{"a":[1]}}"#,
    r#"{"format":{"hash":"BLAKE2B-256-128","encryption":"AES256-GCM-HMAC-SHA256","ecc":"","eccOverheadPercent":0,"secret":"AAECAwQFBgc=",
        "masterKey":"AAECAwQFBgc=","version":3,"maxPackSize":20971520,"indexVersion":2,"epochParameters":{"Enabled":true,
        "EpochRefreshFrequency":1200000000000,"FullCheckpointFrequency":7,"CleanupSafetyMargin":14400000000000,
        "MinEpochDuration":86400000000000,"EpochAdvanceOnCountThreshold":20,"EpochAdvanceOnTotalSizeBytesThreshold":10485760,
        "DeleteParallelism":4},"enablePasswordChange":true,"splitter":"DYNAMIC-4M-BUZHASH","upgradeLock":{"ownerID":"o",
        "creationTime":"2026-11-20T23:36:06Z","advanceNoticeDuration":900000000000,"ioDrainTimeout":100000000000,
        "statusPollInterval":60000000000,"maxPermittedClockDrift":300000000000,"message":"m"},"requiredFeatures":[{"feature":"index-v2",
        "ifNotUnderstood":{"warn":true,"message":"m","url":"u","upgradeToVersion":"v"}}]}}"#,
    r#"{"retentionMode":"COMPLIANCE","retentionPeriod":172800000000000}"#,
    "{}",
];

fn samples() -> Vec<Vec<u8>> {
    SAMPLES.map(|sample| sample.as_bytes().to_vec()).into()
}

fn read(bytes: &[u8]) -> bool {
    let envelope = of(REPOSITORY, Envelope::parse(bytes));
    if let Some(envelope) = &envelope {
        let written = of(REPOSITORY, envelope.to_bytes());
        let again = |bytes: &[u8]| of(REPOSITORY, Envelope::parse(bytes).and_then(|again| again.to_bytes()));
        assert_eq!(written.as_deref().and_then(again), written);
    }
    let retention = of(BLOBCFG, blobcfg::parse(bytes));
    if let Some(retention) = retention {
        let written = of(BLOBCFG, blobcfg::to_bytes(retention));
        assert_eq!(written.and_then(|bytes| of(BLOBCFG, blobcfg::parse(&bytes))), Some(retention));
    }
    let config = of(REPOSITORY, read_sealed(bytes));
    envelope.is_some() || retention.is_some() || config.is_some()
}

fn read_sealed(bytes: &[u8]) -> Result<()> {
    let config = Sealed::parse(bytes)?;
    if let Some(lock) = &config.upgrade_lock {
        let ever = [i64::MIN, 0, i64::MAX].map(|nanos| lock.holds(Time::from_nanos(nanos)));
        assert!(ever.is_sorted(), "what holds once holds for good");
    }
    let warnings = features::check(&config.required_features)?;
    assert!(warnings.len() <= config.required_features.len());
    let written = Sealed { format: config }.to_bytes()?;
    assert_eq!(*Sealed { format: Sealed::parse(&written)? }.to_bytes()?, *written);
    Ok(())
}
