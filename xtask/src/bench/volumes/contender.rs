//! The three commands, each with a repository of its own, and its caches where it wants them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::s3::REGION;
use tokio::process::Command;

use super::measure::{Took, measured};
use super::server::{ACCESS_KEY, SECRET_KEY};

/// The password of all repositories.
const PASSWORD: &str = "bench";

/// The programs.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) salvor: PathBuf,
    pub(super) kopia: PathBuf,
    pub(super) restic: PathBuf,
}

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contender {
    Salvor,
    Kopia,
    Restic,
}

/// Where a repository is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Folder(PathBuf),
    S3 { host: String, bucket: String, prefix: String },
}

/// One of them, with its repository.
pub(super) struct Client<'a> {
    contender: Contender,
    programs: &'a Programs,
    place: Place,
    /// Its own folder: for passwords, caches and the like.
    home: PathBuf,
}

impl Contender {
    /// All of them, ours first, then kopia's.
    pub(super) const ALL: [Self; 3] = [Self::Salvor, Self::Kopia, Self::Restic];

    /// Its name in the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Salvor => "salvor",
            Self::Kopia => "kopia",
            Self::Restic => "restic",
        }
    }

    /// One that works on a repository at a place.
    pub(super) fn client<'a>(self, programs: &'a Programs, place: Place, work: &Path) -> Result<Client<'a>> {
        let home = work.join("home");
        let keys = format!("[default]\naws_access_key_id={ACCESS_KEY}\naws_secret_access_key={SECRET_KEY}\n");
        std::fs::create_dir_all(&home)
            .and_then(|()| std::fs::write(home.join("password"), PASSWORD))
            .and_then(|()| std::fs::write(home.join("keys"), keys))
            .context("failed to make a home")?;
        Ok(Client { contender: self, programs, place, home })
    }
}

impl Client<'_> {
    /// Makes the repository, as each of them does by default; text is compressed by all.
    pub(super) async fn create(&self, compresses: bool) -> Result<()> {
        let arguments: Vec<String> = match (self.contender, &self.place) {
            (Contender::Salvor, _) => words(&["repo", "create"]),
            (Contender::Restic, _) => words(&["init"]),
            (Contender::Kopia, Place::Folder(path)) => {
                std::fs::create_dir_all(path).context("failed to make the repository's folder")?;
                [words(&["repository", "create", "filesystem"]), vec![format!("--path={}", path.display())]]
                    .concat()
            }
            (Contender::Kopia, Place::S3 { host, bucket, prefix }) => [
                words(&["repository", "create", "s3", "--disable-tls"]),
                words(&[&format!("--endpoint={host}"), &format!("--bucket={bucket}")]),
                words(&[&format!("--prefix={prefix}/"), &format!("--region={REGION}")]),
                words(&[&format!("--access-key={ACCESS_KEY}"), &format!("--secret-access-key={SECRET_KEY}")]),
            ]
            .concat(),
        };
        self.run(&arguments).await?;
        if compresses {
            match self.contender {
                Contender::Salvor => {
                    self.run(&words(&["repo", "policy", "set", "(global)", "--compression", "zstd-fastest"]))
                        .await?;
                }
                Contender::Kopia => {
                    self.run(&words(&["policy", "set", "--global", "--compression=zstd-fastest"])).await?;
                }
                // it does so by itself
                Contender::Restic => {}
            }
        }
        Ok(())
    }

    /// Backs a folder up.
    pub(super) async fn backup(&self, source: &Path) -> Result<Took> {
        let source = source.display().to_string();
        let arguments = match self.contender {
            Contender::Salvor => words(&["repo", "snapshot", "create", &source]),
            Contender::Kopia => words(&["snapshot", "create", &source]),
            Contender::Restic => words(&["backup", "--quiet", &source]),
        };
        Ok(self.run(&arguments).await?.0)
    }

    /// Restores the latest snapshot of a folder into a new one.
    pub(super) async fn restore(&self, source: &Path, target: &Path) -> Result<Took> {
        let to = target.display().to_string();
        let arguments = match self.contender {
            Contender::Salvor => words(&["repo", "snapshot", "restore", "latest", &to]),
            Contender::Kopia => words(&["snapshot", "restore", &self.latest_of_kopia().await?, &to]),
            Contender::Restic => {
                let of_source = format!("latest:{}", source.display());
                words(&["restore", "--quiet", &of_source, "--target", &to])
            }
        };
        Ok(self.run(&arguments).await?.0)
    }

    async fn latest_of_kopia(&self) -> Result<String> {
        let said = self.run(&words(&["snapshot", "list", "--json"])).await?.1;
        let listed: Vec<Value> = serde_json::from_str(&said).context("failed to read kopia's list")?;
        let id = listed.last().and_then(|snapshot| snapshot["id"].as_str());
        Ok(id.context("failed to find kopia's snapshot")?.to_owned())
    }

    async fn run(&self, arguments: &[String]) -> Result<(Took, String)> {
        let mut command = match self.contender {
            Contender::Salvor => self.salvor(arguments),
            Contender::Kopia => self.kopia(arguments),
            Contender::Restic => self.restic(arguments),
        };
        command.env("HOME", &self.home).env("XDG_CACHE_HOME", self.home.join("cache"));
        measured(&mut command).await
    }

    fn salvor(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.programs.salvor);
        command.args(arguments).arg("--password-file").arg(self.home.join("password"));
        match &self.place {
            Place::Folder(path) => command.arg("--repository").arg(path),
            Place::S3 { host, bucket, prefix } => {
                let config = format!("region={REGION},s3ForcePathStyle=true,s3Url=http://{host}");
                command.args(["--repository", &format!("s3://{bucket}/{prefix}"), "--config", &config]);
                command.arg("--credentials-file").arg(self.home.join("keys"))
            }
        };
        command
    }

    fn kopia(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.programs.kopia);
        command.args(arguments).args(["--no-use-keyring", "--disable-file-logging", "--no-progress"]);
        command.arg(format!("--config-file={}", self.home.join("kopia.config").display()));
        command.env("KOPIA_PASSWORD", PASSWORD).env("KOPIA_CHECK_FOR_UPDATES", "false");
        command.env("KOPIA_CACHE_DIRECTORY", self.home.join("cache"));
        command
    }

    fn restic(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.programs.restic);
        command.args(arguments).env("RESTIC_PASSWORD", PASSWORD);
        command.env("RESTIC_CACHE_DIR", self.home.join("cache"));
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        let repository = match &self.place {
            Place::Folder(path) => path.display().to_string(),
            Place::S3 { host, bucket, prefix } => format!("s3:http://{host}/{bucket}/{prefix}"),
        };
        command.env("RESTIC_REPOSITORY", repository).env("AWS_DEFAULT_REGION", REGION);
        command
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
