//! Every byte of every blob of a small repository is flipped, and every blob is cut off and lost: what is read is right, or it is an error that
//! names the blob.

use std::error::Error as _;
use std::thread;

use super::*;
use crate::format::Options;
use crate::maintenance::{Maintainer, Mode, Safety, Schedule};
use crate::random::fake::Seeded;
use crate::storage::{Memory, sorted};
use crate::{Error, ErrorKind};

const NOW: Time = Time::from_seconds(1_700_000_000);
const THREADS: usize = 4;

fn repository() -> (Arc<Memory>, Format) {
    let storage = Arc::new(Memory::new(NOW));
    Format::create(&*storage, &Seeded::new(1), "secret", &Options::default()).unwrap();
    let format = Format::open(&*storage, "secret").unwrap();
    let as_storage = Arc::clone(&storage) as Arc<dyn Storage>;
    let repository = Arc::new(reopen(&as_storage, &format, 2).unwrap());
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let files = |name: &str| -> Files {
        [(name.to_owned(), name.repeat(30).into_bytes()), ("empty".to_owned(), Vec::new())].into()
    };
    save(&writer, &files("file")).unwrap();
    let maintainer = Maintainer::new(repository, "u", "h").with_safety(Safety::NONE);
    maintainer.take_over().unwrap();
    maintainer.run(Mode::Quick).unwrap();
    (storage, format)
}

fn copy_of(storage: &Memory) -> Arc<dyn Storage> {
    let copy = Memory::new(NOW);
    for blob in sorted(storage, "").unwrap() {
        copy.put(&blob.name, &storage.get(&blob.name, 1 << 20).unwrap(), None).unwrap();
    }
    Arc::new(copy)
}

/// Whether an error, or one that it was caused by, tells of a blob.
fn names(error: &Error, blob: &str) -> bool {
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        if error.to_string().contains(blob) {
            return true;
        }
        next = error.source();
    }
    error.source().is_some_and(|source| source.to_string().contains(blob))
}

/// Everything that can be read: the files, and when maintenance is due.
fn look(storage: &Arc<dyn Storage>, format: &Format) -> Result<(BTreeMap<String, Files>, Option<Mode>)> {
    let repository = Arc::new(reopen(storage, format, 3)?);
    let files = read_all(&repository)?;
    let due = Maintainer::new(repository, "u", "h").run(Mode::Auto)?.mode;
    Ok((files, due))
}

/// All files, and the record of maintenance.
fn everything(storage: &Arc<dyn Storage>, format: &Format) -> Result<(BTreeMap<String, Files>, Schedule)> {
    let repository = reopen(storage, format, 3)?;
    Ok((read_all(&repository)?, Schedule::load(&repository)?))
}

#[test]
fn every_flipped_byte_of_a_repository_is_an_error_that_names_the_blob_or_changes_nothing() {
    let (storage, format) = repository();
    let blobs = sorted(&*storage, "").unwrap();
    let expected = everything(&copy_of(&storage), &format).unwrap();
    assert_eq!(expected.0.len(), 1);
    let check = |number: usize| {
        let storage = copy_of(&storage);
        let (mut errors, mut same) = (0, 0);
        for blob in &blobs {
            let whole = storage.get(&blob.name, 1 << 20).unwrap();
            for byte in (number..whole.len()).step_by(THREADS) {
                let mut damaged = whole.clone();
                damaged[byte] ^= 1 << (byte % 8);
                storage.put(&blob.name, &damaged, None).unwrap();
                match everything(&storage, &format) {
                    Ok(read) => {
                        assert_eq!(read, expected, "{} {byte}", blob.name);
                        same += 1;
                    }
                    Err(error) => {
                        assert!(names(&error, &blob.name), "{} {byte}: {error}", blob.name);
                        errors += 1;
                    }
                }
            }
            storage.put(&blob.name, &whole, None).unwrap();
        }
        (errors, same)
    };
    let counts: Vec<(u32, u32)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || check(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (errors, same) = counts.into_iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    assert!(errors > 1500 && same > 5000, "{errors} errors; padding of packs and free text: {same}");
}

#[test]
fn blobs_that_are_cut_off_or_lost_are_named() {
    let (storage, format) = repository();
    for blob in sorted(&*storage, "").unwrap() {
        let copy = copy_of(&storage);
        let whole = copy.get(&blob.name, 1 << 20).unwrap();
        for length in [0, 1, 20, 40].into_iter().filter(|length| *length < whole.len()) {
            copy.put(&blob.name, &whole[..length], None).unwrap();
            let error = look(&copy, &format).unwrap_err();
            assert!(names(&error, &blob.name), "{} {length}: {error}", blob.name);
        }
        copy.delete(&blob.name).unwrap();
        match look(&copy, &format) {
            Ok((files, _)) => {
                // what only an index told of is not known to be lost
                let is_replaceable = ["xn", "kopia.blobcfg", "kopia.maintenance"];
                assert!(is_replaceable.iter().any(|kind| blob.name.starts_with(kind)), "{}", blob.name);
                assert!(blob.name.starts_with("xn") || files.len() == 1);
            }
            Err(error) => assert!(
                names(&error, &blob.name)
                    || error.kind() == ErrorKind::NotFound
                    || error.kind() == ErrorKind::Locked,
                "{}: {error}",
                blob.name
            ),
        }
    }
}
