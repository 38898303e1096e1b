//! What libFuzzer says of a run.

use std::path::PathBuf;

/// A run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// How many inputs were tried.
    pub(super) inputs: u64,
    /// How many edges the first inputs took, and how many all of them.
    pub(super) coverage: Option<(u64, u64)>,
    /// How many inputs came somewhere new, and were kept.
    pub(super) kept: u64,
    /// The most memory that it took, in MiB.
    pub(super) memory: u64,
    /// The input that it ended with.
    pub(super) crash: Option<PathBuf>,
}

impl Log {
    pub(super) fn parse(text: &str) -> Self {
        let mut log = Self::default();
        for line in text.lines() {
            if let Some(edges) = number(line, "cov: ") {
                log.coverage = Some((log.coverage.map_or(edges, |(first, _)| first), edges));
                log.kept = number(line, "corp: ").unwrap_or(log.kept);
            }
            log.inputs = number(line, "stat::number_of_executed_units: ").unwrap_or(log.inputs);
            log.memory = number(line, "stat::peak_rss_mb: ").unwrap_or(log.memory);
            if let Some((_, path)) = line.split_once("Test unit written to ") {
                log.crash = Some(path.into());
            }
        }
        log
    }
}

/// The number behind a label.
fn number(line: &str, label: &str) -> Option<u64> {
    let (_, behind) = line.split_once(label)?;
    let behind = behind.trim_start();
    behind[..behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_a_run_are_found() {
        let text = "INFO: Seed: 12\n\
            #3\tINITED cov: 210 ft: 211 corp: 3/41b exec/s: 0 rss: 27Mb\n\
            #2308\tNEW    cov: 215 ft: 230 corp: 4/60b lim: 25 exec/s: 0 rss: 28Mb L: 19/19 MS: 1 CMP-\n\
            #9000\tDONE   cov: 215 ft: 231 corp: 5/70b lim: 25 exec/s: 900 rss: 30Mb\n\
            stat::number_of_executed_units: 9000\nstat::peak_rss_mb:              62\n";
        let log = Log { inputs: 9000, coverage: Some((210, 215)), kept: 5, memory: 62, crash: None };
        assert_eq!(Log::parse(text), log);
        let crashed = format!("{text}artifact_prefix='a/'; Test unit written to a/crash-1\nBase64: cQ==\n");
        assert_eq!(Log::parse(&crashed), Log { crash: Some("a/crash-1".into()), ..log });
        assert_eq!(Log::parse("Segmentation fault"), Log::default());
    }
}
