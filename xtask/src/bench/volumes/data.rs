//! The files that are backed up: always the same, whoever does it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use testkit::zoo::Random;

/// How many files lie in a folder.
const FOLDER: usize = 1000;
/// How long a small file is, at most.
const SMALL_MAX: u64 = 4096;
/// How many large files there are.
const LARGE: usize = 8;
/// The size of a file of text.
const TEXT_BYTES: usize = 16 << 20;
/// Of how many files one is changed.
const CHANGED: usize = 100;
/// What texts are made of.
const WORDS: [&str; 8] =
    ["request ", "served ", "GET ", "/index.html ", "200 ", "failed ", "namespace=", "pod=\n"];

/// A set of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    /// So many files of noise, two kilobytes each on average.
    Small(usize),
    /// Eight files of noise of so many MiB.
    Large(usize),
    /// So many MiB of text.
    Text(usize),
}

impl Set {
    /// What it is called in the table.
    pub(super) fn name(self) -> String {
        match self {
            Self::Small(files) => format!("{files} small files"),
            Self::Large(mib) => format!("{LARGE} files of {mib} MiB"),
            Self::Text(mib) => format!("{mib} MiB of text"),
        }
    }

    /// The same in one word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Small(_) => "small",
            Self::Large(_) => "large",
            Self::Text(_) => "text",
        }
    }

    pub(super) fn is_small(self) -> bool {
        matches!(self, Self::Small(_))
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text(_))
    }

    /// Writes the files into a new folder.
    pub(super) fn write(self, folder: &Path) -> Result<()> {
        match self {
            Self::Small(files) => (0..files).try_for_each(|number| write_small(folder, number, 0)),
            Self::Large(mib) => (0..LARGE).try_for_each(|number| {
                write(&folder.join(format!("large-{number}")), &noise(mib << 20, number as u64))
            }),
            Self::Text(mib) => (0..(mib << 20).div_ceil(TEXT_BYTES)).try_for_each(|number| {
                let bytes = TEXT_BYTES.min((mib << 20) - number * TEXT_BYTES);
                write(&folder.join(format!("text-{number}")), &text(bytes, number as u64))
            }),
        }
    }

    /// Changes one of a hundred small files.
    pub(super) fn change(self, folder: &Path) -> Result<()> {
        let Self::Small(files) = self else { return Ok(()) };
        (0..files).step_by(CHANGED).try_for_each(|number| write_small(folder, number, 1))
    }
}

fn write_small(folder: &Path, number: usize, version: u64) -> Result<()> {
    let path = folder.join(format!("folder-{}", number / FOLDER)).join(format!("file-{number}"));
    let mut random = Random::new(number as u64 * 2 + version);
    let length = random.number() % SMALL_MAX;
    write(&path, &noise(length as usize, number as u64 * 2 + version))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    made.with_context(|| format!("failed to write {}", path.display()))
}

fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ 0x5eed);
    let mut noise: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| random.number().to_le_bytes()).collect();
    noise.truncate(bytes);
    noise
}

fn text(bytes: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed ^ 0x7e87);
    let mut text = Vec::with_capacity(bytes + SMALL_MAX as usize);
    while text.len() < bytes {
        let number = random.number();
        text.extend_from_slice(WORDS[number as usize % WORDS.len()].as_bytes());
        if number.is_multiple_of(5) {
            text.extend_from_slice((number >> 32).to_string().as_bytes());
        }
    }
    text.truncate(bytes);
    text
}

/// Fails unless two folders hold the same files.
pub(super) fn same(one: &Path, other: &Path) -> Result<()> {
    let (ours, theirs) = (names(one)?, names(other)?);
    ensure!(ours == theirs, "{} and {} do not hold the same names", one.display(), other.display());
    for name in ours {
        let (ours, theirs) = (one.join(&name), other.join(&name));
        if ours.is_dir() {
            same(&ours, &theirs)?;
        } else {
            ensure!(fs::read(&ours)? == fs::read(&theirs)?, "{} was restored differently", ours.display());
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(PathBuf::from(entry?.file_name()));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_always_the_same_and_change_a_hundredth() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (folder.path().join("one"), folder.path().join("other"));
        for set in [Set::Small(300), Set::Large(1), Set::Text(1)] {
            set.write(&one).unwrap();
            set.write(&other).unwrap();
        }
        same(&one, &other).unwrap();
        Set::Small(300).change(&one).unwrap();
        assert!(same(&one, &other).is_err());
        let names = names(&one.join("folder-0")).unwrap();
        let differs = |name: &&PathBuf| {
            let read = |root: &Path| fs::read(root.join("folder-0").join(name)).unwrap();
            read(&one) != read(&other)
        };
        assert_eq!(names.iter().filter(differs).count(), 3);
        fs::remove_file(one.join("large-0")).unwrap();
        assert!(same(&one, &other).is_err());
    }
}
