//! The role `operator`: holds its Lease and turns DataProtectionApplications into what they ask for.

mod flags;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use api::labels::{OPERATOR_LEASE, SERVER_VERSION};
use cluster::lease::Election;
use cluster::{Cluster, Connect, Kube, Limits};
use controllers::deps::{RandomIds, SystemClock};
use controllers::install::deployment::Platform;
use controllers::metrics::Metrics;
use controllers::oadp::dpa::{Context, OWNED_BACKUP_LOCATIONS, OWNED_DEPLOYMENTS, SPEC, Settings};
use controllers::runtime::{self, GRACE};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::flags::Flags;
use crate::exit::Exit;
use crate::{process, telemetry};

/// Runs the operator with the arguments that follow its name.
pub fn main(arguments: Vec<String>) -> Exit {
    let flags = match Flags::read(arguments) {
        Ok(flags) => flags,
        Err(usage) => {
            // Nothing is left to tell if the terminal has gone.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Failed } else { Exit::Done };
        }
    };
    telemetry::init(flags.log_level, flags.log_format);
    process::run(run(flags))
}

/// From the first call to the last. An error is the end of the process; another begins where it ended.
async fn run(flags: Flags) -> Result<()> {
    info!(version = SERVER_VERSION, namespace = flags.namespace, "the operator starts");
    let listener =
        TcpListener::bind(flags.metrics_address()?).await.context("listen for scrapes of metrics")?;
    let cluster = connect(&flags).await?;
    let context = context(&flags, Arc::clone(&cluster)).await?;
    let election = Election::start(cluster, process::lease(&flags.namespace, OPERATOR_LEASE, "operator"));
    let metrics = crate::server::metrics::serve(listener, Arc::clone(&context.metrics));
    let outcome = tokio::select! {
        outcome = process::lead((&election, OPERATOR_LEASE), &context.stop, work(&context)) => outcome,
        outcome = metrics => outcome,
        () = process::stop_when_told(&context.stop, GRACE) => Ok(()),
    };
    election.release().await;
    outcome
}

async fn work(context: &Arc<Context>) -> Result<()> {
    let specs = vec![&SPEC, &OWNED_DEPLOYMENTS, &OWNED_BACKUP_LOCATIONS];
    Ok(runtime::run(Arc::clone(context), specs).await?)
}

async fn connect(flags: &Flags) -> Result<Arc<dyn Cluster>> {
    let connect = Connect {
        kubeconfig: flags.kubeconfig.clone(),
        context: None,
        user_agent: process::user_agent("salvor-operator"),
        limits: Limits::default(),
    };
    Ok(Arc::new(Kube::connect(&connect).await?))
}

async fn context(flags: &Flags, cluster: Arc<dyn Cluster>) -> Result<Arc<Context>> {
    let discovered = cluster.discover().await.context("find out what the cluster is")?;
    Ok(Arc::new(Context {
        cluster,
        namespace: flags.namespace.clone(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        metrics: Arc::new(Metrics::default()),
        settings: Settings { image: flags.image.clone(), platform: Platform::of(&discovered) },
        stop: CancellationToken::new(),
    }))
}
