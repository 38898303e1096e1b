//! Every metric of the server: one catalogue of names, and where they are counted.
//!
//! Names and labels are Velero's, so that dashboards and alerts keep working. Ours begin with `salvor_`.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Seconds, in buckets.
    Histogram,
}

/// What is known of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Which one it is.
    pub metric: Metric,
    /// Its name, as scraped.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// A metric of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the catalogue below says of each what it is")]
pub enum Metric {
    BackupTarballSize,
    BackupLastSuccessful,
    Backups,
    BackupAttempt,
    BackupSuccess,
    BackupPartialFailure,
    BackupFailure,
    BackupValidationFailure,
    BackupDuration,
    BackupDeletionAttempt,
    BackupDeletionSuccess,
    BackupDeletionFailure,
    BackupItems,
    BackupItemErrors,
    BackupWarning,
    BackupLastStatus,
    LocationStatus,
    Restores,
    RestoreAttempt,
    RestoreSuccess,
    RestorePartialFailure,
    RestoreFailure,
    RestoreValidationFailure,
    Reconcile,
    ReconcileDuration,
}

const SCHEDULE: &[&str] = &["schedule"];

const fn entry(
    metric: Metric,
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Entry {
    Entry { metric, name, kind, labels, help }
}

/// Every metric, in the order of [`Metric`].
#[rustfmt::skip]
pub const CATALOGUE: &[Entry] = &[
    entry(Metric::BackupTarballSize, "velero_backup_tarball_size_bytes", Kind::Gauge, SCHEDULE, "Size of the last backup's archive, in bytes"),
    entry(Metric::BackupLastSuccessful, "velero_backup_last_successful_timestamp", Kind::Gauge, SCHEDULE, "When the last Completed backup ended, in Unix seconds"),
    entry(Metric::Backups, "velero_backup_total", Kind::Gauge, &[], "Backups in the cluster"),
    entry(Metric::BackupAttempt, "velero_backup_attempt_total", Kind::Counter, SCHEDULE, "Backups started"),
    entry(Metric::BackupSuccess, "velero_backup_success_total", Kind::Counter, SCHEDULE, "Backups that ended Completed"),
    entry(Metric::BackupPartialFailure, "velero_backup_partial_failure_total", Kind::Counter, SCHEDULE, "Backups that ended PartiallyFailed"),
    entry(Metric::BackupFailure, "velero_backup_failure_total", Kind::Counter, SCHEDULE, "Backups that ended Failed"),
    entry(Metric::BackupValidationFailure, "velero_backup_validation_failure_total", Kind::Counter, SCHEDULE, "Backups that ended FailedValidation"),
    entry(Metric::BackupDuration, "velero_backup_duration_seconds", Kind::Histogram, SCHEDULE, "From the start of a backup to its end, in seconds"),
    entry(Metric::BackupDeletionAttempt, "velero_backup_deletion_attempt_total", Kind::Counter, SCHEDULE, "Backup deletions started"),
    entry(Metric::BackupDeletionSuccess, "velero_backup_deletion_success_total", Kind::Counter, SCHEDULE, "Backup deletions that ended well"),
    entry(Metric::BackupDeletionFailure, "velero_backup_deletion_failure_total", Kind::Counter, SCHEDULE, "Backup deletions that ended with errors"),
    entry(Metric::BackupItems, "velero_backup_items_total", Kind::Gauge, SCHEDULE, "Items of the last backup"),
    entry(Metric::BackupItemErrors, "velero_backup_items_errors", Kind::Gauge, SCHEDULE, "Errors of the last backup"),
    entry(Metric::BackupWarning, "velero_backup_warning_total", Kind::Counter, SCHEDULE, "Backups that ended with warnings"),
    entry(Metric::BackupLastStatus, "velero_backup_last_status", Kind::Gauge, SCHEDULE, "1 if the last backup ended Completed, else 0"),
    entry(Metric::LocationStatus, "velero_backup_location_status_gauge", Kind::Gauge, &["backup_location_name"], "1 if the location is Available, else 0"),
    entry(Metric::Restores, "velero_restore_total", Kind::Gauge, &[], "Restores in the cluster"),
    entry(Metric::RestoreAttempt, "velero_restore_attempt_total", Kind::Counter, SCHEDULE, "Restores started"),
    entry(Metric::RestoreSuccess, "velero_restore_success_total", Kind::Counter, SCHEDULE, "Restores that ended Completed"),
    entry(Metric::RestorePartialFailure, "velero_restore_partial_failure_total", Kind::Counter, SCHEDULE, "Restores that ended PartiallyFailed"),
    entry(Metric::RestoreFailure, "velero_restore_failed_total", Kind::Counter, SCHEDULE, "Restores that ended Failed"),
    entry(Metric::RestoreValidationFailure, "velero_restore_validation_failed_total", Kind::Counter, SCHEDULE, "Restores that ended FailedValidation"),
    entry(Metric::Reconcile, "salvor_reconcile_total", Kind::Counter, &["controller", "outcome"], "Reconciles by outcome: ok, or the class of the error"),
    entry(Metric::ReconcileDuration, "salvor_reconcile_duration_seconds", Kind::Histogram, &["controller"], "How long a reconcile took, in seconds"),
];

/// Seconds; Velero's buckets, with finer ones below for what is quick.
const BUCKETS: [f64; 9] = [60.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 14_400.0];
const QUICK_BUCKETS: [f64; 6] = [0.01, 0.1, 1.0, 10.0, 60.0, 600.0];

type Labels = Vec<(&'static str, String)>;

enum Series {
    Plain(Gauge<f64, AtomicU64>),
    Counter(Family<Labels, Counter>),
    Gauge(Family<Labels, Gauge<f64, AtomicU64>>),
    Histogram(Family<Labels, Histogram, fn() -> Histogram>),
}

/// The numbers of this process.
pub struct Metrics {
    registry: Registry,
    series: Vec<Series>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("series", &self.series.len()).finish()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::with(|_| {})
    }
}

impl Metrics {
    /// The catalogue, and what `others` registers beside it, below `salvor_`.
    pub fn with(others: impl FnOnce(&mut Registry)) -> Self {
        let mut registry = Registry::default();
        let series = CATALOGUE.iter().map(|entry| register(&mut registry, entry)).collect();
        others(registry.sub_registry_with_prefix("salvor"));
        let metrics = Self { registry, series };
        metrics.init_schedule("");
        metrics
    }

    /// Counts one more.
    pub fn count(&self, metric: Metric, labels: &[&str]) {
        if let Series::Counter(family) = &self.series[metric as usize] {
            family.get_or_create(&named(metric, labels)).inc();
        }
    }

    /// Says what a number is now.
    pub fn set(&self, metric: Metric, labels: &[&str], value: f64) {
        match &self.series[metric as usize] {
            Series::Plain(gauge) => drop(gauge.set(value)),
            Series::Gauge(family) => drop(family.get_or_create(&named(metric, labels)).set(value)),
            Series::Counter(_) | Series::Histogram(_) => {}
        }
    }

    /// Adds one observation, in seconds.
    pub fn observe(&self, metric: Metric, labels: &[&str], seconds: f64) {
        if let Series::Histogram(family) = &self.series[metric as usize] {
            family.get_or_create(&named(metric, labels)).observe(seconds);
        }
    }

    /// Begins the series of a schedule at zero, as dashboards expect; `""` is that of backups without one.
    pub fn init_schedule(&self, schedule: &str) {
        for entry in CATALOGUE.iter().filter(|entry| entry.labels == SCHEDULE) {
            let labels = named(entry.metric, &[schedule]);
            match &self.series[entry.metric as usize] {
                Series::Counter(family) => drop(family.get_or_create(&labels)),
                Series::Histogram(family) => drop(family.get_or_create(&labels)),
                Series::Gauge(_) if entry.metric == Metric::BackupLastStatus => {
                    self.set(entry.metric, &[schedule], 1.0);
                }
                Series::Gauge(_) | Series::Plain(_) => {}
            }
        }
    }

    /// Ends the series of something that has gone.
    pub fn forget(&self, metric: Metric, labels: &[&str]) {
        let labels = named(metric, labels);
        match &self.series[metric as usize] {
            Series::Counter(family) => family.remove(&labels),
            Series::Gauge(family) => family.remove(&labels),
            Series::Histogram(family) => family.remove(&labels),
            Series::Plain(_) => false,
        };
    }

    /// All numbers as OpenMetrics text.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn named(metric: Metric, values: &[&str]) -> Labels {
    let names = CATALOGUE[metric as usize].labels;
    names.iter().copied().zip(values.iter().map(|value| (*value).to_owned())).collect()
}

fn register(registry: &mut Registry, entry: &Entry) -> Series {
    match entry.kind {
        Kind::Counter => {
            let family = Family::default();
            // The encoder adds the suffix.
            let name = entry.name.strip_suffix("_total").unwrap_or(entry.name);
            registry.register(name, entry.help, family.clone());
            Series::Counter(family)
        }
        Kind::Gauge if entry.labels.is_empty() => {
            let gauge = Gauge::default();
            registry.register(entry.name, entry.help, gauge.clone());
            Series::Plain(gauge)
        }
        Kind::Gauge => {
            let family = Family::default();
            registry.register(entry.name, entry.help, family.clone());
            Series::Gauge(family)
        }
        Kind::Histogram => {
            let make: fn() -> Histogram = match entry.metric {
                Metric::ReconcileDuration => || Histogram::new(QUICK_BUCKETS),
                _ => || Histogram::new(BUCKETS),
            };
            let family = Family::new_with_constructor(make);
            registry.register(entry.name, entry.help, family.clone());
            Series::Histogram(family)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_in_the_order_of_the_enum() {
        for (index, entry) in CATALOGUE.iter().enumerate() {
            assert_eq!(entry.metric as usize, index, "{}", entry.name);
        }
        assert_eq!(Metric::ReconcileDuration as usize + 1, CATALOGUE.len());
    }

    #[test]
    fn names_are_scraped_as_the_catalogue_says() {
        let metrics = Metrics::default();
        for entry in CATALOGUE {
            let labels: Vec<&str> = entry.labels.iter().map(|_| "x").collect();
            match entry.kind {
                Kind::Counter => metrics.count(entry.metric, &labels),
                Kind::Gauge => metrics.set(entry.metric, &labels, 2.0),
                Kind::Histogram => metrics.observe(entry.metric, &labels, 2.0),
            }
        }
        let text = metrics.render();
        for entry in CATALOGUE {
            let suffix = if entry.kind == Kind::Histogram { "_sum" } else { "" };
            let labels: Vec<String> = entry.labels.iter().map(|name| format!("{name}=\"x\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let line = format!("\n{}{suffix}{labels} ", entry.name);
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("_total_total"));
    }

    #[test]
    fn backups_without_a_schedule_count_from_zero() {
        let text = Metrics::default().render();
        assert!(text.contains("velero_backup_attempt_total{schedule=\"\"} 0"), "{text}");
        assert!(text.contains("velero_backup_last_status{schedule=\"\"} 1"), "{text}");
    }
}
