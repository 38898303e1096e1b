//! Files that say where a cluster is and who one is there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::pki::Identity;

/// Writes a kubeconfig that needs no other file, so that it can be copied. JSON is YAML.
pub(crate) fn write(
    path: &Path,
    cluster: &str,
    server: &str,
    authority: &str,
    user: &Identity,
) -> Result<()> {
    let document = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": cluster, "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": "user", "user": {
            "client-certificate-data": STANDARD.encode(&user.certificate),
            "client-key-data": STANDARD.encode(&user.key),
        }}],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": "user"}}],
        "current-context": cluster,
    });
    let text = serde_json::to_vec_pretty(&document).context("failed to print a kubeconfig")?;
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
