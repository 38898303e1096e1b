//! Policies: what is left out, how files are compressed and cut, and how long snapshots are kept; for everything, a machine, a user, or a folder.
//!
//! What a policy does not say is said by that of the folder above, then of the user, of the machine, of everything, and at last by kopia's own
//! defaults. Actions, which are commands, are never run.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::json;

use crate::compression::Compression;
use crate::ignore::Rules;
use crate::manifest::{Changes, Labels, Manifest, Manifests, TYPE};
use crate::snapshot::Source;
use crate::splitter::Splitter;
use crate::upload::{CompressionRule, Options};
use crate::{Error, Repository, Result};

/// The type of these manifests.
const POLICY: &str = "policy";
/// The label that says what a policy is for.
const POLICY_TYPE: &str = "policyType";
/// How many snapshots are kept where none is to be deleted.
const ALL: i32 = i32::MAX;
/// The size from which on files are uploaded in parts, as Velero has it.
const PART_LENGTH: u64 = 2 << 30;
/// What kopia takes to mean that nothing is compressed.
const NONE: &str = "none";

/// What one policy says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Policy {
    #[serde(deserialize_with = "default_if_null")]
    retention: Retention,
    #[serde(deserialize_with = "default_if_null")]
    files: Files,
    #[serde(deserialize_with = "default_if_null")]
    error_handling: ErrorHandling,
    #[serde(deserialize_with = "default_if_null")]
    compression: CompressionPolicy,
    #[serde(deserialize_with = "default_if_null")]
    metadata_compression: CompressionPolicy,
    #[serde(deserialize_with = "default_if_null")]
    splitter: SplitterPolicy,
    #[serde(deserialize_with = "default_if_null")]
    upload: UploadPolicy,
    /// Nothing above it is asked.
    no_parent: bool,
}

/// How many snapshots are kept of those that are the last of their kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Retention {
    /// Of all.
    pub keep_latest: Option<i32>,
    /// Of an hour.
    pub keep_hourly: Option<i32>,
    /// Of a day.
    pub keep_daily: Option<i32>,
    /// Of a week.
    pub keep_weekly: Option<i32>,
    /// Of a month.
    pub keep_monthly: Option<i32>,
    /// Of a year.
    pub keep_annual: Option<i32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Files {
    ignore: Option<Vec<String>>,
    ignore_dot_files: Option<Vec<String>>,
    ignore_cache_dirs: Option<bool>,
    max_file_size: Option<u64>,
    one_file_system: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorHandling {
    ignore_file_errors: Option<bool>,
    ignore_directory_errors: Option<bool>,
    ignore_unknown_types: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct CompressionPolicy {
    compressor_name: Option<String>,
    #[serde(deserialize_with = "default_if_null")]
    never_compress: Vec<String>,
    no_parent_never_compress: bool,
    min_size: Option<u64>,
    max_size: Option<u64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SplitterPolicy {
    algorithm: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UploadPolicy {
    max_parallel_file_reads: Option<usize>,
    parallel_upload_above_size: Option<u64>,
}

fn default_if_null<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl Policy {
    /// What kopia does where no policy says anything.
    fn default_of_kopia() -> Self {
        Self {
            retention: Retention {
                keep_latest: Some(10),
                keep_hourly: Some(48),
                keep_daily: Some(7),
                keep_weekly: Some(4),
                keep_monthly: Some(24),
                keep_annual: Some(3),
            },
            files: Files {
                ignore_dot_files: Some(vec![".kopiaignore".to_owned()]),
                ignore_cache_dirs: Some(true),
                ..Files::default()
            },
            error_handling: ErrorHandling { ignore_unknown_types: Some(true), ..ErrorHandling::default() },
            ..Self::default()
        }
    }

    /// Reads a manifest of that type.
    pub fn read(manifest: &Manifest) -> Result<Self> {
        serde_json::from_str(manifest.data()).map_err(|error| {
            Error::corrupt(format_args!("manifest {}", manifest.id()), format!("is no policy: {error}"))
        })
    }
}

/// The labels of the policies that hold for a source, the nearest first.
fn labels_of(source: &Source) -> Vec<Vec<(&str, &str)>> {
    let of = |kind| vec![(TYPE, POLICY), (POLICY_TYPE, kind)];
    let host = ("hostname", source.host.as_str());
    let user = ("username", source.user.as_str());
    let paths =
        above(&source.path).into_iter().map(|path| [of("path"), vec![host, user, ("path", path)]].concat());
    let others = [[of("user"), vec![host, user]].concat(), [of("host"), vec![host]].concat(), of("global")];
    paths.chain(others).collect()
}

/// A path and those above it.
fn above(path: &str) -> Vec<&str> {
    let mut paths = vec![path];
    let mut rest = path;
    while let Some(slash) = rest.rfind('/').filter(|_| rest != "/") {
        rest = if slash == 0 { "/" } else { &rest[..slash] };
        paths.push(rest);
    }
    paths
}

/// What a policy is for, written as kopia writes it: `(global)`, `@HOST`, `USER@HOST` or `USER@HOST:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Global,
    /// All sources of a machine.
    Host(String),
    /// All sources of a user on a machine.
    User {
        /// The user.
        user: String,
        /// The machine.
        host: String,
    },
    /// A folder, and those below it.
    Path(Source),
}

impl Scope {
    /// What the policy of these labels is for.
    pub fn of(manifest: &Manifest) -> Option<Self> {
        let label = |name: &str| manifest.labels().get(name).cloned();
        if !manifest.has(&[(TYPE, POLICY)]) {
            return None;
        }
        let (host, user) = (label("hostname"), label("username"));
        match manifest.labels().get(POLICY_TYPE)?.as_str() {
            "global" => Some(Self::Global),
            "host" => host.map(Self::Host),
            "user" => Some(Self::User { user: user?, host: host? }),
            "path" => Some(Self::Path(Source { host: host?, user: user?, path: label("path")? })),
            _ => None,
        }
    }

    /// The labels of its policy.
    pub fn labels(&self) -> Labels {
        let global = Source::default();
        let source = match self {
            Self::Path(source) => source.clone(),
            Self::User { user, host } => Source { host: host.clone(), user: user.clone(), ..global },
            Self::Host(host) => Source { host: host.clone(), ..global },
            Self::Global => global,
        };
        let all = labels_of(&source);
        let own = match self {
            Self::Path(_) => all.first(),
            Self::User { .. } => all.iter().rev().nth(2),
            Self::Host(_) => all.iter().rev().nth(1),
            Self::Global => all.last(),
        };
        own.into_iter().flatten().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The manifest of its policy.
    pub fn find<'m>(&self, manifests: &'m Manifests) -> Option<&'m Manifest> {
        let labels = self.labels();
        let wanted: Vec<(&str, &str)> =
            labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        manifests.latest(&wanted)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Global => f.write_str("(global)"),
            Self::Host(host) => write!(f, "@{host}"),
            Self::User { user, host } => write!(f, "{user}@{host}"),
            Self::Path(Source { host, user, path }) => write!(f, "{user}@{host}:{path}"),
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if matches!(text, "(global)" | "global") {
            return Ok(Self::Global);
        }
        let wrong = || Error::invalid(text, "is none of (global), @HOST, USER@HOST and USER@HOST:PATH");
        let (user, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (host, path) = rest.split_once(':').map_or((rest, None), |(host, path)| (host, Some(path)));
        match (user.is_empty(), host.is_empty(), path) {
            (true, false, None) => Ok(Self::Host(host.to_owned())),
            (false, false, None) => Ok(Self::User { user: user.to_owned(), host: host.to_owned() }),
            (false, false, Some(path)) if !path.is_empty() => {
                Ok(Self::Path(Source { host: host.to_owned(), user: user.to_owned(), path: path.to_owned() }))
            }
            _ => Err(wrong()),
        }
    }
}

/// Refuses a document that is no policy, or that names what is not known.
pub fn check(document: &str) -> Result<()> {
    let fields = serde_json::from_str::<serde_json::Map<_, _>>(document);
    let policy: Policy = fields
        .and_then(|fields| serde_json::from_value(fields.into()))
        .map_err(|error| Error::invalid("policy", format!("is no policy: {error}")))?;
    let (_, bad) = Effective { chain: vec![policy, Policy::default_of_kopia()] }.options();
    if bad.is_empty() {
        return Ok(());
    }
    Err(Error::invalid("policy", format!("names what is not known: {}", bad.join(", "))))
}

/// What holds for a source, the nearest policy first.
#[derive(Debug, Clone)]
pub struct Effective {
    chain: Vec<Policy>,
}

impl Effective {
    /// Finds what holds for a source.
    pub fn of(manifests: &Manifests, source: &Source) -> Result<Self> {
        let mut chain = Vec::new();
        for labels in labels_of(source) {
            let Some(manifest) = manifests.latest(&labels) else { continue };
            let policy = Policy::read(manifest)?;
            let is_last = policy.no_parent;
            chain.push(policy);
            if is_last {
                break;
            }
        }
        chain.push(Policy::default_of_kopia());
        Ok(Self { chain })
    }

    fn first<'a, T>(&'a self, of: impl FnMut(&'a Policy) -> Option<T>) -> Option<T> {
        self.chain.iter().find_map(of)
    }

    fn is(&self, of: impl FnMut(&Policy) -> Option<bool>) -> bool {
        self.first(of).unwrap_or_default()
    }

    /// How long snapshots are kept.
    pub fn retention(&self) -> Retention {
        Retention {
            keep_latest: self.first(|policy| policy.retention.keep_latest),
            keep_hourly: self.first(|policy| policy.retention.keep_hourly),
            keep_daily: self.first(|policy| policy.retention.keep_daily),
            keep_weekly: self.first(|policy| policy.retention.keep_weekly),
            keep_monthly: self.first(|policy| policy.retention.keep_monthly),
            keep_annual: self.first(|policy| policy.retention.keep_annual),
        }
    }

    /// How an upload goes by it; and what in it makes no sense, and is passed over.
    pub fn options(&self) -> (Options, Vec<String>) {
        let defaults = Options::default();
        let patterns = self.first(|policy| policy.files.ignore.as_ref().filter(|list| !list.is_empty()));
        let (rules, mut bad) = Rules::parse(patterns.into_iter().flatten().map(String::as_str));
        let compression = self.compression(|policy| &policy.compression, None, &mut bad);
        let metadata =
            self.compression(|policy| &policy.metadata_compression, Compression::of_metadata(), &mut bad);
        let splitter =
            self.first(|policy| policy.splitter.algorithm.as_deref().filter(|name| !name.is_empty()));
        if let Some(name) = splitter.filter(|name| Splitter::named(name).is_none()) {
            bad.push(format!("splitter {name}"));
        }
        let length = |of: fn(&Policy) -> Option<u64>| self.first(of).unwrap_or_default();
        let options = Options {
            threads: self
                .first(|policy| policy.upload.max_parallel_file_reads)
                .unwrap_or(defaults.threads)
                .max(1),
            compression: CompressionRule {
                compression,
                never: self.never_compressed(),
                length_min: length(|policy| policy.compression.min_size),
                length_max: length(|policy| policy.compression.max_size),
            },
            metadata_compression: metadata,
            splitter: splitter.and_then(Splitter::named),
            part_length: self
                .first(|policy| policy.upload.parallel_upload_above_size.filter(|length| *length > 0))
                .unwrap_or(defaults.part_length),
            rules: Arc::new(rules),
            rule_files: self.first(|policy| policy.files.ignore_dot_files.clone()).unwrap_or_default(),
            skip_caches: self.is(|policy| policy.files.ignore_cache_dirs),
            length_max: length(|policy| policy.files.max_file_size),
            one_file_system: self.is(|policy| policy.files.one_file_system),
            ignore_file_errors: self.is(|policy| policy.error_handling.ignore_file_errors),
            ignore_directory_errors: self.is(|policy| policy.error_handling.ignore_directory_errors),
            ignore_unknown_types: self.is(|policy| policy.error_handling.ignore_unknown_types),
            ..defaults
        };
        (options, bad)
    }

    fn compression(
        &self,
        of: impl Fn(&Policy) -> &CompressionPolicy,
        default: Option<Compression>,
        bad: &mut Vec<String>,
    ) -> Option<Compression> {
        let name = self
            .chain
            .iter()
            .find_map(|policy| of(policy).compressor_name.as_deref().filter(|name| !name.is_empty()));
        let Some(name) = name else { return default };
        let compression = Compression::named(name);
        if compression.is_none() && name != NONE {
            bad.push(format!("compression {name}"));
        }
        compression
    }

    /// The endings of all policies up to one that says that it goes by no other.
    fn never_compressed(&self) -> Vec<String> {
        let last = self.chain.iter().position(|policy| policy.compression.no_parent_never_compress);
        let asked = &self.chain[..last.map_or(self.chain.len(), |last| last + 1)];
        let mut endings: Vec<String> =
            asked.iter().flat_map(|policy| policy.compression.never_compress.clone()).collect();
        endings.sort();
        endings.dedup();
        endings
    }
}

/// The policy that Velero sets for each of its sources: nothing is ever expired. Without it, whoever runs kopia's expiry would apply kopia's
/// defaults to them.
pub fn keep_all(
    repository: &Repository,
    manifests: &Manifests,
    changes: &mut Changes,
    source: &Source,
    parallel: usize,
) -> Result<()> {
    let document = json!({
        "retention": {
            "keepLatest": ALL, "keepHourly": ALL, "keepDaily": ALL, "keepWeekly": ALL, "keepMonthly": ALL, "keepAnnual": ALL,
        },
        "files": {},
        "errorHandling": { "ignoreUnknownTypes": true },
        "scheduling": { "manual": true },
        "compression": { "compressorName": NONE },
        "metadataCompression": {},
        "splitter": {},
        "actions": {},
        "osSnapshots": { "volumeShadowCopy": {} },
        "logging": { "directories": {}, "entries": {} },
        "upload": { "maxParallelFileReads": parallel, "parallelUploadAboveSize": PART_LENGTH },
    });
    let labels: Vec<(&str, &str)> = labels_of(source).into_iter().next().unwrap_or_default();
    let there =
        manifests.latest(&labels).map(|there| serde_json::from_str::<serde_json::Value>(there.data()));
    if there.is_some_and(|there| there.is_ok_and(|there| there == document)) {
        return Ok(());
    }
    let labels: Labels =
        labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    changes.replace(repository, manifests, labels, document.to_string().into_bytes()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effective(documents: &[&str]) -> Effective {
        let mut chain: Vec<Policy> =
            documents.iter().map(|document| serde_json::from_str(document).unwrap()).collect();
        chain.push(Policy::default_of_kopia());
        Effective { chain }
    }

    #[test]
    fn the_nearest_policy_that_says_something_holds() {
        let near = r#"{"files":{"ignore":["*.tmp"],"oneFileSystem":true},"compression":{"compressorName":"zstd","neverCompress":[".gz"],"minSize":9},
            "retention":{"keepLatest":3},"errorHandling":null,"upload":{"maxParallelFileReads":7},"actions":{"beforeFolder":{"path":"/bin/sh"}}}"#;
        let far = r#"{"files":{"ignore":["*.o"],"maxFileSize":100},"compression":{"compressorName":"gzip","neverCompress":[".7z"]},
            "retention":{"keepLatest":5,"keepDaily":6},"splitter":{"algorithm":"FIXED-1M"},"errorHandling":{"ignoreFileErrors":true}}"#;
        let effective = effective(&[near, far]);
        let (options, bad) = effective.options();
        assert!(bad.is_empty());
        assert_eq!(options.compression.compression.map(Compression::id), Some(0x1100));
        assert_eq!(options.compression.never, [".7z", ".gz"]);
        assert_eq!((options.compression.length_min, options.length_max, options.threads), (9, 100, 7));
        assert_eq!(options.splitter, Some(Splitter::FIXED_1M));
        assert!(options.one_file_system && options.ignore_file_errors && options.skip_caches);
        assert_eq!(*options.rules, Rules::parse(["*.tmp"]).0, "rules are replaced");
        assert_eq!(options.rule_files, [".kopiaignore"]);
        let retention = effective.retention();
        assert_eq!(
            (retention.keep_latest, retention.keep_daily, retention.keep_weekly),
            (Some(3), Some(6), Some(4))
        );
    }

    #[test]
    fn what_makes_no_sense_is_told_and_passed_over() {
        let document = r#"{"files":{"ignore":["["]},"compression":{"compressorName":"zip"},"metadataCompression":{"compressorName":"none"},"splitter":{"algorithm":"NO"}}"#;
        let (options, bad) = effective(&[document]).options();
        assert_eq!(bad, ["[", "compression zip", "splitter NO"]);
        assert!(options.splitter.is_none() && options.metadata_compression.is_none());
    }

    #[test]
    fn scopes_are_written_as_kopia_writes_them() {
        for (text, kind, labels) in
            [("(global)", "global", 2), ("@h", "host", 3), ("u@h", "user", 4), ("u@h:/a:b", "path", 5)]
        {
            let scope: Scope = text.parse().unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(
                (scope.labels()[POLICY_TYPE].as_str(), scope.labels().len()),
                (kind, labels),
                "{text}"
            );
        }
        for text in ["", "x", "@", "u@", "@h:/a", "u@h:"] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
    }

    #[test]
    fn documents_that_are_no_policies_are_refused() {
        check(r#"{"compression":{"compressorName":"zstd"},"unknown":{"later":1}}"#).unwrap();
        for document in
            ["", "[]", r#"{"retention":{"keepLatest":"x"}}"#, r#"{"splitter":{"algorithm":"NO"}}"#]
        {
            assert_eq!(check(document).unwrap_err().kind(), crate::ErrorKind::Invalid, "{document}");
        }
    }

    #[test]
    fn policies_are_looked_for_upwards() {
        assert_eq!(above("/a/b"), ["/a/b", "/a", "/"]);
        assert_eq!(above("a/b/c"), ["a/b/c", "a/b", "a"]);
        assert_eq!(above("/"), ["/"]);
        let source = Source { host: "h".to_owned(), user: "u".to_owned(), path: "/a".to_owned() };
        let kinds: Vec<&str> = labels_of(&source).iter().map(|labels| labels[1].1).collect();
        assert_eq!(kinds, ["path", "path", "user", "host", "global"]);
    }
}
