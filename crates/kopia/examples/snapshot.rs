//! The whole way: a folder into a repository, and out of it into another folder.
//!
//! ```text
//! cargo run --example snapshot -- REPOSITORY FOLDER TARGET < PASSWORD-FILE
//! ```
//!
//! The repository is made if it is not there; kopia's command opens it: `kopia repository connect filesystem --path REPOSITORY`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kopia::repository::Verified;
use kopia::restore::restore;
use kopia::snapshot::Source;
use kopia::storage::Filesystem;
use kopia::upload::{self, Progress, Request, snapshot};
use kopia::{ErrorKind, Format, Repository, Result, Writer, format, random, restore};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [repository, folder, target] = &arguments[..] else { return Err("REPOSITORY FOLDER TARGET".into()) };
    let password = std::io::read_to_string(std::io::stdin())?;
    let repository = open(repository, password.trim())?;

    let source =
        Source { host: "example".to_owned(), user: "example".to_owned(), path: folder.display().to_string() };
    let (progress, never) = (Progress::default(), AtomicBool::new(false));
    let writer = Writer::with_identity(Arc::clone(&repository), &source.user, &source.host)?;
    let request = Request { source, ..Request::default() };
    let saved = snapshot(&writer, folder, &request, &upload::Options::default(), &progress, &never)?;
    println!("snapshot {}: {:?}", saved.id, progress.counts());
    progress.problems().iter().for_each(|problem| println!("{}: {}", problem.path, problem.reason));

    let (root, options) = (&saved.snapshot.root, restore::Options::default());
    let report = restore(&Verified(&repository), root, target, &options, &never)?;
    println!("restored {} files, {} bytes", report.files, report.bytes);
    report.problems.iter().for_each(|problem| println!("{}: {}", problem.path, problem.error));
    Ok(())
}

/// Opens a repository in a folder; a new one if there is none.
fn open(path: &Path, password: &str) -> Result<Arc<Repository>> {
    let storage = match Filesystem::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let storage = Filesystem::create(path)?;
            Format::create(&storage, &random::System, password, &format::Options::default())?;
            storage
        }
        opened => opened?,
    };
    Repository::open(Arc::new(storage), Arc::new(random::System), password).map(Arc::new)
}
