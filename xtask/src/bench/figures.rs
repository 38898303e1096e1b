//! The figures of a bench: a table for people, JSON for programs.

use std::fmt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use testkit::paths;

/// One comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    /// What was done; its first word is backup, restore, memory, requests or cpu.
    work: String,
    /// Our figure.
    ours: f64,
    /// The one that it is held against.
    peer: f64,
    /// Of both.
    unit: &'static str,
    /// Ours to the peer's.
    ratio: f64,
    /// What the ratio should not exceed; absent where nothing was promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    bar: Option<f64>,
    /// Whether it does not.
    ok: bool,
}

impl Row {
    /// A comparison without a promise.
    pub(crate) fn new(work: impl Into<String>, unit: &'static str, ours: f64, peer: f64) -> Self {
        let ratio = if peer > 0.0 { ours / peer } else { f64::INFINITY };
        Self { work: work.into(), ours, peer, unit, ratio, bar: None, ok: true }
    }

    /// The same, with what the ratio should not exceed.
    pub(crate) fn at_most(self, bar: f64) -> Self {
        Self { ok: self.ratio <= bar, bar: Some(bar), ..self }
    }
}

/// All comparisons of a bench.
#[derive(Debug)]
pub(crate) struct Figures(pub(crate) Vec<Row>);

impl Figures {
    /// The rows whose peer took part.
    pub(crate) fn against_what_was_measured(mut self) -> Self {
        self.0.retain(|row| row.ratio.is_finite());
        self
    }

    /// Writes them where programs look for them.
    pub(crate) fn write(&self, bench: &str) -> Result<PathBuf> {
        let folder = paths::workspace().join("target/bench");
        std::fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
        let file = folder.join(format!("{bench}.json"));
        std::fs::write(&file, serde_json::to_string_pretty(&self.0)? + "\n")
            .with_context(|| format!("failed to write {}", file.display()))?;
        Ok(file)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{:<52} {:>10} {:>10} {:<5} {:>7} {:>7}", "", "ours", "peer", "unit", "ratio", "bar")?;
        for Row { work, ours, peer, unit, ratio, bar, ok } in &self.0 {
            let bar = bar.map(|bar| bar.to_string()).unwrap_or_default();
            let verdict = if *ok { "" } else { "  missed" };
            writeln!(out, "{work:<52} {ours:>10.2} {peer:>10.2} {unit:<5} {ratio:>7.3} {bar:>7}{verdict}")?;
        }
        Ok(())
    }
}

/// The middle of what was measured; of an even number the lower one of the two.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_it_keeps_its_promise() {
        let row = Row::new("restore", "s", 8.0, 100.0);
        assert!(row.clone().at_most(0.08).ok && !row.clone().at_most(0.07).ok && row.ok);
        let text = serde_json::to_string(&row.at_most(0.1)).unwrap();
        assert_eq!(
            text,
            r#"{"work":"restore","ours":8.0,"peer":100.0,"unit":"s","ratio":0.08,"bar":0.1,"ok":true}"#
        );
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(median(&[]), 0.0);
    }
}
