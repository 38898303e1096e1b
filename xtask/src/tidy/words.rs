//! Words that have no place in the repository: hosts of registries, paths of somebody's machine, notes of work
//! that is not done, and the folder beside the checkout outside its one constant.

use super::Finding;
use crate::files::TextFile;

/// A word and where it may stand all the same.
struct Rule {
    /// Joined, it is the word; in two parts, so that this file does not hold it.
    word: (&'static str, &'static str),
    /// Why it has no place.
    reason: &'static str,
}

const HOST: &str = "the host of a registry belongs into lock files";
const MACHINE: &str = "a path of one machine";
const UNDONE: &str = "a note of work that is not done: do it, or make it an issue";

const RULES: [Rule; 16] = [
    Rule { word: ("docker", ".io"), reason: HOST },
    Rule { word: ("quay", ".io"), reason: HOST },
    Rule { word: ("gcr", ".io"), reason: HOST },
    Rule { word: ("ghcr", ".io"), reason: HOST },
    Rule { word: ("registry.", "k8s.io"), reason: HOST },
    Rule { word: ("registry.", "redhat.io"), reason: HOST },
    Rule { word: ("registry.access.", "redhat.com"), reason: HOST },
    Rule { word: ("public.ecr", ".aws"), reason: HOST },
    Rule { word: ("index.crates", ".io"), reason: HOST },
    Rule { word: ("registry.", "npmjs.org"), reason: HOST },
    Rule { word: ("proxy.", "golang.org"), reason: HOST },
    Rule { word: ("/wo", "rk/"), reason: MACHINE },
    Rule { word: ("/ro", "ot/"), reason: MACHINE },
    Rule { word: ("TO", "DO"), reason: UNDONE },
    Rule { word: ("FIX", "ME"), reason: UNDONE },
    Rule { word: ("X", "XX"), reason: UNDONE },
];

/// The folder beside the checkout that some tests compare with.
const BESIDE: (&str, &str) = ("../sha", "red");

const LOCK_FILES: [&str; 5] = ["Cargo.lock", "go.mod", "go.sum", "package-lock.json", "images.lock"];

/// Finds words that have no place.
pub(super) fn check(texts: &[TextFile]) -> Vec<Finding> {
    let mut found: Vec<Finding> =
        texts.iter().filter(|file| !is_lock_file(&file.path)).flat_map(of_rules).collect();
    found.extend(beside(texts));
    found
}

fn is_lock_file(path: &str) -> bool {
    LOCK_FILES.contains(&path.rsplit('/').next().unwrap_or(path))
}

fn of_rules(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (line, text) in (1..).zip(file.text.lines()) {
        for rule in RULES.iter().filter(|rule| has_word(text, &joined(rule.word))) {
            found.push(Finding::new(&file.path, line, format!("`{}`: {}", joined(rule.word), rule.reason)));
        }
    }
    found
}

fn joined((begin, end): (&str, &str)) -> String {
    format!("{begin}{end}")
}

/// Whether a line holds a word that is not part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let begins = !word.starts_with(char::is_alphanumeric) || !before.ends_with(is_part);
        let ends = !word.ends_with(char::is_alphanumeric) || !after.starts_with(is_part);
        begins && ends
    })
}

/// The folder beside the checkout is named once: a second place is one too many.
fn beside(texts: &[TextFile]) -> Vec<Finding> {
    let word = joined(BESIDE);
    let places = texts.iter().flat_map(|file| {
        let lines = (1..).zip(file.text.lines()).filter(|(_, text)| text.contains(&word));
        lines.map(|(line, _)| {
            Finding::new(&file.path, line, format!("`{word}` is named in one constant of the tests only"))
        })
    });
    let mut found: Vec<Finding> = places.collect();
    found.sort_by_key(|finding| !is_constant_of_tests(finding, texts));
    if found.first().is_some_and(|first| is_constant_of_tests(first, texts)) {
        found.remove(0);
    }
    found
}

fn is_constant_of_tests(finding: &Finding, texts: &[TextFile]) -> bool {
    let line = texts
        .iter()
        .find(|file| file.path == finding.path)
        .and_then(|file| file.text.lines().nth(finding.line - 1));
    line.is_some_and(|line| line.contains("const ")) && finding.path.contains("test")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> TextFile {
        TextFile { path: path.to_owned(), text }
    }

    #[test]
    fn every_word_is_found_and_not_in_lock_files() {
        for rule in &RULES {
            let text = format!("fine\nsee {} here\n", joined(rule.word));
            let found = check(&[file("docs/a.md", text.clone())]);
            assert_eq!(found.len(), 1, "{}", joined(rule.word));
            assert_eq!(found[0].line, 2);
            assert!(check(&[file("tools/x/go.sum", text)]).is_empty());
        }
    }

    #[test]
    fn a_word_inside_another_is_another_word() {
        for (line, word, has) in [
            ("a/host.io/b", "host.io", true),
            ("nothost.io", "host.io", false),
            ("host.iox", "host.io", false),
            ("mastodon", "todo", false),
        ] {
            assert_eq!(has_word(line, word), has, "{line}");
        }
    }

    #[test]
    fn the_folder_beside_is_named_in_one_constant_of_the_tests() {
        let constant = format!("const UPSTREAM: &str = \"{}/crds\";\n", joined(BESIDE));
        let here = || file("crates/api/src/crd/tests.rs", constant.clone());
        assert!(check(&[here()]).is_empty());
        assert_eq!(check(&[here(), file("README.md", joined(BESIDE))]).len(), 1);
        assert_eq!(check(&[here(), file("crates/b/src/tests.rs", constant.clone())]).len(), 1);
        assert_eq!(check(&[file("crates/b/src/lib.rs", constant.clone())]).len(), 1);
    }
}
