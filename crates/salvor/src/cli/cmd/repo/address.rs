//! Where a repository is, as a person writes it.

use std::path::PathBuf;

use anyhow::{Result, bail};

/// The schemes of clouds, and the providers of locations that they stand for.
const CLOUDS: [(&str, &str); 3] = [("s3", "aws"), ("azure", "azure"), ("gs", "gcp")];

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a bucket, below a prefix.
    Bucket {
        /// The provider, as locations name it.
        provider: &'static str,
        /// The bucket.
        bucket: String,
        /// What all keys begin with: empty, or without `/` at either end.
        prefix: String,
    },
}

impl Address {
    /// Reads an address: a path, or `SCHEME://BUCKET/PREFIX`.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.is_empty() {
                bail!("name the repository with --repository, or in SALVOR_REPOSITORY");
            }
            return Ok(Self::Folder(text.into()));
        };
        if scheme == "file" {
            return Ok(Self::Folder(rest.into()));
        }
        let Some((_, provider)) = CLOUDS.iter().find(|(name, _)| *name == scheme) else {
            bail!("a repository is a path, or begins with s3://, azure:// or gs://, not with {scheme}://");
        };
        if rest.contains(['@', '?', '#']) {
            bail!(
                "an address is SCHEME://BUCKET/PREFIX: settings go into --config, keys into --credentials-file"
            );
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            bail!("{text} names no bucket");
        }
        let prefix = prefix.trim_matches('/').to_owned();
        Ok(Self::Bucket { provider, bucket: bucket.to_owned(), prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths_or_buckets() {
        for (text, path) in [("/a/b", "/a/b"), ("a b", "a b"), ("file:///a", "/a")] {
            assert_eq!(Address::parse(text).unwrap(), Address::Folder(path.into()), "{text}");
        }
        for (text, provider, bucket, prefix) in [
            ("s3://b", "aws", "b", ""),
            ("s3://b/velero/kopia/ns/", "aws", "b", "velero/kopia/ns"),
            ("azure://c/p", "azure", "c", "p"),
            ("gs://b/p", "gcp", "b", "p"),
        ] {
            let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
            assert_eq!(Address::parse(text).unwrap(), Address::Bucket { provider, bucket, prefix }, "{text}");
        }
        for text in ["", "s3://", "s3:///p", "ftp://h/p", "s3://id:secret@b/p", "s3://b?region=x"] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
