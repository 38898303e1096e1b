//! What the commands about repositories print: a table or lines for people, the same facts as JSON or YAML for programs.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use crate::cli::output::{Format, error_line, print};
use crate::cli::text;
use crate::exit::Exit;

/// The most problems that are printed; all are counted.
const PROBLEMS_MAX: usize = 100;

/// How it is printed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(super) struct Show {
    /// Print as table, json or yaml
    #[arg(short = 'o', long = "output", value_name = "FORMAT", hide_possible_values = true)]
    output: Option<Format>,
}

impl Show {
    /// Prints facts, for people as a text.
    pub(super) fn facts(self, facts: &Value, text: impl FnOnce() -> String) -> Result<()> {
        match self.output {
            None | Some(Format::Table) => print(&text()),
            Some(Format::Json) => print(&(serde_json::to_string_pretty(facts)? + "\n")),
            Some(Format::Yaml) => print(&serde_saphyr::to_string(facts).context("print YAML")?),
        }
    }

    /// Prints what was done, and what went wrong on stderr: with problems, what was asked for is not what has become of it.
    pub(super) fn outcome(self, mut facts: Value, text: &str, problems: &Problems) -> Result<Exit> {
        facts["problemCount"] = problems.count.into();
        facts["problems"] = json!(problems.first);
        self.facts(&facts, || text.to_owned())?;
        problems.first.iter().take(PROBLEMS_MAX).for_each(|problem| error_line(problem));
        let shown = problems.first.len().min(PROBLEMS_MAX) as u64;
        if problems.count > shown {
            error_line(&format!("and {} more problems", problems.count - shown));
        }
        Ok(if problems.count == 0 { Exit::Done } else { Exit::Incomplete })
    }
}

/// What went wrong.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// How often something did.
    pub(super) count: u64,
    /// The first of it.
    pub(super) first: Vec<String>,
}

impl Problems {
    /// What went wrong so often, and the first of it.
    pub(super) fn new(count: u64, first: impl IntoIterator<Item = String>) -> Self {
        Self { count, first: first.into_iter().collect() }
    }
}

/// A moment as tables have it.
pub(super) fn moment(time: kopia::Time) -> String {
    jiff::Timestamp::from_nanosecond(time.nanos().into()).map_or_else(|_| "<nil>".to_owned(), text::time)
}

/// Bytes in the largest unit of which there is one.
pub(super) fn size(bytes: u64) -> String {
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter().peekable();
    let mut count = bytes as f64;
    while count >= 1024.0 && units.len() > 1 {
        count /= 1024.0;
        units.next();
    }
    let unit = units.next().unwrap_or_default();
    if unit == "B" { format!("{bytes} B") } else { format!("{count:.1} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_their_largest_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (5 << 30, "5.0 GiB"),
            (1 << 62, "4194304.0 TiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn an_outcome_with_problems_is_incomplete() {
        let show = Show { output: Some(Format::Json) };
        assert_eq!(show.outcome(json!({}), "", &Problems::default()).unwrap(), Exit::Done);
        let problems = Problems::new(1, ["p: lost".to_owned()]);
        assert_eq!(show.outcome(json!({}), "", &problems).unwrap(), Exit::Incomplete);
    }
}
