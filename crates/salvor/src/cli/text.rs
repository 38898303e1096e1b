//! How times, durations and sets are written for people.

use std::fmt::Display;

use api::{LabelSelector, ObjectMeta, Time};
use engine::filter::Selector;
use engine::preview::is_dry_run;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A time as Go prints it in the local zone.
pub fn time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string()
}

/// A time, or what stands for none.
pub fn time_or(at: Option<&Time>, none: &str) -> String {
    at.map_or_else(|| none.to_owned(), |at| time(at.0))
}

/// A span in its largest unit, as `kubectl` shows ages: `29d`, `3h`, `12s`.
pub fn short(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A list on one line, or what stands for none.
pub fn joined(list: &[String], none: &str) -> String {
    if list.is_empty() { none.to_owned() } else { list.join(", ") }
}

/// A tri-state as `auto` or its value.
pub fn auto(value: Option<bool>) -> String {
    value.map_or_else(|| "auto".to_owned(), |value| value.to_string())
}

/// Whether cluster-scoped resources are part, as Velero says it.
pub fn cluster_scoped(value: Option<bool>) -> &'static str {
    match value {
        None => "auto",
        Some(true) => "included",
        Some(false) => "excluded",
    }
}

/// A phase, marked where it is that of a dry run.
pub fn marked(phase: impl Display, of: &ObjectMeta) -> String {
    let mark = if is_dry_run(of.annotations.as_ref()) { " (dry run)" } else { "" };
    format!("{phase}{mark}")
}

/// A selector on one line.
pub fn selector(selector: Option<&LabelSelector>) -> String {
    let text = selector.and_then(|of| Selector::of(of).ok()).map(|of| of.to_string()).unwrap_or_default();
    if text.is_empty() { "<none>".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_show_their_largest_unit() {
        for (seconds, shown) in
            [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (2_591_999, "29d"), (-5, "0s")]
        {
            assert_eq!(short(SignedDuration::from_secs(seconds)), shown);
        }
    }
}
