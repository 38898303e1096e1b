//! `cargo xtask demo`: an application is backed up, lost, and got back, on a real cluster.

mod application;
mod install;
mod operation;
mod report;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use serde_json::Value;
use testkit::client::Client;
use testkit::cluster::Cluster;
use testkit::fixture::{self, Images};
use testkit::progress::{Progress, seconds};
use testkit::salvor_image;

use crate::image;
use report::Report;

/// The cluster that the demo starts, unless it is told another.
const CLUSTER: &str = "demo";

/// How the demo runs.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the backup goes.
    #[arg(long, value_enum, default_value_t = Store::Filesystem)]
    store: Store,
    /// Leaves everything up, to play with.
    #[arg(long)]
    keep: bool,
    /// The local cluster that it starts, and takes down at the end.
    #[arg(long, value_name = "CLUSTER", default_value = CLUSTER)]
    name: String,
    /// Uses a cluster of yours, and a folder of its node; needs --image.
    #[arg(long, value_name = "FILE", requires = "image", conflicts_with_all = ["name", "store"])]
    kubeconfig: Option<PathBuf>,
    /// Salvor's image, as that cluster can pull it.
    #[arg(long, value_name = "IMAGE", requires = "kubeconfig")]
    image: Option<String>,
    /// What the application's objects and data are made from.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

/// Where a backup is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Store {
    /// A folder of the node.
    Filesystem,
    /// An S3 server beside the local cluster.
    S3,
}

/// The cluster that the demo runs on.
pub(crate) struct Place {
    /// Its API server.
    pub(crate) client: Client,
    /// Who one is there.
    pub(crate) kubeconfig: PathBuf,
    /// Salvor's image.
    pub(crate) image: String,
    /// The images of the application.
    pub(crate) images: Images,
    /// Present when the demo started it.
    pub(crate) local: Option<Cluster>,
}

/// Runs the demo.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let (start, progress) = (Instant::now(), Progress::shown());
    let place = place(options, progress).await?;
    // Before anything that would be tidied away at the end.
    application::refuse_foreign(&place.client).await?;
    install::refuse_foreign(&place.client).await?;
    let outcome = show(&place, options, progress).await;
    let tidied = match options.keep {
        true => Ok(()),
        false => tidy(&place, options, progress).await,
    };
    let report = outcome?;
    println!("\n{report}\nIt took {} in all.", seconds(start.elapsed()));
    if options.keep {
        println!("{}", left_up(&place, options));
    }
    tidied?;
    ensure!(report.good(), "the application is not what it was");
    Ok(())
}

/// How to use what is left, and how to be rid of it.
fn left_up(place: &Place, options: &Options) -> String {
    let (program, namespace) = (salvor_image::program(), install::NAMESPACE);
    let rid = match place.local {
        Some(_) => format!("cargo xtask cluster down --name {}", options.name),
        None => format!("{} uninstall --force", program.display()),
    };
    format!(
        "\nEverything is left up. To play with it:\n  export KUBECONFIG={} VELERO_NAMESPACE={namespace}\n  \
         {program} backup get\n  {program} backup create mine --include-namespaces demo-shop --wait\n\
         And to take it down:\n  {rid}",
        place.kubeconfig.display(),
        program = program.display(),
    )
}

async fn place(options: &Options, progress: Progress) -> Result<Place> {
    if let (Some(kubeconfig), Some(image)) = (&options.kubeconfig, &options.image) {
        let client = Client::from_kubeconfig(kubeconfig)?;
        client.answers("/readyz").await.map_err(anyhow::Error::msg).context("failed to reach the cluster")?;
        // The image is theirs, the program that installs it is ours.
        progress.block("compiling salvor", || salvor_image::compile(false))?;
        let (kubeconfig, image) = (kubeconfig.clone(), image.clone());
        return Ok(Place { client, kubeconfig, image, images: Images::public(), local: None });
    }
    let cluster = Cluster::up(&options.name, progress).await?;
    image::load(&cluster, progress)?;
    Ok(Place {
        client: cluster.client().clone(),
        kubeconfig: cluster.kubeconfig(),
        image: salvor_image::LOCAL.to_owned(),
        images: Images::local(),
        local: Some(cluster),
    })
}

/// The show itself.
async fn show(place: &Place, options: &Options, progress: Progress) -> Result<Report> {
    progress.heading("the application");
    application::remove(place, progress).await?;
    install::operator(place, options.store, progress).await?;
    let made = application::make(place, options.seed, progress).await?;
    progress.heading("back up, lose, restore");
    let name = format!("demo-{}", made.stamp);
    let backup = operation::back_up(&place.client, &name, progress).await?;
    application::remove(place, progress).await?;
    let lost = application::look(&place.client).await?;
    let restore = operation::restore(&place.client, &name, progress).await?;
    let restored = application::wait(place, progress).await;
    let after = application::look(&place.client).await?;
    let answers = match restored {
        Ok(answers) => answers,
        Err(error) => vec![format!("{error:#}")],
    };
    Ok(Report::new(made, lost.len(), (after, answers), [backup, restore]))
}

/// Removes what the demo made; a cluster that it started goes as a whole.
async fn tidy(place: &Place, options: &Options, progress: Progress) -> Result<()> {
    progress.heading("tidying up");
    if place.local.is_some() {
        return Cluster::down(&options.name, progress).await;
    }
    // The server takes its backups away itself; what it cannot take away keeps nothing else from going.
    let emptied = operation::remove_all(place, progress).await;
    let removed = application::remove(place, progress).await;
    install::remove(place, progress).await?;
    removed?;
    emptied
}

/// Whether the demo made an object, by its label.
pub(crate) fn made_by_us(object: &Value) -> bool {
    let (label, value) = fixture::MADE_BY;
    object["metadata"]["labels"][label] == value
}

/// Fails for an object that the demo did not make.
pub(crate) fn refuse_of_others(object: &Value) -> Result<()> {
    let (kind, name) = (object["kind"].as_str().unwrap_or_default(), &object["metadata"]["name"]);
    ensure!(
        made_by_us(object),
        "{kind} {name} is there already and the demo did not make it: it is left alone"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Parser)]
    struct Demo {
        #[command(flatten)]
        options: Options,
    }

    fn parsed(text: &str) -> Result<Options, clap::Error> {
        Demo::try_parse_from(format!("demo {text}").split_whitespace()).map(|demo| demo.options)
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for text in [
            "--kubeconfig k",
            "--image i",
            "--kubeconfig k --image i --store s3",
            "--kubeconfig k --image i --name n",
        ] {
            assert!(parsed(text).is_err(), "{text}");
        }
        assert!(parsed("--kubeconfig k --image i --keep --seed 3").is_ok());
        assert_eq!(parsed("--store s3").unwrap().name, "demo");
        assert_eq!(parsed("--name other").unwrap().name, "other");
    }

    #[test]
    fn what_others_made_is_left_alone() {
        let ours =
            json!({"kind": "Namespace", "metadata": {"name": "a", "labels": {"salvor.io/made-by": "demo"}}});
        let theirs = json!({"kind": "CustomResourceDefinition", "metadata": {"name": "b"}});
        refuse_of_others(&ours).unwrap();
        let refusal = refuse_of_others(&theirs).unwrap_err().to_string();
        assert!(refusal.contains("CustomResourceDefinition \"b\""), "{refusal}");
    }
}
