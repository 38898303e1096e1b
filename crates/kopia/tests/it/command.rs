//! The real kopia, if the environment names it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use kopia::storage::Filesystem;
use kopia::{Repository, random};
use serde_json::Value;
use tempfile::TempDir;

/// The password of all repositories here.
pub(crate) const PASSWORD: &str = "correct horse";

/// A folder for one test, with a repository in it and the command that works on it.
pub(crate) struct World {
    program: PathBuf,
    folder: TempDir,
    pub(crate) password: String,
}

/// The world; `None` where there is no command.
pub(crate) fn world() -> Option<World> {
    let Some(program) = std::env::var_os("SALVOR_TEST_KOPIA") else {
        eprintln!("skipped: SALVOR_TEST_KOPIA names no kopia command (run `cargo xtask test interop`)");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    Some(World { program: program.into(), folder, password: PASSWORD.to_owned() })
}

impl World {
    /// A path in the folder of the test.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the repository is.
    pub(crate) fn repository_path(&self) -> PathBuf {
        self.path("repository")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg(format!("--config-file={}", self.path("kopia.config").display()));
        command.args(["--no-use-keyring", "--disable-file-logging", "--no-progress"]);
        command.env("KOPIA_PASSWORD", &self.password).env("KOPIA_CHECK_FOR_UPDATES", "false");
        command.env("HOME", self.folder.path()).env("XDG_CACHE_HOME", self.path("cache"));
        command.env("KOPIA_CACHE_DIRECTORY", self.path("cache"));
        command
    }

    /// Runs the command, which has to succeed; what it prints.
    pub(crate) fn kopia(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
        write!(said, "{}", String::from_utf8_lossy(&output.stderr)).unwrap();
        assert!(output.status.success(), "kopia {arguments:?}:\n{said}");
        said
    }

    /// Whether the command fails.
    pub(crate) fn kopia_fails(&self, arguments: &[&str]) -> bool {
        !self.command(arguments).output().unwrap().status.success()
    }

    /// Runs the command and reads what it prints.
    pub(crate) fn kopia_json(&self, arguments: &[&str]) -> Value {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert!(output.status.success(), "kopia {arguments:?}:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Has the command create the repository.
    pub(crate) fn create(&self, options: &[&str]) {
        let path = format!("--path={}", self.repository_path().display());
        std::fs::create_dir_all(self.repository_path()).unwrap();
        self.kopia(&[&["repository", "create", "filesystem", &path], options, &IDENTITY].concat());
    }

    /// Has the command connect to the repository.
    pub(crate) fn connect(&self) {
        let path = format!("--path={}", self.repository_path().display());
        self.kopia(&[&["repository", "connect", "filesystem", &path][..], &IDENTITY].concat());
    }

    /// Has the command make a snapshot.
    pub(crate) fn snapshot(&self, tree: &Path) {
        self.kopia(&["snapshot", "create", &tree.display().to_string()]);
    }

    /// Opens the repository ourselves.
    pub(crate) fn open(&self) -> Arc<Repository> {
        let storage = Arc::new(Filesystem::open(self.repository_path()).unwrap());
        Arc::new(Repository::open(storage, Arc::new(random::System), &self.password).unwrap())
    }
}

const IDENTITY: [&str; 2] = ["--override-hostname=default", "--override-username=default"];
