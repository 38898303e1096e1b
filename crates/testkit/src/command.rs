//! Running a command to its end, and saying what it said when it fails.

use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

/// How many lines of a failed command's output its error shows.
const SHOWN_LINES: usize = 15;

/// Runs a program with arguments; its standard output.
pub fn run<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<String> {
    run_command(Command::new(program).args(arguments))
}

/// Runs a prepared command; its standard output.
pub fn run_command(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("failed to start {program}"))?;
    finished(&program, &output)
}

fn finished(program: &str, output: &Output) -> Result<String> {
    if !output.status.success() {
        let said =
            String::from_utf8_lossy(if output.stderr.is_empty() { &output.stdout } else { &output.stderr });
        bail!("{program} failed with {}:\n{}", output.status, last_lines(&said, SHOWN_LINES));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The last lines of a text, indented.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let shown = &lines[lines.len().saturating_sub(count)..];
    shown.iter().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_tells_its_last_lines() {
        let error = run("sh", ["-c", "for n in $(seq 20); do echo line $n >&2; done; exit 3"]).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("sh failed with exit status: 3:"), "{text}");
        assert!(text.contains("line 20") && !text.contains("line 5\n"), "{text}");
    }

    #[test]
    fn a_good_command_gives_its_output() {
        assert_eq!(run("sh", ["-c", "echo hello"]).unwrap(), "hello\n");
    }
}
