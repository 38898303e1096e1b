//! Volumes that hold filesystem locations: `NAME=pvc:CLAIM`, `NAME=hostPath:/P`, `NAME=nfs:HOST:/P`.
//!
//! The server runs as an unprivileged user and must be able to write there. A claim is handed to its group by
//! the kubelet (fsGroup). A hostPath is not: an init container that may do nothing else gives the folder, not
//! what is in it, to the server's user. An NFS export must be writable by that user by the server's own rules.

use std::str::FromStr;

use serde_json::{Value, json};

/// The folder below which locations are mounted.
const ROOT: &str = "/locations";
/// A DNS label, as names of volumes are.
const NAME_MAX: usize = 63 - "location-".len();

/// A volume that is mounted for a filesystem location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationVolume {
    /// What the location is called in paths.
    pub name: String,
    /// What is mounted.
    pub source: Source,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A PersistentVolumeClaim of the server's namespace.
    Claim(String),
    /// A folder of the node.
    HostPath(String),
    /// An NFS export.
    Nfs {
        /// The NFS server.
        host: String,
        /// The exported path.
        path: String,
    },
}

/// Why a text does not name a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("location volume {text:?}: {reason}")]
pub struct Invalid {
    text: String,
    reason: &'static str,
}

impl LocationVolume {
    /// Where it is mounted: the `config.path` of its location.
    pub fn path(&self) -> String {
        format!("{ROOT}/{}", self.name)
    }

    /// The name of the pod's volume.
    pub fn volume_name(&self) -> String {
        format!("location-{}", self.name)
    }

    /// The pod's volume.
    pub fn volume(&self) -> Value {
        let name = self.volume_name();
        match &self.source {
            Source::Claim(claim) => json!({"name": name, "persistentVolumeClaim": {"claimName": claim}}),
            Source::HostPath(path) => {
                json!({"name": name, "hostPath": {"path": path, "type": "DirectoryOrCreate"}})
            }
            Source::Nfs { host, path } => json!({"name": name, "nfs": {"server": host, "path": path}}),
        }
    }

    /// Parses the value of an annotation: volumes divided by commas, blanks or line ends.
    pub fn parse_all(text: &str) -> (Vec<Self>, Vec<Invalid>) {
        let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        let mut volumes: Vec<Self> = Vec::new();
        let mut invalid = Vec::new();
        for part in parts {
            match part.parse::<Self>() {
                Ok(volume) if volumes.iter().any(|other| other.name == volume.name) => {
                    invalid.push(refuse(part, "the name is taken twice"));
                }
                Ok(volume) => volumes.push(volume),
                Err(error) => invalid.push(error),
            }
        }
        (volumes, invalid)
    }
}

impl FromStr for LocationVolume {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (name, source) = text.split_once('=').ok_or_else(|| refuse(text, FORM))?;
        if !is_label(name) {
            return Err(refuse(text, "the name must be lower-case letters, digits and dashes"));
        }
        let (kind, rest) = source.split_once(':').ok_or_else(|| refuse(text, FORM))?;
        let source = match kind {
            "pvc" if !rest.is_empty() => Source::Claim(rest.to_owned()),
            "hostPath" => Source::HostPath(absolute(text, rest)?),
            "nfs" => nfs(text, rest)?,
            _ => return Err(refuse(text, FORM)),
        };
        Ok(Self { name: name.to_owned(), source })
    }
}

const FORM: &str = "must be NAME=pvc:CLAIM, NAME=hostPath:/PATH or NAME=nfs:HOST:/PATH";

fn nfs(text: &str, rest: &str) -> Result<Source, Invalid> {
    let at = rest.find(":/").filter(|at| *at > 0).ok_or_else(|| refuse(text, FORM))?;
    Ok(Source::Nfs { host: rest[..at].to_owned(), path: absolute(text, &rest[at + 1..])? })
}

fn absolute(text: &str, path: &str) -> Result<String, Invalid> {
    if !path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(refuse(text, "the path must be absolute and without `..`"));
    }
    Ok(path.to_owned())
}

fn is_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty()
        && name.len() <= NAME_MAX
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn refuse(text: &str, reason: &'static str) -> Invalid {
    Invalid { text: text.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_volume_is_read_and_mounted() {
        let check = |text: &str, expect: Value| {
            let volume: LocationVolume = text.parse().unwrap();
            assert_eq!(volume.path(), "/locations/store");
            assert_eq!(volume.volume(), expect, "{text}");
        };
        check(
            "store=pvc:backups",
            json!({"name": "location-store", "persistentVolumeClaim": {"claimName": "backups"}}),
        );
        check(
            "store=hostPath:/srv/b",
            json!({"name": "location-store", "hostPath": {"path": "/srv/b", "type": "DirectoryOrCreate"}}),
        );
        check(
            "store=nfs:nas:/vol/b",
            json!({"name": "location-store", "nfs": {"server": "nas", "path": "/vol/b"}}),
        );
        check(
            "store=nfs:fd00::1:/b",
            json!({"name": "location-store", "nfs": {"server": "fd00::1", "path": "/b"}}),
        );
    }

    #[test]
    fn what_is_not_a_volume_is_refused_with_a_reason() {
        for (text, reason) in [
            ("store", "must be NAME="),
            ("store=pvc:", "must be NAME="),
            ("store=disk:/x", "must be NAME="),
            ("store=nfs:/x", "must be NAME="),
            ("Store=pvc:x", "lower-case"),
            ("-a=pvc:x", "lower-case"),
            ("=pvc:x", "lower-case"),
            ("store=hostPath:srv", "absolute"),
            ("store=hostPath:/srv/../etc", "absolute"),
        ] {
            let error = text.parse::<LocationVolume>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn an_annotation_gives_all_volumes_and_all_refusals() {
        let (volumes, invalid) = LocationVolume::parse_all("a=pvc:x, b=nfs:h:/p\nc=what:/p a=pvc:y");
        assert_eq!(volumes.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(invalid.len(), 2);
    }
}
