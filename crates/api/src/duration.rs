//! Durations as Go reads and writes them: `720h0m0s`, `1.5s`, `-2m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Units by their suffix, the longer of two that begin alike first.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", MICROSECOND),
    ("\u{b5}s", MICROSECOND),
    ("\u{3bc}s", MICROSECOND),
    ("ms", MILLISECOND),
    ("s", SECOND),
    ("m", MINUTE),
    ("h", HOUR),
];

/// A span of time in nanoseconds, negative too, written as Go writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration(i64);

/// A text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read {0:?} as a duration: it is written like 30s, 10m or 720h0m0s")]
pub struct DurationError(String);

impl GoDuration {
    /// No time at all; in most specs it stands for the server's default.
    pub const ZERO: Self = Self(0);

    /// A span of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// A span of seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND as i64))
    }

    /// A span of minutes.
    pub const fn from_mins(minutes: i64) -> Self {
        Self(minutes.saturating_mul(MINUTE as i64))
    }

    /// A span of hours.
    pub const fn from_hours(hours: i64) -> Self {
        Self(hours.saturating_mul(HOUR as i64))
    }

    /// The nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Whether it is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The same span for the standard library; none if negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }

    /// The same span for arithmetic with timestamps.
    pub const fn to_signed(self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_nanos(self.0)
    }
}

impl From<Duration> for GoDuration {
    /// The longest span there is if it does not fit (292 years).
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.unsigned_abs();
        let mut text = String::from(if self.0 < 0 { "-" } else { "" });
        match total {
            0 => text.push_str("0s"),
            1..MICROSECOND => text.push_str(&format!("{total}ns")),
            MICROSECOND..MILLISECOND => text.push_str(&format!("{}\u{b5}s", decimal(total, MICROSECOND))),
            MILLISECOND..SECOND => text.push_str(&format!("{}ms", decimal(total, MILLISECOND))),
            _ => text.push_str(&clock(total)),
        }
        f.pad(&text)
    }
}

/// `1h2m3.5s`, without the units that come before the first one needed.
fn clock(nanos: u64) -> String {
    let (hours, minutes, rest) = (nanos / HOUR, nanos % HOUR / MINUTE, nanos % MINUTE);
    let seconds = decimal(rest, SECOND);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, _) => format!("{minutes}m{seconds}s"),
        _ => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` in decimals, exactly, without zeros at the end.
fn decimal(value: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        magnitude(unsigned)
            .and_then(
                |nanos| if negative { 0i64.checked_sub_unsigned(nanos) } else { i64::try_from(nanos).ok() },
            )
            .map(Self)
            .ok_or_else(|| DurationError(text.to_owned()))
    }
}

/// The sum of the parts of a duration without sign, in nanoseconds.
fn magnitude(mut text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    if text.is_empty() {
        return None;
    }
    let mut total = 0u64;
    while !text.is_empty() {
        let (part, rest) = part(text)?;
        total = total.checked_add(part)?;
        text = rest;
    }
    Some(total)
}

/// The first number and unit of a duration, in nanoseconds, and what follows.
fn part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix('.').map_or(("", rest), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_length = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(unit_length);
    let unit = UNITS.iter().find(|(suffix, _)| *suffix == name)?.1;
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let nanos = whole.checked_mul(unit)?.checked_add(fraction_of(fraction, unit))?;
    Some((nanos, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The whole nanoseconds in `0.DIGITS` of a unit.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    // an hour has 3.6e12 nanoseconds: digits after the eighteenth cannot matter, and the product fits
    let kept = &digits[..digits.len().min(18)];
    let scale = 10u128.pow(kept.len() as u32);
    let value = kept.parse::<u128>().unwrap_or(0);
    (value * u128::from(unit) / scale) as u64
}

impl Serialize for GoDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for GoDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GoDuration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_as_go_reads_them() {
        for (text, nanos) in [
            ("0", 0),
            ("0s", 0),
            ("30s", 30 * SECOND as i64),
            ("720h0m0s", 720 * HOUR as i64),
            ("1h2m3.5s", (HOUR + 2 * MINUTE + 3 * SECOND + 500 * MILLISECOND) as i64),
            ("-1.5h", -((HOUR + 30 * MINUTE) as i64)),
            ("+5s", 5 * SECOND as i64),
            (".5s", 500 * MILLISECOND as i64),
            ("1.s", SECOND as i64),
            ("1us1\u{b5}s1\u{3bc}s", 3_000),
            ("0.100000000000000000000h", 6 * MINUTE as i64),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
        ] {
            assert_eq!(text.parse(), Ok(GoDuration(nanos)), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in [
            "",
            "3",
            "-",
            "s",
            ".",
            "-.",
            ".s",
            "+.s",
            "1d",
            "1h ",
            "1e3s",
            "9223372036854775808ns",
            "3000000h",
        ] {
            assert!(text.parse::<GoDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (720 * HOUR as i64, "720h0m0s"),
            (-5_400_000_000_000, "-1h30m0s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn durations_read_back_as_written(nanos: i64) {
            prop_assert_eq!(GoDuration(nanos).to_string().parse(), Ok(GoDuration(nanos)));
        }

        #[test]
        fn no_text_panics(text in "[-+0-9.hmsnu\u{b5} ]{0,30}") {
            let _ = text.parse::<GoDuration>();
        }
    }
}
