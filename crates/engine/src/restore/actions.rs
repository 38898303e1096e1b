//! The changes that documents go through, by type: one file each, and one registry.

mod binding;
mod definition;
mod init_hook;
mod job;
mod network_policy;
mod pod;
mod pod_volume;
mod secret;
mod service;
mod service_account;
mod service_reference;
mod volume;
mod volume_claim;
mod webhook;

use api::meta::GroupResource;
use serde_json::Value;

use super::transform::Context;

/// A change to the documents of some types.
pub struct Action {
    /// Its name, as plans and logs have it.
    pub name: &'static str,
    /// The types, as group-resources.
    pub resources: &'static [&'static str],
    /// The change.
    pub run: fn(&mut Value, &Context<'_>),
}

/// Every action, in the order in which they run.
pub const ALL: &[&Action] = &[
    &webhook::ACTION,
    &binding::ACTION,
    &definition::ACTION,
    &job::ACTION,
    &pod::ACTION,
    &pod_volume::ACTION,
    // After what takes away the init containers of earlier restores of volumes.
    &init_hook::ACTION,
    &volume::ACTION,
    &volume_claim::ACTION,
    &secret::ACTION,
    &service::ACTION,
    &service_account::ACTION,
    &service_reference::ACTION,
    &network_policy::ACTION,
];

/// The names of the actions for a type, in order.
pub fn names(resource: &GroupResource) -> Vec<String> {
    let resource = resource.to_string();
    let mine = ALL.iter().filter(|action| action.resources.contains(&resource.as_str()));
    mine.map(|action| action.name.to_owned()).collect()
}

/// The action of a name.
pub fn named(name: &str) -> Option<&'static Action> {
    ALL.iter().copied().find(|action| action.name == name)
}

/// Removes those members of a list for which `drop` holds.
fn drop_where(document: &mut Value, path: &[&str], drop: impl Fn(&Value) -> bool) {
    if let Some(list) = crate::document::list_mut(document, path) {
        list.retain(|member| !drop(member));
    }
}
