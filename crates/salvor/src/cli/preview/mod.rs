//! Reports of dry runs as text: a line of counts first, then what each object comes to, then what else there is to know.
//! Long lists are cut with a count of the rest: JSON has all of it.

pub mod backup;
pub mod restore;

use engine::problem::{Problem, Severity};

/// Names that are listed of a group.
const NAMES_MAX: usize = 5;
/// Problems that are listed.
const PROBLEMS_MAX: usize = 50;

/// A count, and what is counted.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The first names of a group, and how many more there are.
fn few(names: &[String]) -> String {
    let listed = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// A block of lines below a heading; nothing where there are none.
fn block(text: &mut String, heading: &str, lines: impl IntoIterator<Item = String>, most: usize) {
    let lines: Vec<String> = lines.into_iter().collect();
    if lines.is_empty() {
        return;
    }
    text.push_str(&format!("\n{heading}\n"));
    for line in lines.iter().take(most) {
        text.push_str(&format!("  {line}\n"));
    }
    if lines.len() > most {
        text.push_str(&format!("  and {} more (-o json has all)\n", lines.len() - most));
    }
}

fn problems(text: &mut String, problems: &[Problem]) {
    let line = |problem: &Problem| {
        let severity = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let about = problem.object.as_ref().map(|object| format!("{object}: ")).unwrap_or_default();
        format!("{severity}: {about}{}", problem.sentence())
    };
    block(text, "Problems:", problems.iter().map(line), PROBLEMS_MAX);
}
