//! Step two, without a client: turns what was found into settings, or into every reason why not, all at once.

mod general;
mod locations;
mod node_agent;
mod non_admin;
mod pending;
mod server;
mod snapshot_locations;
mod values;

use std::collections::BTreeSet;

use api::Kind;
use api::oadp::{DataProtectionApplicationSpec, VeleroConfig};
use engine::problem::{Code, Problem, Severity};
use serde_json::{Value, json};

use super::dereference::{Found, SecretContents, secret_names};
use super::reconcile::Settings;
use crate::install::deployment::Credentials;
use crate::install::{Location, LocationVolume, SnapshotLocation, Strings};
use crate::oadp::problems;

pub use server::Server;

/// Settings that were checked. From here on nobody reads the application but for what it is called.
#[derive(Debug, Clone)]
pub struct Valid {
    /// The name of the application.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The reference that makes an object its own.
    pub owner: Value,
    /// How the server runs.
    pub server: Server,
    /// Credentials files of the server.
    pub credentials: Vec<Credentials>,
    /// Volumes of filesystem locations.
    pub volumes: Vec<LocationVolume>,
    /// Where backups are stored.
    pub locations: Vec<Location>,
    /// Where providers keep snapshots.
    pub snapshot_locations: Vec<SnapshotLocation>,
    /// Secrets that it uses, those that are there.
    pub secrets: BTreeSet<String>,
    /// Fields that are understood and have no effect yet, or none any more.
    pub pending: Vec<String>,
    /// Locations whose certificates are not checked.
    pub unverified: Vec<String>,
}

/// What the rules look at, and where they put what they refuse.
struct Review<'a> {
    found: &'a Found,
    settings: &'a Settings,
    velero: &'a VeleroConfig,
    problems: Vec<Problem>,
}

impl Review<'_> {
    fn spec(&self) -> &DataProtectionApplicationSpec {
        &self.found.application.spec
    }

    fn refuse(&mut self, code: &Code, message: impl Into<String>) {
        self.problems.push(Problem::new(code, Severity::Error, message));
    }

    /// Refuses what is so.
    fn refuse_if(&mut self, is_so: bool, code: &Code, message: impl Into<String>) {
        if is_so {
            self.refuse(code, message);
        }
    }

    /// Whether no Secret is to be looked for.
    fn without_secrets(&self) -> bool {
        self.velero.feature_flags.iter().any(|flag| flag == "no-secret")
    }

    /// Whether images are backed up, which they are unless somebody says otherwise.
    fn images(&self) -> bool {
        self.spec().backup_images != Some(false)
    }

    fn secret(&self, name: &str) -> Option<&SecretContents> {
        self.found.secrets.get(name)
    }
}

/// Checks everything that was found.
pub fn validate(found: &Found, settings: &Settings) -> Result<Valid, Vec<Problem>> {
    let nothing = VeleroConfig::default();
    let spec = &found.application.spec;
    let velero = spec.configuration.velero.as_ref().unwrap_or(&nothing);
    let mut review = Review { found, settings, velero, problems: Vec::new() };
    general::check(&mut review);
    let volumes = locations::volumes(&mut review);
    let server = server::check(&mut review);
    let locations = locations::check(&mut review, &volumes);
    let snapshot_locations = snapshot_locations::check(&mut review);
    let credentials = general::credentials(&mut review);
    node_agent::check(&mut review);
    non_admin::check(&mut review);
    if !review.problems.is_empty() {
        return Err(review.problems);
    }
    let application = &found.application;
    Ok(Valid {
        name: application.name().to_owned(),
        namespace: application.namespace().to_owned(),
        owner: owner(found),
        server,
        credentials,
        volumes,
        secrets: secret_names(spec).into_iter().filter(|name| found.secrets.contains_key(name)).collect(),
        pending: pending::fields(application),
        unverified: unverified(&locations),
        locations,
        snapshot_locations,
    })
}

/// The reference that makes an object the application's own, so that it goes with it.
fn owner(found: &Found) -> Value {
    let application = &found.application;
    json!({
        "apiVersion": "oadp.openshift.io/v1alpha1",
        "kind": "DataProtectionApplication",
        "name": application.name(),
        "uid": application.uid(),
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

fn unverified(locations: &[Location]) -> Vec<String> {
    let off = |config: &Strings| config.get("insecureSkipTLSVerify").is_some_and(|value| value == "true");
    locations.iter().filter(|location| off(&location.config)).map(|location| location.name.clone()).collect()
}
