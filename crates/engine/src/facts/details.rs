//! What volume decisions need to know of namespaces, pods, claims and volumes.

use api::labels;
use api::meta::GroupResource;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Labels;
use crate::document::{annotation, at, label, list, strings, text};
use crate::hooks::annotations::Annotated;

/// Annotation and label on the pods of OpenShift's builds.
const BUILD: &str = "openshift.io/build.name";

/// What volume decisions and the choice of namespaces need to know of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Details {
    /// Of a namespace.
    Namespace {
        /// Its phase: `Active` or `Terminating`.
        phase: String,
    },
    /// Of a pod.
    Pod(PodDetails),
    /// Of a claim.
    Claim(ClaimDetails),
    /// Of a persistent volume.
    Volume(VolumeDetails),
}

/// What is known of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodDetails {
    /// It runs, on a node, and is not being deleted.
    pub running: bool,
    /// Its volumes.
    pub volumes: Vec<PodVolume>,
    /// Names of volumes that an annotation wants backed up through the file system.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub wanted: Vec<String>,
    /// Names of volumes that an annotation does not want backed up through the file system.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unwanted: Vec<String>,
    /// Names of the containers that commands can run in: its own, then those beside them from before their start.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<String>,
    /// The commands that its annotations ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Box<Annotated>>,
    /// It is that of a build, whose volumes hold nothing that anybody wants back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub build: bool,
}

/// A volume of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodVolume {
    /// Its name in the pod.
    pub name: String,
    /// What it comes from, such as `emptyDir` or `persistentVolumeClaim`.
    pub source: String,
    /// A container mounts it: otherwise the node does not even make it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub mounted: bool,
    /// The claim that it mounts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// More of what it comes from, where policies ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
}

/// What is known of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClaimDetails {
    /// Its phase, such as `Bound`.
    pub phase: String,
    /// Its storage class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// `Filesystem` or `Block`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub volume_mode: String,
    /// How it may be mounted, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub access_modes: Vec<String>,
}

/// Where the data of a volume is, as far as policies ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// In a folder of a file server.
    Nfs {
        /// The server.
        server: String,
        /// The folder.
        path: String,
    },
    /// With a CSI driver.
    Csi {
        /// The driver.
        driver: String,
        /// What the driver goes by.
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        attributes: Labels,
    },
}

/// What is known of a persistent volume.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeDetails {
    /// Its storage class.
    pub class: String,
    /// Its capacity, as written.
    pub capacity: String,
    /// What it comes from, such as `csi` or `nfs`.
    pub source: String,
    /// More of what it comes from, where policies ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Box<Origin>>,
    /// What becomes of it without its claim: `Delete` or `Retain`.
    pub reclaim_policy: String,
}

impl Details {
    /// The details of a document; most kinds have none.
    pub fn of(document: &Value, resource: &GroupResource) -> Option<Self> {
        if !resource.group.is_empty() {
            return None;
        }
        Some(match resource.resource.as_str() {
            "namespaces" => Self::Namespace { phase: text(document, &["status", "phase"]).to_owned() },
            "pods" => Self::Pod(pod(document)),
            "persistentvolumeclaims" => Self::Claim(claim(document)),
            "persistentvolumes" => Self::Volume(volume(document)),
            _ => return None,
        })
    }
}

fn pod(pod: &Value) -> PodDetails {
    let placed =
        !text(pod, &["spec", "nodeName"]).is_empty() && at(pod, &["metadata", "deletionTimestamp"]).is_null();
    let mounted = mounted(pod);
    PodDetails {
        running: placed && text(pod, &["status", "phase"]) == "Running",
        volumes: list(pod, &["spec", "volumes"]).iter().map(|of| pod_volume(of, &mounted)).collect(),
        wanted: names(pod, labels::BACKUP_VOLUMES),
        unwanted: names(pod, labels::BACKUP_VOLUMES_EXCLUDES),
        containers: containers(pod),
        hooks: Annotated::of(pod).map(Box::new),
        build: annotation(pod, BUILD).or_else(|| label(pod, BUILD)).is_some(),
    }
}

fn claim(claim: &Value) -> ClaimDetails {
    let spec = at(claim, &["spec"]);
    let modes = list(spec, &["accessModes"]).iter().filter_map(Value::as_str);
    let mut access_modes: Vec<String> = modes.map(str::to_owned).collect();
    access_modes.sort();
    ClaimDetails {
        phase: text(claim, &["status", "phase"]).to_owned(),
        class: at(spec, &["storageClassName"]).as_str().map(str::to_owned),
        volume_mode: text(spec, &["volumeMode"]).to_owned(),
        access_modes,
    }
}

/// Init containers that are restarted always run beside the others.
fn containers(pod: &Value) -> Vec<String> {
    let beside = list(pod, &["spec", "initContainers"]).iter();
    let beside = beside.filter(|container| text(container, &["restartPolicy"]) == "Always");
    let all = list(pod, &["spec", "containers"]).iter().chain(beside);
    all.map(|container| text(container, &["name"]).to_owned()).collect()
}

/// The names of the volumes that containers mount, those among them that come first and end.
fn mounted(pod: &Value) -> Vec<&str> {
    let of = |of: &'static str| list(pod, &["spec", of]).iter();
    let mounts = of("containers").chain(of("initContainers")).flat_map(|of| list(of, &["volumeMounts"]));
    mounts.map(|mount| text(mount, &["name"])).collect()
}

fn pod_volume(volume: &Value, mounted: &[&str]) -> PodVolume {
    let claim = text(volume, &["persistentVolumeClaim", "claimName"]);
    PodVolume {
        name: text(volume, &["name"]).to_owned(),
        source: source(volume, &["name"]),
        mounted: mounted.contains(&text(volume, &["name"])),
        claim: (!claim.is_empty()).then(|| claim.to_owned()),
        origin: Origin::of(volume).map(Box::new),
    }
}

fn volume(volume: &Value) -> VolumeDetails {
    let spec = at(volume, &["spec"]);
    VolumeDetails {
        class: text(spec, &["storageClassName"]).to_owned(),
        capacity: text(spec, &["capacity", "storage"]).to_owned(),
        source: source(spec, &["capacity", "claimRef", "nodeAffinity"]),
        origin: Origin::of(spec).map(Box::new),
        reclaim_policy: text(spec, &["persistentVolumeReclaimPolicy"]).to_owned(),
    }
}

impl Origin {
    /// What a pod's volume, or the spec of a persistent one, says.
    fn of(volume: &Value) -> Option<Self> {
        let (nfs, csi) = (at(volume, &["nfs"]), at(volume, &["csi"]));
        if nfs.is_object() {
            return Some(Self::Nfs {
                server: text(nfs, &["server"]).to_owned(),
                path: text(nfs, &["path"]).to_owned(),
            });
        }
        csi.is_object().then(|| Self::Csi {
            driver: text(csi, &["driver"]).to_owned(),
            attributes: strings(at(csi, &["volumeAttributes"])).into(),
        })
    }
}

impl VolumeDetails {
    /// Its CSI driver.
    pub fn driver(&self) -> Option<&str> {
        match self.origin.as_deref() {
            Some(Origin::Csi { driver, .. }) => Some(driver),
            _ => None,
        }
    }
}

/// The member that says where a volume comes from: the only object among plain values and `others`.
fn source(volume: &Value, others: &[&str]) -> String {
    let mut members = volume.as_object().into_iter().flatten();
    let found = members.find(|(key, value)| value.is_object() && !others.contains(&key.as_str()));
    found.map(|(key, _)| key.clone()).unwrap_or_default()
}

/// The names in an annotation, with commas between them. Blanks are kept apart: Velero takes them for part of a
/// name, and no volume has one.
fn names(pod: &Value, key: &str) -> Vec<String> {
    let names = annotation(pod, key).unwrap_or_default().split(',');
    names.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn core(resource: &str) -> GroupResource {
        GroupResource::new("", resource)
    }

    #[test]
    fn a_pod_tells_its_volumes() {
        let pod = json!({"metadata": {"annotations": {labels::BACKUP_VOLUMES: "data, tmp,"}},
            "spec": {"nodeName": "n", "initContainers": [{"name": "i", "volumeMounts": [{"name": "data"}]}],
                "containers": [{"name": "c", "volumeMounts": [{"name": "other"}]}], "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": "c"}}, {"name": "tmp", "emptyDir": {}}]},
            "status": {"phase": "Running"}});
        let Some(Details::Pod(details)) = Details::of(&pod, &core("pods")) else { panic!() };
        assert!(details.running);
        assert_eq!(details.wanted, ["data", "tmp"]);
        assert_eq!(
            (details.volumes[0].claim.as_deref(), details.volumes[0].source.as_str()),
            (Some("c"), "persistentVolumeClaim")
        );
        assert_eq!(details.volumes[1].source, "emptyDir");
        assert_eq!((details.volumes[0].mounted, details.volumes[1].mounted), (true, false));
    }

    #[test]
    fn commands_run_in_containers_and_sidecars() {
        let pod = json!({"spec": {"containers": [{"name": "db"}, {"name": "proxy"}],
            "initContainers": [{"name": "prepare"}, {"name": "logs", "restartPolicy": "Always"}]}});
        assert_eq!(containers(&pod), ["db", "proxy", "logs"]);
    }

    #[test]
    fn a_volume_tells_its_source() {
        let volume = json!({"spec": {"accessModes": [], "capacity": {"storage": "1Gi"}, "claimRef": {"name": "c"},
            "csi": {"driver": "d"}, "persistentVolumeReclaimPolicy": "Delete", "storageClassName": "fast"}});
        let Some(Details::Volume(details)) = Details::of(&volume, &core("persistentvolumes")) else {
            panic!()
        };
        assert_eq!((details.source.as_str(), details.driver()), ("csi", Some("d")));
        assert_eq!((details.capacity.as_str(), details.class.as_str()), ("1Gi", "fast"));
    }

    #[test]
    fn other_kinds_have_none() {
        assert_eq!(Details::of(&json!({}), &core("secrets")), None);
        assert_eq!(Details::of(&json!({}), &GroupResource::new("metrics.k8s.io", "pods")), None);
    }
}
