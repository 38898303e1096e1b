//! The role `prepare-locations`: hands mounted folders to the server's user. The one step that needs root, and
//! so does nothing else: what is in the folders is left alone.

use std::os::unix::fs::chown;
use std::path::PathBuf;

use clap::Parser;

use crate::exit::Exit;

/// Hands mounted folders to the server's user.
#[derive(Debug, Parser)]
#[command(name = "prepare-locations", bin_name = "salvor prepare-locations", disable_version_flag = true)]
struct Flags {
    /// The user and group that the folders are to belong to
    #[arg(long)]
    owner: u32,
    /// The folders
    #[arg(required = true)]
    folders: Vec<PathBuf>,
}

/// Runs with the arguments that follow the role's name.
pub fn main(arguments: Vec<String>) -> Exit {
    let flags = match Flags::try_parse_from(std::iter::once("prepare-locations".to_owned()).chain(arguments))
    {
        Ok(flags) => flags,
        Err(usage) => {
            // Nothing is left to tell if the terminal has gone.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Failed } else { Exit::Done };
        }
    };
    for folder in &flags.folders {
        if let Err(error) = chown(folder, Some(flags.owner), Some(flags.owner)) {
            eprintln!(
                "An error occurred: failed to hand {} to user {}: {error}",
                folder.display(),
                flags.owner
            );
            return Exit::Failed;
        }
    }
    Exit::Done
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    fn run(arguments: &[&str]) -> Exit {
        main(arguments.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn folders_change_hands_and_what_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        let owner = std::fs::metadata(path).unwrap().uid();
        assert_eq!(run(&[&format!("--owner={owner}"), path]), Exit::Done);
        assert_eq!(std::fs::metadata(path).unwrap().gid(), owner);
        assert_eq!(run(&[&format!("--owner={owner}"), &format!("{path}/nothing")]), Exit::Failed);
        assert_eq!(run(&["--owner=1"]), Exit::Failed);
    }
}
