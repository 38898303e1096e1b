//! `repo snapshot ls`.

use clap::Args;
use kopia::restore::{Found, Tree, find};
use kopia::snapshot::{DirEntry, EntryType};
use kopia::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::super::access::Access;
use super::super::show::moment;
use super::super::work::blocking;
use crate::cli::output::print;
use crate::exit::Exit;

/// How deep trees may be.
const DEPTH_MAX: usize = 1000;

/// List what a snapshot has in a folder
#[derive(Debug, Args)]
pub struct Ls {
    #[command(flatten)]
    access: Access,
    /// The beginning of the snapshot's name, or `latest`
    snapshot: String,
    /// The folder in it
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    /// Go into folders
    #[arg(short, long)]
    recursive: bool,
    /// Print one JSON document a line
    #[arg(long)]
    json_lines: bool,
}

impl Ls {
    /// Runs it. Lines are printed as they are found: trees may have millions of them.
    pub async fn run(self) -> anyhow::Result<Exit> {
        let opened = self.access.open().await?;
        let (snapshot, path) = (self.snapshot, self.path);
        let listing = Listing { is_recursive: self.recursive, as_json: self.json_lines };
        let listed = blocking(move |_| {
            let root = opened.root(&snapshot)?;
            opened.with_tree(|tree| {
                let found = find(tree, &root, &path)?;
                if found.entry.kind == EntryType::Directory {
                    listing.list(tree, &found.entry, "", 0)
                } else {
                    listing.show(&path, &found)
                }
            })
        });
        listed.await?;
        Ok(Exit::Done)
    }
}

#[derive(Clone, Copy)]
struct Listing {
    is_recursive: bool,
    as_json: bool,
}

impl Listing {
    fn list(self, tree: &dyn Tree, folder: &DirEntry, path: &str, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::Unsupported, path, "lies too deep"));
        }
        let mut folders = Vec::new();
        tree.list(folder, &mut |found| {
            let name = String::from_utf8_lossy(&found.entry.name);
            let path = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            self.show(&path, &found)?;
            if self.is_recursive && found.entry.kind == EntryType::Directory {
                folders.push((path, found.entry));
            }
            Ok(())
        })?;
        folders.iter().try_for_each(|(path, folder)| self.list(tree, folder, path, depth + 1))
    }

    fn show(self, path: &str, found: &Found) -> Result<()> {
        let line =
            if self.as_json { facts(path, &found.entry).to_string() } else { text(path, &found.entry) };
        print(&(line + "\n")).map_err(|error| Error::new(ErrorKind::Storage, path, error.to_string()))
    }
}

fn letter(kind: EntryType) -> char {
    match kind {
        EntryType::File => '-',
        EntryType::Directory => 'd',
        EntryType::Symlink => 'l',
        EntryType::Unknown => '?',
    }
}

fn facts(path: &str, entry: &DirEntry) -> Value {
    let kind = match entry.kind {
        EntryType::File => "file",
        EntryType::Directory => "directory",
        EntryType::Symlink => "symlink",
        EntryType::Unknown => "unknown",
    };
    json!({
        "path": path,
        "type": kind,
        "mode": format!("{:04o}", entry.mode.to_unix()),
        "size": entry.size,
        "modified": entry.modified.to_string(),
        "uid": entry.uid,
        "gid": entry.gid,
        "object": entry.object.map(|object| object.to_string()),
    })
}

/// As `ls -l` has it. Control characters in names do not reach the terminal.
fn text(path: &str, entry: &DirEntry) -> String {
    let path: String = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let (letter, mode) = (letter(entry.kind), entry.mode.to_unix());
    let (uid, gid, size) = (entry.uid, entry.gid, entry.size);
    format!("{letter}{mode:04o} {uid:>6} {gid:>6} {size:>12} {} {path}", moment(entry.modified))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_control_characters_from_terminals() {
        let entry = DirEntry { kind: EntryType::File, size: 5, ..DirEntry::default() };
        let line = text("a\u{1b}[2Jb\n", &entry);
        assert!(line.starts_with("-0000") && line.ends_with("a?[2Jb?"), "{line:?}");
        assert_eq!(facts("p", &entry)["size"], 5);
    }
}
