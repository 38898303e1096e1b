//! The order in which types are restored.

use std::collections::BTreeMap;

use api::meta::GroupResource;

use crate::catalog::Catalog;

/// Types that come first, in order.
const HIGH: &[&str] = &[
    "customresourcedefinitions",
    "namespaces",
    "storageclasses",
    "volumesnapshotclass.snapshot.storage.k8s.io",
    "volumesnapshotcontents.snapshot.storage.k8s.io",
    "volumesnapshots.snapshot.storage.k8s.io",
    "datauploads.velero.io",
    "persistentvolumes",
    "persistentvolumeclaims",
    "clusterroles",
    "roles",
    "serviceaccounts",
    "clusterrolebindings",
    "rolebindings",
    "secrets",
    "configmaps",
    "limitranges",
    "priorityclasses",
    "pods",
    "replicasets.apps",
    "clusterclasses.cluster.x-k8s.io",
    "endpoints",
    "services",
];

/// Types that come last, in order.
const LOW: &[&str] = &[
    "clusterbootstraps.run.tanzu.vmware.com",
    "clusters.cluster.x-k8s.io",
    "clusterresourcesets.addons.cluster.x-k8s.io",
    "apps.kappctrl.k14s.io",
    "packageinstalls.packaging.carvel.dev",
];

/// Types whose objects can make the API server refuse others: they come after all that need not come later.
const GUARDS: &[&str] = &[
    "apiservices.apiregistration.k8s.io",
    "clusterresourcequotas.quota.openshift.io",
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    // One that has not counted yet refuses what it is to count, and counts custom resources minutes late.
    "resourcequotas",
    "validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
];

/// Classes that admission looks up for their users. They come after namespaces, unless priorities name them.
const CLASSES: &[&str] = &[
    "csidrivers.storage.k8s.io",
    "gatewayclasses.gateway.networking.k8s.io",
    "ingressclasses.networking.k8s.io",
    "priorityclasses.scheduling.k8s.io",
    "runtimeclasses.node.k8s.io",
    "securitycontextconstraints.security.openshift.io",
    "storageclasses.storage.k8s.io",
    "volumeattributesclasses.storage.k8s.io",
];

/// Which types come first and which last, as the server is told with `--restore-resource-priorities`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priorities {
    /// The types that come first, in order.
    pub high: Vec<String>,
    /// The types that come last, in order.
    pub low: Vec<String>,
}

impl Default for Priorities {
    fn default() -> Self {
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
        Self { high: owned(HIGH), low: owned(LOW) }
    }
}

impl Priorities {
    /// Reads `first,second,-,last`; the part after `-` may be absent.
    pub fn parse(text: &str) -> Self {
        let entries: Vec<&str> = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        let owned = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
        let mut halves = entries.splitn(2, |entry| *entry == "-");
        Self { high: owned(halves.next().unwrap_or_default()), low: owned(halves.next().unwrap_or_default()) }
    }
}

/// The place of each type in the order of stages.
#[derive(Debug, Clone)]
pub struct Order {
    named: BTreeMap<GroupResource, (usize, String)>,
    rest: usize,
}

/// The stage of the definitions of custom resources.
pub const DEFINITIONS: usize = 0;
/// The stage of namespaces.
pub const NAMESPACES: usize = 1;
/// The stage of classes that priorities do not name.
const OF_CLASSES: usize = 2;

impl Order {
    /// The order that priorities mean in a cluster. Definitions come first and namespaces second, whatever they say.
    pub fn new(priorities: &Priorities, catalog: &Catalog) -> Self {
        let fixed = ["customresourcedefinitions.apiextensions.k8s.io", "namespaces"];
        let high = (OF_CLASSES + 1..).zip(priorities.high.iter().map(String::as_str));
        let rest = OF_CLASSES + 1 + priorities.high.len();
        let guards = GUARDS.iter().map(|entry| (rest + 1, *entry));
        let low = (rest + 2..).zip(priorities.low.iter().map(String::as_str));
        let classes = CLASSES.iter().map(|entry| (OF_CLASSES, *entry));
        let mut named = BTreeMap::new();
        for (place, entry) in
            fixed.into_iter().enumerate().chain(high).chain(low).chain(guards).chain(classes)
        {
            let resource = resolved(entry, catalog);
            let name = match place {
                OF_CLASSES => "classes".to_owned(),
                place if place == rest + 1 => "admission".to_owned(),
                _ => resource.to_string(),
            };
            named.entry(resource).or_insert((place, name));
        }
        Self { named, rest }
    }

    /// The stage of a type: its number and its name.
    pub fn stage(&self, resource: &GroupResource) -> (usize, &str) {
        self.named.get(resource).map_or((self.rest, "everything else"), |(place, name)| (*place, name))
    }
}

fn resolved(entry: &str, catalog: &Catalog) -> GroupResource {
    let literal = || {
        entry
            .split_once('.')
            .map_or_else(|| GroupResource::new("", entry), |(one, group)| GroupResource::new(group, one))
    };
    catalog.resolve(entry).map_or_else(literal, api::meta::ResourceType::group_resource)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_come_before_their_users_unless_priorities_say_otherwise() {
        let classes = [
            "runtimeclasses.node.k8s.io",
            "priorityclasses.scheduling.k8s.io",
            "storageclasses.storage.k8s.io",
        ];
        let pods = GroupResource::new("", "pods");
        let told = |text: &str| Order::new(&Priorities::parse(text), &Catalog::default());
        for class in classes {
            let class = class.parse().unwrap();
            for order in [Order::new(&Priorities::default(), &Catalog::default()), told("pods,services")] {
                assert!(order.stage(&class).0 < order.stage(&pods).0, "{class}");
            }
        }
        let order = told("pods,-,runtimeclasses.node.k8s.io");
        assert!(order.stage(&pods).0 < order.stage(&"runtimeclasses.node.k8s.io".parse().unwrap()).0);
    }

    #[test]
    fn what_can_refuse_others_comes_after_them() {
        let order = Order::new(&Priorities::default(), &Catalog::default());
        let place = |text: &str| order.stage(&text.parse().unwrap()).0;
        for guard in ["resourcequotas", "mutatingwebhookconfigurations.admissionregistration.k8s.io"] {
            assert!(place("deployments.apps") < place(guard), "{guard}");
            assert!(place(guard) < place("apps.kappctrl.k14s.io"), "{guard}");
        }
    }
}
