//! Directories: what is read and written again is read the same.

use super::{Target, of};
use crate::snapshot::Directory;

pub(super) const TARGET: Target = Target { name: "directory", samples, read };

/// What the directory is called.
const NAME: &str = "k7";

fn samples() -> Vec<Vec<u8>> {
    let full = br#"{"stream":"kopia:directory","entries":[{"name":"empty","type":"d","mode":"04000777","mtime":"2022-01-01T00:00:00Z",
        "obj":"kcdbe107301bb4214d743063792248703","summ":{"size":0,"files":0,"symlinks":0,"dirs":1,"maxTime":"2022-01-01T00:00:00Z",
        "numFailed":1,"numIgnoredErrors":3,"incomplete":"canceled","errors":[{"path":"x","error":"denied"}]}},
        {"name":"a\u003c\ufffd","type":"f","mode":"0644","size":12,"mtime":"1970-01-01T00:00:00.5+01:00","uid":1,"gid":4294967295,
        "obj":"Ix00","salvorLink":7,"salvorName":"YTz/"},{"name":"l","type":"s","obj":"ZD00ff"},{"obj":""}],
        "summary":{"size":0,"files":0,"symlinks":0,"dirs":2,"errors":null},"later":[1,{"a":null}]}"#;
    vec![full.to_vec(), br#"{"stream":"kopia:directory","entries":null,"summary":null}"#.to_vec()]
}

fn read(bytes: &[u8]) -> bool {
    let Some(directory) = of(NAME, Directory::read(&NAME, bytes)) else { return false };
    let written = directory.to_bytes();
    let again = of(NAME, Directory::read(&NAME, &written[..])).map(|again| again.to_bytes());
    assert_eq!(again.as_ref(), Some(&written), "{}", String::from_utf8_lossy(&written));
    true
}
