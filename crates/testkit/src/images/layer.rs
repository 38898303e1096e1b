//! One layer of an image: a tar file with its digest.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// A layer that lies in a file.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The tar file, not compressed.
    pub path: PathBuf,
    /// `sha256:` and its digest.
    pub digest: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Layer {
    /// A layer of the cache, made first if it is not there. The name says all that the content depends on.
    pub fn cached(name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let path = super::folder()?.join(format!("{name}.tar"));
        if !path.is_file() {
            let unfinished = path.with_extension(format!("{}.tmp", std::process::id()));
            let made = make(&unfinished);
            if made.is_err() {
                drop(fs::remove_file(&unfinished));
            }
            made?;
            fs::rename(&unfinished, &path).with_context(|| format!("failed to keep {}", path.display()))?;
        }
        Self::noted(path)
    }

    /// A file of the cache; its digest is kept beside it.
    fn noted(path: PathBuf) -> Result<Self> {
        let note = path.with_extension("sha256");
        if let Ok(digest) = fs::read_to_string(&note) {
            let size = fs::metadata(&path).context("failed to look at a layer")?.len();
            return Ok(Self { path, digest, size });
        }
        let layer = Self::open(path)?;
        fs::write(&note, &layer.digest).context("failed to note a digest")?;
        Ok(layer)
    }

    /// A layer in a file.
    pub fn open(path: PathBuf) -> Result<Self> {
        let (digest, size) = digest_of(&path)?;
        Ok(Self { path, digest, size })
    }
}

fn digest_of(path: &Path) -> Result<(String, u64)> {
    let mut file = File::open(path).with_context(|| format!("failed to open {}", path.display()))?;
    let (mut digest, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 18]);
    loop {
        match file.read(&mut buffer).with_context(|| format!("failed to read {}", path.display()))? {
            0 => return Ok((format!("sha256:{}", hex::encode(digest.finalize())), size)),
            count => {
                digest.update(&buffer[..count]);
                size += count as u64;
            }
        }
    }
}

/// Writes a layer entry by entry; the same entries make the same bytes.
pub struct LayerBuilder {
    tar: Builder<BufWriter<File>>,
}

impl LayerBuilder {
    /// A new, empty layer.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("failed to create {}", path.display()))?;
        Ok(Self { tar: Builder::new(BufWriter::new(file)) })
    }

    /// Adds a folder.
    pub fn folder(&mut self, path: &str, mode: u32) -> Result<()> {
        self.entry(path, EntryType::Directory, mode, 0, io::empty())
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(path, EntryType::Regular, mode, content.len() as u64, content)
    }

    /// Adds a file of this machine.
    pub fn copy(&mut self, path: &str, mode: u32, source: &Path) -> Result<()> {
        let file = File::open(source).with_context(|| format!("failed to open {}", source.display()))?;
        let size = file.metadata().with_context(|| format!("failed to look at {}", source.display()))?.len();
        self.entry(path, EntryType::Regular, mode, size, BufReader::new(file))
    }

    /// Adds a symbolic link.
    pub fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        self.tar
            .append_link(&mut header, path, target)
            .with_context(|| format!("failed to add {path} to a layer"))
    }

    fn entry(&mut self, path: &str, kind: EntryType, mode: u32, size: u64, content: impl Read) -> Result<()> {
        let mut header = header(kind, mode, size);
        self.tar
            .append_data(&mut header, path, content)
            .with_context(|| format!("failed to add {path} to a layer"))
    }

    /// Completes the layer.
    pub fn finish(self) -> Result<()> {
        let file = self.tar.into_inner().context("failed to finish a layer")?;
        file.into_inner().context("failed to write a layer")?;
        Ok(())
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(path: &Path) -> Result<()> {
        let mut layer = LayerBuilder::create(path)?;
        layer.folder("bin", 0o755)?;
        layer.file("bin/tool", 0o755, b"content")?;
        layer.symlink("bin/other", "tool")?;
        layer.finish()
    }

    #[test]
    fn the_same_entries_have_the_same_digest() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.tar", "b.tar"].map(|name| folder.path().join(name));
        let digests = paths.map(|path| {
            sample(&path).unwrap();
            Layer::open(path).unwrap().digest
        });
        assert_eq!(digests[0], digests[1]);
    }
}
