//! Backup locations.

use api::Kind;
use api::labels::{FILESYSTEM_PROVIDER, LOCATION_VOLUMES};
use api::oadp::{BackupLocation, CloudStorageLocation};
use api::velero::v1::{AccessMode, BackupStorageLocationSpec};
use serde_json::{Map, Value, json};

use super::{Review, problems};
use crate::install::{Location, LocationVolume};
use crate::oadp::dpa::credentials;

/// The spellings of providers that a location may have.
const PROVIDERS: [&str; 7] =
    ["aws", "azure", "gcp", "velero.io/aws", "velero.io/azure", "velero.io/gcp", FILESYSTEM_PROVIDER];

/// The volumes that the annotation names.
pub(super) fn volumes(review: &mut Review<'_>) -> Vec<LocationVolume> {
    let annotations = review.found.application.metadata().annotations.as_ref();
    let Some(text) = annotations.and_then(|annotations| annotations.get(LOCATION_VOLUMES)) else {
        return Vec::new();
    };
    let (volumes, invalid) = LocationVolume::parse_all(text);
    for error in invalid {
        review.refuse(&problems::VOLUME, error.to_string());
    }
    volumes
}

/// Checks all locations and makes them ready.
pub(super) fn check(review: &mut Review<'_>, volumes: &[LocationVolume]) -> Vec<Location> {
    let entries = &review.found.application.spec.backup_locations;
    let application = review.found.application.name();
    let mut ready: Vec<Location> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let name = match entry.name.as_str() {
            "" => format!("{application}-{}", index + 1),
            name => name.to_owned(),
        };
        let taken = ready.iter().any(|other| other.name == name);
        review.refuse_if(taken, &problems::LOCATION, format!("two locations are called {name:?}"));
        ready.extend(one(review, entry, name, volumes));
    }
    defaults(review, entries);
    ready
}

fn one(
    review: &mut Review<'_>,
    entry: &BackupLocation,
    name: String,
    volumes: &[LocationVolume],
) -> Option<Location> {
    let code = &problems::LOCATION;
    match (&entry.velero, &entry.bucket) {
        (Some(velero), None) => Some(velero_location(review, velero, name, volumes)),
        (None, Some(bucket)) => {
            cloud_storage(review, bucket, &name);
            None
        }
        (Some(_), Some(_)) => {
            review.refuse(code, format!("location {name}: velero and bucket cannot be used together"));
            None
        }
        (None, None) => {
            review.refuse(code, format!("location {name}: one of velero and bucket is needed"));
            None
        }
    }
}

/// Exactly one location takes what names none, and no other is called `default`.
fn defaults(review: &mut Review<'_>, entries: &[BackupLocation]) {
    let is_default = |entry: &BackupLocation| {
        entry.velero.as_ref().is_some_and(|velero| velero.default)
            || entry.bucket.as_ref().is_some_and(|bucket| bucket.default)
    };
    let count = entries.iter().filter(|entry| is_default(entry)).count();
    let code = &problems::LOCATION;
    review.refuse_if(count > 1, code, "only one of backupLocations can have default: true");
    review.refuse_if(
        count == 0 && !entries.is_empty(),
        code,
        "one of backupLocations must have default: true",
    );
    let misnamed = entries.iter().any(|entry| entry.name == "default" && !is_default(entry));
    review.refuse_if(misnamed, code, "a location called default must have default: true");
}

fn velero_location(
    review: &mut Review<'_>,
    velero: &BackupStorageLocationSpec,
    name: String,
    volumes: &[LocationVolume],
) -> Location {
    let storage = &velero.object_storage;
    let code = &problems::LOCATION;
    let known = PROVIDERS.contains(&velero.provider.as_str());
    let provider = match velero.provider.as_str() {
        "" => "no provider is named".to_owned(),
        other => format!("the provider {other:?} is not known"),
    };
    review.refuse_if(
        !known,
        code,
        format!("location {name}: {provider}; it is one of {}", PROVIDERS.join(", ")),
    );
    review.refuse_if(
        storage.bucket.is_empty(),
        code,
        format!("location {name}: objectStorage.bucket is empty"),
    );
    let twice = !storage.ca_cert.is_empty() && storage.ca_cert_ref.is_some();
    review.refuse_if(twice, code, format!("location {name}: caCert and caCertRef cannot be used together"));
    needs_prefix(review, &storage.prefix, &name, "velero.objectStorage.prefix");
    let mut location = Location {
        provider: velero.provider.clone(),
        bucket: storage.bucket.clone(),
        prefix: storage.prefix.clone(),
        ca_cert: storage.ca_cert.clone(),
        ca_cert_ref: storage.ca_cert_ref.as_ref().map(|secret| (secret.name.clone(), secret.key.clone())),
        config: velero.config.clone(),
        credential: credentials::reference(velero.credential.as_ref(), &velero.config),
        default: velero.default,
        more: more(velero),
        name,
        ..Location::default()
    };
    match credentials::plain_provider(&velero.provider) {
        "aws" => aws(&mut location),
        "azure" => azure(review, &location),
        FILESYSTEM_PROVIDER => filesystem(review, &mut location, volumes),
        _ => {}
    }
    secret(review, &location);
    if location.credential.is_some() {
        location.config.remove("credentialsFile");
    }
    location
}

/// The fields that go into the object as they are.
fn more(velero: &BackupStorageLocationSpec) -> Map<String, Value> {
    let mut more = Map::new();
    if velero.access_mode != AccessMode::default() {
        more.insert("accessMode".to_owned(), json!(velero.access_mode));
    }
    let periods = [
        ("backupSyncPeriod", velero.backup_sync_period),
        ("validationFrequency", velero.validation_frequency),
    ];
    for (field, period) in periods {
        if let Some(period) = period {
            more.insert(field.to_owned(), json!(period));
        }
    }
    more
}

fn needs_prefix(review: &mut Review<'_>, prefix: &str, name: &str, field: &str) {
    let images = review.images();
    review.refuse_if(
        prefix.is_empty() && images,
        &problems::LOCATION,
        format!("location {name}: {field} is needed when images are backed up (or set backupImages: false)"),
    );
}

/// Ports that say nothing go, and stores that know no checksums are not sent any unless asked for.
fn aws(location: &mut Location) {
    if let Some(url) = location.config.get_mut("s3Url") {
        let bare = url.trim_end_matches('/');
        let port = if bare.starts_with("https://") { ":443" } else { ":80" };
        *url = bare.strip_suffix(port).unwrap_or(bare).to_owned();
    }
    if !location.config.is_empty() {
        location.config.entry("checksumAlgorithm".to_owned()).or_default();
    }
}

fn azure(review: &mut Review<'_>, location: &Location) {
    for key in ["resourceGroup", "storageAccount"] {
        let missing = location.config.get(key).is_none_or(String::is_empty);
        let message = format!("location {}: config.{key} is needed for azure", location.name);
        review.refuse_if(missing, &problems::LOCATION, message);
    }
}

/// A filesystem location lies in one of the mounted volumes: in the only one if it does not say.
fn filesystem(review: &mut Review<'_>, location: &mut Location, volumes: &[LocationVolume]) {
    if let ([only], false) = (volumes, location.config.contains_key("path")) {
        location.config.insert("path".to_owned(), only.path());
    }
    let path = location.config.get("path").map_or("", String::as_str);
    let inside = |volume: &LocationVolume| {
        path.strip_prefix(&volume.path()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let message = format!(
        "location {}: config.path {path:?} lies in none of the volumes of the annotation {LOCATION_VOLUMES}",
        location.name
    );
    let up = path.split('/').any(|part| part == "..");
    review.refuse_if(up || !volumes.iter().any(inside), &problems::LOCATION, message);
}

/// The Secret that a location names, or else the default one, must be of use.
fn secret(review: &mut Review<'_>, location: &Location) {
    if review.without_secrets() {
        return;
    }
    let named = location.credential.is_some();
    let Some((name, key)) =
        location.credential.clone().or_else(|| credentials::default_of(&location.provider))
    else {
        return;
    };
    let at = format!("location {}: the Secret {name:?}", location.name);
    let Some(secret) = review.secret(&name) else {
        let listed = review.velero.default_plugins.iter().any(|plugin| {
            credentials::default_secret(plugin.as_str()).is_some_and(|file| file.secret == name)
        });
        // a plugin's own Secret that is missing is said once, with the plugin
        review.refuse_if(named || !listed, &problems::CREDENTIALS, format!("{at} is not there"));
        return;
    };
    let Some(contents) = secret.get(&key) else {
        review.refuse(&problems::CREDENTIALS, format!("{at} has no data under the key {key:?}"));
        return;
    };
    let usable = match credentials::plain_provider(&location.provider) {
        "aws" => {
            let profile = location.config.get("profile").filter(|profile| !profile.is_empty());
            credentials::check_aws(contents, profile.map_or("default", String::as_str))
        }
        "azure" => credentials::check_azure(contents, &location.config),
        _ => Ok(()),
    };
    if let Err(reason) = usable {
        review.refuse(&problems::CREDENTIALS, format!("{at} {reason}"));
    }
}

/// A bucket that a CloudStorage makes is checked as far as it can be without that.
fn cloud_storage(review: &mut Review<'_>, bucket: &CloudStorageLocation, name: &str) {
    let code = &problems::LOCATION;
    needs_prefix(review, &bucket.prefix, name, "bucket.prefix");
    let unnamed = bucket.cloud_storage_ref.name.is_empty();
    review.refuse_if(unnamed, code, format!("location {name}: bucket.cloudStorageRef.name is empty"));
    let credential = bucket.credential.as_ref();
    let incomplete =
        credential.is_none_or(|credential| credential.name.is_empty() || credential.key.is_empty());
    review.refuse_if(
        incomplete,
        &problems::CREDENTIALS,
        format!("location {name}: bucket.credential needs a name and a key"),
    );
}
