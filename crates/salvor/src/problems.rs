//! Problem codes are a promise to users: each stands once in the code, and in the documentation as the code has it.

use engine::problem::Code;

/// The codes of every area.
const AREAS: &[&[Code]] = &[
    engine::archive::problems::ALL,
    engine::backup::problems::ALL,
    engine::hooks::problems::ALL,
    engine::restore::problems::ALL,
    engine::restore::adjustments::problems::ALL,
    engine::preview::problems::ALL,
    controllers::server::problems::ALL,
    controllers::oadp::problems::ALL,
];

/// What a person can do about a problem of which a status has only the sentence, which ends with the code.
pub(crate) fn remedy(sentence: &str) -> Option<&'static str> {
    let (_, id) = sentence.strip_suffix(')')?.rsplit_once('(')?;
    AREAS.iter().copied().flatten().find(|code| code.id == id).map(|code| code.remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    const DOCUMENTATION: &str = include_str!("../../../docs/problems.md");

    /// Every code that a `problems.rs` below a folder holds, whether a list names it or not.
    fn written_below(folder: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(written_below(&path));
            } else if path.ends_with("problems.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let quoted = text.split('"').filter(|part| part.len() == 8 && part.starts_with("SLV-"));
                found.extend(quoted.map(str::to_owned));
            }
        }
        found
    }

    /// The rows of the documentation: code, title, when it is reported, remedy.
    fn rows() -> Vec<[&'static str; 4]> {
        let cells = |line: &'static str| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            <[&str; 4]>::try_from(cells).unwrap_or_else(|_| panic!("four cells in {line:?}"))
        };
        DOCUMENTATION.lines().filter(|line| line.starts_with("| SLV-")).map(cells).collect()
    }

    #[test]
    fn codes_are_unique_in_the_whole_program() {
        let mut titles = BTreeMap::new();
        for code in AREAS.iter().copied().flatten() {
            let other = titles.insert(code.id, code.title);
            assert_eq!(other, None, "{} stands for {:?} too", code.id, code.title);
        }
    }

    #[test]
    fn every_code_is_documented_as_it_is() {
        let mut codes: Vec<_> = AREAS.iter().copied().flatten().collect();
        codes.sort_by_key(|code| code.id);
        let in_code: Vec<_> = codes.iter().map(|code| (code.id, code.title, code.remedy)).collect();
        let documented: Vec<_> = rows().iter().map(|[id, title, _, remedy]| (*id, *title, *remedy)).collect();
        assert_eq!(documented, in_code);
        assert!(rows().iter().all(|[_, _, when, _]| !when.is_empty()));
    }

    #[test]
    fn every_area_is_known_here() {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let listed: BTreeSet<String> =
            AREAS.iter().copied().flatten().map(|code| code.id.to_owned()).collect();
        assert_eq!(written_below(&crates), listed);
    }

    #[test]
    fn the_remedy_of_a_sentence_is_that_of_its_code() {
        let moved = &engine::preview::problems::PLAN_MOVED;
        assert_eq!(remedy("it (the plan) has moved (SLV-6004)"), Some(moved.remedy));
        assert_eq!(remedy("a (SLV-0000)"), None);
        assert_eq!(remedy("SLV-6004 is a code"), None);
    }
}
