//! Directories and snapshots that kopia wrote, to the byte, and damaged ones.

use proptest::prelude::*;

use super::*;
use crate::format::tests::{of_kopia, synthetic};
use crate::manifest::Manifest;
use crate::{ErrorKind, Format, Time};

const EMPTY: &str = r#"{"stream":"kopia:directory","entries":null,"summary":{"size":0,"files":0,"symlinks":0,"dirs":1,"maxTime":"2022-01-01T00:00:00Z","numFailed":0}}"#;
const PARENT: &str = r#"{"stream":"kopia:directory","entries":[{"name":"empty","type":"d","mode":"04000777","mtime":"2022-01-01T00:00:00Z","obj":"kcdbe107301bb4214d743063792248703","summ":{"size":0,"files":0,"symlinks":0,"dirs":1,"maxTime":"2022-01-01T00:00:00Z","numFailed":0}}],"summary":{"size":0,"files":0,"symlinks":0,"dirs":2,"maxTime":"2022-01-01T00:00:00Z","numFailed":0}}"#;
const SNAPSHOT: &str = r#"{"id":"","source":{"host":"default","userName":"default","path":"snapshot-pod-volume/kopia/ns/pod/vol"},"description":"","startTime":"2026-11-20T23:26:30.01Z","endTime":"2026-11-20T23:26:30.04Z","stats":{"totalSize":12,"excludedTotalSize":0,"fileCount":1,"cachedFiles":0,"nonCachedFiles":1,"dirCount":1,"excludedFileCount":0,"excludedDirCount":0,"ignoredErrorCount":0,"errorCount":0},"rootEntry":{"name":"vol","type":"d","mode":"0755","mtime":"2022-01-01T00:00:00Z","obj":"k00"},"tags":{"k":"v"},"pins":["velero-pin"]}"#;

fn directory(text: &str) -> crate::Result<Directory> {
    Directory::read(&"k7", text.as_bytes())
}

#[test]
fn directories_are_kopias_byte_for_byte() {
    let hasher = Format::open(&of_kopia(), "test-pass").unwrap().hasher().unwrap();
    for (text, id) in
        [(EMPTY, "cdbe107301bb4214d743063792248703"), (PARENT, "b408b0a52110f951dac31f69959cbf70")]
    {
        let bytes = directory(text).unwrap().to_bytes();
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), format!("{text}\n"));
        assert_eq!(hasher.hash(&bytes).to_string(), id);
    }
    let nothing = Directory::default().to_bytes();
    assert_eq!(synthetic().hasher.hash(&nothing).to_string(), "addae1c60d7f540f5ec1c7e5e0c126f5");
}

#[test]
fn every_field_is_written_in_its_place_and_left_out_where_go_does() {
    let full = DirEntry {
        name: b"a<\xff".to_vec(),
        kind: EntryType::File,
        mode: Mode::from_unix(0o4755),
        size: 12,
        modified: Time::from_nanos(1),
        uid: 1,
        gid: u32::MAX,
        object: Some("Ix00".parse().unwrap()),
        summary: None,
        link: Some(7),
    };
    let failure = |path: &str| EntryError { path: path.to_owned(), error: "permission denied".to_owned() };
    let summary = Summary {
        incomplete: "canceled".to_owned(),
        failed: 2,
        ignored_errors: 3,
        errors: vec![failure("x")],
        ..Summary::default()
    };
    let bytes = Directory { entries: vec![full, DirEntry::default()], summary: Some(summary) }.to_bytes();
    let text = [
        r#"{"stream":"kopia:directory","entries":["#,
        r#"{"name":"a\u003c\ufffd","type":"f","mode":"040000755","size":12,"mtime":"1970-01-01T00:00:00.000000001Z","#,
        r#""uid":1,"gid":4294967295,"obj":"Ix00","salvorLink":7,"salvorName":"YTz/"},{"obj":""}],"#,
        r#""summary":{"size":0,"files":0,"symlinks":0,"dirs":0,"incomplete":"canceled","numFailed":2,"numIgnoredErrors":3,"#,
        r#""errors":[{"path":"x","error":"permission denied"}]}}"#,
        "\n",
    ];
    assert_eq!(String::from_utf8(bytes).unwrap(), text.concat());
    let many = Summary { errors: vec![failure("x"); 11], ..Summary::default() };
    let read = Directory::read(&"k", &*Directory { summary: Some(many), ..Directory::default() }.to_bytes())
        .unwrap();
    assert_eq!(read.summary.unwrap().errors.len(), 10);
}

#[test]
fn entries_are_sorted_with_directories_first() {
    let entry = |name: &str, kind| DirEntry { name: name.into(), kind, ..DirEntry::default() };
    let (file, link, folder) = (EntryType::File, EntryType::Symlink, EntryType::Directory);
    let mut sorted = Directory {
        entries: vec![
            entry("b", file),
            entry("a", link),
            entry("B", file),
            entry("z", folder),
            entry("c", folder),
        ],
        summary: None,
    };
    sorted.sort();
    let names: Vec<&[u8]> = sorted.entries.iter().map(|entry| &entry.name[..]).collect();
    assert_eq!(names, [b"c", b"z", b"B", b"a", b"b"]);
}

#[test]
fn what_later_versions_add_is_ignored_and_what_makes_no_sense_is_an_error() {
    let later = PARENT
        .replace("\"obj\"", "\"new\":{\"a\":[1]},\"obj\"")
        .replace("\"stream\"", "\"newer\":1,\"stream\"");
    assert_eq!(directory(&later).unwrap(), directory(PARENT).unwrap());
    for (from, to) in [
        ("kopia:directory", "kopia:indirect"),
        ("kcdbe107301bb4214d743063792248703", "?"),
        ("04000777", "0999"),
        ("2022-01-01T00:00:00Z", "yesterday"),
        ("\"size\":0", "\"size\":-1"),
        ("[{", "{"),
        ("}}", "}"),
    ] {
        let error = directory(&PARENT.replacen(from, to, 1)).unwrap_err();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "k7"), "{from}: {error}");
    }
    for length in 0..PARENT.len() {
        assert_eq!(directory(&PARENT[..length]).unwrap_err().subject(), "k7");
    }
    let mut count = 0;
    let stopped = read_directory(&"k7", PARENT.as_bytes(), &mut |_| {
        count += 1;
        Err(crate::Error::new(ErrorKind::Invalid, "reader", "has enough"))
    });
    assert_eq!((stopped.unwrap_err().subject(), count), ("reader", 1));
}

fn manifest(data: &str) -> Manifest {
    let text = format!(
        r#"{{"id":"ab","labels":{{"type":"snapshot"}},"modified":"2026-11-20T23:26:30Z","data":{data}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

#[test]
fn snapshots_are_kopias_byte_for_byte() {
    let snapshot = Snapshot::read(&manifest(SNAPSHOT)).unwrap();
    assert_eq!(String::from_utf8(snapshot.to_bytes()).unwrap(), SNAPSHOT);
    let labels = snapshot.labels().unwrap();
    let expected = [
        ("hostname", "default"),
        ("k", "v"),
        ("path", "snapshot-pod-volume/kopia/ns/pod/vol"),
        ("type", "snapshot"),
        ("username", "default"),
    ];
    assert!(labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).eq(expected), "{labels:?}");
    let mut many = snapshot.clone();
    many.stats.file_count = 1 << 40;
    let again = Snapshot::read(&manifest(&String::from_utf8(many.to_bytes()).unwrap())).unwrap();
    assert_eq!(again.stats.file_count, 2_147_483_647, "kopia cannot read more, and would delete the data");
}

#[test]
fn snapshots_that_kopia_could_not_find_or_keep_are_refused() {
    let snapshot = Snapshot::read(&manifest(SNAPSHOT)).unwrap();
    let mut tagged = snapshot.clone();
    tagged.tags.insert("path".to_owned(), "elsewhere".to_owned());
    let mut nowhere = snapshot;
    nowhere.source.path = String::new();
    for bad in [tagged, nowhere] {
        assert_eq!(bad.labels().unwrap_err().kind(), ErrorKind::Invalid);
    }
    for data in ["null", "{}", r#"{"source":{"host":"a","userName":"b","path":"c"},"rootEntry":null}"#, "[]"]
    {
        let error = Snapshot::read(&manifest(data)).unwrap_err();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, "manifest ab"));
    }
    let policy: Manifest = serde_json::from_str(
        r#"{"id":"ab","labels":{"type":"policy"},"modified":"2026-11-20T23:26:30Z","data":{}}"#,
    )
    .unwrap();
    assert!(Snapshot::read(&policy).is_err());
}

proptest! {
    #[test]
    fn damaged_directories_are_errors_or_directories(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = PARENT.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        match Directory::read(&"k7", &bytes[..]) {
            Ok(directory) => drop(directory.to_bytes()),
            Err(error) => prop_assert_eq!(error.subject(), "k7"),
        }
    }
}
