//! `completion`.

use anyhow::bail;
use clap::Args;
use clap_complete::Shell;

use crate::cli::grammar;
use crate::cli::output::print;
use crate::exit::Exit;

/// Print a completion script for a shell
#[derive(Debug, Args)]
pub struct Completion {
    /// bash, zsh or fish
    shell: String,
}

impl Completion {
    /// Runs it.
    pub fn run(self, called: &str) -> anyhow::Result<Exit> {
        let shell = match self.shell.as_str() {
            "bash" => Shell::Bash,
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            _ => bail!("Invalid shell specified, specify bash, zsh, or fish"),
        };
        print(&script(shell, called))?;
        Ok(Exit::Done)
    }
}

fn script(shell: Shell, called: &str) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut grammar(called), called, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, "velero");
            for word in ["velero", "backup-location", "include-namespaces"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
