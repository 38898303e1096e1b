//! `cargo xtask test`: what guards the main branch, and single suites of it.
//!
//! The gate asks what needs no cluster (formatting, lints, licences, generated files, tidiness), brings a real cluster,
//! an object store and the real Velero up, and ends with one run of all tests. A suite is a choice of tests, by crate for
//! those beside the code, by module for those of the one integration-test binary.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use testkit::azurite;
use testkit::cluster::Cluster;
use testkit::paths;
use testkit::progress::{Progress, seconds};
use testkit::s3::S3;
use testkit::tools::{KOPIA, RESTIC};
use testkit::velero;

use crate::{deny, fuzz, image};

/// The cluster that tests use.
const CLUSTER: &str = "test";

/// Which tests to run.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only this suite; all of them, and the checks, without it.
    suite: Option<Suite>,
    /// Leave the cluster up.
    #[arg(long)]
    keep: bool,
    /// How long each reader of what a store holds is tried by the suites `fuzz` and `long`.
    #[arg(long, default_value_t = 3, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..))]
    fuzz_minutes: u32,
}

/// The suites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// Tests beside the code; they need nothing.
    Unit,
    /// Every adapter of a port, on the real thing, too.
    Conformance,
    /// What goes wrong around a server: locations, requests, archives, the network, another server; and one of every kind.
    Integration,
    /// What a user does, on a real node.
    E2e,
    /// The real Velero and the real kopia, both ways, and random requests beside the real Velero.
    Interop,
    /// The demo, beside another cluster.
    Demo,
    /// Every reader of what a store holds, on input that coverage leads to; no part of the gate.
    Fuzz,
    /// That, servers killed at many random moments, many random requests beside the real Velero, and the real restic; no
    /// part of the gate.
    Long,
}

impl Suite {
    /// The arguments of `cargo test` that choose it.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Unit => &["--workspace", "--lib", "--bins"],
            Self::Conformance => &["--workspace", "--lib", "--", "conformance"],
            Self::Integration => &["--workspace", "--test", "it", "--", "integration::", "zoo::"],
            Self::E2e => &["--workspace", "--test", "it", "--", "e2e::"],
            Self::Interop => &["--workspace", "--test", "it", "--", "interop::", "differential::"],
            Self::Demo => &["--workspace", "--test", "it", "--", "demo::"],
            Self::Fuzz => &[],
            Self::Long => &["--workspace", "--test", "it", "--", "--ignored", "--nocapture"],
        }
    }
}

/// What the tests are told about the world.
type Environment = Vec<(&'static str, String)>;

/// Runs what was asked for.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let progress = Progress::shown();
    let mut times = Times::default();
    if matches!(options.suite, Some(Suite::Fuzz | Suite::Long)) {
        times.take("fuzz", || fuzz::run(options.fuzz_minutes, progress))?;
    }
    if options.suite == Some(Suite::Fuzz) {
        return Ok(());
    }
    if options.suite.is_none() {
        checks(progress, &mut times)?;
    }
    let mut environment = match options.suite {
        Some(Suite::Unit) => Environment::new(),
        _ => world(progress, &mut times).await?,
    };
    if options.suite == Some(Suite::Long) {
        environment.push(("SALVOR_TEST_RESTIC", RESTIC.ensure(progress)?.display().to_string()));
    }
    times.print(progress);
    let arguments = options.suite.map_or(&["--workspace"][..], Suite::arguments);
    let outcome = cargo("test", arguments, &environment);
    if !options.keep && !environment.is_empty() {
        Cluster::down(CLUSTER, Progress::quiet()).await?;
    }
    outcome
}

/// What needs no cluster.
fn checks(progress: Progress, times: &mut Times) -> Result<()> {
    let none = Environment::new();
    times.take("format", || cargo("fmt", &["--all", "--check"], &none))?;
    times.take("lints", || {
        cargo("clippy", &["--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"], &none)
    })?;
    times.take("licences", || deny::check(progress))?;
    times.take("generated", || cargo("xtask", &["codegen", "--check"], &none))?;
    times.take("tidy", || cargo("xtask", &["tidy"], &none))
}

/// A cluster with our image and the real Velero's, an S3 server, and an emulator of Azure: what the tests are told of them.
async fn world(progress: Progress, times: &mut Times) -> Result<Environment> {
    times.take("build", || {
        cargo("build", &["--workspace", "--all-targets", "--quiet"], &Environment::new())
    })?;
    let start = Instant::now();
    let cluster = Cluster::up(CLUSTER, progress).await?;
    let s3 = S3::start(&cluster, progress).await?;
    let tls = S3::start_with_tls(&cluster, progress).await?;
    let azure = azurite::start_beside(&cluster, progress).await?;
    image::load(&cluster, progress)?;
    velero::load_images(&cluster, progress)?;
    let velero = velero::command(progress)?;
    let kopia = KOPIA.ensure(progress)?;
    times.note("cluster", start.elapsed());
    Ok(vec![
        ("SALVOR_TEST_KUBECONFIG", cluster.kubeconfig().display().to_string()),
        ("SALVOR_TEST_CLUSTER", CLUSTER.to_owned()),
        ("SALVOR_TEST_S3", s3.to_url()),
        ("SALVOR_TEST_S3_TLS", tls.to_url()),
        ("SALVOR_TEST_S3_CA", S3::authority_file(&cluster).display().to_string()),
        ("SALVOR_TEST_AZURE", azure),
        ("SALVOR_TEST_VELERO", velero.display().to_string()),
        ("SALVOR_TEST_KOPIA", kopia.display().to_string()),
    ])
}

fn cargo(verb: &str, arguments: &[&str], environment: &Environment) -> Result<()> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::workspace()).arg(verb).args(arguments);
    command.envs(environment.iter().map(|(key, value)| (key, value)));
    let status = command.status().with_context(|| format!("failed to start cargo {verb}"))?;
    ensure!(status.success(), "cargo {verb} {} failed", arguments.join(" "));
    Ok(())
}

/// How long each step took.
#[derive(Default)]
struct Times(Vec<(&'static str, Duration)>);

impl Times {
    fn take<T>(&mut self, step: &'static str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let outcome = work();
        self.note(step, start.elapsed());
        outcome
    }

    fn note(&mut self, step: &'static str, time: Duration) {
        self.0.push((step, time));
    }

    fn print(&self, progress: Progress) {
        progress.heading("before the tests");
        for (step, time) in &self.0 {
            progress.note(step, seconds(*time));
        }
    }
}
