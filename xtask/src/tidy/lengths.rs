//! Functions and files stay short enough to be read at once.

use std::collections::BTreeMap;

use super::Finding;
use crate::source::{Function, Source};
use crate::stats::percentile;

/// The most lines of a function; tests may be longer.
const FUNCTION_LINES_MAX: usize = 70;
/// The most lines of a file, without the tests in it.
const FILE_LINES_MAX: usize = 800;
/// The most lines of nine files in ten.
const FILE_LINES_P90: usize = 500;
/// The most lines of half of a crate's functions.
const FUNCTION_LINES_MEDIAN: usize = 10;
/// Fewer functions or files than this have no distribution worth a rule.
const SAMPLE_MIN: usize = 20;

/// Finds functions and files that are too long, one by one and by distribution.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    let code: Vec<&Source> = sources.iter().filter(|source| !source.is_test).collect();
    let mut found: Vec<Finding> = code.iter().flat_map(|source| each(source)).collect();
    found.extend(median_of_functions(&code));
    found.extend(most_files(&code));
    found
}

fn each(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    if source.length() > FILE_LINES_MAX {
        let text = format!("{} lines, {FILE_LINES_MAX} at most", source.length());
        found.push(Finding::new(&source.path, 0, text));
    }
    for function in source.functions().iter().filter(|function| function.length() > FUNCTION_LINES_MAX) {
        let text =
            format!("`{}` has {} lines, {FUNCTION_LINES_MAX} at most", function.name, function.length());
        found.push(Finding::new(&source.path, *function.lines.start(), text));
    }
    found
}

fn median_of_functions(sources: &[&Source]) -> Vec<Finding> {
    let mut lengths: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for source in sources {
        let functions = source.functions();
        lengths.entry(source.crate_name()).or_default().extend(functions.iter().map(Function::length));
    }
    let of_crate = |(name, lengths): (&str, Vec<usize>)| {
        let median = percentile(&lengths, 50);
        (lengths.len() >= SAMPLE_MIN && median > FUNCTION_LINES_MEDIAN).then(|| {
            Finding::new(
                name,
                0,
                format!("half of the functions have over {median} lines, {FUNCTION_LINES_MEDIAN} at most"),
            )
        })
    };
    lengths.into_iter().filter_map(of_crate).collect()
}

fn most_files(sources: &[&Source]) -> Option<Finding> {
    let lengths: Vec<usize> = sources.iter().map(|source| source.length()).collect();
    let most = percentile(&lengths, 90);
    (lengths.len() >= SAMPLE_MIN && most > FILE_LINES_P90).then(|| {
        Finding::new(".", 0, format!("one file in ten has over {most} lines, {FILE_LINES_P90} at most"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("fn f() {{\n{}}}\n", "    a();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_may_have_seventy_lines() {
        for (lines, found) in [(70, 0), (71, 1)] {
            assert_eq!(check(&[Source::new("crates/a/src/lib.rs", function(lines))]).len(), found, "{lines}");
        }
        assert!(check(&[Source::new("crates/a/src/tests.rs", function(200))]).is_empty());
    }

    #[test]
    fn a_file_may_have_eight_hundred_lines_without_its_tests() {
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "    // t\n".repeat(300));
        for (lines, found) in [(800, 0), (801, 1)] {
            let text = format!("{}{tests}", "// c\n".repeat(lines));
            assert_eq!(check(&[Source::new("crates/a/src/lib.rs", text)]).len(), found, "{lines}");
        }
    }

    #[test]
    fn most_functions_are_short() {
        for (lines, found) in [(10, 0), (11, 1)] {
            assert_eq!(
                check(&[Source::new("crates/a/src/lib.rs", function(lines).repeat(20))]).len(),
                found,
                "{lines}"
            );
        }
    }

    #[test]
    fn most_files_are_short() {
        let files = |long: usize| {
            let file = |at| {
                Source::new(
                    format!("crates/a/src/{at}.rs"),
                    "// c\n".repeat(if at < long { 600 } else { 100 }),
                )
            };
            (0..20).map(file).collect::<Vec<_>>()
        };
        assert_eq!((check(&files(1)).len(), check(&files(4)).len()), (0, 1));
    }
}
