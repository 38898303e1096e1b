//! `cargo xtask bench objects`: round by round, in turns, each server backs the same objects up, loses them and gets
//! them back; beside them stands what the API server itself takes for plain creates and lists.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::json;
use testkit::cluster::Cluster;
use testkit::objects::{create_at_once, read_namespaces};
use testkit::progress::{Progress, seconds};
use testkit::s3::S3;
use testkit::wait::{Look, until};
use testkit::{salvor_image, velero};

use super::bystander::Bystander;
use super::contender::{Contender, Took};
use super::figures::{Figures, Row, median};
use super::load;

/// The cluster that the bench starts.
pub(crate) const CLUSTER: &str = "bench";
/// Plain creates at once: more do not make the API server faster.
pub(crate) const CREATES: usize = 64;
/// How long namespaces may take to go.
const PATIENCE: Duration = Duration::from_secs(1800);

/// How much is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many objects, of each size that is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [8000, 31_000])]
    objects: Vec<usize>,
    /// How often, of each size in turn (the last number goes for the rest too); figures are medians.
    #[arg(long, value_delimiter = ',', default_values_t = [5])]
    rounds: Vec<usize>,
    /// Ours alone, to see quickly what a change does: no figures are written.
    #[arg(long)]
    alone: bool,
}

impl Options {
    fn contenders(&self) -> Vec<Contender> {
        if self.alone { vec![Contender::Salvor] } else { Contender::ALL.to_vec() }
    }

    /// The sizes, each with its rounds.
    fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        let rounds = self.rounds.iter().chain(self.rounds.last().into_iter().cycle());
        self.objects.iter().copied().zip(rounds.copied())
    }
}

/// What was measured, in seconds, and what the operations used.
#[derive(Default)]
struct Measured {
    creates: Vec<f64>,
    lists: Vec<f64>,
    took: BTreeMap<(Contender, &'static str), Vec<Took>>,
    /// A bystander's requests while nothing happens, and beside restores, in milliseconds.
    quiet: Vec<f64>,
    beside: BTreeMap<Contender, Vec<f64>>,
}

/// Runs the bench.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let progress = Progress::shown();
    let cluster = Cluster::up(CLUSTER, progress).await?;
    let outcome = measure(&cluster, options, progress).await;
    Cluster::down(CLUSTER, Progress::quiet()).await?;
    let figures = figures(&outcome?);
    if options.alone {
        println!("\n{}", figures.against_what_was_measured());
    } else {
        println!("\n{figures}");
        println!("These figures are in {}.", figures.write("objects")?.display());
    }
    Ok(())
}

async fn measure(
    cluster: &Cluster,
    options: &Options,
    progress: Progress,
) -> Result<BTreeMap<usize, Measured>> {
    let s3 = S3::start(cluster, progress).await?;
    let image = salvor_image::build(true, progress)?;
    progress.block("loading salvor", || cluster.load(&[salvor_image::local(&image)]))?;
    velero::load_images(cluster, progress)?;
    progress.heading("installing");
    for contender in options.contenders() {
        progress.step(contender.name(), contender.install(cluster, &s3)).await?;
    }
    let bystander = Bystander::enter(cluster).await?;
    let mut measured = BTreeMap::new();
    for (count, rounds) in options.sizes() {
        for number in 0..rounds {
            progress.heading(format_args!("{count} objects, round {} of {rounds}", number + 1));
            let of_size = measured.entry(count).or_default();
            let mut turns = options.contenders();
            let first = number % turns.len();
            turns.rotate_left(first);
            round((cluster, &bystander), (count, number), (turns, of_size), progress).await?;
        }
    }
    Ok(measured)
}

/// One round: whoever begins, is another one in each.
async fn round(
    (cluster, bystander): (&Cluster, &Bystander),
    (count, number): (usize, usize),
    (turns, measured): (Vec<Contender>, &mut Measured),
    progress: Progress,
) -> Result<()> {
    let client = cluster.client();
    measured.quiet.push(bystander.quiet().await?);
    create_at_once(client, &load::namespace_documents(), CREATES).await?;
    let documents = load::documents(0..count, load::TEXT);
    let start = Instant::now();
    create_at_once(client, &documents, CREATES).await?;
    measured.creates.push(told("plain creates", start, progress));
    let spaces = load::namespaces();
    let spaces: Vec<&str> = spaces.iter().map(String::as_str).collect();
    let start = Instant::now();
    let there = read_namespaces(client, &spaces).await?.len();
    measured.lists.push(told("plain lists", start, progress));
    for contender in turns {
        let pod = contender.start(cluster).await?;
        let name = format!("of-{count}-{number}");
        let spec =
            json!({"includedNamespaces": spaces, "storageLocation": "default", "snapshotVolumes": false});
        let took = contender.run(cluster, &pod, "Backup", &name, spec).await?;
        tell(progress, (contender, "backup"), &took, "");
        measured.took.entry((contender, "backup")).or_default().push(took);
        lose(cluster).await?;
        let watching = bystander.watch();
        let took = contender.run(cluster, &pod, "Restore", &name, json!({"backupName": name})).await?;
        let waited = watching.end().await?;
        measured.beside.entry(contender).or_default().push(waited);
        tell(progress, (contender, "restore"), &took, &format!(", others {waited:.1} ms"));
        measured.took.entry((contender, "restore")).or_default().push(took);
        contender.stop(cluster).await?;
        let restored = read_namespaces(client, &spaces).await?.len();
        ensure!(restored >= count && there >= count, "{restored} of {there} objects came back");
    }
    lose(cluster).await
}

fn told(what: &str, start: Instant, progress: Progress) -> f64 {
    progress.note(what, seconds(start.elapsed()));
    start.elapsed().as_secs_f64()
}

fn tell(progress: Progress, (contender, work): (Contender, &str), took: &Took, more: &str) {
    let Took { seconds, usage } = took;
    let title = format!("{} {work}", contender.name());
    progress
        .note(&title, format_args!("{seconds:.1} s, {:.0} MiB, {:.1} s cpu{more}", usage.memory, usage.cpu));
}

/// Deletes the objects with their namespaces.
pub(crate) async fn lose(cluster: &Cluster) -> Result<()> {
    let client = cluster.client();
    let paths: Vec<String> =
        load::namespaces().into_iter().map(|name| format!("/api/v1/namespaces/{name}")).collect();
    for path in &paths {
        client.delete(path).await?;
    }
    for path in &paths {
        until(&format!("{path} is not gone"), PATIENCE, || async {
            let found = client.get(path).await.context("failed to look at a namespace")?;
            Ok(if found.is_none() { Look::Done(()) } else { Look::NotYet("still there".to_owned()) })
        })
        .await?;
    }
    Ok(())
}

impl Measured {
    fn of(&self, contender: Contender, work: &'static str, figure: fn(&Took) -> f64) -> f64 {
        let all = self.took.get(&(contender, work)).map(Vec::as_slice).unwrap_or_default();
        median(&all.iter().map(figure).collect::<Vec<_>>())
    }

    fn beside(&self, contender: Contender) -> f64 {
        median(self.beside.get(&contender).map_or(&[], Vec::as_slice))
    }

    fn rows(&self, count: usize) -> Vec<Row> {
        let row = |work: &'static str, peer: Contender, what: &str, unit, figure| {
            let words = format!("{what}{work} of {count} objects, {}", peer.name());
            Row::new(words, unit, self.of(Contender::Salvor, work, figure), self.of(peer, work, figure))
        };
        let floor = |work: &'static str, what: &str, all: &[f64]| {
            let words = format!("{work} of {count} objects, {what}");
            Row::new(words, "s", self.of(Contender::Salvor, work, TIME), median(all))
        };
        let others = |peer: &str, figure: f64| {
            let words = format!("requests of others in a restore of {count}, {peer}");
            Row::new(words, "ms", self.beside(Contender::Salvor), figure)
        };
        vec![
            row("restore", Contender::Velero, "", "s", TIME).at_most(0.08),
            row("restore", Contender::Tuned, "", "s", TIME).at_most(0.15),
            floor("restore", "plain creates", &self.creates).at_most(2.0),
            row("backup", Contender::Velero, "", "s", TIME).at_most(0.25),
            row("backup", Contender::Tuned, "", "s", TIME),
            floor("backup", "plain lists", &self.lists),
            row("restore", Contender::Velero, "memory: ", "MiB", MEMORY).at_most(0.5),
            row("backup", Contender::Velero, "memory: ", "MiB", MEMORY).at_most(0.5),
            row("restore", Contender::Velero, "cpu: ", "s", CPU),
            row("backup", Contender::Velero, "cpu: ", "s", CPU),
            others("quiet", median(&self.quiet)).at_most(2.0),
            others("velero", self.beside(Contender::Velero)),
        ]
    }
}

const TIME: fn(&Took) -> f64 = |took| took.seconds;
const MEMORY: fn(&Took) -> f64 = |took| took.usage.memory;
const CPU: fn(&Took) -> f64 = |took| took.usage.cpu;
/// How much longer an object may take among many.
const GROWTH: f64 = 1.15;

fn figures(measured: &BTreeMap<usize, Measured>) -> Figures {
    let mut rows: Vec<Row> = measured.iter().flat_map(|(count, of_size)| of_size.rows(*count)).collect();
    let (least, most) = (measured.first_key_value(), measured.last_key_value());
    if let (Some((few, of_few)), Some((many, of_many))) = (least, most)
        && few < many
    {
        for work in ["restore", "backup"] {
            let each = |of_size: &Measured, count: usize| {
                of_size.of(Contender::Salvor, work, TIME) * 1000.0 / count as f64
            };
            let words = format!("{work}, an object of {many} against one of {few}");
            rows.push(Row::new(words, "ms", each(of_many, *many), each(of_few, *few)).at_most(GROWTH));
        }
    }
    Figures(rows)
}
