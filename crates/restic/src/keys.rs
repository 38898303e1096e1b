//! From a password to the key of the repository: each password has a file in `keys/` in which the same master key is sealed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, de};
use zeroize::Zeroizing;

use crate::crypto::Key;
use crate::{Error, ErrorKind, Files, Result, corrupt, unpacked};

/// The folder of the keys.
const FOLDER: &str = "keys";
/// The only way in which passwords are made into keys.
const SCRYPT: &str = "scrypt";
/// The most keys that are tried, as restic has it.
const KEYS_MAX: usize = 20;
/// The most bytes of a key's file.
const LENGTH_MAX: usize = 64 << 10;
/// The most memory that making a key of a password takes; restic's own limit is a quarter of it.
const SCRYPT_MEMORY_MAX: u64 = 256 << 20;
/// The most times that this is done over.
const SCRYPT_PARALLELISM_MAX: u32 = 16;

/// A file in `keys/`.
#[derive(Deserialize)]
struct KeyFile {
    kdf: String,
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
    #[serde(deserialize_with = "base64_bytes")]
    salt: Zeroizing<Vec<u8>>,
    #[serde(deserialize_with = "base64_bytes")]
    data: Zeroizing<Vec<u8>>,
}

/// The master key, as it is sealed.
#[derive(Deserialize)]
struct Master {
    mac: Mac,
    #[serde(deserialize_with = "base64_bytes")]
    encrypt: Zeroizing<Vec<u8>>,
}

#[derive(Deserialize)]
struct Mac {
    #[serde(deserialize_with = "base64_bytes")]
    k: Zeroizing<Vec<u8>>,
    #[serde(deserialize_with = "base64_bytes")]
    r: Zeroizing<Vec<u8>>,
}

fn base64_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Zeroizing<Vec<u8>>, D::Error> {
    let text = Zeroizing::new(String::deserialize(deserializer)?);
    STANDARD.decode(text.as_bytes()).map(Zeroizing::new).map_err(de::Error::custom)
}

/// The key that a password opens. A key that is damaged is passed over, and told of if no other one fits.
pub(crate) fn open(files: &dyn Files, password: &str) -> Result<Key> {
    let mut listed = files.list(FOLDER)?;
    listed.sort();
    if listed.is_empty() {
        return Err(Error::new(
            ErrorKind::NotFound,
            FOLDER,
            "there are no keys: this is no restic repository",
        ));
    }
    let mut damaged = None;
    for file in listed.iter().take(KEYS_MAX) {
        match open_one(files, &format!("{FOLDER}/{}", file.name), password) {
            Err(error) if error.kind() == ErrorKind::InvalidPassword => {}
            Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::TooLarge) => {
                damaged = damaged.or(Some(error));
            }
            outcome => return outcome,
        }
    }
    let wrong = || Error::new(ErrorKind::InvalidPassword, FOLDER, "the password opens none of the keys");
    Err(damaged.unwrap_or_else(wrong))
}

fn open_one(files: &dyn Files, path: &str, password: &str) -> Result<Key> {
    let bytes = unpacked::raw(files, path, LENGTH_MAX)?;
    let file: KeyFile = unpacked::parse(path, "key", &bytes)?;
    let sealed = from_password(path, &file, password)?
        .open(&path, file.data.to_vec())
        .map_err(|_| Error::new(ErrorKind::InvalidPassword, path, "the password does not open the key"))?;
    let sealed = Zeroizing::new(sealed);
    let master: Master = unpacked::parse(path, "master key", &sealed)?;
    let key = key_of(&master.encrypt, &master.mac.k, &master.mac.r);
    key.ok_or_else(|| corrupt(path, "holds a master key of another length"))
}

fn key_of(encrypt: &[u8], k: &[u8], r: &[u8]) -> Option<Key> {
    Some(Key {
        encrypt: Zeroizing::new(encrypt.try_into().ok()?),
        mac_k: Zeroizing::new(k.try_into().ok()?),
        mac_r: Zeroizing::new(r.try_into().ok()?),
    })
}

/// The key that the master key is sealed with.
fn from_password(path: &str, file: &KeyFile, password: &str) -> Result<Key> {
    if file.kdf != SCRYPT {
        let reason = format!("makes keys of passwords by {:.40?}, which is not known", file.kdf);
        return Err(Error::new(ErrorKind::Unsupported, path, reason));
    }
    let memory = file.n.checked_mul(128).and_then(|bytes| bytes.checked_mul(file.r.into()));
    let is_sound = file.n.is_power_of_two()
        && file.n > 1
        && memory.is_some_and(|memory| memory <= SCRYPT_MEMORY_MAX)
        && (1..=SCRYPT_PARALLELISM_MAX).contains(&file.p);
    let log_n = u8::try_from(file.n.trailing_zeros()).unwrap_or(u8::MAX);
    let params = scrypt::Params::new(log_n, file.r, file.p).ok().filter(|_| is_sound);
    let params =
        params.ok_or_else(|| corrupt(path, "asks for more to be done with a password than restic does"))?;
    let mut bytes = Zeroizing::new([0; 64]);
    scrypt::scrypt(password.as_bytes(), &file.salt, &params, &mut *bytes)
        .map_err(|error| corrupt(path, error.to_string()))?;
    key_of(&bytes[..32], &bytes[32..48], &bytes[48..]).ok_or_else(|| corrupt(path, "makes no key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: u64, r: u32, p: u32) -> KeyFile {
        KeyFile {
            kdf: SCRYPT.to_owned(),
            n,
            r,
            p,
            salt: Zeroizing::new(b"salt".to_vec()),
            data: Zeroizing::default(),
        }
    }

    #[test]
    fn keys_that_would_take_the_machines_memory_are_refused() {
        assert!(from_password("keys/k", &file(16, 8, 1), "password").is_ok());
        for (n, r, p) in
            [(0, 8, 1), (1, 8, 1), (15, 8, 1), (1 << 40, 8, 1), (u64::MAX, 8, 1), (1 << 15, 1 << 30, 1)]
                .into_iter()
                .chain([(16, 0, 1), (16, 8, 0), (16, 8, 1 << 20), (1 << 19, 8, 1)])
        {
            let error = from_password("keys/k", &file(n, r, p), "password").unwrap_err();
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "keys/k"), "{n} {r} {p}");
        }
        let other = KeyFile { kdf: "argon2".to_owned(), ..file(16, 8, 1) };
        assert_eq!(from_password("keys/k", &other, "").unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
