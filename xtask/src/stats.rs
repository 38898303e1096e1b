//! `stats`: how large the crates are, and how long their functions and files.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files;
use crate::source::{Function, Source};

/// The figures of one crate.
#[derive(Default)]
struct Figures {
    /// Lines of each file that is not all tests, without the tests in it.
    files: Vec<usize>,
    /// Lines of each function outside tests.
    functions: Vec<usize>,
    /// Lines of tests.
    test_lines: usize,
    /// Tests.
    tests: usize,
    /// Lines of documentation.
    docs: usize,
}

/// Prints a table of all crates.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    print!("{}", table(&files::rust(&files::texts(root)?)));
    Ok(())
}

fn table(sources: &[Source]) -> String {
    let mut crates: BTreeMap<&str, Figures> = BTreeMap::new();
    for source in sources {
        crates.entry(source.crate_name()).or_default().add(source);
        crates.entry("all").or_default().add(source);
    }
    let all = crates.remove("all");
    let mut text = String::from(
        "| crate | files | lines | p50/p90/max of files | functions | p50/p90/p99/max of functions | tests | test:code | docs |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for (name, figures) in crates.into_iter().chain(all.map(|all| ("all", all))) {
        text.push_str(&figures.row(name));
    }
    text
}

impl Figures {
    fn add(&mut self, source: &Source) {
        let lines = source.text.lines().count();
        let code = if source.is_test { 0 } else { source.length() };
        self.test_lines += lines - code;
        self.tests +=
            ["#[test]", "#[tokio::test"].map(|mark| source.code.matches(mark).count()).iter().sum::<usize>();
        if code > 0 {
            self.files.push(code);
            self.functions.extend(source.functions().iter().map(Function::length));
            let is_doc = |line: &str| line.trim_start().starts_with("///") || line.starts_with("//!");
            self.docs += source.text.lines().take(code).filter(|line| is_doc(line)).count();
        }
    }

    fn row(&self, name: &str) -> String {
        let lines: usize = self.files.iter().sum();
        let share = |part: usize| part as f64 / lines.max(1) as f64;
        let at = |values: &[usize], percent| percentile(values, percent);
        format!(
            "| {name} | {} | {lines} | {}/{}/{} | {} | {}/{}/{}/{} | {} | {:.2} | {:.0}% |\n",
            self.files.len(),
            at(&self.files, 50),
            at(&self.files, 90),
            at(&self.files, 100),
            self.functions.len(),
            at(&self.functions, 50),
            at(&self.functions, 90),
            at(&self.functions, 99),
            at(&self.functions, 100),
            self.tests,
            share(self.test_lines),
            100.0 * share(self.docs),
        )
    }
}

/// The value that `percent` of all values do not exceed; 0 of none.
pub(crate) fn percentile(values: &[usize], percent: usize) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occur() {
        let values = [5, 1, 4, 2, 3, 10, 9, 8, 7, 6];
        for (percent, expect) in [(50, 5), (90, 9), (99, 10), (100, 10)] {
            assert_eq!(percentile(&values, percent), expect, "{percent}");
        }
        assert_eq!(percentile(&[], 50), 0);
    }

    #[test]
    fn a_crate_is_a_row_and_all_of_them_the_last() {
        let code =
            "//! Code.\n\n/// Doc.\nfn f() {\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn t() {}\n}\n";
        let sources = [
            Source::new("crates/a/src/lib.rs", code),
            Source::new("crates/a/src/tests.rs", "#[test]\nfn t() {}\n"),
        ];
        let table = table(&sources);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        let figures = "| 1 | 5 | 5/5/5 | 1 | 2/2/2/2 | 2 | 1.40 | 40% |";
        assert_eq!(rows, [format!("| a {figures}"), format!("| all {figures}")]);
    }
}
