//! What an archive may be, and what it may not.

use std::io::{Read, Write};

use api::meta::{GroupResource, ObjectKey};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{EntryType, Header};

use super::*;

fn time() -> jiff::Timestamp {
    "2026-05-20T10:00:00Z".parse().unwrap()
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn written(items: &[(ItemPath, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), time()).unwrap();
    for (path, content) in items {
        writer.append(path, content).unwrap();
    }
    writer.finish().unwrap()
}

fn pod(name: &str) -> ItemPath {
    ItemPath::of(&ObjectKey::new(GroupResource::new("", "pods"), Some("shop"), name))
}

fn read(bytes: &[u8], limits: Limits) -> Result<Vec<Entry>, Error> {
    Reader::new(bytes, limits).collect()
}

fn raw(path: &[u8], kind: EntryType, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..path.len()].copy_from_slice(path);
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn archive_of(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend([0; 1024]);
    gzip(&bytes)
}

#[test]
fn headers_are_those_of_velero() {
    let bytes = written(&[(pod("web"), b"{}".to_vec())]);
    for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0o755, 0, 0));
        assert_eq!(header.mtime().unwrap(), 1_779_271_200);
        assert_eq!(header.entry_type(), EntryType::Regular);
        assert_eq!(header.username(), Ok(Some("")));
    }
    let entries = read(&gzip(&bytes), Limits::default()).unwrap();
    assert_eq!(entries[0], Entry { path: "metadata/version".into(), content: b"1.1.0\n".to_vec() });
    assert_eq!(
        entries[1],
        Entry { path: "resources/pods/namespaces/shop/web.json".into(), content: b"{}".to_vec() }
    );
}

#[test]
fn names_of_253_characters_and_beyond_come_through() {
    for name in ["n".repeat(90), "n".repeat(253), "ä".repeat(120), format!("a{}", ".b".repeat(126))] {
        let path = pod(&name).in_version("v1", true);
        let bytes = written(&[(path.clone(), b"{\"a\":1}".to_vec())]);
        let entries = read(&gzip(&bytes), Limits::default()).unwrap();
        assert_eq!(ArchivePath::parse(&entries[1].path), Some(ArchivePath::Item(path.clone())));
        let mut theirs = tar::Archive::new(bytes.as_slice());
        let seen = theirs.entries().unwrap().nth(1).unwrap().unwrap();
        assert_eq!(seen.path_bytes().as_ref(), path.to_string().as_bytes());
    }
}

#[test]
fn pieces_join_as_gzip_members() {
    let mut first = Writer::new(Vec::new(), time()).unwrap();
    first.append(&pod("a"), b"{}").unwrap();
    let mut last = Writer::resume(Vec::new(), time());
    last.append(&pod("b"), b"{}").unwrap();
    let mut stream = gzip(&first.into_inner());
    let cut = stream.len();
    stream.extend(gzip(&last.finish().unwrap()));
    assert_eq!(read(&stream, Limits::default()).unwrap().len(), 3);
    let mut reader = Reader::new(stream.as_slice(), Limits::default());
    assert_eq!(reader.by_ref().count(), 3);
    assert!(reader.into_inner().is_empty(), "all of it was read, so that a digest over it is whole");
    assert_eq!(read(&stream[..cut], Limits::default()), Err(Error::Truncated { entries: 1 }));
}

#[test]
fn an_archive_of_other_tools_is_read() {
    let long = format!("resources/pods/namespaces/shop/{}.json", "n".repeat(200));
    let bytes = archive_of(&[
        raw(b"./resources/", EntryType::Directory, b""),
        raw(b"pax_global_header", EntryType::XGlobalHeader, b"13 comment=x\n"),
        raw(b"./resources/pods/cluster/a.json", EntryType::Regular, b"{}"),
        raw(b"././@LongLink", EntryType::GNULongName, format!("{long}\0").as_bytes()),
        raw(b"short", EntryType::Regular, b"{}"),
    ]);
    let paths: Vec<_> =
        read(&bytes, Limits::default()).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(paths, ["resources/pods/cluster/a.json".to_owned(), long]);
}

#[test]
fn what_is_no_archive_is_refused() {
    let whole = gzip(&written(&[(pod("web"), vec![b'x'; 3000])]));
    let check = |bytes: &[u8], expect: Error| assert_eq!(read(bytes, Limits::default()), Err(expect));
    check(b"", Error::NotGzip);
    check(b"\x1f", Error::NotGzip);
    check(b"PK\x03\x04 this is a zip", Error::NotGzip);
    check(&gzip(b""), Error::Truncated { entries: 0 });
    assert!(matches!(read(&gzip(&[b'x'; 512]), Limits::default()), Err(Error::Corrupt { .. })));
    for cut in 3..whole.len() - 1 {
        assert!(
            matches!(read(&whole[..cut], Limits::default()), Err(Error::Truncated { .. } | Error::NotGzip)),
            "{cut}"
        );
    }
    let mut flipped = whole.clone();
    let end = flipped.len() - 6;
    flipped[end] ^= 1;
    assert!(matches!(read(&flipped, Limits::default()), Err(Error::Corrupt { .. })));
    let mut twice = written(&[]);
    twice.extend(written(&[]));
    let reason = "there is something after the end of the archive".into();
    check(&gzip(&twice), Error::Corrupt { reason });
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    let check = |path: &[u8], rule: PathRule| {
        let bytes = archive_of(&[raw(path, EntryType::Regular, b"{}")]);
        match read(&bytes, Limits::default()) {
            Err(Error::Path { rule: found, .. }) => assert_eq!(found, rule, "{path:?}"),
            other => panic!("{path:?}: {other:?}"),
        }
    };
    check(b"/etc/passwd", PathRule::Absolute);
    check(b"../../etc/passwd", PathRule::Parent);
    check(b"resources/pods/../../../x.json", PathRule::Parent);
    check(b"resources/..", PathRule::Parent);
    check(b"", PathRule::Empty);
    check(b"resources/\xff\xfe", PathRule::NotText);
    let record = |path: &str| format!("{} path={path}\n", path.len() + 9 + usize::from(path.len() > 91));
    let escape = "../".repeat(20) + "x";
    let bytes = archive_of(&[
        raw(b"p", EntryType::XHeader, record(&escape).as_bytes()),
        raw(b"harmless.json", EntryType::Regular, b"{}"),
    ]);
    assert!(matches!(read(&bytes, Limits::default()), Err(Error::Path { rule: PathRule::Parent, .. })));
    let limits = Limits { path_bytes_max: 20, ..Limits::default() };
    let bytes = archive_of(&[raw(b"resources/pods/cluster/a.json", EntryType::Regular, b"{}")]);
    assert!(matches!(read(&bytes, limits), Err(Error::Path { rule: PathRule::TooLong, .. })));
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Char, EntryType::Block, EntryType::Fifo] {
        let bytes = archive_of(&[raw(b"resources/pods/cluster/a.json", kind, b"")]);
        assert!(matches!(read(&bytes, Limits::default()), Err(Error::Kind { .. })), "{kind:?}");
    }
}

#[test]
fn limits_hold() {
    let small = Limits { entries_max: 3, bytes_max: 1 << 20, entry_bytes_max: 4096, ..Limits::default() };
    let entry = raw(b"resources/pods/cluster/a.json", EntryType::Regular, b"{}");
    assert_eq!(read(&archive_of(&vec![entry.clone(); 3]), small).unwrap().len(), 3);
    assert_eq!(read(&archive_of(&vec![entry; 4]), small), Err(Error::TooManyEntries { max: 3 }));

    let large = raw(b"a", EntryType::Regular, &[b'x'; 4097]);
    let refused = Error::EntryTooLarge { path: "a".into(), size: 4097, max: 4096 };
    assert_eq!(read(&archive_of(&[large]), small), Err(refused));

    let total = Limits { bytes_max: 6000, ..Limits::default() };
    let piece = raw(b"a", EntryType::Regular, &[b'x'; 4000]);
    assert_eq!(read(&archive_of(&[piece.clone(), piece]), total), Err(Error::TooLarge { max: 6000 }));
}

#[test]
fn bombs_are_refused_early() {
    let piece = raw(b"a", EntryType::Regular, &vec![0; 1 << 20]);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    (0..16).for_each(|_| encoder.write_all(&piece).unwrap());
    let bomb = encoder.finish().unwrap();
    let mut reader = Reader::new(bomb.as_slice(), Limits::default());
    assert_eq!(reader.find_map(Result::err), Some(Error::Ratio { max: 250 }));

    let name = raw(b"././@LongLink", EntryType::GNULongName, &vec![b'x'; 1 << 20]);
    assert!(matches!(read(&archive_of(&[name]), Limits::default()), Err(Error::EntryTooLarge { .. })));

    let limits = Limits { entries_max: 9_999, ratio_max: u64::MAX, ..Limits::default() };
    let entries = gzip(&raw(b"a", EntryType::Regular, b"").repeat(10_000));
    let mut reader = Reader::new(entries.as_slice(), limits);
    assert_eq!(reader.find_map(Result::err), Some(Error::TooManyEntries { max: 9_999 }));
    assert!(Limits::default().entries_max < 1_000_000);
}

#[test]
fn a_writer_knows_what_a_reader_admits() {
    // A long name has an entry of its own.
    let items = [(pod("a"), vec![b' '; 3000]), (pod(&"n".repeat(200)), b"{}".to_vec())];
    let mut writer = Writer::new(Vec::new(), time()).unwrap();
    for (path, content) in &items {
        writer.append(path, content).unwrap();
    }
    let (size, packed) = (writer.size(), gzip(&writer.finish().unwrap()));
    let size = Size { packed: packed.len() as u64, ..size };
    let fits = Limits { entries_max: 4, ..Limits::default() };
    let free = 1000;
    for (limits, admitted) in [
        (fits, true),
        (Limits { entries_max: 3, ..fits }, false),
        (Limits { bytes_max: 4000, ..fits }, false),
        (Limits { ratio_free_bytes: free, ratio_max: 1, ..fits }, false),
        (Limits { ratio_free_bytes: free, ratio_max: 1000, ..fits }, true),
    ] {
        assert_eq!(limits.admit(size).is_ok(), admitted, "{limits:?} {size:?}");
        assert_eq!(read(&packed, limits).is_ok(), admitted, "{limits:?} {size:?}");
    }
}

#[test]
fn a_claimed_size_is_not_allocated() {
    let mut header = raw(b"a", EntryType::Regular, b"");
    let mut claims = Header::from_byte_slice(&header).clone();
    claims.set_size(u64::MAX >> 2);
    claims.set_cksum();
    header = claims.as_bytes().to_vec();
    assert!(matches!(read(&archive_of(&[header]), Limits::default()), Err(Error::EntryTooLarge { .. })));
}

#[test]
fn a_failing_source_is_told_from_a_damaged_one() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("connection reset")),
                count => Ok(count),
            }
        }
    }
    let whole = gzip(&written(&[(pod("web"), vec![b'x'; 3000])]));
    let outcome: Result<Vec<_>, _> = Reader::new(Failing(&whole[..40]), Limits::default()).collect();
    assert_eq!(outcome, Err(Error::Source { reason: "connection reset".into() }));
}

#[test]
fn a_document_is_an_object_or_a_problem() {
    assert!(document(&pod("a"), b"{\"kind\":\"Pod\"}").is_ok());
    let nested = "[".repeat(100_000);
    for bad in [&b"[]"[..], b"null", b"{", b"\xff", b"", nested.as_bytes()] {
        let problem = document(&pod("a"), bad).unwrap_err();
        assert_eq!(problem.code, "SLV-1801");
        assert_eq!(problem.object.unwrap().full_name(), "shop/a");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn archives_round_trip(items in proptest::collection::vec(("[a-z0-9.:-]{1,253}", proptest::collection::vec(any::<u8>(), 0..2000)), 0..12)) {
        let items: Vec<_> = items.into_iter().map(|(name, content)| (pod(&name), content)).collect();
        let entries = read(&gzip(&written(&items)), Limits::default()).unwrap();
        prop_assert_eq!(entries.len(), items.len() + 1);
        for (entry, (path, content)) in entries[1..].iter().zip(&items) {
            prop_assert_eq!(&entry.path, &path.to_string());
            prop_assert_eq!(&entry.content, content);
        }
    }

    #[test]
    fn reading_never_panics(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), pack in any::<bool>()) {
        let mut bytes = written(&[(pod("web"), vec![b'x'; 700]), (pod(&"n".repeat(250)), b"{}".to_vec())]);
        if !pack {
            bytes = gzip(&bytes);
        }
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if pack {
            bytes = gzip(&bytes);
        }
        let limits = Limits { entry_bytes_max: 1 << 16, bytes_max: 1 << 20, ..Limits::default() };
        let read: u64 = Reader::new(bytes.as_slice(), limits).flatten().map(|entry| entry.content.len() as u64).sum();
        prop_assert!(read <= 1 << 20);
    }
}
