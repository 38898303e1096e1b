//! The certificate of our own Service: self-signed, made when the process starts, never stored. Its only
//! clients are the API server's proxy, which does not verify it, and those who hold a token.

use std::sync::Arc;

use anyhow::{Context, Result};
use api::labels::DOWNLOAD_SERVICE;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Accepts TLS connections to the Service of `namespace`.
pub(super) fn self_signed(namespace: &str) -> Result<TlsAcceptor> {
    let names =
        ["", ".svc", ".svc.cluster.local"].map(|suffix| format!("{DOWNLOAD_SERVICE}.{namespace}{suffix}"));
    let made = rcgen::generate_simple_self_signed(names).context("make a certificate")?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .context("choose versions of TLS")?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .context("use the certificate")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
