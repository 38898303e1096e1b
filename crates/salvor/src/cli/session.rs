//! A command's connection: the cluster, and the namespace that the server is in.

use std::path::PathBuf;

use api::Kind;
use api::meta::ResourceType;
use cluster::{Cluster, Connect, Kube, Limits, ObjectRef};
use controllers::Clock;
use controllers::deps::SystemClock;
use jiff::Timestamp;

use super::config_file::ConfigFile;
use super::output::error_line;
use super::{ELSEWHERE, Globals};
use crate::process;

/// A command's connection.
pub struct Session {
    /// The cluster.
    pub cluster: Kube,
    /// The namespace that the server is in.
    pub namespace: String,
    /// The name that the program was called by.
    pub called: String,
    /// The CA bundle of the configuration file, for downloads.
    pub cacert: Option<PathBuf>,
}

impl Session {
    /// Connects as the flags, the configuration file and the environment say.
    pub async fn open(globals: &Globals, called: &str) -> anyhow::Result<Self> {
        let file = ConfigFile::load();
        let connect = Connect {
            kubeconfig: globals.kubeconfig.clone(),
            context: globals.kubecontext.clone(),
            user_agent: process::user_agent(called),
            limits: Limits::default(),
        };
        Ok(Self {
            cluster: Kube::connect(&connect).await?,
            namespace: globals.namespace_now(),
            called: called.to_owned(),
            cacert: file.get("cacert").map(PathBuf::from),
        })
    }

    /// Says so on stderr if there is no such namespace as the server is looked for in: an empty list of backups should not
    /// frighten anybody who has only forgotten a flag.
    pub async fn warn_if_absent(&self) {
        let resource = ResourceType::addressed("", "v1", "namespaces", "Namespace", false);
        let at = ObjectRef { resource, namespace: None, name: self.namespace.clone() };
        if self.cluster.get(&at).await.is_err_and(|error| error.is_not_found()) {
            error_line(&format!("There is no namespace {:?} in this cluster. {ELSEWHERE}", self.namespace));
        }
    }

    /// The time now, as commands are told it.
    pub fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    /// Whether this is Velero's program as far as the user is concerned: then the exit code of `--wait` is Velero's.
    pub fn is_velero(&self) -> bool {
        self.called == "velero"
    }

    /// Addresses an object of ours in the server's namespace.
    pub fn at<K: Kind>(&self, name: &str) -> ObjectRef {
        ObjectRef {
            resource: K::resource_type(),
            namespace: Some(self.namespace.clone()),
            name: name.to_owned(),
        }
    }
}
