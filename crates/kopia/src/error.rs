//! What can go wrong, and with which blob, content or object.

use std::error::Error as StdError;
use std::fmt;
use std::io;

/// The outcome of whatever touches a repository.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed, as far as callers decide by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It is not there.
    NotFound,
    /// It is there already.
    AlreadyExists,
    /// The bytes asked for are not all there.
    InvalidRange,
    /// It is longer than the caller allowed.
    TooLarge,
    /// The bytes are not what the format says: damaged, cut off, or altered.
    Corrupt,
    /// The password does not open the repository (or its format blob is damaged: the two look alike).
    InvalidPassword,
    /// The repository, or the store, needs or lacks something that this version does not have.
    Unsupported,
    /// Another client is upgrading the repository: nobody else may touch it.
    Locked,
    /// The caller asked for something that makes no sense.
    Invalid,
    /// The clocks of this machine and of the store are too far apart, or a write took so long that it does not count.
    Clock,
    /// Somebody asked for it to end.
    Canceled,
    /// The store failed; trying again may help.
    Storage,
}

/// An error: its kind, what it is about, and what is wrong with that.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    subject: String,
    reason: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error about a blob, a content or an object.
    pub fn new(kind: ErrorKind, subject: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { kind, subject: subject.into(), reason: reason.into(), source: None }
    }

    /// The same, with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Bytes that are not what the format says.
    pub(crate) fn corrupt(subject: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, subject.to_string(), reason)
    }

    /// The same error about several things, without its cause.
    pub(crate) fn repeated(&self) -> Self {
        Self::new(self.kind, self.subject.clone(), self.reason.clone())
    }

    /// What this version does not know.
    pub(crate) fn unsupported(subject: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, subject.to_string(), reason)
    }

    /// What a caller should not have asked for.
    pub(crate) fn invalid(subject: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, subject.to_string(), reason)
    }

    /// What went through an interface of streams: the error as it was, or else that the bytes make no sense.
    pub(crate) fn from_io(subject: impl fmt::Display, error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::corrupt(subject, error.to_string()))
    }

    /// What went wrong while a document was read; `what` it is not.
    pub(crate) fn from_json(subject: impl fmt::Display, what: &str, error: serde_json::Error) -> Self {
        match error.is_io() {
            true => Self::from_io(subject, error.into()),
            false => Self::corrupt(subject, format!("is no {what}: {error}")),
        }
    }

    /// Its kind.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The blob, content or object that it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_worth_a_retry(&self) -> bool {
        self.kind == ErrorKind::Storage
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.reason)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_what_it_is_about_and_keeps_its_cause() {
        let error = Error::corrupt("q1", "cut off").caused_by("disk");
        assert_eq!(error.to_string(), "q1: cut off");
        assert_eq!(error.subject(), "q1");
        assert_eq!(StdError::source(&error).unwrap().to_string(), "disk");
        assert!(!error.is_worth_a_retry());
        assert!(Error::new(ErrorKind::Storage, "p", "away").is_worth_a_retry());
    }
}
