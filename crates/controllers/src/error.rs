//! Why a reconcile could not end, and what the driver makes of it.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use store::backup_files::FileError;

/// The outcome of a step of a controller.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a step of a controller failed; completes "failed to ...".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The cluster did not do what was asked.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The store did not do what was asked.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A file in the store is not what it should be.
    #[error(transparent)]
    File(FileError),
    /// A document does not have the shape of its kind. Trying again does not help.
    #[error("read {what}: {message}")]
    Malformed {
        /// The document, such as `Backup shop`.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// A setting or a reference is wrong. It may be put right at any time.
    #[error("{0}")]
    Config(String),
    /// It took longer than it may.
    #[error("end within {0:?}")]
    Deadline(Duration),
    /// It panicked: a defect of ours.
    #[error("go on: {0}")]
    Panicked(String),
    /// A backup could not be committed.
    #[error(transparent)]
    Commit(store::backup_files::CommitError),
    /// The local disk did not do what was asked.
    #[error("use the scratch folder: {0}")]
    Disk(#[from] std::io::Error),
    /// The archive of a backup is not one that we read. Trying again does not help.
    #[error("read the archive: {0}")]
    Archive(String),
    /// What is asked for cannot be done. Trying again does not help.
    #[error("{}", .0.message)]
    Refused(Box<engine::problem::Problem>),
    /// What is asked for makes no sense with what is there. Nothing was done.
    #[error("{}", .0.message)]
    Invalid(Box<engine::problem::Problem>),
    /// Another server was faster.
    #[error("{0}")]
    Superseded(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The name of its class, as a metric's label.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "cluster",
            Self::Store(_) => "store",
            Self::File(_) => "file",
            Self::Malformed { .. } => "malformed",
            Self::Config(_) => "config",
            Self::Deadline(_) => "deadline",
            Self::Panicked(_) => "panicked",
            Self::Commit(_) => "commit",
            Self::Disk(_) => "disk",
            Self::Archive(_) => "archive",
            Self::Refused(_) => "refused",
            Self::Invalid(_) => "invalid",
            Self::Superseded(_) => "superseded",
            Self::Other(_) => "other",
        }
    }

    /// How long the other side asked us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Cluster(error) => error.retry_after,
            _ => None,
        }
    }

    /// Whether what was decided on has changed meanwhile.
    pub fn is_superseded(&self) -> bool {
        match self {
            Self::Cluster(error) => error.kind == cluster::ErrorKind::Conflict,
            error => matches!(error, Self::Superseded(_)),
        }
    }

    /// Whether it says that an object of the cluster is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.kind == cluster::ErrorKind::NotFound)
    }
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Store(error) => Self::Store(error),
            error => Self::File(error),
        }
    }
}

/// Reads a document as a `T`.
pub fn read<T: DeserializeOwned>(document: &Value) -> Result<T> {
    T::deserialize(document)
        .map_err(|error| Error::Malformed { what: named(document), message: error.to_string() })
}

fn named(document: &Value) -> String {
    let kind = document["kind"].as_str().unwrap_or("document");
    format!("{kind} {}", engine::document::name(document))
}
