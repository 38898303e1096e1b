//! What is left out of snapshots: patterns as in `.gitignore`, in policies and in files of the tree.

use std::sync::Arc;

/// A part of a pattern that stands for bytes of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Byte(u8),
    /// Any byte.
    One,
    /// Any number of bytes.
    Many,
    /// One of these ranges, or none of them.
    Class {
        is_negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

/// A part of a pattern that stands for names in a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// One name.
    Name(Vec<Token>),
    /// Any number of names.
    AnyDepth,
}

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// Takes back what was left out.
    is_negated: bool,
    is_for_directories: bool,
    segments: Vec<Segment>,
}

/// Patterns, of which the last one that fits a path decides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

impl Rules {
    /// Reads patterns, one a line; and those that are none.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> (Self, Vec<String>) {
        let (mut rules, mut bad) = (Vec::new(), Vec::new());
        for line in lines {
            match Rule::parse(line) {
                Ok(rule) => rules.extend(rule),
                Err(()) => bad.push(line.to_owned()),
            }
        }
        (Self { rules }, bad)
    }
}

/// The patterns that hold in a directory: its own after those of all above it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    above: Option<Arc<Self>>,
    /// How many names lead to the directory that the patterns are of.
    depth: usize,
    rules: Arc<Rules>,
}

impl Scope {
    /// The patterns that hold everywhere.
    pub(crate) fn new(rules: Arc<Rules>) -> Self {
        Self { above: None, depth: 0, rules }
    }

    /// The same and those of a directory.
    pub(crate) fn below(above: Arc<Self>, depth: usize, rules: Rules) -> Self {
        Self { above: Some(above), depth, rules: Arc::new(rules) }
    }

    /// Whether something is left out; nobody asks for what is below a directory that is.
    pub(crate) fn excludes(&self, path: &[u8], is_directory: bool) -> bool {
        if self.above.is_none() && self.rules.rules.is_empty() {
            return false;
        }
        let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.excludes_names(&names, is_directory)
    }

    fn excludes_names(&self, names: &[&[u8]], is_directory: bool) -> bool {
        let mut is_excluded =
            self.above.as_ref().is_some_and(|above| above.excludes_names(names, is_directory));
        let Some(names) = names.get(self.depth..) else { return is_excluded };
        for rule in &self.rules.rules {
            if rule.is_negated == is_excluded
                && (is_directory || !rule.is_for_directories)
                && matches(&rule.segments, names)
            {
                is_excluded = !is_excluded;
            }
        }
        is_excluded
    }
}

impl Rule {
    /// Reads a line; nothing if it is a comment.
    fn parse(line: &str) -> Result<Option<Self>, ()> {
        let line = trimmed(line);
        if line.is_empty() || line.starts_with('#') {
            return Ok(None);
        }
        let (is_negated, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        let (is_for_directories, line) = line.strip_suffix('/').map_or((false, line), |rest| (true, rest));
        let is_anchored = line.contains('/');
        let mut segments = Vec::new();
        if !is_anchored {
            segments.push(Segment::AnyDepth);
        }
        for name in line.split('/').filter(|name| !name.is_empty()) {
            segments.push(if name == "**" { Segment::AnyDepth } else { Segment::Name(tokens(name)?) });
        }
        let has_name = segments.iter().any(|segment| matches!(segment, Segment::Name(_)));
        let is_everything = line == "**" || line == "/**";
        Ok((has_name || is_everything).then_some(Self { is_negated, is_for_directories, segments }))
    }
}

/// A line without the spaces around it; one behind a backslash stays.
fn trimmed(line: &str) -> &str {
    let line = line.trim_start_matches([' ', '\t']).trim_end_matches('\r');
    let trimmed = line.trim_end_matches([' ', '\t']);
    let is_escaped = trimmed.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    if is_escaped && trimmed.len() < line.len() { &line[..=trimmed.len()] } else { trimmed }
}

fn tokens(name: &str) -> Result<Vec<Token>, ()> {
    let mut bytes = name.as_bytes();
    let mut tokens = Vec::new();
    while let Some((&byte, rest)) = bytes.split_first() {
        bytes = rest;
        let token = match byte {
            b'*' => Token::Many,
            b'?' => Token::One,
            b'[' => class(&mut bytes)?,
            b'\\' => Token::Byte(take(&mut bytes)?),
            byte => Token::Byte(byte),
        };
        if token != Token::Many || tokens.last() != Some(&Token::Many) {
            tokens.push(token);
        }
    }
    Ok(tokens)
}

fn take(bytes: &mut &[u8]) -> Result<u8, ()> {
    let (&byte, rest) = bytes.split_first().ok_or(())?;
    *bytes = rest;
    Ok(byte)
}

/// Reads what stands in brackets, behind the first.
fn class(bytes: &mut &[u8]) -> Result<Token, ()> {
    let is_negated = matches!(bytes.first(), Some(b'!' | b'^'));
    if is_negated {
        *bytes = &bytes[1..];
    }
    let mut ranges = Vec::new();
    let mut is_first = true;
    loop {
        let byte = take(bytes)?;
        match byte {
            b']' if !is_first => return Ok(Token::Class { is_negated, ranges }),
            b'[' if bytes.first() == Some(&b':') => named_class(bytes, &mut ranges)?,
            _ => {
                let start = if byte == b'\\' { take(bytes)? } else { byte };
                ranges.push((start, end_of_range(bytes, start)?));
            }
        }
        is_first = false;
    }
}

fn end_of_range(bytes: &mut &[u8], start: u8) -> Result<u8, ()> {
    match bytes {
        [b'-', next, ..] if *next != b']' => {
            *bytes = &bytes[1..];
            match take(bytes)? {
                b'\\' => take(bytes),
                end => Ok(end),
            }
        }
        _ => Ok(start),
    }
}

/// Reads a class by its name, such as `[:digit:]`, behind the first bracket.
fn named_class(bytes: &mut &[u8], ranges: &mut Vec<(u8, u8)>) -> Result<(), ()> {
    let end = bytes.windows(2).position(|two| two == b":]").filter(|end| *end > 0).ok_or(())?;
    let of: fn(&u8) -> bool = match &bytes[1..end] {
        b"alnum" => u8::is_ascii_alphanumeric,
        b"alpha" => u8::is_ascii_alphabetic,
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => u8::is_ascii_control,
        b"digit" => u8::is_ascii_digit,
        b"graph" => u8::is_ascii_graphic,
        b"lower" => u8::is_ascii_lowercase,
        b"print" => |byte| byte.is_ascii_graphic() || *byte == b' ',
        b"punct" => u8::is_ascii_punctuation,
        b"space" => u8::is_ascii_whitespace,
        b"upper" => u8::is_ascii_uppercase,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return Err(()),
    };
    ranges.extend((0..=u8::MAX).filter(of).map(|byte| (byte, byte)));
    *bytes = &bytes[end + 2..];
    Ok(())
}

/// Whether names, all of them, are what a pattern says: the last `**` takes one name more whenever what follows it does not fit. Trying the earlier
/// ones again, too, would find no more, and could take forever.
fn matches(segments: &[Segment], names: &[&[u8]]) -> bool {
    let (mut segment, mut name) = (0, 0);
    let mut star = None;
    while name < names.len() {
        match segments.get(segment) {
            // at the end: everything inside, not the directory itself
            Some(Segment::AnyDepth) if segment + 1 == segments.len() => return true,
            Some(Segment::AnyDepth) => {
                star = Some((segment, name));
                segment += 1;
            }
            Some(Segment::Name(tokens)) if matches_name(tokens, names[name]) => {
                segment += 1;
                name += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (segment, name) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    segment == segments.len()
}

/// Whether a name is what tokens say: the last star takes one byte more whenever what follows it does not fit.
fn matches_name(tokens: &[Token], name: &[u8]) -> bool {
    let (mut token, mut byte) = (0, 0);
    let mut star = None;
    while byte < name.len() {
        match tokens.get(token) {
            Some(Token::Many) => {
                star = Some((token, byte));
                token += 1;
            }
            Some(one) if fits(one, name[byte]) => {
                token += 1;
                byte += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (token, byte) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Many)
}

fn fits(token: &Token, byte: u8) -> bool {
    match token {
        Token::Byte(expected) => *expected == byte,
        Token::One | Token::Many => true,
        Token::Class { is_negated, ranges } => {
            ranges.iter().any(|(start, end)| (*start..=*end).contains(&byte)) != *is_negated
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn excludes(patterns: &[&str], path: &str) -> bool {
        let (rules, bad) = Rules::parse(patterns.iter().copied());
        assert!(bad.is_empty(), "{bad:?}");
        let (path, is_directory) = path.strip_suffix('/').map_or((path, false), |path| (path, true));
        Scope::new(Arc::new(rules)).excludes(path.as_bytes(), is_directory)
    }

    #[test]
    fn patterns_fit_as_git_has_it() {
        for (pattern, fits, others) in [
            ("a", &["a", "x/a", "x/y/a/"][..], &["ab", "x/ab"][..]),
            ("/a", &["a"], &["x/a"]),
            ("a/", &["a/", "x/a/"], &["a", "x/a"]),
            ("a/b", &["a/b"], &["x/a/b", "b"]),
            ("**/a/b", &["a/b", "x/a/b", "x/y/a/b"], &["a/x/b"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "a/"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a"]),
            ("*.txt", &["a.txt", ".txt", "x/a.txt"], &["a.txt2", "txt"]),
            ("/x/*", &["x/a"], &["x", "x/a/b"]),
            ("a?c", &["abc"], &["ac", "abbc"]),
            ("a**c", &["ac", "abbc"], &["a/c"]),
            ("[a-c]x", &["ax", "cx"], &["dx", "x"]),
            ("[!a-c]x", &["dx"], &["ax"]),
            ("[]x]", &["]", "x"], &["a"]),
            ("[[:digit:]_]*", &["1a", "_"], &["a1"]),
            (r"\#a", &["#a"], &["a"]),
            (r"\!a", &["!a"], &["a"]),
            (r"a\*", &["a*"], &["ab"]),
            (r"a\ ", &["a "], &["a"]),
            ("  a  ", &["a"], &["  a  "]),
            ("**", &["a", "a/b"], &[]),
        ] {
            for path in fits {
                assert!(excludes(&[pattern], path), "{pattern} {path}");
            }
            for path in others {
                assert!(!excludes(&[pattern], path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn the_last_pattern_that_fits_decides_and_comments_do_not() {
        let patterns = ["# a comment", "", "*.log", "!keep.log", "/build/", "!/build/"];
        assert!(excludes(&patterns, "a.log") && !excludes(&patterns, "keep.log"));
        assert!(!excludes(&patterns, "build/"));
        assert!(excludes(&["!a", "a"], "a") && !excludes(&["a", "!a"], "a"));
    }

    #[test]
    fn a_directorys_patterns_come_after_those_above_it() {
        let parse = |pattern: &str| Rules::parse([pattern]).0;
        let above = Arc::new(Scope::new(Arc::new(parse("*.o"))));
        let below = Scope::below(Arc::clone(&above), 1, parse("!/keep.o"));
        assert!(above.excludes(b"src/keep.o", false));
        assert!(!below.excludes(b"src/keep.o", false) && below.excludes(b"src/x/keep.o", false));
        assert!(below.excludes(b"src/other.o", false));
    }

    /// By every way of trying, this would take longer than the world has been there.
    #[test]
    fn patterns_of_many_depths_are_tried_in_a_moment() {
        let (pattern, path) = ("**/a/".repeat(40) + "b", "a/".repeat(400));
        assert!(excludes(&[&pattern], &format!("{path}b")));
        assert!(!excludes(&[&pattern], &format!("{path}c")));
    }

    /// What a pattern means, as it is said: each `**` may stand for any number of names.
    fn means(segments: &[Segment], names: &[&[u8]]) -> bool {
        match (segments, names) {
            ([], names) => names.is_empty(),
            ([Segment::AnyDepth], names) => !names.is_empty(),
            ([Segment::AnyDepth, rest @ ..], names) => {
                (0..=names.len()).any(|taken| means(rest, &names[taken..]))
            }
            ([Segment::Name(tokens), rest @ ..], [name, names @ ..]) => {
                matches_name(tokens, name) && means(rest, names)
            }
            ([Segment::Name(_), ..], []) => false,
        }
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for bad in ["[", "a[b", r"a\", "[[:what:]]", "[a-"] {
            assert_eq!(Rules::parse([bad]), (Rules::default(), vec![bad.to_owned()]));
        }
        assert_eq!(Rules::parse(["/", "!", "//"]).0, Rules::default());
    }

    proptest! {
        #[test]
        fn any_line_is_a_pattern_or_none(line in ".*", path in ".*") {
            let (rules, _) = Rules::parse([&*line]);
            Scope::new(Arc::new(rules)).excludes(path.as_bytes(), false);
        }

        #[test]
        fn patterns_fit_what_they_mean(pattern in r"(a|b|\*|\*\*)(/(a|b|\*|\*\*)){0,6}", path in "[ab](/[ab]){0,6}") {
            let names: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
            if let Ok(Some(rule)) = Rule::parse(&pattern) {
                prop_assert_eq!(matches(&rule.segments, &names), means(&rule.segments, &names));
            }
        }

        #[test]
        fn a_name_fits_itself(name in "[a-zA-Z0-9._ -]{1,20}[a-z]") {
            prop_assume!(!name.starts_with([' ', '!', '#']));
            prop_assert!(excludes(&[&name], &name));
        }
    }
}
