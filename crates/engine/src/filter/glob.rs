//! Glob patterns in the dialect of Velero's filters: `*`, `?`, `[abc]`, `[a-z]`, `[!x]`, `{a,b}` and `\` to quote.
//!
//! Names of namespaces and resources match without a separator; resource modifiers match with `.` as one, which
//! `*` and `?` do not cross and `**` does.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    separator: Option<char>,
    tokens: Vec<Token>,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the pattern {pattern:?}: {reason}")]
pub struct GlobError {
    /// The text.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// One given character.
    Literal(char),
    /// One character that is no separator.
    Any,
    /// Any run of characters that are no separator.
    Run,
    /// Any run of characters.
    RunAll,
    /// One character of a list, or outside of it.
    List { negated: bool, members: Vec<char> },
    /// One character of a range, or outside of it.
    Range { negated: bool, low: char, high: char },
    /// One of several patterns.
    Either(Vec<Vec<Token>>),
}

impl Glob {
    /// Compiles a pattern for names of namespaces and resources.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        Self::compile(pattern, None)
    }

    /// Compiles a pattern whose `*` and `?` stop at `separator`.
    pub fn separated(pattern: &str, separator: char) -> Result<Self, GlobError> {
        Self::compile(pattern, Some(separator))
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let subject = Subject { text: &text, separator: self.separator };
        subject.ends(&self.tokens, BTreeSet::from([0])).contains(&text.len())
    }

    fn compile(pattern: &str, separator: Option<char>) -> Result<Self, GlobError> {
        let mut chars = pattern.chars().peekable();
        let tokens =
            sequence(&mut chars, false).map_err(|reason| GlobError { pattern: pattern.into(), reason })?;
        Ok(Self { separator, tokens })
    }
}

/// Whether a filter entry is a pattern rather than a name: it has `*`, `?` or `[`.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn sequence(chars: &mut Peekable<Chars<'_>>, nested: bool) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    while let Some(&next) = chars.peek() {
        if nested && matches!(next, ',' | '}') {
            break;
        }
        chars.next();
        match next {
            '*' if chars.next_if_eq(&'*').is_some() => tokens.push(Token::RunAll),
            '*' => tokens.push(Token::Run),
            '?' => tokens.push(Token::Any),
            '[' => tokens.push(class(chars)?),
            '{' => tokens.push(alternatives(chars)?),
            '\\' => tokens.extend(chars.next().map(Token::Literal)),
            other => tokens.push(Token::Literal(other)),
        }
    }
    Ok(tokens)
}

fn alternatives(chars: &mut Peekable<Chars<'_>>) -> Result<Token, &'static str> {
    let mut branches = Vec::new();
    loop {
        branches.push(sequence(chars, true)?);
        match chars.next() {
            Some('}') => return Ok(Token::Either(branches)),
            Some(_) => {}
            None => return Err("a { is not closed"),
        }
    }
}

fn class(chars: &mut Peekable<Chars<'_>>) -> Result<Token, &'static str> {
    let negated = chars.next_if_eq(&'!').is_some();
    let mut ahead = chars.clone();
    if let (Some(low), Some('-'), Some(high)) = (ahead.next(), ahead.next(), ahead.next()) {
        *chars = ahead;
        return match chars.next() {
            _ if high < low => Err("a range is backwards"),
            Some(']') => Ok(Token::Range { negated, low, high }),
            _ => Err("a range is not followed by ]"),
        };
    }
    let mut members = Vec::new();
    loop {
        match chars.next() {
            Some(']') if members.is_empty() => return Err("[] is empty"),
            Some(']') => return Ok(Token::List { negated, members }),
            Some('\\') => members.extend(chars.next()),
            Some(member) => members.push(member),
            None => return Err("a [ is not closed"),
        }
    }
}

struct Subject<'a> {
    text: &'a [char],
    separator: Option<char>,
}

impl Subject<'_> {
    /// Where the text can stand after `tokens`, from each of `starts`. Sets of places, so that no pattern is slow.
    fn ends(&self, tokens: &[Token], starts: BTreeSet<usize>) -> BTreeSet<usize> {
        tokens.iter().fold(starts, |places, token| self.after(token, &places))
    }

    fn after(&self, token: &Token, places: &BTreeSet<usize>) -> BTreeSet<usize> {
        match token {
            Token::Run => self.runs(places, |next| Some(next) != self.separator),
            Token::RunAll => self.runs(places, |_| true),
            Token::Either(branches) => {
                branches.iter().flat_map(|branch| self.ends(branch, places.clone())).collect()
            }
            Token::Literal(literal) => self.steps(places, |next| next == *literal),
            Token::Any => self.steps(places, |next| Some(next) != self.separator),
            Token::List { negated, members } => {
                self.steps(places, |next| members.contains(&next) != *negated)
            }
            Token::Range { negated, low, high } => {
                self.steps(places, |next| (*low..=*high).contains(&next) != *negated)
            }
        }
    }

    fn steps(&self, places: &BTreeSet<usize>, accepts: impl Fn(char) -> bool) -> BTreeSet<usize> {
        let step =
            |place: &usize| self.text.get(*place).is_some_and(|next| accepts(*next)).then_some(place + 1);
        places.iter().filter_map(step).collect()
    }

    fn runs(&self, places: &BTreeSet<usize>, accepts: impl Fn(char) -> bool) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        for &start in places {
            let mut place = start;
            while reached.insert(place) && self.text.get(place).is_some_and(|next| accepts(*next)) {
                place += 1;
            }
        }
        reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_match_without_a_separator() {
        for (pattern, yes, no) in [
            ("shop", &["shop"][..], &["shop2", "", "sho"][..]),
            ("*", &["", "a", "a.b"], &[]),
            ("shop-*", &["shop-", "shop-eu"], &["shop", "a-shop-eu"]),
            ("*.example.com", &["widgets.example.com", ".example.com"], &["example.com"]),
            ("a?c", &["abc", "a.c"], &["ac", "abbc"]),
            ("team-[ab]", &["team-a", "team-b"], &["team-c", "team-"]),
            ("n[0-9]", &["n0", "n9"], &["nx", "n10"]),
            ("n[!0-9]", &["nx", "n."], &["n0", "n"]),
            ("n[!ab]", &["nc"], &["na", "nb"]),
            ("{dev,test}-*", &["dev-1", "test-"], &["prod-1"]),
            ("a{b,c{d,e}}", &["ab", "acd", "ace"], &["a", "ac"]),
            ("a\\*", &["a*"], &["ab"]),
            ("a]b}c,d", &["a]b}c,d"], &[]),
        ] {
            let glob = Glob::new(pattern).unwrap();
            yes.iter().for_each(|text| assert!(glob.matches(text), "{pattern} {text}"));
            no.iter().for_each(|text| assert!(!glob.matches(text), "{pattern} {text}"));
        }
    }

    #[test]
    fn a_separator_stops_single_stars() {
        for (pattern, text, expected) in [
            ("*", "pods", true),
            ("*", "deployments.apps", false),
            ("*.apps", "deployments.apps", true),
            ("*.*", "roles.rbac.authorization.k8s.io", false),
            ("**", "roles.rbac.authorization.k8s.io", true),
            ("a?b", "a.b", false),
        ] {
            assert_eq!(Glob::separated(pattern, '.').unwrap().matches(text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn broken_patterns_are_told_apart() {
        for pattern in ["[", "[a", "[]", "[!]", "[z-a]", "[a-z0]", "{a,b", "a{", "[a-"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_not_slow() {
        let glob = Glob::new(&format!("{}b", "*a".repeat(60))).unwrap();
        assert!(!glob.matches(&"a".repeat(250)));
    }

    proptest! {
        #[test]
        fn plain_names_match_only_themselves(name in "[a-z0-9.-]{0,20}", other in "[a-z0-9.-]{0,20}") {
            prop_assert_eq!(Glob::new(&name).unwrap().matches(&other), name == other);
        }

        #[test]
        fn a_star_stands_for_any_middle(head in "[a-z.]{0,5}", middle in "[a-z.*?]{0,8}", tail in "[a-z.]{0,5}") {
            let glob = Glob::new(&format!("{head}*{tail}")).unwrap();
            let text = format!("{head}{middle}{tail}");
            prop_assert!(glob.matches(&text));
        }

        #[test]
        fn nothing_makes_the_compiler_fall(pattern in "\\PC{0,20}", text in "\\PC{0,20}") {
            if let Ok(glob) = Glob::new(&pattern) {
                glob.matches(&text);
            }
        }
    }
}
