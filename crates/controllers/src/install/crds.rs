//! The CustomResourceDefinitions of an installation.

use serde_json::Value;

/// Every definition, labelled as part of the installation so that `uninstall` finds it.
pub fn crds() -> Vec<Value> {
    let mut definitions = api::crd::definitions();
    for definition in &mut definitions {
        engine::document::set_label(definition, super::COMPONENT.0, super::COMPONENT.1);
    }
    definitions
}
