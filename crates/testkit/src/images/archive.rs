//! Writing an image: as an archive to import, and as a layout to publish.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, Header};

use super::Layer;

/// An image: its name, its layers from the lowest up, and how it runs.
#[derive(Debug, Clone)]
pub struct Image {
    /// The name by which pods ask for it.
    pub reference: String,
    /// Its layers.
    pub layers: Vec<Layer>,
    /// How it runs.
    pub config: Config,
}

/// How an image runs.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The program, which a pod's `command` replaces.
    pub entrypoint: Vec<String>,
    /// Its arguments, which a pod's `args` replace.
    pub command: Vec<String>,
    /// `NAME=VALUE`.
    pub environment: Vec<String>,
    /// A user, by number.
    pub user: String,
    /// The folder it starts in.
    pub folder: String,
    /// What it says of itself.
    pub labels: Vec<(String, String)>,
}

impl Image {
    fn config_blob(&self) -> Vec<u8> {
        let labels: serde_json::Map<String, Value> =
            self.config.labels.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        json!({
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Entrypoint": self.config.entrypoint,
                "Cmd": self.config.command,
                "Env": self.config.environment,
                "User": self.config.user,
                "WorkingDir": self.config.folder,
                "Labels": labels,
            },
            "rootfs": {
                "type": "layers",
                "diff_ids": self.layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>(),
            },
        })
        .to_string()
        .into_bytes()
    }

    /// Writes an archive that containerd and docker import; its path, in the folder given.
    pub fn docker_archive(&self, folder: &Path) -> Result<PathBuf> {
        let path = folder.join(format!("import-{}.tar", self.reference.replace(['/', ':'], "-")));
        let file = File::create(&path).with_context(|| format!("failed to create {}", path.display()))?;
        let mut tar = Builder::new(BufWriter::new(file));
        let (config, name) =
            (self.config_blob(), format!("{}.json", hex::encode(Sha256::digest(self.config_blob()))));
        append(&mut tar, &name, &config)?;
        let mut names = Vec::new();
        for layer in &self.layers {
            let name = format!("{}.tar", layer.digest.trim_start_matches("sha256:"));
            tar.append_path_with_name(&layer.path, &name).context("failed to add a layer to an image")?;
            names.push(name);
        }
        let manifest = json!([{"Config": name, "RepoTags": [self.reference], "Layers": names}]);
        append(&mut tar, "manifest.json", manifest.to_string().as_bytes())?;
        let file = tar.into_inner().context("failed to finish an image")?;
        file.into_inner().context("failed to write an image")?;
        Ok(path)
    }

    /// Writes an OCI layout, in place of what is there.
    pub fn oci_layout(&self, folder: &Path) -> Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("failed to make {}", blobs.display()))?;
        let mut layers = Vec::new();
        for layer in &self.layers {
            place(&layer.path, &blobs.join(layer.digest.trim_start_matches("sha256:")))?;
            layers.push(descriptor("layer.v1.tar", &layer.digest, layer.size));
        }
        let config = blob(&blobs, "config.v1+json", &self.config_blob())?;
        let manifest = json!({"schemaVersion": 2, "mediaType": media_type("manifest.v1+json"), "config": config, "layers": layers});
        let mut manifest = blob(&blobs, "manifest.v1+json", manifest.to_string().as_bytes())?;
        let tag = self.reference.rsplit(':').next().unwrap_or("latest");
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        let index =
            json!({"schemaVersion": 2, "mediaType": media_type("index.v1+json"), "manifests": [manifest]});
        fs::write(folder.join("index.json"), index.to_string()).context("failed to write index.json")?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)
            .context("failed to write oci-layout")
    }
}

fn media_type(kind: &str) -> String {
    format!("application/vnd.oci.image.{kind}")
}

fn descriptor(kind: &str, digest: &str, size: u64) -> Value {
    json!({"mediaType": media_type(kind), "digest": digest, "size": size})
}

fn blob(folder: &Path, kind: &str, content: &[u8]) -> Result<Value> {
    let digest = hex::encode(Sha256::digest(content));
    fs::write(folder.join(&digest), content).context("failed to write a blob")?;
    Ok(descriptor(kind, &format!("sha256:{digest}"), content.len() as u64))
}

/// Links a file where it can, else copies it.
fn place(from: &Path, to: &Path) -> Result<()> {
    if fs::hard_link(from, to).is_err() {
        fs::copy(from, to).with_context(|| format!("failed to copy {}", from.display()))?;
    }
    Ok(())
}

fn append(tar: &mut Builder<BufWriter<File>>, name: &str, content: &[u8]) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, content).with_context(|| format!("failed to add {name} to an image"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::LayerBuilder;

    #[test]
    fn every_blob_of_a_layout_has_the_digest_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("layer.tar");
        let mut layer = LayerBuilder::create(&path).unwrap();
        layer.file("hello", 0o644, b"hello").unwrap();
        layer.finish().unwrap();
        let layers = vec![Layer::open(path).unwrap()];
        let image = Image { reference: "local/x:2".to_owned(), layers, config: Config::default() };
        let layout = folder.path().join("layout");
        image.oci_layout(&layout).unwrap();
        let blobs: Vec<PathBuf> =
            fs::read_dir(layout.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(blobs.len(), 3);
        for blob in blobs {
            let name = blob.file_name().unwrap().to_str().unwrap().to_owned();
            assert_eq!(hex::encode(Sha256::digest(fs::read(&blob).unwrap())), name);
        }
        let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"], "2");
    }
}
