//! Sessions: a mark beside the packs of a writer that is not done, so that maintenance leaves them alone.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::random::{self, Random};
use crate::{Error, Result, Time};

/// The beginning of the year 2000, from which months of 30 days are counted.
const START: i64 = 946_684_800;
const MONTH: i64 = 30 * 24 * 3600;

/// What the names of a session's blobs end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionId(String);

impl SessionId {
    pub(crate) fn new(random: &dyn Random, now: Time) -> Result<Self> {
        let id: [u8; 8] = random::bytes(random)?;
        let month = (now.seconds() - START).div_euclid(MONTH).max(0);
        Ok(Self(format!("s{}{month:x}", hex::encode(id))))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits =
            text.strip_prefix('s').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        digits
            .map(|_| Self(text.to_owned()))
            .ok_or_else(|| Error::corrupt(text, "is not the name of a session"))
    }
}

/// What the mark of a session says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Marker {
    pub(crate) id: String,
    #[serde(rename = "startTime")]
    pub(crate) started: Time,
    #[serde(rename = "checkpointTime")]
    pub(crate) seen: Time,
    pub(crate) username: String,
    pub(crate) hostname: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::fake::Fixed;

    #[test]
    fn names_hold_the_month() {
        let random = Fixed(&[0x51, 0x6d, 0xb9, 0x4f, 0x7d, 0xbf, 0xa2, 0x7c]);
        let now = "2026-11-20T23:36:06.333132386Z".parse().unwrap();
        let id = SessionId::new(&random, now).unwrap();
        assert_eq!(id.to_string(), "s516db94f7dbfa27c147");
        assert_eq!(id.to_string().parse::<SessionId>().unwrap(), id);
        assert!("p1".parse::<SessionId>().is_err() && "s1-c1".parse::<SessionId>().is_err());
    }
}
