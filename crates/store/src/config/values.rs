//! Checks of single values.

use std::collections::BTreeMap;

use super::invalid;
use crate::Result;

/// Keys that the server itself adds to a configuration.
const ALWAYS: [&str; 3] = ["bucket", "prefix", "caCert"];

/// Refuses keys that nobody reads: a misspelt one must not be silently without effect.
pub(super) fn known(config: &BTreeMap<String, String>, valid: &[&str]) -> Result<()> {
    let unknown: Vec<&str> = config
        .keys()
        .map(String::as_str)
        .filter(|key| !valid.contains(key) && !ALWAYS.contains(key))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let mut valid = valid.to_vec();
    valid.sort_unstable();
    let (unknown, valid) = (unknown.join(", "), valid.join(", "));
    Err(invalid(format!("config has invalid keys: {unknown}; valid keys are: {valid}")))
}

/// A value that is there and not empty.
pub(super) fn text<'a>(config: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    config.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// A truth value in one of the spellings that Go reads; absent and empty are `None`.
pub(super) fn flag(config: &BTreeMap<String, String>, key: &str) -> Result<Option<bool>> {
    match text(config, key) {
        None => Ok(None),
        Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Some(true)),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Some(false)),
        Some(value) => Err(invalid(format!("config.{key} is {value:?}, but has to be true or false"))),
    }
}

/// An address of a server, without `/` at its end.
pub(super) fn address(config: &BTreeMap<String, String>, key: &str) -> Result<Option<String>> {
    let Some(value) = text(config, key) else { return Ok(None) };
    let wrong =
        |why: &str| invalid(format!("config.{key} is to be http://HOST[:PORT] or https://...: {why}"));
    let url = url::Url::parse(value).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials do not belong here"));
    }
    if url.host_str().is_none() || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it is no plain address"));
    }
    Ok(Some(value.trim_end_matches('/').to_owned()))
}

/// The name of a bucket without slashes around it.
pub(super) fn bucket(bucket: &str) -> Result<String> {
    let bucket = bucket.trim_matches('/');
    match bucket {
        "" => Err(invalid("the location names no bucket")),
        "." | ".." => Err(invalid(format!("{bucket:?} is no name of a bucket"))),
        _ if bucket.contains('/') && !bucket.starts_with("arn:aws:s3:") => Err(invalid(format!(
            "bucket name {bucket:?} must not contain a '/': use the prefix field for the path in the bucket"
        ))),
        _ => Ok(bucket.to_owned()),
    }
}

/// A prefix without slashes around it.
pub(super) fn prefix(prefix: &str) -> Result<String> {
    let prefix = prefix.trim_matches('/');
    if prefix.is_empty() || crate::adapter::is_sound(prefix) {
        return Ok(prefix.to_owned());
    }
    Err(invalid(format!("prefix {prefix:?} has empty, dot or control parts")))
}

/// Tags of the form `KEY=VALUE&...`.
pub(super) fn tagging(text: &str) -> Result<Vec<(String, String)>> {
    let tags: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let wrong = |why: &str| Err(invalid(format!("config.tagging {why}")));
    if tags.len() > 10 {
        return wrong("has more than 10 tags");
    }
    if tags.iter().any(|(key, _)| key.is_empty() || key.chars().count() > 128) {
        return wrong("has a tag whose key is empty or longer than 128 characters");
    }
    if tags.iter().any(|(_, value)| value.chars().count() > 248) {
        return wrong("has a tag whose value is longer than 248 characters");
    }
    if text.split('&').any(|pair| !pair.contains('=')) {
        return wrong("is to be KEY=VALUE&KEY=VALUE");
    }
    Ok(tags)
}
