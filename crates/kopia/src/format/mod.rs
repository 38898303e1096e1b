//! The format blobs, `kopia.repository` and `kopia.blobcfg`: the parameters of a repository and its secrets, sealed with a password.

mod blobcfg;
mod config;
mod features;
pub(crate) mod keys;
mod lock;
mod seal;

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod fuzz;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

use zeroize::Zeroizing;

pub use blobcfg::RetentionPeriod;
pub use config::EpochParameters;
use config::{Config, Envelope, Sealed};
pub use keys::{APPROVED as APPROVED_KEY_DERIVATION, DEFAULT as DEFAULT_KEY_DERIVATION};
use seal::Seal;

use crate::encryption::{self, Encryptor};
use crate::hash::{self, Hasher};
use crate::parallel::both;
use crate::random::{self, Random};
use crate::splitter::{self, Splitter};
use crate::storage::Retention;
use crate::{Error, ErrorKind, Result, Storage, Time};

/// The blob without which a repository cannot be read.
pub const REPOSITORY: &str = "kopia.repository";
/// The blob that says how long the store keeps what.
pub const BLOBCFG: &str = "kopia.blobcfg";

/// The most bytes of either.
const LENGTH_MAX: usize = 65_000;
/// What is written into `kopia.repository` as its maker: kopia's own, which other clients look for.
const TOOL: &str = "https://github.com/kopia/kopia";

/// What a new repository is to be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How a password is made into a key.
    pub key_derivation: String,
    /// The hash that names contents.
    pub hash: String,
    /// The encryption of contents.
    pub encryption: String,
    /// How files are cut into contents.
    pub splitter: String,
    /// How many bytes a pack has before it is closed.
    pub pack_length: u32,
    /// How long the store keeps blobs from being deleted.
    pub retention: Option<RetentionPeriod>,
}

impl Default for Options {
    /// What kopia and Velero create, and every kopia since 0.12 reads.
    fn default() -> Self {
        Self {
            key_derivation: keys::DEFAULT.to_owned(),
            hash: hash::DEFAULT.to_owned(),
            encryption: encryption::DEFAULT.to_owned(),
            splitter: splitter::DEFAULT.to_owned(),
            pack_length: 20 << 20,
            retention: None,
        }
    }
}

impl Options {
    /// Only algorithms that FIPS 140 approves of. Kopia reads it since 0.18, Velero since 1.16.
    pub fn approved() -> Self {
        let (key_derivation, hash) = (keys::APPROVED.to_owned(), hash::APPROVED.to_owned());
        Self { key_derivation, hash, ..Self::default() }
    }
}

/// The format of an open repository.
pub struct Format {
    unique_id: Vec<u8>,
    seal: Seal,
    config: Config,
    retention: Option<RetentionPeriod>,
    warnings: Vec<String>,
}

/// The blobs of the format, as they are stored.
struct Stored {
    envelope: Envelope,
    blobcfg: Option<Vec<u8>>,
}

impl Stored {
    fn fetch(storage: &dyn Storage) -> Result<Self> {
        let (blobcfg, envelope) = both(|| blobcfg::fetch(storage), || storage.get(REPOSITORY, LENGTH_MAX));
        let envelope = Envelope::parse(&envelope?)?;
        Ok(Self { envelope, blobcfg: blobcfg? })
    }
}

impl Format {
    /// Makes a repository of a store that holds none.
    pub fn create(
        storage: &dyn Storage,
        random: &dyn Random,
        password: &str,
        options: &Options,
    ) -> Result<()> {
        let is_resumed = check_empty(storage)?;
        let unique_id: [u8; 32] = random::bytes(random)?;
        let seal = Seal::new(&options.key_derivation, password, &unique_id)?;
        let config = Sealed { format: Config::create(random, options)? }.to_bytes()?;
        let blobcfg = seal.seal(random, &blobcfg::to_bytes(options.retention)?)?;
        let retention = |name| blobcfg::for_blob(options.retention, name, storage.now());
        match is_resumed {
            true => storage.put(BLOBCFG, &blobcfg, retention(BLOBCFG))?,
            false => storage.put_if_absent(BLOBCFG, &blobcfg, retention(BLOBCFG))?,
        }
        let envelope = Envelope {
            tool: TOOL.to_owned(),
            build_version: env!("CARGO_PKG_VERSION").to_owned(),
            build_info: String::new(),
            unique_id: Zeroizing::new(unique_id.to_vec()),
            key_derivation: options.key_derivation.clone(),
            encryption: config::SEALING.to_owned(),
            sealed: Zeroizing::new(seal.seal(random, &config)?),
            other: serde_json::Map::new(),
        };
        storage.put_if_absent(REPOSITORY, &envelope.to_bytes()?, retention(REPOSITORY))
    }

    /// Opens the repository of a store.
    pub fn open(storage: &dyn Storage, password: &str) -> Result<Self> {
        let stored = Stored::fetch(storage)?;
        let seal = Seal::new(&stored.envelope.key_derivation, password, &stored.envelope.unique_id)?;
        Self::unseal(stored, seal, storage.now())
    }

    /// Reads the format again, as clients have to every quarter of an hour: that is how they come to know of an upgrade.
    pub fn reopen(&self, storage: &dyn Storage) -> Result<Self> {
        let stored = Stored::fetch(storage)?;
        if stored.envelope.unique_id.as_slice() != self.unique_id {
            return Err(Error::corrupt(REPOSITORY, "another repository has taken the place of this one"));
        }
        Self::unseal(stored, self.seal.clone(), storage.now())
    }

    fn unseal(Stored { mut envelope, blobcfg }: Stored, seal: Seal, now: Time) -> Result<Self> {
        let sealed = std::mem::take(&mut *envelope.sealed);
        let config = Sealed::parse(&seal.open(REPOSITORY, sealed)?)?;
        let lock = config.upgrade_lock.as_ref().filter(|lock| lock.holds(now));
        if let Some(lock) = lock {
            let reason = format!("is being upgraded by {:?}: {}", lock.owner, lock.message);
            return Err(Error::new(ErrorKind::Locked, REPOSITORY, reason));
        }
        let warnings = features::check(&config.required_features)?;
        let retention = blobcfg::open(blobcfg, &seal)?;
        Ok(Self { unique_id: envelope.unique_id.to_vec(), seal, config, retention, warnings })
    }

    /// Changes the password. What is stored stays as it is, and clients that have read the format lately go on with the old one for a
    /// quarter of an hour. If it breaks off in the middle, call it again.
    pub fn change_password(storage: &dyn Storage, random: &dyn Random, old: &str, new: &str) -> Result<()> {
        let Stored { mut envelope, blobcfg } = Stored::fetch(storage)?;
        let seal_of = |password| Seal::new(&envelope.key_derivation, password, &envelope.unique_id);
        let (old, new) = (seal_of(old)?, seal_of(new)?);
        let config = old.open(REPOSITORY, envelope.sealed.to_vec())?;
        let parsed = Sealed::parse(&config)?;
        if !parsed.is_password_changeable {
            return Err(Error::unsupported(REPOSITORY, "the password of format version 1 cannot be changed"));
        }
        if parsed.upgrade_lock.is_some() {
            return Err(Error::new(ErrorKind::Locked, REPOSITORY, "is being upgraded"));
        }
        // an earlier call may have come half way
        let retention = match blobcfg::open(blobcfg.clone(), &old) {
            Err(error) if error.kind() == ErrorKind::InvalidPassword => blobcfg::open(blobcfg, &new)?,
            loaded => loaded?,
        };
        let keep = |name| blobcfg::for_blob(retention, name, storage.now());
        storage.put(BLOBCFG, &new.seal(random, &blobcfg::to_bytes(retention)?)?, keep(BLOBCFG))?;
        // the sealed bytes themselves: what this version does not know is kept
        envelope.sealed = Zeroizing::new(new.seal(random, &config)?);
        storage.put(REPOSITORY, &envelope.to_bytes()?, keep(REPOSITORY))?;
        Ok(())
    }

    /// What is the same as long as the repository lives.
    pub fn unique_id(&self) -> &[u8] {
        &self.unique_id
    }

    /// The version of the format.
    pub fn version(&self) -> u32 {
        self.config.version
    }

    /// The version in which indexes are written.
    pub fn index_version(&self) -> u32 {
        self.config.index_version()
    }

    /// How many bytes a pack has before it is closed.
    pub fn pack_length(&self) -> u32 {
        self.config.pack_length()
    }

    /// When indexes begin a new epoch.
    pub fn epochs(&self) -> &EpochParameters {
        &self.config.epochs
    }

    /// How long the store keeps blobs from being deleted.
    pub fn retention(&self) -> Option<RetentionPeriod> {
        self.retention
    }

    /// What is asked of the store for a blob that is put now.
    pub fn retention_of(&self, name: &str, now: Time) -> Option<Retention> {
        blobcfg::for_blob(self.retention, name, now)
    }

    /// What the repository asks of its clients that this one does not know, and may go on without.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Refuses to write where an upgrade is announced, and in versions that are only read.
    pub fn check_writable(&self) -> Result<()> {
        if self.config.upgrade_lock.is_some() {
            return Err(Error::new(
                ErrorKind::Locked,
                REPOSITORY,
                "an upgrade is announced: nothing is written any more",
            ));
        }
        if !self.config.epochs.enabled {
            return Err(Error::unsupported(
                REPOSITORY,
                "repositories without epochs are read only: upgrade it with kopia",
            ));
        }
        Ok(())
    }

    /// The hash that names contents.
    pub fn hasher(&self) -> Result<Hasher> {
        Hasher::new(&self.config.hash, &self.config.secret)
    }

    /// The encryption of contents.
    pub fn encryptor(&self) -> Result<Encryptor> {
        Encryptor::new(&self.config.encryption, &*keys::of_contents(&self.config.master_key)?)
    }

    /// The key of the record of maintenance.
    pub(crate) fn maintenance_key(&self) -> Result<keys::Key> {
        keys::derive(&self.config.master_key, &self.unique_id, b"maintenance schedule")
    }

    /// How files are cut into contents.
    pub fn splitter(&self) -> Result<Splitter> {
        let unknown =
            || Error::unsupported(REPOSITORY, format!("splitter {:?} is not known", self.config.splitter));
        Splitter::named(&self.config.splitter).ok_or_else(unknown)
    }
}

impl fmt::Debug for Format {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { hash, encryption, splitter, version, .. } = &self.config;
        let mut shown = f.debug_struct("Format");
        shown.field("unique_id", &hex::encode(&self.unique_id)).field("version", version);
        shown
            .field("hash", hash)
            .field("encryption", encryption)
            .field("splitter", splitter)
            .finish_non_exhaustive()
    }
}

/// Whether an earlier creation broke off; an error if there is anything else.
fn check_empty(storage: &dyn Storage) -> Result<bool> {
    let mut is_resumed = false;
    storage.list("", &mut |blob| match blob.name.as_str() {
        BLOBCFG => {
            is_resumed = true;
            Ok(())
        }
        other => {
            Err(Error::new(ErrorKind::AlreadyExists, other, "a repository can only be made where nothing is"))
        }
    })?;
    Ok(is_resumed)
}
