//! One clock, one randomness, one environment: they are given to whoever needs them. Only these places read them
//! themselves, each for a reason; one that no longer does is to be taken off the list.

use super::Finding;
use crate::source::Source;

/// Something of the machine that is different every time.
struct Ambient {
    what: &'static str,
    /// What reads it.
    words: &'static [&'static str],
    /// The files that may, and why.
    places: &'static [(&'static str, &'static str)],
}

const AMBIENT: [Ambient; 3] = [
    Ambient {
        what: "the time",
        words: &[
            "SystemTime",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "Utc::now",
            "Local::now",
            "chrono",
            "clock_gettime",
        ],
        places: &[
            ("crates/cluster/src/clock.rs", "it is the clock"),
            ("crates/kopia/src/storage/filesystem.rs", "it is the clock of a folder"),
            ("crates/store/src/layer/metrics.rs", "measures how long calls take, and decides nothing by it"),
        ],
    },
    Ambient {
        what: "randomness",
        words: &["Uuid::new_v4", "Uuid::now_v7", "RandomState", "rand", "getrandom", "fastrand"],
        places: &[
            ("crates/controllers/src/deps.rs", "it is the randomness"),
            ("crates/kopia/src/random.rs", "it is the randomness of repositories"),
            ("crates/cluster/src/limits.rs", "spreads pauses, so that clients do not come back together"),
            ("crates/store/src/layer/retry.rs", "the same for stores"),
            ("crates/store/src/adapter/filesystem/tree.rs", "names of files in the making"),
        ],
    },
    Ambient {
        what: "the environment",
        words: &[
            "env::var",
            "env::var_os",
            "env::vars",
            "env::vars_os",
            "env::args",
            "env::temp_dir",
            "env::current_dir",
            "env::home_dir",
        ],
        places: &[
            ("crates/salvor/src/main.rs", "the arguments of the program"),
            ("crates/salvor/src/process.rs", "the name of the pod, as part of the process's own"),
            ("crates/salvor/src/server/flags.rs", "the scratch folder, which Velero names by a variable"),
            ("crates/salvor/src/server/mod.rs", "credentials that clouds put into variables"),
            ("crates/salvor/src/cli/cmd/backup/download.rs", "the folder that a download goes to"),
            ("crates/salvor/src/cli/cmd/repo/access.rs", "passwords and credentials, which are no flags"),
            ("crates/salvor/src/cli/globals.rs", "the namespace, which Velero names by a variable"),
            ("crates/salvor/src/cli/config_file.rs", "the home folder, where the client's configuration is"),
        ],
    },
];

/// Crates of tests and tools.
const EXEMPT: [&str; 3] = ["testkit", "tools", "xtask"];

/// Finds readers that are not listed, and listed places that read nothing.
pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    AMBIENT.iter().flat_map(|ambient| of(ambient, sources)).collect()
}

fn of(ambient: &Ambient, sources: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| !EXEMPT.contains(&source.crate_name())) {
        let uses =
            ambient.words.iter().flat_map(|word| source.uses(word).into_iter().map(move |at| (at, word)));
        let uses: Vec<_> = uses.collect();
        match ambient.places.iter().find(|(path, _)| *path == source.path) {
            Some(_) if uses.is_empty() => {
                let text = format!("does not read {} any more: take it off the list", ambient.what);
                found.push(Finding::new(&source.path, 0, text));
            }
            Some(_) => {}
            None => found.extend(uses.into_iter().map(|(line, word)| {
                Finding::new(&source.path, line, format!("`{word}` reads {}: have it given", ambient.what))
            })),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&[Source::new(path, text)]).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_reader_is_found_where_it_is_not_listed() {
        for ambient in &AMBIENT {
            for word in ambient.words {
                let text = format!("fn f() {{\n    {word}();\n}}\n");
                assert_eq!(lines("crates/engine/src/a.rs", &text), [2], "{word}");
                assert_eq!(lines(ambient.places[0].0, &text), [0usize; 0], "{word}");
                assert_eq!(lines("crates/testkit/src/a.rs", &text), [0usize; 0], "{word}");
                assert_eq!(lines("crates/engine/src/a/tests.rs", &text), [0usize; 0], "{word}");
            }
        }
    }

    #[test]
    fn names_that_hold_a_word_are_others() {
        assert_eq!(
            lines("crates/engine/src/a.rs", "fn f() {\n    brand();\n    MyInstant::nowhere();\n}\n"),
            [0usize; 0]
        );
    }

    #[test]
    fn a_listed_place_that_reads_nothing_is_taken_off() {
        let (path, _) = AMBIENT[0].places[0];
        assert_eq!(check(&[Source::new(path, "fn f() {}\n")]).len(), 1);
    }
}
