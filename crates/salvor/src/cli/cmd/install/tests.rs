//! Flags that are refused, flags that are reported, and what is sent.

use clap::Parser;
use cluster::fake::FakeCluster;
use controllers::install::deployment::Platform;
use serde_json::Value;

use super::{Install, check, options};
use crate::cli::Globals;

#[derive(Debug, Parser)]
struct Program {
    #[command(flatten)]
    globals: Globals,
    #[command(flatten)]
    install: Install,
}

fn parse(arguments: &str) -> Program {
    Program::try_parse_from(std::iter::once("install").chain(arguments.split_whitespace())).unwrap()
}

const AWS: &str = "--provider aws --bucket b --no-secret";

fn objects(arguments: &str) -> Vec<Value> {
    let Program { globals, install } = parse(arguments);
    install.objects("velero", Platform::Kubernetes, &globals).unwrap()
}

#[test]
fn contradicting_flags_are_refused_in_velero_s_words() {
    for (arguments, words) in [
        ("", "--provider is required"),
        ("--provider aws", "--bucket is required"),
        ("--provider aws --bucket b", "One of --secret-file or --no-secret is required"),
        (
            "--provider aws --bucket b --no-secret --secret-file f",
            "Cannot use both --secret-file and --no-secret",
        ),
        ("--provider aws --bucket=-b --no-secret", "Bucket names cannot begin with a dash"),
        (
            "--no-default-backup-location --bucket b",
            "Cannot use both --bucket and --no-default-backup-location",
        ),
        ("--no-default-backup-location --prefix p", "Cannot use both --prefix and"),
        ("--no-default-backup-location --backup-location-config a=b", "--backup-location-config"),
        ("--no-default-backup-location --no-secret", "--provider is required when --use-volume-snapshots"),
        (
            "--no-default-backup-location --use-volume-snapshots=false --provider aws --no-secret",
            "--provider must be empty when using --no-default-backup-location and --use-volume-snapshots=false",
        ),
        (
            "--provider aws --bucket b --no-secret --use-volume-snapshots=false --snapshot-location-config a=b",
            "--snapshot-location-config must be empty",
        ),
        (
            "--provider aws --bucket b --no-secret --default-volumes-to-fs-backup",
            "--use-node-agent is required when using --default-volumes-to-fs-backup",
        ),
        ("--provider disk --bucket b --no-secret", "is not built in"),
        ("--provider salvor.io/filesystem --bucket b", "--location-volume is required"),
        ("--operator --bucket b", "a DataProtectionApplication says"),
    ] {
        let program = parse(arguments);
        let refusal = check::check(&program.install).unwrap_err().to_string();
        assert!(refusal.contains(words), "{arguments}: {refusal}");
    }
}

#[test]
fn flags_without_effect_are_reported_one_by_one() {
    let notes = check::check(
        &parse(&format!(
            "{AWS} --use-node-agent --default-volumes-to-fs-backup --keep-latest-maintenance-jobs 3 \
             --plugins velero/velero-plugin-for-aws:v1.14.0,example/mine:1 --uploader-type restic"
        ))
        .install,
    )
    .unwrap();
    for words in [
        "--use-node-agent is not honoured yet",
        "--default-volumes-to-fs-backup is not honoured yet",
        "--keep-latest-maintenance-jobs is obsolete",
        "velero-plugin-for-aws:v1.14.0: it is built in",
        "example/mine:1 is not honoured yet",
        "--uploader-type=restic",
    ] {
        assert!(notes.iter().any(|note| note.contains(words)), "{words}: {notes:#?}");
    }
    assert!(check::check(&parse(AWS).install).unwrap().is_empty());
}

#[test]
fn flags_become_arguments_and_fields() {
    let all = objects(&format!(
        "{AWS} --features EnableCSI,Mine --garbage-collection-frequency 2h --concurrent-backups 3 --restore-only \
         --velero-pod-cpu-limit 0 --velero-pod-mem-limit 1Gi --pod-labels a=b --pod-annotations c=d \
         --server-priority-class-name high --sa-annotations e=f"
    ));
    let of = |kind: &str| all.iter().find(|object| object["kind"] == kind).unwrap();
    let template = &of("Deployment")["spec"]["template"];
    let container = &template["spec"]["containers"][0];
    let args: Vec<_> =
        container["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
    assert_eq!(
        args,
        [
            "server",
            "--features=EnableCSI,Mine",
            "--uploader-type=kopia",
            "--restore-only",
            "--garbage-collection-frequency=2h0m0s",
            "--concurrent-backups=3",
        ]
    );
    assert_eq!(container["resources"]["limits"], serde_json::json!({"memory": "1Gi"}));
    assert_eq!(template["metadata"]["labels"]["a"], "b");
    assert_eq!(template["metadata"]["annotations"]["c"], "d");
    assert_eq!(template["spec"]["priorityClassName"], "high");
    assert_eq!(of("ServiceAccount")["metadata"]["annotations"]["e"], "f");
}

#[test]
fn a_filesystem_needs_no_path_no_secret_and_no_snapshots() {
    let arguments = "--provider salvor.io/filesystem --bucket b --location-volume store=pvc:backups";
    assert!(check::check(&parse(arguments).install).unwrap().is_empty());
    let all = objects(arguments);
    let location = all.iter().find(|object| object["kind"] == "BackupStorageLocation").unwrap();
    assert_eq!(location["spec"]["config"]["path"], "/locations/store");
    assert!(all.iter().all(|object| object["kind"] != "VolumeSnapshotLocation"));
}

#[test]
fn the_contents_of_files_go_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "contents").unwrap();
    let name = file.display();
    let all = objects(&format!("--provider aws --bucket b --secret-file {name} --cacert {name}"));
    let of = |kind: &str| all.iter().find(|object| object["kind"] == kind).unwrap();
    assert_eq!(of("Secret")["stringData"]["cloud"], "contents");
    assert_eq!(of("BackupStorageLocation")["spec"]["objectStorage"]["caCert"], "Y29udGVudHM=");
    let missing = parse("--provider aws --bucket b --secret-file /nowhere");
    let error = options::options(&missing.install, "velero", Platform::Kubernetes, &[]).unwrap_err();
    assert!(error.to_string().contains("/nowhere"), "{error}");
}

#[test]
fn an_operator_has_a_namespace_of_its_own() {
    let plain = parse("--operator");
    assert_eq!(plain.install.namespace(&plain.globals, "velero"), "openshift-adp");
    let told = parse("--operator -n mine");
    assert_eq!(told.install.namespace(&told.globals, "mine"), "mine");
}

#[tokio::test]
async fn what_is_there_is_left_alone_unless_it_is_to_be_applied() {
    let fake = FakeCluster::new();
    let Program { globals, install } = parse(AWS);
    let objects = install.objects("velero", Platform::Kubernetes, &globals).unwrap();
    install.send(&fake, "velero", &objects).await.unwrap();
    let count = |kind: &str| fake.objects().iter().filter(|object| object["kind"] == kind).count();
    assert_eq!((count("Deployment"), count("BackupStorageLocation"), count("ServiceAccount")), (1, 1, 1));
    assert!(count("CustomResourceDefinition") >= 13);
    let other = parse(&format!("{AWS} --image other:1"));
    let objects = other.install.objects("velero", Platform::Kubernetes, &other.globals).unwrap();
    let image = || {
        let all = fake.objects();
        let deployment = all.iter().find(|object| object["kind"] == "Deployment").unwrap().clone();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    };
    other.install.send(&fake, "velero", &objects).await.unwrap();
    assert_ne!(image(), "other:1");
    let applied = parse(&format!("{AWS} --image other:1 --apply"));
    applied.install.send(&fake, "velero", &objects).await.unwrap();
    assert_eq!(image(), "other:1");
}
