//! Rust source as `tidy` and `stats` see it: its code without comments and texts, its functions, its tests.

use std::ops::RangeInclusive;

/// One file of Rust source.
pub(crate) struct Source {
    /// Where it is in the checkout.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: String,
    /// The same with blanks for comments, strings and characters.
    pub(crate) code: String,
    /// Whether the whole file is tests.
    pub(crate) is_test: bool,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Its lines, from `fn` to the closing brace, counted from 1.
    pub(crate) lines: RangeInclusive<usize>,
}

impl Function {
    pub(crate) fn length(&self) -> usize {
        self.lines.end() - self.lines.start() + 1
    }
}

impl Source {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let path = path.into();
        Self { code: blank(&text), is_test: is_test_path(&path), path, text }
    }

    /// The folder of the crate that the file belongs to.
    pub(crate) fn crate_name(&self) -> &str {
        let inside = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        inside.split('/').next().unwrap_or_default()
    }

    /// The files, without `.rs`, that hold the modules which this file declares for tests only.
    pub(crate) fn test_modules(&self) -> Vec<String> {
        let folder = match self.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
            _ => self.path.trim_end_matches(".rs"),
        };
        let declared = self.code.split("#[cfg(test)]").skip(1).filter_map(|after| {
            let (declaration, _) = after.split_once([';', '{'])?;
            let (_, name) = declaration.rsplit_once("mod ")?;
            Some(format!("{folder}/{}", name.trim()))
        });
        declared.collect()
    }

    /// The lines of the modules of tests inside the file.
    pub(crate) fn inline_tests(&self) -> Vec<RangeInclusive<usize>> {
        let mut found = Vec::new();
        for (at, marker) in self.code.match_indices("#[cfg(test)]") {
            let after = &self.code[at + marker.len()..];
            let Some(open) = after.find('{') else { continue };
            // attributes may stand between, but a `;` ends another item: tests in a file of their own
            if after[..open].contains("mod ") && !after[..open].contains(';') {
                found.push(self.line(at)..=self.line(closing(&self.code, at + marker.len() + open)));
            }
        }
        found
    }

    /// The lines of code outside tests on which a word stands; a longer name that holds it is another word.
    pub(crate) fn uses(&self, word: &str) -> Vec<usize> {
        if self.is_test {
            return Vec::new();
        }
        let tests = self.inline_tests();
        let stands = self.code.match_indices(word).filter(|&(at, _)| {
            let (before, after) = (&self.code[..at], &self.code[at + word.len()..]);
            let begins = !word.starts_with(is_name) || !before.ends_with(is_name);
            begins && (!word.ends_with(is_name) || !after.starts_with(is_name))
        });
        let lines = stands.map(|(at, _)| self.line(at));
        lines.filter(|line| !tests.iter().any(|test| test.contains(line))).collect()
    }

    /// How many lines are not tests.
    pub(crate) fn length(&self) -> usize {
        let tests: usize = self.inline_tests().iter().map(|lines| lines.end() - lines.start() + 1).sum();
        self.text.lines().count() - tests
    }

    /// The functions outside tests.
    pub(crate) fn functions(&self) -> Vec<Function> {
        if self.is_test {
            return Vec::new();
        }
        let tests = self.inline_tests();
        let is_code = |function: &Function| !tests.iter().any(|lines| lines.contains(function.lines.start()));
        self.all_functions().into_iter().filter(is_code).collect()
    }

    fn all_functions(&self) -> Vec<Function> {
        let mut found = Vec::new();
        for (at, keyword) in self.code.match_indices("fn ") {
            if self.code[..at].ends_with(is_name) {
                continue;
            }
            let name: String = self.code[at + keyword.len()..].chars().take_while(|&c| is_name(c)).collect();
            if let Some(open) = body(&self.code, at)
                && !name.is_empty()
            {
                found.push(Function { name, lines: self.line(at)..=self.line(closing(&self.code, open)) });
            }
        }
        found
    }

    /// The line, counted from 1, of a place in the text.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.code.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1
    }
}

/// Whether a file holds nothing but tests by its name.
fn is_test_path(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    file == "tests.rs"
        || file.ends_with("_tests.rs")
        || parts.any(|part| part == "tests" || part == "benches")
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where the body of a function opens; none if it has no body.
fn body(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth = depth.saturating_sub(1),
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Where the brace that opens at `open` closes.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return at,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len().saturating_sub(1)
}

/// Puts blanks for comments and literals, so that what looks like code is code. Length and lines stay.
fn blank(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let after_name = code.ends_with(is_name);
        let (length, is_code) = match literal(rest, after_name) {
            Some(length) => (length, false),
            None => (next.len_utf8(), true),
        };
        let (taken, left) = rest.split_at(length);
        if is_code {
            code.push_str(taken);
        } else {
            code.extend(taken.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
        rest = left;
    }
    code
}

/// The length of the comment or literal that a text begins with.
fn literal(text: &str, after_name: bool) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return Some(block_comment(text));
    }
    if text.starts_with('"') {
        return Some(quoted(text));
    }
    if text.starts_with('\'') {
        return character(text);
    }
    if after_name { None } else { raw_string(text) }
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn quoted(text: &str) -> usize {
    let mut escaped = true; // the opening quote does not close
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A character; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        let (_, _escaped) = characters.next()?;
        return text.char_indices().skip(3).find(|&(_, c)| c == '\'').map(|(at, _)| at + 1);
    }
    let (at, second) = characters.next()?;
    (second == '\'').then_some(at + 1)
}

fn raw_string(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = text[prefix.len()..].bytes().take_while(|&byte| byte == b'#').count();
    let open = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[open..].find(&end).map_or(text.len(), |at| open + at + end.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_no_code() {
        for (text, code) in [
            ("a // fn b() {\nc", "a            \nc"),
            ("a /* x /* y */ z */ b", "a                   b"),
            (r#"f("fn \" {", '{', '\'', '\u{1f}')"#, "f(         ,    ,     ,         )"),
            ("r#\"{\"#; bar\"x\"", "      ; bar   "),
            ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
            ("\"\u{e9}\"x", "    x"),
        ] {
            assert_eq!(blank(text), code, "{text}");
        }
    }

    const SAMPLE: &str = "//! Sample.\n\
        trait T {\n    fn declared(&self);\n}\n\
        fn one() -> [u8; 2] {\n    if true {}\n    [0, 0]\n}\n\
        #[cfg(test)]\nmod tests {\n    #[test]\n    fn it() {}\n}\n";

    #[test]
    fn functions_are_found_with_their_lines() {
        let source = Source::new("crates/a/src/lib.rs", SAMPLE);
        assert_eq!(source.functions(), [Function { name: "one".into(), lines: 5..=8 }]);
        assert_eq!(source.functions()[0].length(), 4);
    }

    #[test]
    fn tests_are_told_from_code() {
        let source = Source::new("crates/a/src/lib.rs", SAMPLE);
        assert_eq!(source.inline_tests(), [9..=13]);
        assert_eq!(source.length(), 8);
        let elsewhere = Source::new("crates/a/src/lib.rs", "#[cfg(test)]\nmod tests;\n\nfn f() {\n}\n");
        assert!(elsewhere.inline_tests().is_empty());
        for (path, is_test) in [
            ("crates/a/src/tests.rs", true),
            ("crates/a/tests/it/main.rs", true),
            ("crates/a/src/b/tests.rs", true),
            ("crates/testkit/src/lib.rs", false),
        ] {
            assert_eq!(Source::new(path, "").is_test, is_test, "{path}");
        }
    }

    #[test]
    fn modules_for_tests_are_known_where_they_are_declared() {
        let text =
            "#[cfg(test)]\nmod fakes;\nmod real;\n#[cfg(test)]\n#[path = \"x\"]\npub(crate) mod more;\n";
        for (path, expect) in [
            ("crates/a/src/lib.rs", ["crates/a/src/fakes", "crates/a/src/more"]),
            ("crates/a/src/b.rs", ["crates/a/src/b/fakes", "crates/a/src/b/more"]),
            ("crates/a/src/b/mod.rs", ["crates/a/src/b/fakes", "crates/a/src/b/more"]),
        ] {
            assert_eq!(Source::new(path, text).test_modules(), expect, "{path}");
        }
    }

    #[test]
    fn files_know_their_crate() {
        for (path, name) in [("crates/api/src/lib.rs", "api"), ("xtask/src/main.rs", "xtask")] {
            assert_eq!(Source::new(path, "").crate_name(), name);
        }
    }
}
