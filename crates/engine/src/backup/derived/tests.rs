//! What is left out since the cluster makes it again, and what is not.

use crate::backup::fixture::{Cluster, backup, render};
use crate::backup::report::omissions;

const CLUSTER: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: shop, name: settings}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: shop, name: kube-root-ca.crt}}
- {apiVersion: v1, kind: Event, metadata: {namespace: shop, name: started}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: shop, name: leader}, spec: {holderIdentity: a, renewTime: '2026-05-20T10:00:00.000000Z'}}
- {apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {namespace: shop, name: by-hand}, spec: {holderIdentity: a}}
- {apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web}, spec: {selector: {app: web}}}
- {apiVersion: v1, kind: Endpoints, metadata: {namespace: shop, name: web}}
- {apiVersion: v1, kind: Service, metadata: {namespace: shop, name: legacy}, spec: {ports: [{port: 80}]}}
- {apiVersion: v1, kind: Endpoints, metadata: {namespace: shop, name: legacy}}
- {apiVersion: v1, kind: Endpoints, metadata: {namespace: shop, name: alone}}
- {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, name: web-x,
   labels: {endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io}}}
- {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, name: legacy-x,
   labels: {endpointslice.kubernetes.io/managed-by: endpointslicemirroring-controller.k8s.io}}}
- {apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {namespace: shop, name: by-hand,
   labels: {endpointslice.kubernetes.io/managed-by: staff}}}
";

fn check(spec: &str) -> String {
    let mut backup = backup(spec);
    backup.spec.snapshot_volumes = Some(false);
    render(&Cluster::new(CLUSTER).plan(&backup))
}

#[test]
fn what_the_cluster_makes_again_is_left_out_by_a_rule() {
    insta::assert_snapshot!(check("{includedNamespaces: [shop]}"), @"
    0 configmaps shop/settings (selected)
    1 endpoints shop/alone (selected)
    2 endpoints shop/legacy (selected)
    3 namespaces shop (selected)
    4 services shop/legacy (selected)
    5 services shop/web (selected)
    6 leases.coordination.k8s.io shop/by-hand (selected)
    7 endpointslices.discovery.k8s.io shop/by-hand (selected)
    left out configmaps shop/kube-root-ca.crt: the cluster publishes it into every namespace
    left out endpoints shop/web: the cluster makes it from the selector of its Service
    left out leases.coordination.k8s.io shop/leader: whoever renews a lease takes it again
    left out endpointslices.discovery.k8s.io shop/legacy-x: the cluster mirrors it from the Endpoints of its Service
    left out endpointslices.discovery.k8s.io shop/web-x: the cluster makes it from the selector of its Service
    ");
}

#[test]
fn a_type_that_is_named_is_stored_whole() {
    insta::assert_snapshot!(
        check("{includedNamespaces: [shop], includedNamespaceScopedResources: [events, leases, endpoints, services, endpointslices]}"), @"
    0 endpoints shop/alone (selected)
    1 endpoints shop/legacy (selected)
    2 endpoints shop/web (selected)
    3 events shop/started (selected)
    4 namespaces shop (selected)
    5 services shop/legacy (selected)
    6 services shop/web (selected)
    7 leases.coordination.k8s.io shop/by-hand (selected)
    8 leases.coordination.k8s.io shop/leader (selected)
    9 endpointslices.discovery.k8s.io shop/by-hand (selected)
    10 endpointslices.discovery.k8s.io shop/legacy-x (selected)
    11 endpointslices.discovery.k8s.io shop/web-x (selected)
    ");
}

#[test]
fn endpoints_stay_where_their_service_is_not_in_the_backup() {
    let plan = check("{includedNamespaces: [shop], excludedNamespaceScopedResources: [services]}");
    assert!(plan.contains("endpoints shop/web (selected)"), "{plan}");
}

#[test]
fn what_is_left_out_is_counted() {
    let plan = Cluster::new(CLUSTER).plan(&backup("{includedNamespaces: [shop]}"));
    let text = serde_json::to_string(&omissions(&plan)).unwrap();
    insta::assert_snapshot!(text.replace("},{", "},\n{"), @r#"
    [{"resource":"events","rule":"event"},
    {"resource":"events.events.k8s.io","rule":"event"},
    {"resource":"configmaps","rule":"published","objects":1},
    {"resource":"endpoints","rule":"endpoints","objects":1},
    {"resource":"leases.coordination.k8s.io","rule":"lease","objects":1},
    {"resource":"endpointslices.discovery.k8s.io","rule":"endpoints","objects":1},
    {"resource":"endpointslices.discovery.k8s.io","rule":"mirrored","objects":1}]
    "#);
}

/// An operator that a subscription installed, with its copies elsewhere, and one that was installed by hand.
const OPERATORS: &str = r"
- {apiVersion: v1, kind: Namespace, metadata: {name: ops}}
- {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
- {apiVersion: operators.coreos.com/v1alpha1, kind: Subscription, metadata: {namespace: ops, name: db, uid: sub},
   status: {installedCSV: db.v1}}
- {apiVersion: operators.coreos.com/v1alpha1, kind: InstallPlan, metadata: {namespace: ops, name: install-x,
   ownerReferences: [{kind: Subscription, name: db, uid: sub}]}}
- {apiVersion: operators.coreos.com/v1alpha1, kind: ClusterServiceVersion, metadata: {namespace: ops, name: db.v1, uid: csv}}
- {apiVersion: operators.coreos.com/v1alpha1, kind: ClusterServiceVersion, metadata: {namespace: ops, name: by-hand}}
- {apiVersion: operators.coreos.com/v1alpha1, kind: ClusterServiceVersion, metadata: {namespace: shop, name: db.v1,
   labels: {olm.copiedFrom: ops}}}
- {apiVersion: apps/v1, kind: Deployment, metadata: {namespace: ops, name: db, uid: deployment,
   ownerReferences: [{kind: ClusterServiceVersion, name: db.v1, uid: csv}]}}
- {apiVersion: v1, kind: Pod, metadata: {namespace: ops, name: db-1, ownerReferences: [{kind: Deployment, name: db, uid: deployment}]}}
- {apiVersion: v1, kind: ConfigMap, metadata: {namespace: ops, name: mine}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: db.v1-x,
   labels: {olm.owner: db.v1, olm.owner.kind: ClusterServiceVersion, olm.owner.namespace: ops}}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: other,
   labels: {olm.owner: db.v1, olm.owner.kind: ClusterServiceVersion, olm.owner.namespace: elsewhere}}}
";

#[test]
fn operators_travel_as_they_are_unless_their_intents_are_asked_for() {
    let mut backup = backup("{}");
    let plain = render(&Cluster::new(OPERATORS).plan(&backup));
    assert_eq!(plain.matches("left out").count(), 1, "{plain}");
    assert!(plain.contains(
        "left out clusterserviceversions.operators.coreos.com shop/db.v1: OLM copies it from the namespace that the \
         operator is installed in"
    ));
    let intents = [(api::labels::OPERATORS.to_owned(), "intents".to_owned())];
    backup.metadata.annotations = Some(intents.into());
    insta::assert_snapshot!(render(&Cluster::new(OPERATORS).plan(&backup)), @"
    0 configmaps ops/mine (selected)
    1 namespaces ops (selected)
    2 namespaces shop (selected)
    3 clusterroles.rbac.authorization.k8s.io other (selected)
    4 clusterserviceversions.operators.coreos.com ops/by-hand (selected)
    5 subscriptions.operators.coreos.com ops/db (selected)
    left out pods ops/db-1: OLM makes it from the Subscription of its operator, which is in the backup
    left out deployments.apps ops/db: OLM makes it from the Subscription of its operator, which is in the backup
    left out clusterserviceversions.operators.coreos.com ops/db.v1: OLM makes it from the Subscription of its operator, which is in the backup
    left out clusterserviceversions.operators.coreos.com shop/db.v1: OLM copies it from the namespace that the operator is installed in
    left out installplans.operators.coreos.com ops/install-x: OLM makes it from the Subscription of its operator, which is in the backup
    left out clusterroles.rbac.authorization.k8s.io db.v1-x: OLM makes it from the Subscription of its operator, which is in the backup
    ");
}
