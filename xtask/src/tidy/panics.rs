//! Code does not give up: outside tests nothing panics on purpose, and an `expect` is rare.

use super::Finding;
use crate::source::Source;

/// What ends the process, or is not finished.
const FORBIDDEN: [&str; 5] = [".unwrap()", "panic!(", "todo!(", "unimplemented!(", "process::exit("];
/// Lines of code for each `expect` of a file, that it may have one more.
const LINES_FOR_EXPECT: usize = 300;

/// Finds what panics outside tests.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for word in FORBIDDEN {
        for line in source.uses(word) {
            found.push(Finding::new(&source.path, line, format!("`{word}` outside tests")));
        }
    }
    let expects = source.uses(".expect(");
    let allowed = 1 + source.length() / LINES_FOR_EXPECT;
    if let Some(&line) = expects.get(allowed) {
        found.push(Finding::new(
            &source.path,
            line,
            format!("more than {allowed} `expect`: give the errors a type"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check(&Source::new("crates/a/src/lib.rs", text)).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn panics_are_found_outside_tests_only() {
        assert_eq!(lines("fn f() {\n    a.unwrap();\n    b.unwrap_or(1);\n    // c.unwrap()\n}\n"), [2]);
        assert_eq!(
            lines("fn f() {\n    todo!()\n}\n#[cfg(test)]\nmod tests {\n    fn g() { a.unwrap() }\n}\n"),
            [2]
        );
        assert_eq!(lines("fn f() {\n    my_panic!();\n    \"panic!()\";\n}\n"), [0usize; 0]);
    }

    #[test]
    fn one_expect_is_an_invariant_and_two_are_a_habit() {
        assert_eq!(lines("fn f() {\n    a.expect(\"b\");\n}\n"), [0usize; 0]);
        assert_eq!(lines("fn f() {\n    a.expect(\"b\");\n    c.expect(\"d\");\n}\n"), [3]);
    }
}
