//! Executors hold no policy: what a Backup or a Restore asks for is read in `engine`, and the modules that execute a
//! plan cannot see it.

use super::Finding;
use crate::source::Source;

/// The executors.
const EXECUTORS: &str = "crates/controllers/src/operation/";
/// What says what is asked for: the resources, their specs, and what reads filters.
const POLICY: [&str; 9] = [
    "spec",
    "Backup",
    "BackupSpec",
    "Restore",
    "RestoreSpec",
    "Schedule",
    "ScheduleSpec",
    "Selection",
    "engine::filter",
];
/// The same field, looked up in a document.
const FIELD: &str = "\"spec\"";

/// Finds executors that look at what is asked for.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    if source.is_test || !source.path.starts_with(EXECUTORS) {
        return Vec::new();
    }
    let words = POLICY.iter().flat_map(|word| source.uses(word).into_iter().map(move |line| (line, *word)));
    let tests = source.inline_tests();
    let fields = (1..).zip(source.text.lines()).filter(|(_, text)| text.contains(FIELD));
    let fields = fields.filter(|(line, _)| !tests.iter().any(|test| test.contains(line)));
    let found = words.chain(fields.map(|(line, _)| (line, FIELD)));
    found
        .map(|(line, word)| {
            Finding::new(&source.path, line, format!("`{word}`: an executor decides nothing"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_executor_does_not_see_what_is_asked_for() {
        for (code, found) in [
            ("let names = &backup.spec.included_namespaces;", 1),
            ("fn run(backup: &Backup) {}", 1),
            ("fn run(request: &Request, plan: &BackupPlan) {}", 0),
            ("use engine::filter::Selector;", 1),
            ("let wanted = &document[\"spec\"][\"excludedResources\"];", 1),
            ("let inspect = specification();", 0),
        ] {
            let text = format!("//! Runs it.\n{code}\n");
            let of = |path: &str| check(&Source::new(path, text.clone())).len();
            assert_eq!(of("crates/controllers/src/operation/backup/mod.rs"), found, "{code}");
            assert_eq!(of("crates/controllers/src/server/backup.rs"), 0, "{code}");
            assert_eq!(of("crates/controllers/src/operation/tests.rs"), 0, "{code}");
        }
    }
}
