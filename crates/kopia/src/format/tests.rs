//! Repositories that kopia created, and ours, in memory.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::content::table::Crypto;
use crate::random::fake::Seeded;
use crate::storage::{Memory, RetentionMode};

/// What kopia 0.22.3 wrote, with the password `test-pass`.
const SEALED: &str = include_str!("sealed.b64");
const NOW: Time = Time::from_seconds(1_700_000_000);

/// The repository that kopia 0.22.3 created.
pub(crate) fn of_kopia() -> Memory {
    let storage = Memory::new(NOW);
    let envelope = json!({
        "tool": "https://github.com/kopia/kopia",
        "buildVersion": "0.22.3",
        "buildInfo": "",
        "uniqueID": "J9ixAY9EKGsjN791i+8LCOJF9xkzVAkIsmlDl0wDu9I=",
        "keyAlgo": "scrypt-65536-8-1",
        "encryption": "AES256_GCM",
        "encryptedBlockFormat": SEALED,
    });
    storage.put(REPOSITORY, envelope.to_string().as_bytes(), None).unwrap();
    let blobcfg = hex::decode("70245c30ea5c3b2da75fa1485ffae8dfdfb23a657af2fccc4264df04a00b").unwrap();
    storage.put(BLOBCFG, &blobcfg, None).unwrap();
    storage
}

/// The algorithms of a repository with the keys of the specification.
pub(crate) fn synthetic() -> Crypto {
    let (master, secret): (Vec<u8>, Vec<u8>) = ((0x20..0x40).collect(), (0x40..0x60).collect());
    Crypto {
        hasher: Hasher::new(hash::DEFAULT, &secret).unwrap(),
        encryptor: Encryptor::new(encryption::DEFAULT, &keys::of_contents(&master).unwrap()).unwrap(),
    }
}

/// A repository of our own, with the format of `options`.
fn created(options: &Options) -> Memory {
    let storage = Memory::new(NOW);
    Format::create(&storage, &Seeded::new(1), "secret", options).unwrap();
    storage
}

/// Changes what is sealed in a repository with the password `secret`.
fn tamper(storage: &Memory, change: impl FnOnce(&mut Value)) {
    let mut envelope = Envelope::parse(&storage.get(REPOSITORY, LENGTH_MAX).unwrap()).unwrap();
    let seal = Seal::new(&envelope.key_derivation, "secret", &envelope.unique_id).unwrap();
    let mut config =
        serde_json::from_slice(&seal.open(REPOSITORY, envelope.sealed.to_vec()).unwrap()).unwrap();
    change(&mut config);
    let sealed = seal.seal(&Seeded::new(2), config.to_string().as_bytes()).unwrap();
    envelope.sealed = Zeroizing::new(sealed);
    storage.put(REPOSITORY, &envelope.to_bytes().unwrap(), None).unwrap();
}

fn refused(change: impl FnOnce(&mut Value), kind: ErrorKind, words: &str) {
    let storage = created(&Options::default());
    tamper(&storage, change);
    let error = Format::open(&storage, "secret").unwrap_err();
    assert_eq!((error.kind(), error.subject()), (kind, REPOSITORY), "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[test]
fn kopias_repository_opens() {
    let format = Format::open(&of_kopia(), "test-pass").unwrap();
    assert_eq!((format.version(), format.index_version(), format.pack_length()), (3, 2, 20 << 20));
    assert_eq!(format.retention(), None);
    assert_eq!(format.splitter().unwrap(), Splitter::named("DYNAMIC-4M-BUZHASH").unwrap());
    assert_eq!(format.epochs().advance_count, 20);
    format.check_writable().unwrap();
    let hello = format.hasher().unwrap().hash(b"hello world\n");
    assert_eq!(hello.to_string(), "b54eb2954d3ec33443a3fa23029f9dbe");
    let sealed =
        hex::decode("83d43e0a61548e78db89af621661487d7ab42c2d18a0d6bb9f656e8ad8f74a3eb92f4f6f7e5bacea");
    let opened = format.encryptor().unwrap().open(&"p", hello.as_bytes(), sealed.unwrap()).unwrap();
    assert_eq!(opened, b"hello world\n");
    assert!(!format!("{format:?}").contains("Nqalrr93"), "secrets are not shown");
}

#[test]
fn what_is_created_opens_and_only_once() {
    for options in [Options::default(), Options::approved()] {
        let storage = created(&options);
        let format = Format::open(&storage, "secret").unwrap();
        assert_eq!(format.version(), 3);
        assert_eq!(format.hasher().unwrap().length(), 16);
        let error = Format::open(&storage, "Secret").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPassword);
        let again = Format::create(&storage, &Seeded::new(2), "secret", &options).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    }
}

#[test]
fn a_creation_that_broke_off_is_made_good_and_foreign_blobs_are_left_alone() {
    let storage = created(&Options::default());
    storage.delete(REPOSITORY).unwrap();
    Format::create(&storage, &Seeded::new(7), "secret", &Options::default()).unwrap();
    Format::open(&storage, "secret").unwrap();
    let foreign = Memory::new(NOW);
    foreign.put("p1", b"somebody's", None).unwrap();
    let error = Format::create(&foreign, &Seeded::new(7), "secret", &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::AlreadyExists, "p1"));
    assert_eq!(Format::open(&foreign, "secret").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn options_that_make_no_sense_are_refused() {
    let storage = Memory::new(NOW);
    let create = |options| Format::create(&storage, &Seeded::new(1), "secret", &options).unwrap_err().kind();
    let other = |change: fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        options
    };
    assert_eq!(create(other(|options| options.hash = "MD5".into())), ErrorKind::Unsupported);
    assert_eq!(create(other(|options| options.encryption = "ROT13".into())), ErrorKind::Unsupported);
    assert_eq!(create(other(|options| options.splitter = "AXE".into())), ErrorKind::Unsupported);
    assert_eq!(create(other(|options| options.key_derivation = "md5".into())), ErrorKind::Unsupported);
    assert_eq!(create(other(|options| options.pack_length = 1)), ErrorKind::Invalid);
    assert_eq!(create(other(|options| options.pack_length = 121 << 20)), ErrorKind::Corrupt);
    assert!(crate::storage::sorted(&storage, "").unwrap().is_empty(), "nothing is left behind");
}

#[test]
fn a_password_is_changed_and_what_is_unknown_is_kept() {
    let retention = RetentionPeriod { mode: RetentionMode::Governance, period: Duration::from_hours(24) };
    let storage = created(&Options { retention: Some(retention), ..Options::default() });
    tamper(&storage, |config| config["format"]["later"] = json!("kept"));
    let change = |old, new| Format::change_password(&storage, &Seeded::new(3), old, new);
    assert_eq!(change("wrong", "new").unwrap_err().kind(), ErrorKind::InvalidPassword);
    let before = storage.get(REPOSITORY, LENGTH_MAX).unwrap();
    change("secret", "new").unwrap();
    assert_eq!(Format::open(&storage, "secret").unwrap_err().kind(), ErrorKind::InvalidPassword);
    assert_eq!(Format::open(&storage, "new").unwrap().retention(), Some(retention));
    assert_eq!(storage.retention(REPOSITORY).unwrap().until, NOW.plus(retention.period));
    // as if it had broken off between the two puts
    storage.put(REPOSITORY, &before, None).unwrap();
    assert_eq!(Format::open(&storage, "secret").unwrap_err().subject(), BLOBCFG);
    change("secret", "new").unwrap();
    Format::open(&storage, "new").unwrap();
    change("new", "secret").unwrap();
    tamper(&storage, |config| assert_eq!(config["format"]["later"], "kept"));
}

#[test]
fn versions_and_parameters_that_are_not_known_are_refused() {
    let corrupt = ErrorKind::Corrupt;
    let unsupported = ErrorKind::Unsupported;
    refused(|config| config["format"]["version"] = json!(4), unsupported, "version 4");
    refused(|config| config["format"]["hash"] = json!("MD5"), unsupported, "MD5");
    refused(|config| config["format"]["splitter"] = json!("AXE"), unsupported, "AXE");
    refused(|config| config["format"]["encryption"] = json!("ROT13"), unsupported, "ROT13");
    refused(|config| config["format"]["indexVersion"] = json!(3), unsupported, "index version 3");
    refused(|config| config["format"]["maxPackSize"] = json!(1_u64 << 31), corrupt, "too long");
    refused(|config| config["format"]["masterKey"] = json!(null), corrupt, "master key");
    refused(|config| config["format"]["epochParameters"]["MinEpochDuration"] = json!(1), corrupt, "epochs");
    refused(|config| *config = json!([]), corrupt, "");
    let correction = |config: &mut Value| {
        config["format"]["ecc"] = json!("REED-SOLOMON-CRC32");
        config["format"]["eccOverheadPercent"] = json!(10);
    };
    refused(correction, unsupported, "REED-SOLOMON-CRC32");
    let feature = |config: &mut Value| config["format"]["requiredFeatures"] = json!([{ "feature": "warp" }]);
    refused(feature, unsupported, "warp");
}

#[test]
fn an_upgrade_locks_everybody_out() {
    let lock = |created: &str| {
        let storage = created_with_lock(created);
        Format::open(&storage, "secret")
    };
    let error = lock("2023-11-14T22:00:00Z").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("back at noon"), "{error}");
    let announced = lock("2023-11-14T22:13:20Z").unwrap();
    assert_eq!(announced.check_writable().unwrap_err().kind(), ErrorKind::Locked);
}

fn created_with_lock(time: &str) -> Memory {
    let storage = created(&Options::default());
    tamper(&storage, |config| {
        config["format"]["upgradeLock"] = json!({
            "ownerID": "admin", "creationTime": time, "message": "back at noon",
            "advanceNoticeDuration": 600_000_000_000_u64, "ioDrainTimeout": 60_000_000_000_u64,
        });
    });
    storage
}

#[test]
fn old_versions_are_read_and_not_written() {
    let storage = created(&Options::default());
    tamper(&storage, |config| {
        let format = &mut config["format"];
        (format["version"], format["enablePasswordChange"]) = (json!(1), json!(false));
        (format["indexVersion"], format["maxPackSize"]) = (json!(0), json!(0));
        format["epochParameters"] = json!({});
        format["secret"] = json!(null);
    });
    let format = Format::open(&storage, "secret").unwrap();
    assert_eq!((format.version(), format.index_version(), format.pack_length()), (1, 1, 20 << 20));
    assert_eq!(format.check_writable().unwrap_err().kind(), ErrorKind::Unsupported);
    let changed = Format::change_password(&storage, &Seeded::new(3), "secret", "new");
    assert_eq!(changed.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn what_changed_is_seen_when_the_format_is_read_again() {
    let storage = created(&Options::default());
    let format = Format::open(&storage, "secret").unwrap();
    format.reopen(&storage).unwrap();
    tamper(&storage, |config| config["format"]["requiredFeatures"] = json!([{ "feature": "warp" }]));
    assert_eq!(format.reopen(&storage).unwrap_err().kind(), ErrorKind::Unsupported);
    let other = Memory::new(NOW);
    Format::create(&other, &Seeded::new(9), "secret", &Options::default()).unwrap();
    assert_eq!(format.reopen(&other).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn damaged_format_blobs_are_errors_that_name_them() {
    let storage = of_kopia();
    let whole = storage.get(REPOSITORY, LENGTH_MAX).unwrap();
    let format = Format::open(&storage, "test-pass").unwrap();
    for length in 0..whole.len() {
        storage.put(REPOSITORY, &whole[..length], None).unwrap();
        assert_eq!(format.reopen(&storage).unwrap_err().subject(), REPOSITORY, "{length}");
    }
    storage.put(REPOSITORY, &vec![b' '; LENGTH_MAX + 1], None).unwrap();
    assert_eq!(format.reopen(&storage).unwrap_err().kind(), ErrorKind::TooLarge);
    storage.put(REPOSITORY, &whole, None).unwrap();
    storage.put(BLOBCFG, b"no", None).unwrap();
    assert_eq!(format.reopen(&storage).unwrap_err().subject(), BLOBCFG);
}
