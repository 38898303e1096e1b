//! Salvor as a user installs it: the operator, then a DataProtectionApplication that says what is wanted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use testkit::client::Client;
use testkit::command::run_command;
use testkit::fixture::MADE_BY;
use testkit::progress::Progress;
use testkit::s3::{REGION, S3};
use testkit::salvor_image;
use testkit::wait::{Look, until};

use super::{Place, Store, refuse_of_others};

/// Where Salvor is installed.
pub(crate) const NAMESPACE: &str = "openshift-adp";
const BUCKET: &str = "demo";
const NAMESPACE_PATH: &str = "/api/v1/namespaces/openshift-adp";
/// How long the operator may take to bring a location up.
const PATIENCE: Duration = Duration::from_secs(180);

/// Refuses a namespace of Salvor's name that the demo did not make, and a cluster that has definitions of ours without
/// it: at the end the demo would take them away, with every backup that others have there.
pub(crate) async fn refuse_foreign(client: &Client) -> Result<()> {
    if let Some(namespace) = client.get(NAMESPACE_PATH).await? {
        return refuse_of_others(&namespace);
    }
    if let Some(definition) = first_definition(client).await? {
        bail!(
            "the cluster has {definition} already: run the demo where neither Salvor, Velero nor OADP is installed; \
             what a demo left that was interrupted goes with `salvor uninstall --namespace {NAMESPACE}`"
        );
    }
    Ok(())
}

/// The name of a definition of ours that the cluster has.
async fn first_definition(client: &Client) -> Result<Option<String>> {
    for definition in api::crd::definitions() {
        let name = definition["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}");
        if client.get(&path).await?.is_some() {
            return Ok(Some(name.to_owned()));
        }
    }
    Ok(None)
}

/// Installs the operator, tells it what is wanted, and waits until there is a location to back up to.
pub(crate) async fn operator(place: &Place, store: Store, progress: Progress) -> Result<()> {
    let client = &place.client;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
                           "metadata": {"name": NAMESPACE, "labels": {MADE_BY.0: MADE_BY.1}}});
    client.apply(NAMESPACE_PATH, &namespace).await?;
    progress.step("salvor install --operator", async { install(place) }).await?;
    let application = match store {
        Store::Filesystem => filesystem(place)?,
        Store::S3 => s3(place, progress).await?,
    };
    let path =
        format!("/apis/oadp.openshift.io/v1alpha1/namespaces/{NAMESPACE}/dataprotectionapplications/demo");
    client.apply(&path, &application).await?;
    progress.step("location available", available(client, &path)).await
}

fn install(place: &Place) -> Result<()> {
    salvor(place, &["install", "--operator", "--wait", "--image", &place.image])
}

/// Runs Salvor's own program on its installation here.
pub(crate) fn salvor(place: &Place, arguments: &[&str]) -> Result<()> {
    let mut command = std::process::Command::new(salvor_image::program());
    command.args(arguments).args(["--namespace", NAMESPACE]);
    run_command(command.arg("--kubeconfig").arg(&place.kubeconfig)).map(drop)
}

/// A location in a folder of the node.
fn filesystem(place: &Place) -> Result<Value> {
    let folder = match &place.local {
        Some(cluster) => shared_folder(&cluster.layout().data().join("locations"))?,
        None => "/var/tmp/salvor-demo".to_owned(),
    };
    let config = json!({"path": "/locations/demo"});
    let mut application = application("salvor.io/filesystem", &config);
    application["metadata"]["annotations"] =
        json!({"salvor.io/location-volumes": format!("demo=hostPath:{folder}")});
    Ok(application)
}

/// The pods write there as nobody.
fn shared_folder(folder: &Path) -> Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777))
        .context("failed to open the location's folder")?;
    Ok(folder.display().to_string())
}

/// A location on the S3 server beside the cluster.
async fn s3(place: &Place, progress: Progress) -> Result<Value> {
    let Some(cluster) = &place.local else { bail!("--store s3 goes with a local cluster only") };
    let s3 = S3::start(cluster, progress).await?;
    s3.make_bucket(BUCKET)?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cloud-credentials", "namespace": NAMESPACE},
                        "stringData": {"cloud": s3.credentials_file()}});
    let path = format!("{NAMESPACE_PATH}/secrets/cloud-credentials");
    place.client.apply(&path, &secret).await?;
    let config = json!({"region": REGION, "s3Url": s3.endpoint, "s3ForcePathStyle": "true"});
    let mut application = application("aws", &config);
    application["spec"]["backupLocations"][0]["velero"]["credential"] =
        json!({"name": "cloud-credentials", "key": "cloud"});
    Ok(application)
}

fn application(provider: &str, config: &Value) -> Value {
    json!({
        "apiVersion": "oadp.openshift.io/v1alpha1",
        "kind": "DataProtectionApplication",
        "metadata": {"name": "demo", "namespace": NAMESPACE},
        "spec": {
            "configuration": {"velero": {"defaultPlugins": ["aws", "openshift"]}},
            "backupLocations": [{"name": "default", "velero": {
                "provider": provider, "default": true, "config": config,
                "objectStorage": {"bucket": BUCKET, "prefix": "velero"},
            }}],
            "snapshotLocations": [],
        },
    })
}

/// Waits for the location; says what the operator reports if it does not come.
async fn available(client: &Client, application: &str) -> Result<()> {
    let path = format!("/apis/velero.io/v1/namespaces/{NAMESPACE}/backupstoragelocations/default");
    until("the backup location is not available", PATIENCE, || async {
        let location = client.get(&path).await?.unwrap_or_default();
        if location["status"]["phase"] == "Available" {
            return Ok(Look::Done(()));
        }
        let owner = client.get(application).await?.unwrap_or_default();
        Ok(Look::NotYet(format!(
            "location: {}, operator: {}",
            location["status"], owner["status"]["conditions"]
        )))
    })
    .await
}

/// Removes Salvor from a cluster of somebody's: its namespace, roles, bindings and definitions.
pub(crate) async fn remove(place: &Place, progress: Progress) -> Result<()> {
    progress.step("salvor uninstall", async { salvor(place, &["uninstall", "--force"]) }).await?;
    let gone = until("Salvor's definitions do not go", PATIENCE, || async {
        Ok(first_definition(&place.client).await?.map_or(Look::Done(()), Look::NotYet))
    });
    progress.step("its definitions gone", gone).await
}
