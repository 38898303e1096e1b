//! `install`: Salvor into a cluster, as a server or as an operator.

mod check;
mod flags;
mod options;
mod send;
#[cfg(test)]
mod tests;
mod wait;

use anyhow::bail;
use cluster::Cluster;
use controllers::install::deployment::{Image, Platform};
use controllers::install::{self, crds};
use serde_json::{Value, json};

use crate::cli::output::{self, Format};
use crate::cli::{Globals, Session};
use crate::exit::Exit;

pub use flags::Install;
use send::Sender;

impl Install {
    /// Installs, or shows what would be installed.
    pub async fn run(self, globals: &Globals, called: &str) -> anyhow::Result<Exit> {
        if self.output.output == Some(Format::Table) {
            bail!("'table' format is not supported with 'install' command");
        }
        for note in check::check(&self)? {
            output::error_line(&note);
        }
        if self.dry_run {
            let namespace = self.namespace(globals, &globals.namespace_now());
            self.show(&self.objects(&namespace, Platform::Kubernetes, globals)?)?;
            return Ok(Exit::Done);
        }
        let session = Session::open(globals, called).await?;
        let namespace = self.namespace(globals, &session.namespace);
        let platform = Platform::of(&session.cluster.discover().await?);
        let objects = self.objects(&namespace, platform, globals)?;
        self.show(&objects)?;
        check::config_maps(&self, &session.cluster, &namespace).await?;
        self.send(&session.cluster, &namespace, &objects).await?;
        Ok(Exit::Done)
    }

    /// The namespace to install into: an operator has one of its own unless a flag says otherwise.
    fn namespace(&self, globals: &Globals, resolved: &str) -> String {
        match (self.operator, &globals.namespace) {
            (true, None) => install::OPERATOR_NAMESPACE.to_owned(),
            _ => resolved.to_owned(),
        }
    }

    /// Every object but the CRDs.
    fn objects(&self, namespace: &str, platform: Platform, globals: &Globals) -> anyhow::Result<Vec<Value>> {
        Ok(match (self.crds_only, self.operator) {
            (true, _) => Vec::new(),
            (false, true) => install::operator::objects(namespace, &self.image()),
            (false, false) => {
                install::objects(&options::options(self, namespace, platform, &globals.features)?)
            }
        })
    }

    fn image(&self) -> Image {
        let named = self.image.clone().map(|name| Image { name, pull_policy: None });
        named.unwrap_or_else(Image::of_this_version)
    }

    /// Prints everything as one list, if a format was asked for.
    fn show(&self, objects: &[Value]) -> anyhow::Result<()> {
        let Some(format) = self.output.output else { return Ok(()) };
        let items: Vec<_> = crds::crds().into_iter().chain(objects.iter().cloned()).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        output::print(&output::objects(format, "", vec![list])?)
    }

    async fn send(&self, cluster: &dyn Cluster, namespace: &str, objects: &[Value]) -> anyhow::Result<()> {
        let sender = Sender { cluster, apply: self.apply || self.operator };
        let definitions = crds::crds();
        sender.all(&definitions).await?;
        output::line("Waiting for resources to be ready in cluster...")?;
        wait::established(cluster, &definitions).await?;
        if self.crds_only {
            return Ok(());
        }
        let hint = format!("use 'kubectl logs deploy/velero -n {namespace}' to see what the server says");
        sender.all(objects).await.map_err(|error| error.context(hint))?;
        if self.wait {
            output::line("Waiting for the Deployment to be ready.")?;
            wait::available(cluster, objects).await?;
        }
        for note in self.left_out() {
            output::line(note)?;
        }
        output::line(&self.done(namespace))
    }

    /// What was not made because nothing was said about it.
    fn left_out(&self) -> Vec<&'static str> {
        if self.operator {
            return Vec::new();
        }
        let secret = self.no_secret.then_some("No secret file was specified, no Secret created.");
        let location = self
            .no_default_backup_location
            .then_some("No bucket and provider were specified, no default backup storage location created.");
        secret.into_iter().chain(location).collect()
    }

    fn done(&self, namespace: &str) -> String {
        match self.operator {
            true => format!(
                "The operator is installed! \u{26f5} Create a DataProtectionApplication in the namespace {namespace}."
            ),
            false => format!(
                "Velero is installed! \u{26f5} Use 'kubectl logs deployment/velero -n {namespace}' to view the status."
            ),
        }
    }
}
