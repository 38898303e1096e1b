//! As whom somebody works on a repository.

use clap::Args;

/// As whom somebody writes: snapshots are theirs, and one of them maintains the repository.
#[derive(Debug, Clone, Args)]
pub(super) struct Identity {
    /// As whom to write, USER@HOST; Velero's servers and ours are default@default
    #[arg(long = "identity", value_name = "USER@HOST", default_value = "default@default", value_parser = parse)]
    who: Who,
}

#[derive(Debug, Clone)]
struct Who {
    user: String,
    host: String,
}

fn parse(text: &str) -> Result<Who, String> {
    match text.split_once('@') {
        Some((user, host)) if !user.is_empty() && !host.is_empty() => {
            Ok(Who { user: user.to_owned(), host: host.to_owned() })
        }
        _ => Err(format!("{text:?} is not of the form USER@HOST")),
    }
}

impl Identity {
    /// The user.
    pub(super) fn user(&self) -> &str {
        &self.who.user
    }

    /// The machine.
    pub(super) fn host(&self) -> &str {
        &self.who.host
    }
}
