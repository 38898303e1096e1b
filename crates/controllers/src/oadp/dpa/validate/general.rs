//! What concerns the application as a whole: that it is alone, what is gone, plugins and their credentials.

use api::oadp::DefaultPlugin;

use super::{Review, problems};
use crate::install::deployment::Credentials;
use crate::oadp::dpa::credentials;

/// The one value of the override `operator-type`.
const OPERATOR_TYPE: &str = "mtc";

pub(super) fn check(review: &mut Review<'_>) {
    alone(review);
    presence(review);
    retired(review);
    overrides(review);
    plugins(review);
}

fn alone(review: &mut Review<'_>) {
    let others = review.found.others.join(", ");
    review.refuse_if(!others.is_empty(), &problems::NOT_ALONE, format!("the namespace also has {others}"));
}

fn presence(review: &mut Review<'_>) {
    let spec = review.spec();
    if spec.configuration.velero.is_none() {
        review.refuse(&problems::CONTRADICTION, "configuration.velero is missing");
        return;
    }
    let none_wanted = review.velero.no_default_backup_location;
    let any = !spec.backup_locations.is_empty();
    let code = &problems::CONTRADICTION;
    review.refuse_if(
        !none_wanted && !any,
        code,
        "backupLocations is empty: name one, or set configuration.velero.noDefaultBackupLocation",
    );
    review.refuse_if(
        none_wanted && any,
        code,
        "backupLocations cannot be used together with configuration.velero.noDefaultBackupLocation",
    );
    let images = review.images();
    review.refuse_if(
        none_wanted && images,
        code,
        "backupImages must be false when configuration.velero.noDefaultBackupLocation is set: images need a location",
    );
}

fn retired(review: &mut Review<'_>) {
    let spec = review.spec();
    let mover = spec.features.as_ref().is_some_and(|features| features.data_mover.is_some());
    let restic = spec.configuration.restic.is_some();
    let vsm = review.velero.default_plugins.contains(&DefaultPlugin::Vsm);
    let gone = "belongs to a data mover that is gone: remove features.dataMover and the plugin vsm, and use \
                snapshotMoveData with configuration.nodeAgent";
    review.refuse_if(mover, &problems::RETIRED, format!("features.dataMover {gone}"));
    review.refuse_if(vsm, &problems::RETIRED, format!("the plugin vsm {gone}"));
    review.refuse_if(
        restic,
        &problems::RETIRED,
        "configuration.restic is gone: remove it and use configuration.nodeAgent",
    );
}

fn overrides(review: &mut Review<'_>) {
    let other =
        review.spec().unsupported_overrides.get("operator-type").filter(|kind| *kind != OPERATOR_TYPE);
    if let Some(kind) = other.cloned() {
        review.refuse(
            &problems::OVERRIDE,
            format!("unsupportedOverrides.operator-type is {kind:?}; it may only be {OPERATOR_TYPE:?}"),
        );
    }
}

fn plugins(review: &mut Review<'_>) {
    let has = |plugin| review.velero.default_plugins.contains(&plugin);
    let both = has(DefaultPlugin::Aws) && has(DefaultPlugin::LegacyAws);
    let unknown = has(DefaultPlugin::Unknown);
    review.refuse_if(both, &problems::PLUGIN, "the plugins aws and legacy-aws cannot be used together");
    review.refuse_if(
        unknown,
        &problems::PLUGIN,
        "configuration.velero.defaultPlugins names an unknown plugin",
    );
    for plugin in &review.velero.custom_plugins {
        review.refuse(
            &problems::PLUGIN,
            format!(
                "the custom plugin {:?} cannot be used: plugins in images are not hosted yet",
                plugin.name
            ),
        );
    }
}

/// The credentials files of the listed plugins; refuses plugins whose Secret is neither there nor needless.
pub(super) fn credentials(review: &mut Review<'_>) -> Vec<Credentials> {
    if review.without_secrets() {
        return Vec::new();
    }
    let mut all: Vec<Credentials> = Vec::new();
    for plugin in &review.velero.default_plugins {
        let Some(file) = credentials::default_secret(plugin.as_str()) else { continue };
        let needed = !own_credentials(review, plugin.as_str());
        let missing = needed && review.secret(file.secret).is_none();
        let message = format!("the Secret {:?} of the plugin {plugin} is not there", file.secret);
        review.refuse_if(missing, &problems::CREDENTIALS, message);
        if !all.contains(&file) {
            all.push(file);
        }
    }
    all
}

/// Whether there are locations, and none of them needs the credentials of a plugin.
fn own_credentials(review: &Review<'_>, plugin: &str) -> bool {
    let provider = plugin.strip_prefix("legacy-").unwrap_or(plugin);
    let spec = review.spec();
    let backups = spec.backup_locations.iter().filter_map(|location| location.velero.as_ref());
    let backups = backups.map(|velero| (&velero.provider, &velero.credential, &velero.config));
    let snapshots = spec.snapshot_locations.iter().filter_map(|location| location.velero.as_ref());
    let snapshots = snapshots.map(|velero| (&velero.provider, &velero.credential, &velero.config));
    let mut locations = backups.chain(snapshots).peekable();
    locations.peek().is_some()
        && locations.all(|(name, credential, config)| {
            credentials::plain_provider(name) != provider
                || credentials::reference(credential.as_ref(), config).is_some()
        })
}
