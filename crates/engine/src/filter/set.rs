//! Include and exclude lists, as every filter of a Backup or Restore has them: matching, validation, expansion.

use std::collections::BTreeSet;

use super::glob::{Glob, is_pattern};

/// A pair of include and exclude lists, compiled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Set {
    includes: Vec<Entry>,
    excludes: Vec<Entry>,
    nothing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    text: String,
    /// Absent for a plain name, so that most comparisons are of strings.
    glob: Option<Glob>,
}

impl Entry {
    fn matches(&self, item: &str) -> bool {
        self.glob.as_ref().map_or_else(|| self.text == item, |glob| glob.matches(item))
    }
}

impl Set {
    /// Compiles both lists. A pattern that cannot be read makes the whole set match nothing.
    pub fn new<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Self {
        match (entries(includes), entries(excludes)) {
            (Some(includes), Some(excludes)) => Self { includes, excludes, nothing: false },
            _ => Self::nothing(),
        }
    }

    /// The set that matches nothing.
    pub fn nothing() -> Self {
        Self { nothing: true, ..Self::default() }
    }

    /// Whether it matches nothing, whatever its lists say.
    pub fn is_nothing(&self) -> bool {
        self.nothing
    }

    /// Whether nobody restricted anything: no excludes, and no includes but `*`.
    pub fn everything(&self) -> bool {
        let unrestricted = match self.includes.as_slice() {
            [] => true,
            [only] => only.text == "*",
            _ => false,
        };
        unrestricted && self.excludes.is_empty() && !self.nothing
    }

    /// Whether both lists are empty.
    pub fn unlisted(&self) -> bool {
        self.includes.is_empty() && self.excludes.is_empty() && !self.nothing
    }

    /// Whether `item` is in the set: not excluded, and included by an entry or for want of any.
    pub fn matches(&self, item: &str) -> bool {
        !self.nothing && !self.excludes(item) && (self.includes.is_empty() || self.includes(item))
    }

    /// Whether an include entry names `item`.
    pub fn includes(&self, item: &str) -> bool {
        self.includes.iter().any(|entry| entry.text == "*" || entry.matches(item))
    }

    /// Whether an exclude entry names `item`.
    pub fn excludes(&self, item: &str) -> bool {
        self.excludes.iter().any(|entry| entry.matches(item))
    }

    /// The include entries as written.
    pub fn included(&self) -> impl Iterator<Item = &str> {
        self.includes.iter().map(|entry| entry.text.as_str())
    }

    /// The exclude entries as written.
    pub fn excluded(&self) -> impl Iterator<Item = &str> {
        self.excludes.iter().map(|entry| entry.text.as_str())
    }

    /// Whether lists of this kind are replaced by what exists before they are used: some entry is a pattern, and
    /// the includes are neither empty nor `*`.
    pub fn expands(&self) -> bool {
        let all = self.includes.is_empty() || self.included().any(|entry| entry == "*");
        !all && self.included().chain(self.excluded()).any(is_pattern)
    }

    /// The set with every pattern replaced by what it matches of `existing`; names stay, whether they exist or not.
    /// When the includes come to nothing, so does the set.
    #[must_use]
    pub fn expanded<'a>(&self, existing: impl IntoIterator<Item = &'a str>) -> Self {
        if self.nothing || !self.expands() {
            return self.clone();
        }
        let existing: Vec<&str> = existing.into_iter().collect();
        let includes = expand(&self.includes, &existing);
        if includes.is_empty() {
            return Self::nothing();
        }
        Self { includes, excludes: expand(&self.excludes, &existing), nothing: false }
    }
}

fn entries<T: AsRef<str>>(list: &[T]) -> Option<Vec<Entry>> {
    let entry = |text: &T| {
        let text = text.as_ref().to_owned();
        let special = text.contains(['*', '?', '[', '{', '\\']);
        let glob = if special { Some(Glob::new(&text).ok()?) } else { None };
        Some(Entry { text, glob })
    };
    list.iter().map(entry).collect()
}

fn expand(entries: &[Entry], existing: &[&str]) -> Vec<Entry> {
    let mut names = BTreeSet::new();
    for entry in entries {
        if is_pattern(&entry.text) {
            names.extend(existing.iter().filter(|name| entry.matches(name)).map(|name| (*name).to_owned()));
        } else {
            names.insert(entry.text.clone());
        }
    }
    names.into_iter().map(|text| Entry { text, glob: None }).collect()
}

/// What is wrong with a pair of resource lists of the old family.
pub fn check_lists<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let mut problems = contradictions(includes, excludes);
    problems.extend(unreadable(includes, excludes));
    problems
}

/// What is wrong with a pair of scoped resource lists.
pub fn check_scoped<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let mut problems = lone_star("includes", includes);
    problems.extend(lone_star("excludes", excludes));
    if has(excludes, "*") && !includes.is_empty() {
        problems.push("nothing can be included when '*' is excluded".to_owned());
    }
    problems.extend(overlap(includes, excludes));
    problems.extend(unreadable(includes, excludes));
    problems
}

/// What is wrong with a pair of namespace lists.
pub fn check_namespaces<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let both = includes.iter().chain(excludes);
    let mut problems = contradictions(includes, excludes);
    problems.extend(both.filter_map(|entry| namespace_problem(entry.as_ref())));
    problems
}

fn contradictions<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let mut problems = lone_star("includes", includes);
    if has(excludes, "*") {
        problems.push("'*' cannot be excluded".to_owned());
    }
    problems.extend(overlap(includes, excludes));
    problems
}

/// Entries that are no pattern: with one of them a set would match nothing.
pub fn unreadable<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let both = includes.iter().chain(excludes);
    both.filter_map(|entry| Some(Glob::new(entry.as_ref()).err()?.to_string())).collect()
}

fn has<T: AsRef<str>>(list: &[T], item: &str) -> bool {
    list.iter().any(|entry| entry.as_ref() == item)
}

fn lone_star<T: AsRef<str>>(which: &str, list: &[T]) -> Vec<String> {
    let text = || format!("'*' must be the only entry of the {which}");
    (list.len() > 1 && has(list, "*")).then(text).into_iter().collect()
}

fn overlap<T: AsRef<str>>(includes: &[T], excludes: &[T]) -> Vec<String> {
    let both = includes.iter().map(AsRef::as_ref).filter(|item| *item != "*" && has(excludes, item));
    both.map(|item| format!("{item:?} is both included and excluded")).collect()
}

/// The empty text means "no namespace" and is fine, and so is `*` alone.
fn namespace_problem(entry: &str) -> Option<String> {
    let reason = if entry.is_empty() || entry == "*" {
        return None;
    } else if entry.contains(['|', '(', ')', '!', '{', '}', ',']) {
        "it has one of the characters | ( ) ! { } ,"
    } else if entry.contains("**") {
        "it has two '*' in a row"
    } else if !balanced(entry) {
        "its brackets are empty or do not match"
    } else if !dns_label(&entry.replace(['*', '?', '[', ']'], "x")) {
        "it is not a lowercase DNS label of at most 63 characters"
    } else if Glob::new(entry).is_err() {
        "its range is no range"
    } else {
        return None;
    };
    Some(format!("invalid namespace {entry:?}: {reason}"))
}

fn balanced(entry: &str) -> bool {
    let mut open = None;
    for (at, next) in entry.char_indices() {
        match (next, open) {
            ('[', None) => open = Some(at),
            (']', Some(start)) if at > start + 1 => open = None,
            ('[' | ']', _) => return false,
            _ => {}
        }
    }
    open.is_none()
}

/// Whether `name` can name a namespace.
pub fn dns_label(name: &str) -> bool {
    let alphanumeric = |of: char| of.is_ascii_lowercase() || of.is_ascii_digit();
    (1..=63).contains(&name.len())
        && name.chars().all(|of| alphanumeric(of) || of == '-')
        && name.starts_with(alphanumeric)
        && name.ends_with(alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(includes: &[&str], excludes: &[&str], yes: &[&str], no: &[&str]) {
        let set = Set::new(includes, excludes);
        for item in yes {
            assert!(set.matches(item), "{includes:?} {excludes:?} {item}");
        }
        for item in no {
            assert!(!set.matches(item), "{includes:?} {excludes:?} {item}");
        }
    }

    #[test]
    fn excludes_win_and_empty_includes_take_all() {
        check(&[], &[], &["a", ""], &[]);
        check(&["*"], &["a*"], &["b"], &["a", "ab"]);
        check(&["a"], &[], &["a"], &["b"]);
        check(&["a*", "b"], &["ab"], &["a", "ac", "b"], &["ab", "bc"]);
        check(&["*", "a"], &[], &["z"], &[]);
        check(&["a", "[z"], &[], &[], &["a", "z"]);
    }

    #[test]
    fn everything_is_only_what_nobody_restricted() {
        for (includes, excludes, expected) in [
            (&[][..], &[][..], true),
            (&["*"], &[], true),
            (&["*"], &["a"], false),
            (&["a"], &[], false),
            (&["*", "a"], &[], false),
        ] {
            assert_eq!(Set::new(includes, excludes).everything(), expected, "{includes:?} {excludes:?}");
        }
        assert!(!Set::nothing().everything());
    }

    #[test]
    fn patterns_expand_to_what_exists() {
        let existing = ["shop-eu", "shop-us", "blog"];
        let set = Set::new(&["shop-*", "gone"], &["*-us"]).expanded(existing);
        assert_eq!(set.included().collect::<Vec<_>>(), ["gone", "shop-eu", "shop-us"]);
        assert_eq!(set.excluded().collect::<Vec<_>>(), ["shop-us"]);
        assert!(set.matches("gone") && set.matches("shop-eu") && !set.matches("shop-us"));
        assert!(Set::new(&["x-*"], &[]).expanded(existing).is_nothing());
        let untouched = Set::new(&["*"], &["shop-*"]);
        assert_eq!(untouched.expanded(existing), untouched);
        assert!(Set::new(&["a", "b"], &["b*"]).expands());
        assert!(!Set::new(&["a", "b"], &["c"]).expands());
    }

    #[test]
    fn contradictions_are_named() {
        assert_eq!(check_lists(&["a"], &["b"]), Vec::<String>::new());
        let unreadable = "failed to read the pattern \"a[\": a [ is not closed";
        assert_eq!(check_lists(&["a["], &[]), [unreadable]);
        assert_eq!(check_scoped(&[], &["a["]), [unreadable]);
        insta::assert_debug_snapshot!(check_lists(&["*", "a"], &["*", "a"]), @r#"
        [
            "'*' must be the only entry of the includes",
            "'*' cannot be excluded",
            "\"a\" is both included and excluded",
        ]
        "#);
        assert_eq!(check_scoped(&[], &["*"]), Vec::<String>::new());
        insta::assert_debug_snapshot!(check_scoped(&["a"], &["*", "a"]), @r#"
        [
            "'*' must be the only entry of the excludes",
            "nothing can be included when '*' is excluded",
            "\"a\" is both included and excluded",
        ]
        "#);
    }

    #[test]
    fn namespaces_have_a_syntax() {
        let fine = ["", "*", "shop", "shop-*", "*-eu", "team-[ab]", "n?", "team-[0-9]"];
        assert_eq!(check_namespaces(&fine[2..], &[]), Vec::<String>::new());
        for (bad, reason) in [
            ("a|b", "characters"),
            ("{a,b}", "characters"),
            ("[!a]", "characters"),
            ("a**", "in a row"),
            ("a[", "brackets"),
            ("a[]", "brackets"),
            ("a]b[", "brackets"),
            ("Shop", "DNS"),
            ("-a", "DNS"),
            ("a.b", "DNS"),
            ("team-[9-0]", "range"),
            ("team-[a-]", "range"),
        ] {
            let problems = check_namespaces(&[bad], &[]);
            assert!(problems.len() == 1 && problems[0].contains(reason), "{bad}: {problems:?}");
        }
    }

    proptest! {
        #[test]
        fn an_expanded_set_says_of_what_exists_what_the_set_said(
            includes in proptest::collection::vec("[ab*?]{1,3}", 1..4),
            excludes in proptest::collection::vec("[ab?]{1,3}", 0..3),
            existing in proptest::collection::vec("[ab]{1,3}", 0..8),
        ) {
            let set = Set::new(&includes, &excludes);
            let expanded = set.expanded(existing.iter().map(String::as_str));
            for name in &existing {
                prop_assert_eq!(set.matches(name), expanded.matches(name), "{}", name);
            }
        }

        #[test]
        fn an_excluded_item_never_matches(item in "[a-z]{1,6}", includes in proptest::collection::vec("[a-z*]{1,4}", 0..3)) {
            let set = Set::new(&includes, std::slice::from_ref(&item));
            prop_assert!(!set.matches(&item) && set.excludes(&item));
        }
    }
}
