//! Features that a repository requires of its clients.

use serde::{Deserialize, Serialize};

use super::REPOSITORY;
use crate::{Error, Result};

/// What this version understands.
const UNDERSTOOD: [&str; 2] = ["index-v1", "index-v2"];

/// A feature, and what a client that does not know it is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Required {
    feature: String,
    #[serde(rename = "ifNotUnderstood", default)]
    otherwise: Otherwise,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Otherwise {
    /// Go on, with a warning.
    warn: bool,
    message: String,
    url: String,
    #[serde(rename = "upgradeToVersion")]
    upgrade_to: String,
}

/// The warnings about what is not understood; an error if the repository may not be used without it.
pub(super) fn check(required: &[Required]) -> Result<Vec<String>> {
    let unknown = required.iter().filter(|required| !UNDERSTOOD.contains(&required.feature.as_str()));
    unknown
        .map(|required| {
            let Otherwise { warn, message, url, upgrade_to } = &required.otherwise;
            let said = [message, url, upgrade_to].map(String::as_str).join(" ");
            let text =
                format!("requires the feature {:?}, which is not known; {}", required.feature, said.trim());
            if *warn { Ok(text) } else { Err(Error::unsupported(REPOSITORY, text)) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn required(feature: &str, warn: bool) -> Required {
        let otherwise = Otherwise { warn, message: "get a newer one".to_owned(), ..Otherwise::default() };
        Required { feature: feature.to_owned(), otherwise }
    }

    #[test]
    fn unknown_features_are_refused_unless_a_warning_will_do() {
        assert_eq!(check(&[required("index-v2", false)]).unwrap(), [""; 0]);
        let warnings = check(&[required("new", true), required("index-v1", true)]).unwrap();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("\"new\"") && warnings[0].ends_with("get a newer one"));
        let error = check(&[required("new", true), required("newer", false)]).unwrap_err();
        assert!(error.to_string().contains("newer"), "{error}");
    }
}
