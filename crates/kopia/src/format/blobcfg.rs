//! `kopia.blobcfg`: how long the store is to keep each blob from being deleted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seal::Seal;
use super::{BLOBCFG, LENGTH_MAX, REPOSITORY};
use crate::storage::{Retention, RetentionMode};
use crate::time::nanoseconds;
use crate::{Error, ErrorKind, Result, Storage, Time};

/// The shortest retention that means anything.
const PERIOD_MIN: Duration = Duration::from_hours(24);
/// What the names of blobs begin with that are kept.
const KEPT: [&str; 6] = ["n", "x", "p", "q", REPOSITORY, BLOBCFG];

/// How long blobs are kept, and how strictly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionPeriod {
    /// How strictly.
    pub mode: RetentionMode,
    /// How long after each put.
    pub period: Duration,
}

#[derive(Default, Serialize, Deserialize)]
struct Document {
    #[serde(rename = "retentionMode", default, skip_serializing_if = "String::is_empty")]
    mode: String,
    #[serde(
        rename = "retentionPeriod",
        default,
        skip_serializing_if = "Duration::is_zero",
        with = "nanoseconds"
    )]
    period: Duration,
}

/// Reads it as it is stored; some repositories have none.
pub(super) fn fetch(storage: &dyn Storage) -> Result<Option<Vec<u8>>> {
    match storage.get(BLOBCFG, LENGTH_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        sealed => sealed.map(Some),
    }
}

/// What it says; a repository without one keeps nothing.
pub(super) fn open(sealed: Option<Vec<u8>>, seal: &Seal) -> Result<Option<RetentionPeriod>> {
    sealed.map_or(Ok(None), |sealed| parse(&seal.open(BLOBCFG, sealed)?))
}

pub(super) fn parse(bytes: &[u8]) -> Result<Option<RetentionPeriod>> {
    let document: Document =
        serde_json::from_slice(bytes).map_err(|error| Error::corrupt(BLOBCFG, error.to_string()))?;
    if document.mode.is_empty() && document.period.is_zero() {
        return Ok(None);
    }
    let mode = RetentionMode::named(&document.mode);
    let mode = mode.ok_or_else(|| Error::corrupt(BLOBCFG, format!("unknown mode {:?}", document.mode)))?;
    let retention = RetentionPeriod { mode, period: document.period };
    check(retention).map_err(|error| Error::corrupt(BLOBCFG, error.to_string()))?;
    Ok(Some(retention))
}

fn check(retention: RetentionPeriod) -> Result<()> {
    if retention.period >= PERIOD_MIN {
        return Ok(());
    }
    Err(Error::invalid("retention period", format!("{:?} is shorter than a day", retention.period)))
}

/// Its plaintext.
pub(super) fn to_bytes(retention: Option<RetentionPeriod>) -> Result<Vec<u8>> {
    retention.map_or(Ok(()), check)?;
    let document = retention.map_or_else(Document::default, |retention| Document {
        mode: retention.mode.name().to_owned(),
        period: retention.period,
    });
    serde_json::to_vec(&document).map_err(|error| Error::invalid(BLOBCFG, error.to_string()))
}

/// What is asked of the store for a blob that is put now.
pub(super) fn for_blob(retention: Option<RetentionPeriod>, name: &str, now: Time) -> Option<Retention> {
    let RetentionPeriod { mode, period } = retention?;
    let is_kept = KEPT.iter().any(|prefix| name.starts_with(prefix));
    is_kept.then(|| Retention { mode, until: now.plus(period) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: RetentionPeriod =
        RetentionPeriod { mode: RetentionMode::Compliance, period: Duration::from_hours(48) };

    #[test]
    fn the_document_is_kopias() {
        assert_eq!(to_bytes(None).unwrap(), b"{}");
        let text = br#"{"retentionMode":"COMPLIANCE","retentionPeriod":172800000000000}"#;
        assert_eq!(to_bytes(Some(RETENTION)).unwrap(), text);
        assert_eq!(parse(text).unwrap(), Some(RETENTION));
        assert_eq!(parse(b"{}").unwrap(), None);
        for bad in ["", "{", r#"{"retentionMode":"COMPLIANCE"}"#, r#"{"retentionPeriod":172800000000000}"#] {
            let error = parse(bad.as_bytes()).unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, BLOBCFG), "{bad}");
        }
        let short = RetentionPeriod { period: Duration::from_hours(23), ..RETENTION };
        assert_eq!(to_bytes(Some(short)).unwrap_err().kind(), ErrorKind::Invalid);
    }

    #[test]
    fn what_has_to_last_is_kept_and_nothing_else() {
        let until = Time::from_seconds(172_800);
        for name in ["n1", "xn0_1", "p1", "q1", REPOSITORY, BLOBCFG] {
            let retention = for_blob(Some(RETENTION), name, Time::EPOCH);
            assert_eq!(retention, Some(Retention { mode: RETENTION.mode, until }), "{name}");
        }
        for name in ["s1", "_log_1", "kopia.maintenance", "m1", "l1"] {
            assert_eq!(for_blob(Some(RETENTION), name, Time::EPOCH), None, "{name}");
        }
        assert_eq!(for_blob(None, "p1", Time::EPOCH), None);
    }
}
