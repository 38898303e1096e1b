//! Our own command against a server: what it prints and how it ends, beside the real one where that has the same to say.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::locations::location_is;
use crate::world::{BUCKET, SALVOR, World};

/// What a program printed, and how it ended.
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            out: text(&output.stdout),
            err: text(&output.stderr),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

/// A server, and the commands that are run against it.
pub(crate) struct Terminal<'a> {
    pub(crate) world: &'a World,
    pub(crate) server: &'a str,
}

impl Terminal<'_> {
    /// Runs our program.
    pub(crate) fn ours(&self, arguments: &[&str]) -> Ran {
        self.world.salvor(self.server, arguments).into()
    }

    /// Runs our program as one that succeeds; gives what it prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let ran = self.ours(arguments);
        assert_eq!(ran.code, 0, "salvor {arguments:?}: {}", ran.err);
        ran.out
    }

    /// Runs the real velero.
    pub(crate) fn theirs(&self, arguments: &[&str]) -> Ran {
        self.world.velero(self.server, arguments).into()
    }

    /// Runs our program called by Velero's name.
    fn as_velero(&self, arguments: &[&str]) -> Ran {
        let mut program = Command::new(SALVOR);
        program.arg0("velero");
        self.world.run(program, self.server, arguments).into()
    }

    /// Runs our program on a terminal, which has one stream only.
    fn on_terminal(&self, arguments: &[&str]) -> Ran {
        let mut program = Command::new("script");
        let command = format!("{SALVOR} --namespace {} {}", self.server, arguments.join(" "));
        program.env("KUBECONFIG", self.world.cluster.kubeconfig()).env("SHELL", "/bin/sh");
        program.args(["--quiet", "--return", "--flush", "--command", &command, "/dev/null"]);
        program.output().unwrap().into()
    }
}

/// `get` of backups, restores, locations and plugins prints what Velero's does.
pub(crate) fn tables_are_veleros(terminal: &Terminal<'_>) {
    let tables = [
        ["backup", "get"],
        ["restore", "get"],
        ["backup-location", "get"],
        ["plugin", "get"],
        ["get", "backups"],
    ];
    for arguments in tables {
        let (ours, theirs) = (terminal.done(&arguments), terminal.theirs(&arguments).out);
        let (ours, theirs) = (rows(&ours), rows(&theirs));
        assert!(!ours.is_empty());
        assert_eq!(ours, theirs, "{arguments:?}");
    }
    for arguments in [["backup", "get", "b"], ["restore", "get", "r"], ["backup-location", "get", "default"]]
    {
        let arguments = [&arguments[..], &["-o", "json"]].concat();
        let (ours, theirs) = (terminal.done(&arguments), terminal.theirs(&arguments).out);
        assert_eq!(said(&ours), said(&theirs), "{arguments:?}");
    }
    for arguments in [["backup", "get", "nothing"], ["restore", "get", "nothing"]] {
        let (ours, theirs) = (terminal.ours(&arguments), terminal.theirs(&arguments));
        assert_eq!((ours.code, theirs.code), (1, 1), "{arguments:?}");
        assert!(
            ours.err.contains("not found") && theirs.err.contains("not found"),
            "{}{}",
            ours.err,
            theirs.err
        );
    }
}

/// The rows of a table, each cell by its header. When a location was tried last changes from one call to the next.
fn rows(table: &str) -> Vec<BTreeMap<String, String>> {
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let begins = |at: &usize| !header[*at..].starts_with(' ') && (*at == 0 || header[..*at].ends_with("  "));
    let starts: Vec<usize> = (0..header.len()).filter(begins).collect();
    let cells = |line: &str| {
        let cell = |index: usize| {
            let end = starts.get(index + 1).map_or(line.len(), |end| line.len().min(*end));
            line.get(starts[index]..end).unwrap_or_default().trim().to_owned()
        };
        (0..starts.len()).map(cell).collect::<Vec<_>>()
    };
    let names = cells(header);
    let row = |line: &str| {
        names.iter().cloned().zip(cells(line)).filter(|(name, _)| name != "LAST VALIDATED").collect()
    };
    lines.map(row).collect()
}

/// What a document says: Go's programs write some members that say nothing.
fn said(text: &str) -> Value {
    let mut document: Value = serde_json::from_str(text).unwrap();
    // They change from one call to the next.
    document["status"]["lastValidationTime"].take();
    document["metadata"]["resourceVersion"].take();
    document["metadata"]["managedFields"].take();
    prune(&mut document);
    document
}

fn prune(value: &mut Value) {
    if let Value::Object(members) = value {
        members.values_mut().for_each(prune);
        members.retain(|_, member| !member.is_null() && *member != json!({}));
    }
}

/// `backup download` writes the bytes that Velero's writes, once.
pub(crate) fn downloads_are_veleros(terminal: &Terminal<'_>, theirs: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.tar.gz").display().to_string();
    let printed = terminal.done(&["backup", "download", "b", "-o", &file]);
    assert_eq!(printed, format!("Backup b has been successfully downloaded to {file}\n"));
    assert_eq!(std::fs::read(&file).unwrap(), std::fs::read(theirs).unwrap());
    let again = terminal.ours(&["backup", "download", "b", "-o", &file]);
    assert_eq!(again.code, 1, "a file that is there is left alone");
    let missing = terminal.ours(&["backup", "download", "nothing"]);
    assert_eq!((missing.code, missing.err.contains("does not exist")), (1, true), "{}", missing.err);
}

/// `--wait` says how an operation ended, in words and by its exit code; on a terminal it shows how far it is.
pub(crate) async fn waiting_ends_by_the_outcome(terminal: &Terminal<'_>, namespace: &str) {
    let (world, server) = (terminal.world, terminal.server);
    let restore =
        ["restore", "create", "again", "--from-backup", "b", "--include-resources", "configmaps", "--wait"];
    let printed = terminal.done(&restore);
    assert!(
        printed.starts_with(
            "Restore request \"again\" submitted successfully.\nWaiting for restore to complete."
        )
    );
    assert!(printed.contains(".\nRestore completed with status: Completed."), "{printed}");

    let backup = |name: &'static str| {
        ["backup", "create", name, "--include-namespaces", namespace, "--include-resources", "pods", "--wait"]
    };
    let live = terminal.on_terminal(&backup("live"));
    let ends = live.out.split("\r\u{1b}[K").last().unwrap_or_default();
    let counts = ends.strip_prefix("Completed  ").and_then(|text| text.split_once(" objects"));
    let (done, all) = counts.and_then(|(counts, _)| counts.split_once(" of ")).unwrap_or_default();
    assert!(live.code == 0 && done == all && !done.is_empty(), "{:?}", live.out);

    // Data that this version does not back up.
    let with_data = |name| [&backup(name)[..], &["--default-volumes-to-fs-backup"]].concat();
    let partly = terminal.ours(&with_data("partly"));
    assert_eq!((partly.code, partly.out.contains("status: PartiallyFailed.")), (2, true), "{}", partly.out);
    let as_velero = terminal.as_velero(&with_data("as-velero"));
    assert_eq!(
        (as_velero.code, as_velero.out.contains("status: PartiallyFailed.")),
        (0, true),
        "{}",
        as_velero.out
    );

    terminal.done(&location("unreachable", "http://127.0.0.1:9").each_ref().map(String::as_str));
    location_is(world, server, "unreachable", "Unavailable", "").await;
    let nowhere = |name| [&backup(name)[..], &["--storage-location", "unreachable"]].concat();
    let (ours, theirs) = (terminal.ours(&nowhere("nowhere")), terminal.theirs(&nowhere("nowhere-either")));
    assert_eq!((ours.code, theirs.code), (1, 0), "Velero's always ends well");
    for ran in [ours, theirs] {
        assert!(ran.out.contains("Backup completed with status: FailedValidation."), "{}", ran.out);
    }
    let deleted = terminal.done(&["backup-location", "delete", "unreachable", "--confirm"]);
    assert!(
        deleted.starts_with("Backup storage location \"unreachable\" deleted successfully.\n"),
        "{deleted}"
    );
}

/// The arguments that make a location on an S3 server.
fn location(name: &str, endpoint: &str) -> [String; 11] {
    let config = format!("region=us-east-1,s3ForcePathStyle=true,s3Url={endpoint}");
    [
        "backup-location",
        "create",
        name,
        "--provider",
        "aws",
        "--bucket",
        BUCKET,
        "--prefix",
        name,
        "--config",
        &config,
    ]
    .map(str::to_owned)
}

/// Locations are made, shown, changed and forgotten.
pub(crate) async fn locations_come_and_go(terminal: &Terminal<'_>) {
    let (world, server) = (terminal.world, terminal.server);
    let arguments = location("second", &world.s3.endpoint);
    let arguments = arguments.each_ref().map(String::as_str);
    let configured = "Backup storage location \"second\" configured successfully.\n";
    assert_eq!(terminal.done(&arguments), configured);
    location_is(world, server, "second", "Available", "").await;
    let again = terminal.ours(&arguments);
    assert_eq!((again.code, again.err.contains("already exists")), (1, true), "{}", again.err);
    tables_are_veleros(terminal);

    let to_default = ["backup-location", "set", "second", "--default"];
    let (ours, theirs) = (terminal.ours(&to_default), terminal.theirs(&to_default));
    assert_eq!((ours.code, theirs.code), (1, 1));
    let told = |ran: &Ran| ran.err.split_once(": ").map(|(_, why)| why.to_owned());
    assert_eq!(told(&ours), told(&theirs), "the other default is in the way");
    terminal.done(&["backup-location", "set", "default", "--default=false"]);
    assert_eq!(terminal.done(&to_default), configured);
    let default = terminal.done(&["backup-location", "get", "--default", "-o", "json"]);
    assert_eq!(said(&default)["metadata"]["name"], "second");
    terminal.done(&["backup-location", "set", "second", "--default=false"]);
    terminal.done(&["backup-location", "set", "default", "--default"]);

    let deleted = terminal.done(&["backup-location", "delete", "second", "--confirm"]);
    assert_eq!(deleted, "Backup storage location \"second\" deleted successfully.\n");
    world.gone(&format!("/apis/velero.io/v1/namespaces/{server}/backupstoragelocations/second")).await;
}

/// `restore delete` deletes the restore and its files, and nothing that it restored.
pub(crate) async fn restores_are_deleted(terminal: &Terminal<'_>, prefix: &str, restored: &str) {
    let printed = terminal.done(&["restore", "delete", "again", "--confirm"]);
    let expected = "Request to delete restore \"again\" submitted successfully.\nThe restore will be fully deleted after \
                    all associated data (restore files in object storage) are removed.\n";
    assert_eq!(printed, expected);
    let (world, server) = (terminal.world, terminal.server);
    world.gone(&format!("/apis/velero.io/v1/namespaces/{server}/restores/again")).await;
    let files = world.s3.folder.join(BUCKET).join(prefix).join("restores/again");
    assert_eq!(std::fs::read_dir(files).map_or(0, Iterator::count), 0);
    assert!(world.cluster.client().get(restored).await.unwrap().is_some());
    let (ours, theirs) = (["restore", "delete", "again", "--confirm"], ["restore", "delete", "--all", "a"]);
    assert!(terminal.done(&ours).contains("No restores found"));
    assert_eq!((terminal.ours(&theirs).code, terminal.theirs(&theirs).code), (1, 1));
}

/// `version` names both sides; `completion` knows three shells.
pub(crate) fn version_and_completion(terminal: &Terminal<'_>) {
    let version = api::labels::SERVER_VERSION;
    let client = terminal.done(&["version", "--client-only"]);
    assert!(client.starts_with(&format!("Client:\n\tVersion: {version}\n")), "{client}");
    let server = format!("Server:\n\tVersion: {version}\n");
    assert_eq!(terminal.done(&["version"]), format!("{client}{server}"));
    assert!(terminal.theirs(&["version"]).out.ends_with(&server));
    for shell in ["bash", "zsh", "fish"] {
        assert!(terminal.done(&["completion", shell]).contains("backup-location"), "{shell}");
    }
    let (ours, theirs) = (terminal.ours(&["completion", "tcsh"]), terminal.theirs(&["completion", "tcsh"]));
    assert_eq!((ours.code, theirs.code), (1, 1));
    let words = "Invalid shell specified, specify bash, zsh, or fish";
    assert!(ours.err.contains(words), "{}", ours.err);
    let told = format!("{}{}", theirs.out, theirs.err);
    assert!(told.contains(words), "{told}");
}

/// `install --dry-run` prints all that Velero's prints, and makes nothing.
pub(crate) async fn a_dry_run_installs_nothing(terminal: &Terminal<'_>) {
    const NAMESPACE: &str = "interop-nowhere";
    let arguments = [
        "install",
        "--dry-run",
        "-o",
        "yaml",
        "--provider",
        "aws",
        "--bucket",
        BUCKET,
        "--no-secret",
        "--use-volume-snapshots=false",
        "--plugins",
        "local/plugin:v1",
    ];
    let elsewhere = Terminal { world: terminal.world, server: NAMESPACE };
    let ours = installed(&elsewhere.done(&arguments));
    let theirs = installed(&elsewhere.theirs(&arguments).out);
    assert!(theirs.len() > 10, "{theirs:?}");
    let missing: Vec<_> = theirs.iter().filter(|name| !ours.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?} is not in {ours:?}");
    let namespace = format!("/api/v1/namespaces/{NAMESPACE}");
    assert!(terminal.world.cluster.client().get(&namespace).await.unwrap().is_none());
}

/// Kinds and names of the objects of a list.
fn installed(yaml: &str) -> Vec<String> {
    let list: Value = serde_saphyr::from_str(yaml).unwrap();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    items.iter().map(|item| format!("{} {}", text(&item["kind"]), text(&item["metadata"]["name"]))).collect()
}

/// The API server counts requests by the FlowSchema that they came by: what the server did went by its own, and the renewals
/// of its Lease by the one for leaders.
pub(crate) async fn the_server_has_its_own_place_in_the_queues_of_the_api_server(
    world: &World,
    server: &str,
) {
    let metrics = world.cluster.client().text("/metrics").await.unwrap();
    for (schema, level) in [("", "salvor-server"), ("-lease", "leader-election")] {
        let labels = format!(r#"flow_schema="velero-{server}{schema}",priority_level="{level}""#);
        let counted = metrics.lines().find(|line| {
            line.starts_with("apiserver_flowcontrol_dispatched_requests_total") && line.contains(&labels)
        });
        assert!(counted.is_some(), "no request came by {labels}");
    }
}

/// `uninstall` removes the installation, and what is in the bucket stays.
pub(crate) async fn uninstalled_without_a_trace(terminal: &Terminal<'_>, prefix: &str) {
    let (client, server) = (terminal.world.cluster.client(), terminal.server);
    let kept = terminal.world.s3.folder.join(BUCKET).join(prefix).join("backups");
    let backups = || std::fs::read_dir(&kept).map_or(0, Iterator::count);
    let before = backups();
    assert!(before > 0);
    let printed = terminal.done(&["uninstall", "--force"]);
    assert!(printed.ends_with("Velero uninstalled \u{26f5}\n"), "{printed}");
    let binding = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/velero-{server}");
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/backups.velero.io";
    let schema = format!("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/velero-{server}");
    for path in [&format!("/api/v1/namespaces/{server}"), &binding, &schema] {
        assert!(client.get(path).await.unwrap().is_none(), "{path} is still there");
    }
    terminal.world.gone(definition).await;
    assert_eq!(backups(), before, "what is in the bucket stays");
    let again = terminal.done(&["uninstall", "--force"]);
    assert!(again.contains(&format!("Velero namespace \"{server}\" does not exist, skipping.")), "{again}");
}
