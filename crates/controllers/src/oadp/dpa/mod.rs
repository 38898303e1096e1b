//! DataProtectionApplication: what is asked for becomes the server, its services and its locations.
//!
//! Five steps, a file each: `dereference` reads what the application names (client), `validate` turns it into
//! settings or into every reason why not (pure), `build` makes the objects (pure), `apply` brings them into the
//! cluster (client), `status` says what there is (client).

mod apply;
mod build;
mod credentials;
mod dereference;
mod events;
mod reconcile;
mod status;
#[cfg(test)]
mod tests;
mod validate;

pub use build::{Applied, Prepared, Resources, build};
pub use dereference::{Found, SecretContents};
pub use reconcile::{Context, OWNED_BACKUP_LOCATIONS, OWNED_DEPLOYMENTS, SPEC, Settings};
pub use validate::{Server, Valid, validate};

/// Label that OADP's objects carry.
const OADP_LABEL: (&str, &str) = ("openshift.io/oadp", "True");
/// Label on Secrets: the application that uses them.
const APPLICATION_LABEL: &str = "dataprotectionapplication.name";
/// Label: the application that an object was made for.
const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
