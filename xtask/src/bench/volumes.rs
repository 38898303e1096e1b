//! `cargo xtask bench volumes`: the data of volumes, backed up and restored by our command, kopia's and restic's, in turns, into folders and into an S3
//! server behind a proxy that answers late. No cluster takes part.

mod contender;
mod data;
mod late;
mod measure;
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use testkit::progress::Progress;
use testkit::salvor_image;
use testkit::tools::{KOPIA, RESTIC};

use self::contender::{Contender, Place, Programs};
use self::data::Set;
use self::measure::Took;
use super::figures::{Figures, Row, median};

/// What ours may take of the time of the faster peer.
const TIME_BAR: f64 = 0.8;
/// What ours may take of the memory of kopia.
const MEMORY_BAR: f64 = 0.6;
/// What a backup of very many files may take, in MiB.
const MANY_LIMIT: f64 = 256.0;

/// How much is backed up, and where to.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many small files.
    #[arg(long, default_value_t = 500_000)]
    files: usize,
    /// The size of each of eight large files of noise, in MiB.
    #[arg(long, default_value_t = 128)]
    large_mib: usize,
    /// The size of what can be compressed, in MiB.
    #[arg(long, default_value_t = 1024)]
    text_mib: usize,
    /// How many small files our memory is measured with; 0 leaves it out.
    #[arg(long, default_value_t = 2_000_000)]
    many: usize,
    /// How often each is measured; the middle counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Where to; all of them, unless some are named.
    #[arg(long)]
    store: Vec<Store>,
    /// How much later the S3 server answers, in milliseconds.
    #[arg(long, default_value_t = 20)]
    delay: u64,
    /// The folder that all of it is made in, and that is removed at the end; it has to be new.
    #[arg(long, default_value = "target/bench-volumes")]
    folder: PathBuf,
}

/// Where repositories are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    /// In folders.
    Folder,
    /// On an S3 server that answers late.
    S3,
}

/// Runs the bench.
pub(crate) async fn run(options: &Options) -> Result<()> {
    let progress = Progress::shown();
    let programs = Programs {
        salvor: progress.block("compiling salvor", || salvor_image::compile(true))?,
        kopia: KOPIA.ensure(progress)?,
        restic: RESTIC.ensure(progress)?,
    };
    std::fs::create_dir(&options.folder)
        .with_context(|| format!("failed to make {}: it has to be new", options.folder.display()))?;
    let folder = options.folder.canonicalize().context("failed to find the folder")?;
    let outcome = measure(options, &programs, &folder, progress).await;
    std::fs::remove_dir_all(&folder).context("failed to remove what was made")?;
    let figures = outcome?;
    println!("\n{figures}");
    println!("These figures are in {}.", figures.write("volumes")?.display());
    Ok(())
}

async fn measure(
    options: &Options,
    programs: &Programs,
    folder: &Path,
    progress: Progress,
) -> Result<Figures> {
    let stores = match options.store.is_empty() {
        true => vec![Store::Folder, Store::S3],
        false => options.store.clone(),
    };
    let server = match stores.contains(&Store::S3) {
        true => Some(server::start(folder, Duration::from_millis(options.delay), progress).await?),
        false => None,
    };
    let sets = [Set::Small(options.files), Set::Large(options.large_mib), Set::Text(options.text_mib)];
    let mut rows = Vec::new();
    for set in sets {
        for store in &stores {
            let bench = Bench { set, programs, folder, rounds: options.rounds, progress };
            let server = server.as_ref().filter(|_| *store == Store::S3);
            rows.extend(bench.run(server).await?);
        }
    }
    if options.many > 0 {
        rows.push(many(options.many, programs, folder, progress).await?);
    }
    Ok(Figures(rows))
}

/// What is measured of one set of files and one store.
struct Bench<'a> {
    set: Set,
    programs: &'a Programs,
    folder: &'a Path,
    rounds: usize,
    progress: Progress,
}

/// Every work of a round, with what it took.
type Round = Vec<(&'static str, Took)>;

impl Bench<'_> {
    async fn run(&self, server: Option<&server::Server>) -> Result<Vec<Row>> {
        let mut rounds: Vec<[Round; 3]> = Vec::new();
        for number in 0..self.rounds.max(1) {
            let mut round: [Round; 3] = Default::default();
            for (of, contender) in round.iter_mut().zip(Contender::ALL) {
                *of = self.round(contender, server, number).await?;
            }
            rounds.push(round);
        }
        let store = if server.is_some() { "s3" } else { "folder" };
        let words = format!("{}, {store}", self.set.name());
        Ok(rows(&words, &rounds))
    }

    /// Everything that one of them does in one round, from its own beginning.
    async fn round(
        &self,
        contender: Contender,
        server: Option<&server::Server>,
        number: usize,
    ) -> Result<Round> {
        let work = self.folder.join("work");
        std::fs::create_dir(&work).context("failed to make a folder")?;
        let source = work.join("source");
        self.set.write(&source)?;
        let place = match server {
            None => Place::Folder(work.join("repository")),
            Some(server) => server.place(&format!("{}-{}-{number}", contender.name(), self.set.word())),
        };
        let client = contender.client(self.programs, place, &work)?;
        client.create(self.set.is_text()).await?;
        let mut round = vec![("backup", client.backup(&source).await?)];
        if self.set.is_small() {
            round.push(("unchanged backup", client.backup(&source).await?));
            self.set.change(&source)?;
            round.push(("backup with 1 % changed", client.backup(&source).await?));
        }
        let target = work.join("target");
        round.push(("restore", client.restore(&source, &target).await?));
        data::same(&source, &target)?;
        std::fs::remove_dir_all(&work).context("failed to remove a folder")?;
        for (work, took) in &round {
            let words = format!("{}: {work} of {}", contender.name(), self.set.name());
            self.progress.note(&words, format_args!("{:.2} s, {:.0} MiB", took.seconds, took.memory));
        }
        Ok(round)
    }
}

/// Our figures beside those of the faster peer, and our memory beside kopia's.
fn rows(words: &str, rounds: &[[Round; 3]]) -> Vec<Row> {
    let works = rounds.first().map_or(&[][..], |round| round[0].as_slice());
    let mut rows = Vec::new();
    for (number, (work, _)) in works.iter().enumerate() {
        let middle = |who: usize, of: fn(&Took) -> f64| {
            median(&rounds.iter().map(|round| of(&round[who][number].1)).collect::<Vec<_>>())
        };
        let seconds = |who| middle(who, |took| took.seconds);
        let (kopia, restic) = (seconds(1), seconds(2));
        let (peer, name) = if kopia <= restic { (kopia, "kopia") } else { (restic, "restic") };
        rows.push(Row::new(format!("{work}: {words}, {name}"), "s", seconds(0), peer).at_most(TIME_BAR));
        let memory = |who| middle(who, |took| took.memory);
        let row = Row::new(format!("memory: {work}: {words}, kopia"), "MiB", memory(0), memory(1));
        rows.push(row.at_most(MEMORY_BAR));
    }
    rows
}

/// The memory of a backup of very many files, beside what it may be.
async fn many(files: usize, programs: &Programs, folder: &Path, progress: Progress) -> Result<Row> {
    let (work, set) = (folder.join("many"), Set::Small(files));
    std::fs::create_dir(&work).context("failed to make a folder")?;
    let source = work.join("source");
    progress.block("very many files", || set.write(&source))?;
    let place = Place::Folder(work.join("repository"));
    let client = Contender::Salvor.client(programs, place, &work)?;
    client.create(false).await?;
    let took = client.backup(&source).await?;
    progress.note("very many files", format_args!("{:.1} s, {:.0} MiB", took.seconds, took.memory));
    std::fs::remove_dir_all(&work).context("failed to remove a folder")?;
    let words = format!("memory: backup: {files} small files, a limit");
    Ok(Row::new(words, "MiB", took.memory, MANY_LIMIT).at_most(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_held_against_the_faster_peer_and_the_memory_of_kopia() {
        let took = |seconds, memory| vec![("backup", Took { seconds, memory })];
        let rounds = [[took(1.0, 50.0), took(2.0, 100.0), took(4.0, 10.0)]];
        let rows = serde_json::to_value(rows("some files, folder", &rounds)).unwrap();
        assert_eq!(
            (&rows[0]["work"], &rows[0]["ratio"]),
            (&"backup: some files, folder, kopia".into(), &0.5.into())
        );
        assert_eq!(
            (&rows[1]["ratio"], &rows[1]["bar"], &rows[1]["ok"]),
            (&0.5.into(), &0.6.into(), &true.into())
        );
    }
}
