//! `backup-location set`: changes what is given, and nothing else.

use std::path::PathBuf;

use anyhow::bail;
use api::velero::v1::BackupStorageLocation;
use clap::Args;
use cluster::typed;
use serde_json::{Value, json};

use super::{certificates, credential, other_defaults};
use crate::cli::output::line;
use crate::cli::values::{self, Pairs, TriState};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

/// Change a backup storage location
#[derive(Debug, Args)]
pub struct Set {
    /// The name of the location
    name: String,
    /// A file of certificates that the server is to trust
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// The Secret with the credentials, and the key in it
    #[arg(long, value_parser = values::pairs, default_value = "", value_name = "NAME=KEY")]
    credential: Pairs,
    /// Whether backups go there unless they say otherwise
    #[arg(long, value_parser = values::tri_state, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    default: Option<TriState>,
}

impl Set {
    /// Runs it.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        let session = Session::open(globals, called).await?;
        let (namespace, name) = (&session.namespace, &self.name);
        let location: BackupStorageLocation = typed::get(&session.cluster, namespace, name).await?;
        if values::told(self.default) == Some(true) {
            if location.spec.default {
                line(&format!(
                    "Backup storage location \"{name}\" is already the default backup storage location."
                ))?;
                return Ok(Exit::Done);
            }
            if !other_defaults(&session, name).await?.is_empty() {
                bail!("there are already exist default backup storage locations, please unset them first");
            }
        }
        typed::patch::<BackupStorageLocation>(&session.cluster, namespace, name, self.change()?).await?;
        line(&format!("Backup storage location \"{name}\" configured successfully."))?;
        Ok(Exit::Done)
    }

    fn change(&self) -> anyhow::Result<Value> {
        let mut change = json!({"spec": {}});
        if let Some(file) = &self.cacert {
            change["spec"]["objectStorage"]["caCert"] = certificates(file)?.into();
        }
        if let Some(credential) = credential(&self.credential)? {
            change["spec"]["credential"] = serde_json::to_value(credential)?;
        }
        if let Some(default) = values::told(self.default) {
            change["spec"]["default"] = default.into();
        }
        Ok(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_stays() {
        let mut set = Set { name: "a".into(), cacert: None, credential: Pairs::default(), default: None };
        assert_eq!(set.change().unwrap(), json!({"spec": {}}));
        set.default = Some(TriState(Some(false)));
        set.credential = values::pairs("cloud=key").unwrap();
        let expected = json!({"spec": {"default": false, "credential": {"name": "cloud", "key": "key"}}});
        assert_eq!(set.change().unwrap(), expected);
        set.credential = values::pairs("a=b,c=d").unwrap();
        assert!(set.change().is_err());
    }
}
