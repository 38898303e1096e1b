//! Files of an archive whose paths mean nothing: they are not restored, and the restore says so.

use super::problems::STRANGE_PATH;
use crate::problem::{Problem, Severity};

/// How many of the paths are named.
const NAMED_MAX: usize = 3;
/// How many characters of a path are shown: it may be anything, of any length.
const SHOWN_CHARS: usize = 120;

/// The files whose paths mean nothing: how many, and the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrangePaths {
    count: usize,
    first: Vec<String>,
}

impl StrangePaths {
    /// Adds a file.
    pub fn add(&mut self, path: &str) {
        self.count += 1;
        if self.first.len() < NAMED_MAX {
            self.first.push(path.chars().take(SHOWN_CHARS).collect());
        }
    }

    /// The one warning about all of them; `None` if there are none.
    pub fn problem(&self) -> Option<Problem> {
        let named: Vec<_> = self.first.iter().map(|path| format!("{path:?}")).collect();
        let files = match self.count {
            0 => return None,
            1 => "1 file of the archive has a path that means nothing and was".to_owned(),
            count => format!("{count} files of the archive have paths that mean nothing and were"),
        };
        let more = match self.count - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let message = format!("{files} passed over: {}{more}", named.join(", "));
        Some(Problem::new(&STRANGE_PATH, Severity::Warning, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(paths: &[&str], expect: Option<&str>) {
        let mut strange = StrangePaths::default();
        paths.iter().for_each(|path| strange.add(path));
        let problem = strange.problem();
        assert_eq!(problem.as_ref().map(|problem| problem.message.as_str()), expect);
        assert!(problem.is_none_or(|problem| problem.severity == Severity::Warning));
    }

    #[test]
    fn they_are_one_warning_with_the_first_of_them() {
        check(&[], None);
        check(
            &["notes.txt"],
            Some(r#"1 file of the archive has a path that means nothing and was passed over: "notes.txt""#),
        );
        check(
            &["a", "b\n", "c", "d", "e"],
            Some(
                r#"5 files of the archive have paths that mean nothing and were passed over: "a", "b\n", "c" and 2 more"#,
            ),
        );
    }

    #[test]
    fn a_long_path_is_cut() {
        let mut strange = StrangePaths::default();
        strange.add(&"x".repeat(4000));
        assert!(strange.problem().unwrap().message.len() < 250);
    }
}
