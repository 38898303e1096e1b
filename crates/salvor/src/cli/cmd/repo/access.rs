//! Opening a repository: the flags that say where it is, and where its password and the keys of its store are. None of these is ever a flag's
//! value, which other users of the machine can see.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use controllers::deps::SystemClock;
use kopia::storage::{Filesystem, Storage};
use kopia::{ErrorKind, Format, Repository, format, random};
use secrecy::{ExposeSecret, SecretString};
use store::Store;
use store::config::{Location, Wiring, references, resolve};
use tokio::runtime::Handle;

use super::address::Address;
use super::work::blocking;
use crate::cli::values::{Pairs, merged, pairs};
use crate::repository::Bucket;

/// The variable with the password.
const PASSWORD: &str = "SALVOR_REPOSITORY_PASSWORD";
/// The file without which a folder or a bucket holds no repository of restic's.
const RESTIC_CONFIG: &str = "config";
/// What Kopia adds to the names of blobs in folders of its own layout.
const SUFFIX: &str = ".f";
/// The first letters of the variables in which clouds put credentials.
const CLOUD_VARIABLES: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "GCE_"];

/// Which repository, and how it is reached.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Access {
    /// Where the repository is: a folder, or s3://BUCKET/PREFIX, azure://CONTAINER/PREFIX, gs://BUCKET/PREFIX
    #[arg(
        long,
        env = "SALVOR_REPOSITORY",
        default_value = "",
        hide_default_value = true,
        value_name = "ADDRESS"
    )]
    repository: String,
    /// The file that holds the password; else it is what SALVOR_REPOSITORY_PASSWORD says
    #[arg(long, env = "SALVOR_REPOSITORY_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Settings of the store, k=v,..., as in spec.config of a BackupStorageLocation
    #[arg(long, value_name = "SETTINGS", value_parser = pairs)]
    config: Vec<Pairs>,
    /// The file with the keys of the store, as in the Secret of a BackupStorageLocation
    #[arg(long, value_name = "FILE")]
    credentials_file: Option<PathBuf>,
    /// A file with certificates to trust, in PEM form
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

/// What a command works on.
pub(super) enum Opened {
    /// A repository of Kopia's.
    Kopia(Arc<Repository>),
    /// A repository of restic's, which is only read.
    Restic(Box<restic::Repository>),
}

/// The place of a repository, before it is known whether there is one.
enum Place {
    Folder(PathBuf),
    Bucket(Arc<dyn Store>),
}

impl Access {
    /// The same for another repository that is reached the same way.
    pub(super) fn with_address(&self, address: &str, password_file: Option<PathBuf>) -> Self {
        Self { repository: address.to_owned(), password_file, ..self.clone() }
    }

    /// Opens the repository, of whichever kind it is.
    pub(super) async fn open(&self) -> Result<Opened> {
        let (place, password) = (self.place()?, self.password()?);
        let runtime = Handle::current();
        blocking(move |_| place.open(&runtime, password.expose_secret())).await
    }

    /// Opens a repository that is to be written to, or that has what only Kopia's have.
    pub(super) async fn open_kopia(&self) -> Result<Arc<Repository>> {
        match self.open().await? {
            Opened::Kopia(repository) => Ok(repository),
            Opened::Restic(_) => {
                bail!(
                    "this is a repository of restic's: status, verify, snapshot list, ls, cat and restore work on it"
                )
            }
        }
    }

    /// Makes a new repository.
    pub(super) async fn create(&self, options: format::Options) -> Result<Arc<Repository>> {
        let (place, password) = (self.place()?, self.password()?);
        let runtime = Handle::current();
        blocking(move |_| {
            let storage: Arc<dyn Storage> = match place {
                Place::Folder(path) => Arc::new(Filesystem::create(path)?),
                Place::Bucket(store) => Arc::new(bucket(store, runtime)),
            };
            Format::create(&*storage, &random::System, password.expose_secret(), &options)?;
            kopia(storage, password.expose_secret())
        })
        .await
    }

    /// Where the blobs of a repository of Kopia's are, whether or not it can be opened, and the password.
    pub(super) async fn storage(&self) -> Result<(Arc<dyn Storage>, SecretString)> {
        let (place, password) = (self.place()?, self.password()?);
        let runtime = Handle::current();
        let storage = blocking(move |_| match place.kind(&runtime)? {
            Kind::Kopia(storage) => Ok(storage),
            Kind::Restic(_) => Err(kopia::Error::new(
                ErrorKind::Unsupported,
                "repository",
                "is restic's, which is only read",
            )),
        });
        Ok((storage.await?, password))
    }

    fn place(&self) -> Result<Place> {
        let (provider, bucket, prefix) = match Address::parse(&self.repository)? {
            Address::Folder(path) => return Ok(Place::Folder(path)),
            Address::Bucket { provider, bucket, prefix } => (provider, bucket, prefix),
        };
        let config = merged(&self.config);
        let refers = references(&config);
        if refers.customer_key_secret.is_some() || refers.customer_key_file.is_some() {
            bail!("keys that objects are encrypted with by the store are not taken here");
        }
        let file = self.credentials_file.clone().or(refers.credentials_file.map(PathBuf::from));
        let credentials = file.as_deref().map(|path| read(path).map(SecretString::from)).transpose()?;
        let ca_cert = self.cacert.as_deref().map(|path| read(path).map(String::into_bytes)).transpose()?;
        let location = Location {
            provider: provider.to_owned(),
            bucket,
            prefix,
            config,
            ca_cert,
            credentials,
            environment: environment(),
            ..Location::default()
        };
        Ok(Place::Bucket(store::config::open(&resolve(&location)?, &Wiring::default())?))
    }

    fn password(&self) -> Result<SecretString> {
        password(self.password_file.as_deref(), PASSWORD)
    }
}

/// A password: what a file holds, without the end of its line, or what a variable says.
pub(super) fn password(file: Option<&Path>, variable: &str) -> Result<SecretString> {
    let password = match file {
        Some(path) => read(path)?.trim_end_matches(['\r', '\n']).to_owned(),
        None => std::env::var(variable).unwrap_or_default(),
    };
    if password.is_empty() {
        bail!("give the password in a file, with a flag that ends in password-file, or in {variable}");
    }
    Ok(password.into())
}

/// A small file.
pub(super) fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// The variables in which clouds put credentials.
fn environment() -> BTreeMap<String, SecretString> {
    let of_clouds = |name: &String| CLOUD_VARIABLES.iter().any(|prefix| name.starts_with(prefix));
    let readable = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    readable.filter(|(name, _)| of_clouds(name)).map(|(name, value)| (name, value.into())).collect()
}

/// What kind of repository a place holds.
enum Kind {
    Kopia(Arc<dyn Storage>),
    Restic(Box<dyn restic::Files>),
}

impl Place {
    fn open(self, runtime: &Handle, password: &str) -> kopia::Result<Opened> {
        match self.kind(runtime)? {
            Kind::Kopia(storage) => kopia(storage, password).map(Opened::Kopia),
            Kind::Restic(files) => {
                restic::Repository::open(files, password).map(Box::new).map(Opened::Restic)
            }
        }
    }

    fn kind(self, runtime: &Handle) -> kopia::Result<Kind> {
        match self {
            Self::Folder(path) => kind_of_folder(path, runtime),
            Self::Bucket(store) => {
                let bucket = bucket(store, runtime.clone());
                match Storage::head(&bucket, format::REPOSITORY) {
                    Ok(_) => Ok(Kind::Kopia(Arc::new(bucket))),
                    Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                    Err(_) if restic::Files::length(&bucket, RESTIC_CONFIG).is_ok() => {
                        Ok(Kind::Restic(Box::new(bucket)))
                    }
                    Err(_) => Err(none("the bucket")),
                }
            }
        }
    }
}

/// A folder holds a repository of Kopia's in Kopia's own layout, or one that lies there as in a bucket: in a location on a mounted volume.
fn kind_of_folder(path: PathBuf, runtime: &Handle) -> kopia::Result<Kind> {
    if path.join(format!("{}{SUFFIX}", format::REPOSITORY)).is_file() {
        return Ok(Kind::Kopia(Arc::new(Filesystem::open(path)?)));
    }
    if path.join(format::REPOSITORY).is_file() {
        let path = std::path::absolute(&path).unwrap_or(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let above = path.parent().unwrap_or(Path::new("/"));
        let store = store::adapter::Filesystem::new(above, &name, "");
        return Ok(Kind::Kopia(Arc::new(bucket(Arc::new(store), runtime.clone()))));
    }
    if path.join(RESTIC_CONFIG).is_file() {
        return Ok(Kind::Restic(Box::new(restic::files::Folder::new(path))));
    }
    Err(none(&path.display().to_string()))
}

fn none(place: &str) -> kopia::Error {
    kopia::Error::new(ErrorKind::NotFound, place, "there is no repository of Kopia's or restic's")
}

fn bucket(store: Arc<dyn Store>, runtime: Handle) -> Bucket {
    Bucket::new(store, "", runtime, Arc::new(SystemClock))
}

fn kopia(storage: Arc<dyn Storage>, password: &str) -> kopia::Result<Arc<Repository>> {
    Repository::open(storage, Arc::new(random::System), password).map(Arc::new)
}
