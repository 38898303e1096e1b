//! Moments as kopia stores them: nanoseconds in 64 bits, written as Go writes times.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// A moment in UTC, to the nanosecond, from 1677 to 2262; beyond that it is cut to the nearest of those.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The beginning of 1970.
    pub const EPOCH: Self = Self(0);

    /// The moment so many nanoseconds after the beginning of 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The moment so many seconds after the beginning of 1970.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(NANOS_PER_SECOND))
    }

    /// Nanoseconds since the beginning of 1970.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the beginning of 1970, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(NANOS_PER_SECOND)
    }

    /// The moment so much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(duration)))
    }

    /// The moment so much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos_of(duration)))
    }

    /// How long after `earlier` this is; nothing if it is not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.0) - i128::from(earlier.0);
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

fn nanos_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_nanosecond(self.0.into()) {
            Ok(timestamp) => timestamp.fmt(f),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let nanos = text.parse::<Timestamp>()?.as_nanosecond();
        let end = if nanos < 0 { i64::MIN } else { i64::MAX };
        Ok(Self(i64::try_from(nanos).unwrap_or(end)))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A duration as Go's JSON has it: whole nanoseconds, which may be negative in theory and count as none.
pub(crate) mod nanoseconds {
    use super::{Deserialize, Deserializer, Duration, Serializer, nanos_of};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(nanos_of(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let nanos = i64::deserialize(deserializer)?;
        Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (nanos, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1_640_995_200_500_000_000, "2022-01-01T00:00:00.5Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (-6_795_364_578_871_345_152, "1754-08-30T22:43:41.128654848Z"),
        ] {
            assert_eq!(Time::from_nanos(nanos).to_string(), text);
            assert_eq!(text.parse::<Time>().unwrap(), Time::from_nanos(nanos));
        }
    }

    #[test]
    fn offsets_are_read_and_what_is_out_of_range_is_cut() {
        assert_eq!("1970-01-01T01:00:00+01:00".parse::<Time>().unwrap(), Time::EPOCH);
        assert_eq!("0001-01-01T00:00:00Z".parse::<Time>().unwrap(), Time::from_nanos(i64::MIN));
        assert_eq!("9000-01-01T00:00:00Z".parse::<Time>().unwrap(), Time::from_nanos(i64::MAX));
        assert!("yesterday".parse::<Time>().is_err());
        assert_eq!(Time::from_nanos(-1).seconds(), -1);
        assert_eq!(Time::EPOCH.since(Time::from_seconds(5)), Duration::ZERO);
    }
}
