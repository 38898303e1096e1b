//! libFuzzer over every reader of what a store holds, guided by the coverage of our code and of the libraries beneath it.
//!
//! `tools/fuzz` is a workspace of its own. The compiler's own pass has the code count where it has been, and libFuzzer, which its crate brings along,
//! keeps the input that came somewhere new: in `target/fuzz/corpus`, from which the next run begins.

mod log;

use std::env::consts::ARCH;
use std::fs::{self, File};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use testkit::command::run_command;
use testkit::paths;
use testkit::progress::Progress;

use log::Log;

/// What makes the compiler count: edges, where they are, and what is compared with what.
const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];
/// The most bytes of an input.
const INPUT_LENGTH_MAX: usize = 64 << 10;
/// The most memory of a process, in MiB; how much a reader may take for one input, the fuzzer itself watches.
const MEMORY_MAX: u32 = 1024;
/// The longest that a reader may take for one input, in seconds: on a busy machine, too.
const SECONDS_MAX: u32 = 30;
/// How many bytes of an input that a reader fell over are shown.
const SHOWN_LENGTH_MAX: usize = 4 << 10;

/// The fuzzer, built, and its folder.
struct Fuzzer {
    program: PathBuf,
    home: PathBuf,
}

/// How it went with a reader.
struct Outcome {
    reader: String,
    log: Log,
    has_succeeded: bool,
}

/// Gives each reader so many minutes.
pub(crate) fn run(minutes: u32, progress: Progress) -> Result<()> {
    let fuzzer = progress.block("fuzzer", Fuzzer::build)?;
    let readers = fuzzer.readers()?;
    progress.note("readers", format_args!("{}, {minutes} min each", readers.len()));
    let mut outcomes = fuzzer.try_all(&readers, minutes)?;
    outcomes.sort_by(|a, b| a.reader.cmp(&b.reader));
    progress.heading(format_args!(
        "{:<20} {:>11} {:>16} {:>7} {:>5}",
        "reader", "inputs", "coverage", "corpus", "MiB"
    ));
    for Outcome { reader, log, .. } in &outcomes {
        let (from, to) = log.coverage.unwrap_or_default();
        let coverage = format!("{from} to {to}");
        progress.heading(format_args!(
            "{reader:<20} {:>11} {coverage:>16} {:>7} {:>5}",
            log.inputs, log.kept, log.memory
        ));
    }
    for outcome in &outcomes {
        outcome.check(&fuzzer)?;
    }
    Ok(())
}

impl Fuzzer {
    fn build() -> Result<Self> {
        let home = paths::workspace().join("target/fuzz");
        let target = format!("{ARCH}-unknown-linux-gnu");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // a target of its own, even if it is this machine's, leaves build scripts without the flags
        build.args(["build", "--quiet", "--release", "--locked", "--target", &target, "--target-dir"]);
        build.arg(home.join("build")).current_dir(paths::workspace().join("tools/fuzz"));
        build.env("RUSTFLAGS", FLAGS.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS");
        run_command(&mut build)?;
        Ok(Self { program: home.join("build").join(target).join("release/fuzz"), home })
    }

    /// The names of all readers, for each of which there is a folder of samples then.
    fn readers(&self) -> Result<Vec<String>> {
        let samples = self.home.join("samples");
        let mut write = Command::new(&self.program);
        run_command(write.arg("-runs=0").env("SALVOR_FUZZ_SAMPLES", &samples))?;
        let listed =
            fs::read_dir(&samples).with_context(|| format!("failed to list {}", samples.display()))?;
        let mut readers = Vec::new();
        for entry in listed {
            readers.extend(entry?.file_name().into_string().ok());
        }
        ensure!(!readers.is_empty(), "the fuzzer knows no readers");
        readers.sort();
        Ok(readers)
    }

    /// Tries all of them, as many at once as the machine has processors.
    fn try_all(&self, readers: &[String], minutes: u32) -> Result<Vec<Outcome>> {
        let waiting = Mutex::new(readers.iter());
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work = || -> Result<Vec<Outcome>> {
            std::iter::from_fn(next).map(|reader| self.try_one(reader, minutes)).collect()
        };
        let count = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        thread::scope(|scope| {
            let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
            let done = workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| anyhow!("a thread has panicked"))?);
            Ok(done.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    fn try_one(&self, reader: &str, minutes: u32) -> Result<Outcome> {
        let folder = |name: &str| {
            let folder = self.home.join(name).join(reader);
            fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
            Ok::<_, anyhow::Error>(folder)
        };
        let (corpus, samples, crashes) = (folder("corpus")?, folder("samples")?, folder("crashes")?);
        let path = self.log(reader);
        let failed = || format!("failed to run the fuzzer on {reader}");
        let log = File::create(&path).with_context(failed)?;
        let mut command = Command::new(&self.program);
        command.arg(format!("-max_total_time={}", u64::from(minutes) * 60));
        command.arg(format!("-max_len={INPUT_LENGTH_MAX}")).arg(format!("-timeout={SECONDS_MAX}"));
        command.arg(format!("-rss_limit_mb={MEMORY_MAX}")).arg("-print_final_stats=1");
        command.arg(format!("-artifact_prefix={}/", crashes.display()));
        // the first is the one that grows; what a reader fell over once is tried for good
        command.args([corpus, samples, crashes]).env("SALVOR_FUZZ_TARGET", reader);
        let status =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).status().with_context(failed)?;
        let text = fs::read(&path).with_context(failed)?;
        let log = Log::parse(&String::from_utf8_lossy(&text));
        Ok(Outcome { reader: reader.to_owned(), log, has_succeeded: status.success() })
    }

    fn log(&self, reader: &str) -> PathBuf {
        self.home.join(format!("{reader}.log"))
    }
}

impl Outcome {
    fn check(&self, fuzzer: &Fuzzer) -> Result<()> {
        let log = fuzzer.log(&self.reader);
        if let Some(path) = &self.log.crash {
            let input = fs::read(path).unwrap_or_default();
            return Err(anyhow!(
                "{} fell over {}, see {}:\n{}",
                self.reader,
                path.display(),
                log.display(),
                shown(&input)
            ));
        }
        ensure!(self.has_succeeded, "the fuzzer failed on {}, see {}", self.reader, log.display());
        ensure!(
            self.log.coverage.is_some_and(|(_, to)| to > 0),
            "{} counts nothing, see {}",
            self.reader,
            log.display()
        );
        Ok(())
    }
}

/// An input in hexadecimal digits.
fn shown(input: &[u8]) -> String {
    let digits: String = input.iter().take(SHOWN_LENGTH_MAX).map(|byte| format!("{byte:02x}")).collect();
    match input.len() {
        0..=SHOWN_LENGTH_MAX => digits,
        length => format!("{digits}... of {length} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_shown_up_to_a_length() {
        assert_eq!(shown(&[0, 0xff]), "00ff");
        let long = shown(&[7; SHOWN_LENGTH_MAX + 1]);
        assert!(long.starts_with("0707") && long.ends_with("07... of 4097 bytes"));
    }

    #[test]
    fn a_reader_that_fell_over_is_told_with_the_input() {
        let home = tempfile::tempdir().unwrap();
        let crash = home.path().join("crash-1");
        fs::write(&crash, b"q1").unwrap();
        let fuzzer = Fuzzer { program: PathBuf::new(), home: home.path().to_owned() };
        let outcome = |log, has_succeeded| Outcome { reader: "index".to_owned(), log, has_succeeded };
        let good = Log { coverage: Some((1, 2)), ..Log::default() };
        outcome(good.clone(), true).check(&fuzzer).unwrap();
        assert!(outcome(good.clone(), false).check(&fuzzer).is_err());
        assert!(
            outcome(Log::default(), true).check(&fuzzer).unwrap_err().to_string().contains("counts nothing")
        );
        let fell = outcome(Log { crash: Some(crash.clone()), ..good }, false)
            .check(&fuzzer)
            .unwrap_err()
            .to_string();
        assert!(fell.contains(&crash.display().to_string()) && fell.ends_with("\n7131"), "{fell}");
    }
}
