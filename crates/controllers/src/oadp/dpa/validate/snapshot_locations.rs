//! Snapshot locations.

use api::Kind;
use api::oadp::SnapshotLocation as Entry;

use super::{Review, problems};
use crate::install::SnapshotLocation;
use crate::oadp::dpa::credentials;

/// The providers that take snapshots of their own, with the keys that each of them knows.
const PROVIDERS: [(&str, &[&str]); 3] = [
    ("aws", &["profile", "region", "credentialsFile", "enableSharedConfig"]),
    ("gcp", &["project", "snapshotLocation", "credentialsFile"]),
    ("azure", &["apiTimeout", "incremental", "subscriptionId", "resourceGroup", "credentialsFile"]),
];

/// Checks all snapshot locations and makes them ready.
pub(super) fn check(review: &mut Review<'_>) -> Vec<SnapshotLocation> {
    let application = review.found.application.name();
    let entries = &review.found.application.spec.snapshot_locations;
    let name = |index: usize, entry: &Entry| match entry.name.as_str() {
        "" => format!("{application}-{}", index + 1),
        name => name.to_owned(),
    };
    let named = entries.iter().enumerate().map(|(index, entry)| (name(index, entry), entry));
    named.filter_map(|(name, entry)| one(review, name, entry)).collect()
}

fn one(review: &mut Review<'_>, name: String, entry: &Entry) -> Option<SnapshotLocation> {
    let code = &problems::SNAPSHOT_LOCATION;
    let Some(velero) = &entry.velero else {
        review.refuse(code, format!("snapshot location {name}: velero is missing"));
        return None;
    };
    let plain = credentials::plain_provider(&velero.provider);
    let Some((_, keys)) = PROVIDERS.iter().find(|(provider, _)| *provider == plain) else {
        let provider = &velero.provider;
        review.refuse(
            code,
            format!("snapshot location {name}: the provider {provider:?} is not one of aws, azure, gcp"),
        );
        return None;
    };
    for key in velero.config.keys().filter(|key| !keys.contains(&key.as_str())) {
        review.refuse(code, format!("snapshot location {name}: config.{key} is not known for {plain}"));
    }
    let no_region = plain == "aws" && velero.config.get("region").is_none_or(String::is_empty);
    review.refuse_if(no_region, code, format!("snapshot location {name}: config.region is needed for aws"));
    let listed = review.velero.default_plugins.iter().any(|plugin| {
        let plugin = plugin.as_str();
        plugin.strip_prefix("legacy-").unwrap_or(plugin) == plain
    });
    review.refuse_if(
        !listed,
        code,
        format!("snapshot location {name}: the plugin {plain} is not in configuration.velero.defaultPlugins"),
    );
    let credential = credentials::reference(velero.credential.as_ref(), &velero.config);
    let incomplete = credential.as_ref().is_some_and(|(name, key)| name.is_empty() || key.is_empty());
    review.refuse_if(
        incomplete,
        code,
        format!("snapshot location {name}: credential needs a name and a key"),
    );
    let mut config = velero.config.clone();
    if credential.is_some() {
        config.remove("credentialsFile");
    }
    Some(SnapshotLocation {
        name,
        provider: velero.provider.clone(),
        config,
        credential,
        ..Default::default()
    })
}
