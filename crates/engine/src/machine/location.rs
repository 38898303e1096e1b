//! Backup storage locations: when each is tried, and which one is the default.

use std::cmp::Reverse;

use api::velero::v1::BackupStorageLocation;
use api::{GoDuration, Kind};
use jiff::Timestamp;

/// What is so.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The location.
    pub location: &'a BackupStorageLocation,
    /// How often locations are tried that do not say.
    pub frequency: GoDuration,
    /// Whether its spec, or a Secret that it names, has changed since it was last tried.
    pub changed: bool,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try the location, and write what came of it.
    Validate,
    /// Look again then.
    Wait(Timestamp),
    /// Nothing, until it changes.
    Rest,
}

/// What is to be done next.
pub fn next(observed: &Observed<'_>, now: Timestamp) -> Step {
    let location = observed.location;
    if location.metadata().deletion_timestamp.is_some() {
        return Step::Rest;
    }
    let last = location.status.last_validation_time.as_ref().map(|time| time.0);
    let (Some(last), false) = (last, observed.changed) else { return Step::Validate };
    match due(last, location.spec.validation_frequency, observed.frequency) {
        None => Step::Rest,
        Some(due) if due <= now => Step::Validate,
        Some(due) => Step::Wait(due),
    }
}

/// When something that was last done at `last` is due again: at the location's own interval, or at the server's where
/// it has none or a negative one. An interval of zero means never.
pub fn due(last: Timestamp, own: Option<GoDuration>, default: GoDuration) -> Option<Timestamp> {
    let interval = own.filter(|own| own.as_nanos() >= 0).unwrap_or(default);
    (!interval.is_zero()).then(|| last.saturating_add(interval.to_signed()).unwrap_or(Timestamp::MAX))
}

/// The locations whose `default` is to be set to false: of several the one that was made last keeps it.
pub fn not_default(locations: &[BackupStorageLocation]) -> Vec<&str> {
    let mut defaults: Vec<_> = locations.iter().filter(|location| location.spec.default).collect();
    let made = |location: &BackupStorageLocation| {
        location.metadata().creation_timestamp.as_ref().map_or(Timestamp::MIN, |time| time.0)
    };
    defaults.sort_by_key(|location| (Reverse(made(location)), location.name()));
    defaults.into_iter().skip(1).map(Kind::name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn location(document: Value) -> BackupStorageLocation {
        BackupStorageLocation::from_document(&document).unwrap()
    }

    fn check(document: Value, changed: bool, expect: Step) {
        let location = location(document.clone());
        let observed = Observed { location: &location, frequency: GoDuration::from_mins(1), changed };
        assert_eq!(next(&observed, "2026-01-01T00:01:00Z".parse().unwrap()), expect, "{document}");
    }

    #[test]
    fn locations_are_tried_when_due() {
        let at = |frequency: Value, last: &str| json!({"spec": {"validationFrequency": frequency}, "status": {"lastValidationTime": last}});
        let wait = |text: &str| Step::Wait(text.parse().unwrap());
        check(json!({}), false, Step::Validate);
        check(json!({"spec": {"validationFrequency": "0s"}}), false, Step::Validate);
        check(at(json!(null), "2026-01-01T00:00:00Z"), false, Step::Validate);
        check(at(json!(null), "2026-01-01T00:00:30Z"), false, wait("2026-01-01T00:01:30Z"));
        check(at(json!("-5s"), "2026-01-01T00:00:30Z"), false, wait("2026-01-01T00:01:30Z"));
        check(at(json!("5m"), "2026-01-01T00:00:00Z"), false, wait("2026-01-01T00:05:00Z"));
        check(at(json!("0s"), "2020-01-01T00:00:00Z"), false, Step::Rest);
        check(at(json!("0s"), "2020-01-01T00:00:00Z"), true, Step::Validate);
        check(json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}), true, Step::Rest);
    }

    #[test]
    fn the_newest_default_stays_one() {
        let one = |name: &str, made: &str, default: bool| {
            location(
                json!({"metadata": {"name": name, "creationTimestamp": made}, "spec": {"default": default}}),
            )
        };
        let all = [
            one("a", "2026-01-01T00:00:00Z", true),
            one("b", "2026-01-03T00:00:00Z", true),
            one("c", "2026-01-03T00:00:00Z", true),
            one("d", "2026-01-04T00:00:00Z", false),
        ];
        assert_eq!(not_default(&all), ["c", "a"]);
        assert!(not_default(&all[..1]).is_empty());
    }
}
