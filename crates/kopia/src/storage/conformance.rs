//! What a repository relies on in every store, as checks that run on each; an adapter's tests call [`all`] on an empty store.

use std::thread;
use std::time::Duration;

use super::{Blob, Storage, sorted};
use crate::{ErrorKind, Result};

/// A check that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The name of the check.
    pub check: &'static str,
    /// What was seen.
    pub why: String,
}

type Held = std::result::Result<(), String>;
type Check = (&'static str, fn(&dyn Storage) -> Held);

const CHECKS: [Check; 9] = [
    ("what was put is read", reads),
    ("a put replaces", replaces),
    ("ranges are whole or refused", ranges),
    ("what is longer than allowed is refused", limits),
    ("absent blobs are not found", absent),
    ("lists hold all of a prefix and nothing else", lists),
    ("a put of what is there is refused if asked so", once),
    ("of many that put at once, one succeeds", race),
    ("unsound names are refused", names),
];

/// More than the clocks of a store and of this machine may differ by.
const SKEW_MAX: Duration = Duration::from_secs(300);

/// Runs all checks; those that do not hold.
pub fn all(storage: &dyn Storage) -> Vec<Broken> {
    let run = |&(check, held): &Check| held(storage).err().map(|why| Broken { check, why });
    CHECKS.iter().filter_map(run).collect()
}

fn ensure(holds: bool, why: &str) -> Held {
    if holds { Ok(()) } else { Err(why.to_owned()) }
}

fn done<T>(outcome: Result<T>) -> std::result::Result<T, String> {
    outcome.map_err(|error| error.to_string())
}

fn refused<T>(outcome: Result<T>, kind: ErrorKind) -> Held {
    match outcome {
        Ok(_) => Err(format!("succeeded where {kind:?} was due")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("{:?} where {kind:?} was due: {error}", error.kind())),
    }
}

fn reads(storage: &dyn Storage) -> Held {
    for (name, data) in [("pempty", &b""[..]), ("kopia.test", b"short name"), (LONG, b"long name")] {
        done(storage.put(name, data, None))?;
        ensure(done(storage.get(name, 100))? == data, name)?;
        let head = done(storage.head(name))?;
        ensure(head.name == name && head.length == data.len() as u64, "head tells another blob")?;
        let skew = storage.now().since(head.modified).max(head.modified.since(storage.now()));
        ensure(skew < SKEW_MAX, "head and clock tell different times")?;
    }
    Ok(())
}

const LONG: &str = "q0123456789abcdef0123456789abcdef-s0123456789abcdef147";

fn replaces(storage: &dyn Storage) -> Held {
    done(storage.put("preplaced", b"before, and longer", None))?;
    done(storage.put("preplaced", b"after", None))?;
    ensure(done(storage.get("preplaced", 100))? == b"after", "the old bytes are read")
}

fn ranges(storage: &dyn Storage) -> Held {
    done(storage.put("pranges", b"0123456789", None))?;
    ensure(done(storage.get_range("pranges", 3, 4))? == b"3456", "other bytes")?;
    ensure(done(storage.get_range("pranges", 0, 10))? == b"0123456789", "not the whole")?;
    ensure(done(storage.get_range("pranges", 10, 0))? == b"", "not nothing")?;
    for (offset, length) in [(3, 8), (11, 0), (10, 1), (u64::MAX, 1), (1, usize::MAX)] {
        refused(storage.get_range("pranges", offset, length), ErrorKind::InvalidRange)?;
    }
    Ok(())
}

fn limits(storage: &dyn Storage) -> Held {
    done(storage.put("plimits", b"0123456789", None))?;
    ensure(done(storage.get("plimits", 10))?.len() == 10, "not the whole")?;
    refused(storage.get("plimits", 9), ErrorKind::TooLarge)
}

fn absent(storage: &dyn Storage) -> Held {
    refused(storage.get("pabsent", 1), ErrorKind::NotFound)?;
    refused(storage.get_range("pabsent", 0, 1), ErrorKind::NotFound)?;
    refused(storage.head("pabsent"), ErrorKind::NotFound)?;
    done(storage.delete("pabsent"))?;
    done(storage.put("pabsent", b"now", None))?;
    done(storage.delete("pabsent"))?;
    refused(storage.get("pabsent", 1), ErrorKind::NotFound)
}

fn lists(storage: &dyn Storage) -> Held {
    let long = |first: &str| format!("{first}{}", "0".repeat(40));
    let names = [long("xlist_a"), long("xlist_b"), long("xlisu"), "xlist_".to_owned(), "xl".to_owned()];
    for name in &names {
        done(storage.put(name, name.as_bytes(), None))?;
    }
    let found = done(sorted(storage, "xlist_"))?;
    let expected = [&names[3], &names[0], &names[1]];
    ensure(found.iter().map(|blob| &blob.name).eq(expected), &format!("lists {found:?}"))?;
    ensure(found.iter().all(|blob| blob.length == blob.name.len() as u64), "lengths differ")?;
    let by_whole_name = done(sorted(storage, &names[0]))?;
    ensure(by_whole_name.len() == 1, "a whole name lists its blob")?;
    let everything = done(sorted(storage, ""))?;
    ensure(names.iter().all(|name| everything.iter().any(|blob| blob.name == *name)), "not all are listed")?;
    let mut seen = 0;
    let stopped = storage.list("xlist_", &mut |_: Blob| {
        seen += 1;
        Err(crate::Error::invalid("list", "enough"))
    });
    ensure(stopped.is_err() && seen == 1, "a list goes on after its reader failed")
}

fn once(storage: &dyn Storage) -> Held {
    done(storage.put_if_absent("ponce", b"first", None))?;
    refused(storage.put_if_absent("ponce", b"second", None), ErrorKind::AlreadyExists)?;
    ensure(done(storage.get("ponce", 100))? == b"first", "the second one is read")
}

fn race(storage: &dyn Storage) -> Held {
    let one = |_| storage.put_if_absent("prace", b"x", None).is_ok();
    let won = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|index| scope.spawn(move || one(index))).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).filter(|won| *won).count()
    });
    ensure(won == 1, &format!("{won} succeeded"))
}

fn names(storage: &dyn Storage) -> Held {
    for name in ["", "..", "../out", "a/b", ".shards"] {
        refused(storage.put(name, b"", None), ErrorKind::Invalid)?;
        refused(storage.put_if_absent(name, b"", None), ErrorKind::Invalid)?;
    }
    Ok(())
}
