//! Lines of backup and restore logs, in the text form that Velero writes and people grep.

use std::fmt;

use jiff::Timestamp;

use crate::problem::{Place, Problem, Severity};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For those who look for a fault.
    Debug,
    /// What was done.
    Info,
    /// A problem that cost nothing that was asked for.
    Warning,
    /// A problem that did.
    Error,
}

/// A line of a log, written `time="..." level=info msg="..." key=value ...` with its fields sorted by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When.
    pub time: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub message: String,
    /// About what.
    pub fields: Vec<(&'static str, String)>,
}

impl Line {
    /// A line without fields.
    pub fn new(time: Timestamp, level: Level, message: impl Into<String>) -> Self {
        Self { time, level, message: message.into(), fields: Vec::new() }
    }

    /// The same line, with a field more.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((key, value.into()));
        self.fields.sort();
        self
    }

    /// The line that reports a problem.
    pub fn of(problem: &Problem, time: Timestamp) -> Self {
        let mut line = Self::new(time, problem.severity.into(), &problem.message).with("code", &problem.code);
        if !problem.remedy.is_empty() {
            line = line.with("remedy", &problem.remedy);
        }
        if let Some(object) = &problem.object {
            line = line.with("resource", object.resource.to_string()).with("name", &object.name);
        }
        match &problem.place {
            Place::Velero => line,
            Place::Cluster => line.with("namespace", ""),
            Place::Namespace(namespace) => line.with("namespace", namespace),
        }
    }
}

impl From<Severity> for Level {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warning => Self::Warning,
            Severity::Error => Self::Error,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "time=\"{:.0}\" level={}", self.time, self.level)?;
        if !self.message.is_empty() {
            write!(f, " msg={}", Text(&self.message))?;
        }
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={}", Text(value)))
    }
}

/// A value, quoted where it must be.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |of: char| of.is_ascii_alphanumeric() || "-._/@^+".contains(of);
        if self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        self.0.chars().try_for_each(|of| escaped(f, of))?;
        f.write_str("\"")
    }
}

/// A character inside of quotes, as Go quotes it.
fn escaped(f: &mut fmt::Formatter<'_>, of: char) -> fmt::Result {
    match of {
        '"' | '\\' => write!(f, "\\{of}"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{b}' => f.write_str("\\v"),
        '\u{c}' => f.write_str("\\f"),
        '\0'..' ' | '\u{7f}' => write!(f, "\\x{:02x}", u32::from(of)),
        _ if hidden(of) => match u32::from(of) {
            code @ 0..=0xffff => write!(f, "\\u{code:04x}"),
            code => write!(f, "\\U{code:08x}"),
        },
        _ => write!(f, "{of}"),
    }
}

/// Characters that would not be seen, or that would turn the text around them.
fn hidden(of: char) -> bool {
    let invisible =
        matches!(of, '\u{ad}' | '\u{2000}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{205f}'..='\u{206f}');
    let private = matches!(of, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    of.is_control() || of == '\u{a0}' || of == '\u{3000}' || invisible || private
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use api::meta::{GroupResource, ObjectKey};

    const CODE: Code = Code { id: "SLV-1999", title: "for tests", remedy: "Do nothing." };

    fn line(message: &str) -> Line {
        Line::new("2026-05-20T10:00:00.75Z".parse().unwrap(), Level::Info, message)
    }

    fn check(message: &str, expect: &str) {
        let expect = format!("time=\"2026-05-20T10:00:00Z\" level=info{expect}");
        assert_eq!(line(message).to_string(), expect);
    }

    #[test]
    fn values_are_quoted_where_they_must_be() {
        check("done", " msg=done");
        check("", "");
        check("Backed up 3 items", " msg=\"Backed up 3 items\"");
        check("a-._/@^+Z9", " msg=a-._/@^+Z9");
        check("a=b", " msg=\"a=b\"");
        check("say \"hi\" \\ there", r#" msg="say \"hi\" \\ there""#);
        check("two\nlines\tand\r\u{7}\u{1b}[31m\u{7f}", r#" msg="two\nlines\tand\r\a\x1b[31m\x7f""#);
        check("größe", " msg=\"größe\"");
        check("turn\u{202e}around\u{f0000}", r#" msg="turn\u202earound\U000f0000""#);
    }

    #[test]
    fn fields_are_sorted_and_empty_ones_stay() {
        let line = line("x").with("name", "web").with("backup", "velero/b1").with("namespace", "");
        assert!(line.to_string().ends_with("msg=x backup=velero/b1 name=web namespace="));
    }

    #[test]
    fn a_problem_is_one_line() {
        let key = ObjectKey::new(GroupResource::new("apps", "deployments"), Some("shop"), "web");
        let problem = Problem::new(&CODE, Severity::Error, "it failed").about(&key);
        let line = Line::of(&problem, "2026-05-20T10:00:00Z".parse().unwrap()).to_string();
        assert_eq!(
            line,
            "time=\"2026-05-20T10:00:00Z\" level=error msg=\"it failed\" code=SLV-1999 name=web namespace=shop \
             remedy=\"Do nothing.\" resource=deployments.apps"
        );
    }
}
