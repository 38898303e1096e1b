//! What is installed, as golden documents, and what must hold of all of it.

use super::deployment::{INSTALL_CREDENTIALS, Image, Platform, Pod};
use super::*;

fn options(volumes: &[&str]) -> Options {
    Options {
        workload: Workload {
            namespace: "velero".to_owned(),
            image: Image { name: "salvor:0.1.0".to_owned(), pull_policy: None },
            service_account: SERVER.to_owned(),
            args: vec!["--uploader-type=kopia".to_owned()],
            pod: Pod { resources: json!({"requests": {"cpu": "500m", "memory": "128Mi"}}), ..Pod::default() },
            credentials: vec![INSTALL_CREDENTIALS],
            volumes: volumes.iter().map(|volume| volume.parse().unwrap()).collect(),
            ..Workload::default()
        },
        access: Access::Generated(Strings::new()),
        credentials: Some(CloudCredentials::new("[default]\naws_access_key_id=a\n")),
        location: Some(Location {
            name: "default".to_owned(),
            provider: "aws".to_owned(),
            bucket: "backups".to_owned(),
            prefix: "one".to_owned(),
            config: Strings::from([("region".to_owned(), "eu".to_owned())]),
            default: true,
            ..Location::default()
        }),
        snapshot_location: Some(SnapshotLocation {
            name: "default".to_owned(),
            provider: "aws".to_owned(),
            ..SnapshotLocation::default()
        }),
    }
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["kind"].as_str().unwrap()).collect()
}

#[test]
fn an_installation_is_as_recorded() {
    insta::assert_yaml_snapshot!("install", objects(&options(&[])));
}

#[test]
fn the_server_on_volumes_is_as_recorded() {
    let all = objects(&options(&["claim=pvc:backups", "disk=hostPath:/srv/backups", "nas=nfs:nas:/backups"]));
    let deployment = all.iter().find(|object| object["kind"] == "Deployment").unwrap();
    insta::assert_yaml_snapshot!("deployment-with-volumes", deployment);
}

#[test]
fn an_operator_is_as_recorded() {
    let image = Image { name: "salvor:0.1.0".to_owned(), pull_policy: None };
    insta::assert_yaml_snapshot!("operator", operator::objects("openshift-adp", &image));
}

#[test]
fn every_object_has_an_address_and_the_label_of_the_installation() {
    let image = Image::default();
    for object in objects(&options(&[])).iter().chain(&operator::objects("ns", &image)) {
        assert!(types::address(object).is_some(), "{}", object["kind"]);
        assert_eq!(engine::document::label(object, COMPONENT.0), Some(COMPONENT.1), "{}", object["kind"]);
    }
}

#[test]
fn who_brings_an_account_brings_its_rights() {
    let existing = Options { access: Access::Existing("mine".to_owned()), ..options(&[]) };
    let objects = objects(&existing);
    for kind in ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"] {
        assert!(!kinds(&objects).contains(&kind), "{kind}");
    }
}

#[test]
fn an_administrator_needs_no_role() {
    let admin = Options { access: Access::ClusterAdmin(Strings::new()), ..options(&[]) };
    let objects = objects(&admin);
    assert!(!kinds(&objects).contains(&"ClusterRole"));
    let binding = objects.iter().find(|object| object["kind"] == "ClusterRoleBinding").unwrap();
    assert_eq!(binding["roleRef"]["name"], "cluster-admin");
    assert_eq!(binding["metadata"]["name"], "velero");
}

#[test]
fn the_level_of_the_namespace_is_the_lowest_that_serves() {
    for (volume, level) in
        [("a=pvc:x", "restricted"), ("a=nfs:h:/p", "baseline"), ("a=hostPath:/p", "privileged")]
    {
        let objects = objects(&options(&[volume]));
        let label = engine::document::label(&objects[0], "pod-security.kubernetes.io/enforce");
        assert_eq!(label, Some(level), "{volume}");
    }
}

#[test]
fn openshift_gives_pods_their_users() {
    let mut options = options(&[]);
    options.workload.platform = Platform::OpenShift;
    let deployment = deployment::deployment(&options.workload);
    let security = &deployment["spec"]["template"]["spec"]["securityContext"];
    assert_eq!(security, &json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}));
}

#[test]
fn credentials_are_not_shown() {
    assert!(!format!("{:?}", options(&[])).contains("aws_access_key_id"));
}

#[test]
fn every_row_of_the_rights_has_a_reason_and_no_row_is_empty() {
    for rule in rbac::SERVER.iter().chain(rbac::SERVER_NAMESPACE).chain(rbac::OPERATOR_NAMESPACE) {
        assert!(!rule.reason.is_empty() && !rule.verbs.is_empty() && !rule.resources.is_empty(), "{rule:?}");
        assert!(!rule.verbs.contains(&"*"), "say which verbs: {rule:?}");
    }
}

#[test]
fn the_server_deletes_nothing_outside_its_namespace_but_what_a_restore_creates_again() {
    for rule in rbac::SERVER {
        for verb in ["deletecollection", "impersonate", "approve", "sign"] {
            assert!(!rule.verbs.contains(&verb), "{rule:?}");
        }
    }
    let deletes: Vec<_> = rbac::SERVER.iter().filter(|rule| rule.verbs.contains(&"delete")).collect();
    assert!(matches!(deletes[..], [rule] if rule.reason.contains("recreate")), "{deletes:?}");
}
