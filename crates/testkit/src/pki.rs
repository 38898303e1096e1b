//! The certificates and keys of a cluster.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};

/// A certificate authority.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: String,
    /// The key.
    pub(crate) key: String,
}

impl Authority {
    /// A new authority.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let mut params = parameters(name, None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().context("failed to make the authority's key")?;
        let issuer = CertifiedIssuer::self_signed(params, key).context("failed to sign the authority")?;
        Ok(Self { issuer })
    }

    /// The authority's certificate.
    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a user, with the group that it is in.
    pub(crate) fn client(&self, user: &str, group: Option<&str>) -> Result<Identity> {
        let mut params = parameters(user, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    /// A certificate for a server, with the names and addresses by which it is reached.
    pub(crate) fn server(&self, name: &str, reached_by: &[&str]) -> Result<Identity> {
        let mut params = parameters(name, None);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for name in reached_by {
            params.subject_alt_names.push(alternative(name)?);
        }
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Result<Identity> {
        let key = KeyPair::generate().context("failed to make a key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("failed to sign a certificate")?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Writes the authority's own certificate and key.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        write(
            folder,
            "ca",
            &Identity { certificate: self.certificate(), key: self.issuer.key().serialize_pem() },
        )
    }
}

impl Identity {
    /// Writes `NAME.crt` and `NAME.key`.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> Result<()> {
        write(folder, name, self)
    }
}

/// Writes the pair with which tokens of service accounts are signed: `sa.key` and `sa.pub`.
pub(crate) fn write_token_keys(folder: &Path) -> Result<()> {
    let key = KeyPair::generate().context("failed to make the key of the tokens")?;
    fs::write(folder.join("sa.key"), key.serialize_pem()).context("failed to write sa.key")?;
    fs::write(folder.join("sa.pub"), key.public_key_pem()).context("failed to write sa.pub")
}

fn parameters(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2045, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params
}

fn alternative(name: &str) -> Result<SanType> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) => Ok(SanType::DnsName(name.try_into().with_context(|| format!("failed to name {name}"))?)),
    }
}

fn write(folder: &Path, name: &str, identity: &Identity) -> Result<()> {
    let path = folder.join(format!("{name}.crt"));
    fs::write(&path, &identity.certificate).with_context(|| format!("failed to write {}", path.display()))?;
    let path = folder.join(format!("{name}.key"));
    fs::write(&path, &identity.key).with_context(|| format!("failed to write {}", path.display()))
}
