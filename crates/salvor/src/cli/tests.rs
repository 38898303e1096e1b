//! Tests of the grammar: what Velero's users write is understood.

use super::*;

fn parses(called: &str, line: &str) -> Result<Cli, clap::Error> {
    let words = std::iter::once(called).chain(line.split_whitespace());
    grammar(called).try_get_matches_from(words).and_then(|found| Cli::from_arg_matches(&found))
}

#[test]
fn the_grammar_is_sound() {
    grammar("salvor").debug_assert();
}

#[test]
fn what_velero_understands_is_understood() {
    for line in [
        "backup get",
        "backup get a b -l app=x -o yaml -L app,team --show-labels",
        "get backups",
        "get backup b -o json",
        "get restores",
        "get restore r",
        "get backup-locations",
        "get backup-location default --default",
        "get plugins --timeout 1s",
        "describe backups b --details",
        "describe backup b",
        "describe restores",
        "describe restore r --details=true --cacert ca.pem --insecure-skip-tls-verify",
        "backup describe b -o json",
        "backup logs b --timeout 30s",
        "backup download b -o file.tar.gz --force",
        "backup delete a b --confirm",
        "backup delete --all --confirm=true",
        "delete backup b",
        "delete backups --selector a=b",
        "delete restore --all",
        "delete restores r",
        "delete backup-location default",
        "create backup b -w",
        "create restore --from-backup b",
        "create backup-location x --provider aws --bucket b",
        "backup-location create x --provider aws --bucket b --prefix p --credential cloud=key --default \
         --backup-sync-period 0s --validation-frequency 1m --config region=eu,s3ForcePathStyle=true --labels a=b \
         --cacert ca.pem --access-mode ReadOnly -o yaml",
        "backup-location set x --default=false --credential cloud=key --cacert ca.pem",
        "restore logs r --timeout 1m30s",
        "version --client-only",
        "version --timeout 1s",
        "completion bash",
        "client config get namespace features",
        "client config set namespace=oadp",
        "plugin get -o json",
        "-n oadp --kubeconfig k --kubecontext c --features EnableCSI,x --colorized=false backup get",
        "backup get --namespace oadp --kubecontext c",
    ] {
        parses("velero", line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn every_flag_of_backup_create_is_understood() {
    for flag in [
        "--ttl 72h30m",
        "--include-namespaces a,b*",
        "--exclude-namespaces c",
        "--include-resources deployments.apps,pods",
        "--exclude-resources secrets",
        "--include-cluster-resources",
        "--include-cluster-resources=false",
        "--include-cluster-scoped-resources storageclasses",
        "--exclude-cluster-scoped-resources *",
        "--include-namespace-scoped-resources *",
        "--exclude-namespace-scoped-resources events",
        "--labels a=b,c=d",
        "--annotations a=b",
        "--storage-location default",
        "--volume-snapshot-locations a,b --volume-snapshot-locations c",
        "-l a=b,c!=d",
        "--selector a=b",
        "--or-selector a=b",
        "--ordered-resources pods=ns1/p1,ns1/p2;persistentvolumeclaims=ns1/c",
        "--csi-snapshot-timeout 20m",
        "--item-operation-timeout 1h",
        "--snapshot-volumes",
        "--snapshot-volumes=",
        "--snapshot-move-data=true",
        "--data-mover velero",
        "--default-volumes-to-fs-backup=false",
        "--resource-policies-configmap p",
        "--parallel-files-upload 4",
        "-w",
        "--wait",
        "--wait=false",
        "--from-schedule daily",
        "-o yaml",
        "--output json",
        "--include-namespaces a --include-namespaces b",
    ] {
        let line = format!("backup create b {flag}");
        parses("velero", &line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn every_flag_of_restore_create_is_understood() {
    for flag in [
        "--from-backup b",
        "--from-schedule daily --allow-partially-failed",
        "--include-namespaces a",
        "--exclude-namespaces a",
        "--namespace-mappings a:b,c:d",
        "--labels a=b",
        "--annotations a=b",
        "--include-resources pods",
        "--exclude-resources nodes",
        "--existing-resource-policy update",
        "--status-include-resources *",
        "--status-exclude-resources pods",
        "-l a=b",
        "--selector a=b",
        "--or-selector a=b",
        "--item-operation-timeout 1h",
        "--restore-volumes=false",
        "--preserve-nodeports",
        "--include-cluster-resources=true",
        "-w",
        "--wait",
        "--resource-modifier-configmap m",
        "--skip-default-resource-modifier",
        "--resource-policies-configmap p",
        "--write-sparse-files",
        "--parallel-files-download 4",
        "-o yaml",
    ] {
        for form in ["restore create r", "restore create", "create restore r"] {
            let line = format!("{form} {flag}");
            parses("velero", &line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}

#[test]
fn what_velero_refuses_is_refused() {
    for line in [
        "backup create b --ttl 3d",
        "backup create b --labels a",
        "backup create b --ordered-resources pods",
        "backup create b c",
        "backup create b -o xml",
        "backup-location create x",
        "backup-location create x --provider aws --bucket b --access-mode Both",
        "backups",
        "backup get --no-such-flag",
        "schedule get",
    ] {
        assert!(parses("velero", line).is_err(), "{line}");
        assert_eq!(
            run("velero", line.split_whitespace().map(str::to_owned).collect()),
            Exit::Failed,
            "{line}"
        );
    }
}

#[test]
fn a_group_alone_prints_its_help() {
    for line in
        ["", "backup", "get", "client config", "--help", "backup create --help", "restore -h", "--version"]
    {
        assert_eq!(
            run("velero", line.split_whitespace().map(str::to_owned).collect()),
            Exit::Done,
            "{line:?}"
        );
    }
}

fn help(line: &str) -> String {
    parses("salvor", &format!("{line} --help")).unwrap_err().render().to_string()
}

#[test]
fn help_calls_values_by_short_names() {
    let create = help("backup create");
    for shown in
        ["--storage-location <LOCATION>", "--include-namespaces <NAMESPACES>", "--labels <KEY=VALUE,...>"]
    {
        assert!(create.contains(shown), "{shown} is not in\n{create}");
    }
}

#[test]
fn help_of_install_sets_apart_only_what_is_not_honoured() {
    let install = help("install");
    let (honoured, rest) = install.split_once("Not honoured yet:").unwrap();
    assert!(honoured.contains("--output") && !rest.contains("--output"), "{install}");
}

#[test]
fn only_an_answer_that_knows_no_kubernetes_object_means_that_nothing_is_installed() {
    let missing = |status| cluster::Error {
        status,
        ..cluster::Error::new(cluster::ErrorKind::NotFound, "list backups.velero.io", "404 page not found")
    };
    let named = Box::new(serde_json::json!({"kind": "Status", "reason": "NotFound"}));
    assert!(is_not_served(&missing(None)));
    assert!(!is_not_served(&missing(Some(named))));
}

#[test]
fn flags_of_klog_are_taken_anywhere_and_change_nothing() {
    for line in [
        "-v 4 backup get",
        "backup get --v=4",
        "backup get --alsologtostderr --log_dir=/tmp",
        "backup get --skip_headers=false b",
    ] {
        let names = std::iter::once("salvor").chain(line.split_whitespace());
        grammar("salvor").try_get_matches_from(names).unwrap();
    }
    let help = grammar("salvor").render_help().to_string();
    assert!(!help.contains("log_dir"), "{help}");
}
