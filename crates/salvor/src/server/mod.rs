//! The role `server`: starts up, holds the Lease, runs the controllers, serves metrics and downloads, and
//! ends in order.

mod download;
pub mod flags;
pub(crate) mod metrics;
mod startup;
mod tls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use api::labels::{DOWNLOAD_PORT, SERVER_LEASE, SERVER_VERSION};
use cluster::lease::{Election, Fenced, Standing};
use cluster::{Cluster, Connect, Kube};
use controllers::Deps;
use controllers::deps::{RandomIds, SystemClock};
use controllers::fence::FencedStores;
use controllers::metrics::Metrics;
use controllers::runtime::GRACE;
use controllers::stores::ClusterStores;
use secrecy::SecretString;
use store::config::Wiring;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::flags::{Refused, Settings};
use crate::exit::Exit;
use crate::{process, telemetry};

/// Variables that hold credentials, or say where they are.
const CLOUD_VARIABLES: [&str; 4] = ["AWS_", "AZURE_", "GOOGLE_", "ALIBABA_"];

/// Runs the server with the arguments that follow its name.
pub fn main(arguments: Vec<String>) -> Exit {
    let settings = match flags::parse(arguments) {
        Ok(settings) => settings,
        Err(Refused::Usage(usage)) => {
            // Nothing is left to tell if the terminal has gone.
            let _ = usage.print();
            return if usage.use_stderr() { Exit::Failed } else { Exit::Done };
        }
        Err(refused) => {
            eprintln!("An error occurred: {refused}");
            return Exit::Failed;
        }
    };
    telemetry::init(settings.log.level, settings.log.format);
    process::run(run(settings))
}

/// From the first call to the last. An error is the end of the process; another begins where it ended.
async fn run(settings: Settings) -> Result<()> {
    announce(&settings);
    let cluster = connect(&settings).await?;
    startup::check(cluster.as_ref(), &settings.config.namespace).await?;
    let election = Election::start(
        Arc::clone(&cluster),
        process::lease(&settings.config.namespace, SERVER_LEASE, "server"),
    );
    let deps = deps(&settings, cluster, &election.standing());
    let mut services = services(&settings, &deps).await?;
    let outcome = tokio::select! {
        outcome = process::lead((&election, SERVER_LEASE), &deps.stop, work(&deps)) => outcome,
        ended = services.join_next() => Err(anyhow!("serve: {ended:?}")),
        () = process::stop_when_told(&deps.stop, GRACE) => Ok(()),
    };
    election.release().await;
    outcome
}

/// Work of the one server that holds the Lease.
async fn work(deps: &Arc<Deps>) -> Result<()> {
    startup::prepare(deps).await?;
    let enabled = controllers::server::enabled(&deps.config);
    Ok(controllers::runtime::run(Arc::clone(deps), enabled).await?)
}

fn announce(settings: &Settings) {
    info!(version = SERVER_VERSION, namespace = settings.config.namespace, "the server starts");
    for note in &settings.notes {
        warn!("{note}");
    }
    if !settings.not_acting.is_empty() {
        warn!("accepted, not acting yet: {}", settings.not_acting.join(" "));
    }
}

async fn connect(settings: &Settings) -> Result<Arc<dyn Cluster>> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let connect = Connect {
        kubeconfig: text(&settings.root.kubeconfig).map(Into::into),
        context: text(&settings.root.kubecontext),
        user_agent: process::user_agent("salvor-server"),
        limits: cluster::Limits {
            // Requests in flight are limited in any case, and the API server says itself when it has enough.
            qps: settings.client.qps.unwrap_or_default(),
            burst: settings.client.burst,
            ..cluster::Limits::default()
        },
    };
    Ok(Arc::new(Kube::connect(&connect).await?))
}

/// What the controllers are given: they write only while we lead.
fn deps(settings: &Settings, cluster: Arc<dyn Cluster>, standing: &Standing) -> Arc<Deps> {
    let cluster: Arc<dyn Cluster> = Arc::new(Fenced::new(cluster, standing.clone()));
    let wiring = Wiring::default();
    let metrics = Metrics::with(|registry| wiring.metrics.register(registry));
    let stores = ClusterStores::new(Arc::clone(&cluster), &settings.config.namespace, environment(), wiring);
    Arc::new(Deps {
        cluster,
        stores: Arc::new(FencedStores::new(stores, standing.clone())),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        config: Arc::new(settings.config.clone()),
        metrics: Arc::new(metrics),
        failures: Default::default(),
        stop: CancellationToken::new(),
    })
}

/// The variables in which clouds put credentials.
fn environment() -> BTreeMap<String, SecretString> {
    let of_clouds =
        |(name, _): &(String, String)| CLOUD_VARIABLES.iter().any(|prefix| name.starts_with(prefix));
    let readable = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    readable.filter(of_clouds).map(|(name, value)| (name, value.into())).collect()
}

/// Metrics and downloads, which every replica serves.
async fn services(settings: &Settings, deps: &Arc<Deps>) -> Result<JoinSet<Result<()>>> {
    let metrics = listen(settings.metrics_address).await.context("listen for scrapes of metrics")?;
    let downloads =
        listen((Ipv6Addr::UNSPECIFIED, DOWNLOAD_PORT).into()).await.context("listen for downloads")?;
    let mut services = JoinSet::new();
    services.spawn(metrics::serve(metrics, Arc::clone(&deps.metrics)));
    services.spawn(download::serve(downloads, tls::self_signed(deps.namespace())?, Arc::clone(deps)));
    Ok(services)
}

/// Listens on an address; on every address of IPv4 where every address of both is meant and there is no IPv6.
async fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    match TcpListener::bind(address).await {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
        }
        outcome => outcome,
    }
}

/// What the tests of the server are given: one store for every location.
#[cfg(test)]
fn test_deps(fake: &cluster::fake::FakeCluster, store: impl store::Store) -> Arc<Deps> {
    struct One(Arc<dyn store::Store>);

    #[async_trait::async_trait]
    impl controllers::Stores for One {
        async fn open(
            &self,
            _: &api::velero::v1::BackupStorageLocation,
        ) -> controllers::Result<Arc<dyn store::Store>> {
            Ok(Arc::clone(&self.0))
        }
    }

    Arc::new(Deps {
        cluster: Arc::new(fake.clone()),
        stores: Arc::new(One(Arc::new(store))),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomIds),
        config: Arc::default(),
        metrics: Arc::default(),
        failures: Default::default(),
        stop: CancellationToken::new(),
    })
}
