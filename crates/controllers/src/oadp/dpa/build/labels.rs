//! Labels and owner of the objects that are made for an application.

use serde_json::{Value, json};

use crate::install::Strings;
use crate::oadp::dpa::validate::Valid;
use crate::oadp::dpa::{INSTANCE_LABEL, OADP_LABEL};

/// The labels of every object of an application.
pub(super) fn common(valid: &Valid) -> Strings {
    [
        ("app.kubernetes.io/name", "oadp-operator-velero"),
        (INSTANCE_LABEL, valid.name.as_str()),
        ("app.kubernetes.io/managed-by", "oadp-operator"),
        OADP_LABEL,
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// The labels of a backup location.
pub(super) fn location(valid: &Valid) -> Strings {
    let mut labels = of_component(valid, "bsl");
    labels.insert("openshift.io/oadp-registry".to_owned(), "True".to_owned());
    labels
}

/// The labels of a snapshot location.
pub(super) fn snapshot_location(valid: &Valid) -> Strings {
    of_component(valid, "vsl")
}

fn of_component(valid: &Valid, component: &str) -> Strings {
    let mut labels = common(valid);
    labels.insert("app.kubernetes.io/component".to_owned(), component.to_owned());
    labels
}

/// Makes an object the application's own, so that it goes with it.
pub(super) fn owned(mut object: Value, valid: &Valid) -> Value {
    object["metadata"]["ownerReferences"] = json!([valid.owner]);
    object
}
