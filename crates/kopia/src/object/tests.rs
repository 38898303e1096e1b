//! Objects of every shape, written and read back, and the lists that kopia wrote.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::content::{ContentId, Contents, Prefix};
use crate::format::tests::of_kopia;
use crate::random::fake::Seeded;
use crate::splitter::Splitter;
use crate::splitter::tests::stream;
use crate::{Error, ErrorKind, Repository, Result, Storage, Writer};

fn writer() -> Writer {
    let storage = Arc::new(of_kopia()) as Arc<dyn Storage>;
    Writer::new(Arc::new(Repository::open(storage, Arc::new(Seeded::new(2)), "test-pass").unwrap())).unwrap()
}

fn written(writer: &Writer, bytes: &[u8], splitter: Option<Splitter>) -> ObjectId {
    let splitter = splitter.unwrap_or(writer.repository().format().splitter().unwrap());
    let mut object = ObjectWriter::with_splitter(writer, None, None, splitter);
    for piece in bytes.chunks(700_001) {
        object.append(piece).unwrap();
    }
    assert_eq!(object.length(), bytes.len() as u64);
    object.finish().unwrap()
}

fn read(contents: &dyn Contents, id: ObjectId) -> Vec<u8> {
    let mut reader = ObjectReader::open(contents, id).unwrap();
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(reader.length(), bytes.len() as u64);
    bytes
}

#[test]
fn names_and_lists_are_kopias() {
    let writer = writer();
    let stream = stream(30_000_000);
    let id = written(&writer, &stream, None);
    assert_eq!(id.to_string(), "Ix18925089eecd993fd873f37e8875bd39");
    let list = read(&writer, id.list().unwrap());
    let text = String::from_utf8(list).unwrap();
    assert!(text.starts_with(
        r#"{"stream":"kopia:indirect","entries":[{"l":3322090,"o":"890a7cbe303909cc7adbf7f14f84d060"},{"s":3322090,"l":8388608,"#
    ));
    assert!(text.ends_with("\"o\":\"dd54d0144f225be619fc6e98f565b3e9\"}]}\n"));
    assert_eq!(read(&writer, id), stream);
    let zeros = written(&writer, &vec![0; 20_000_000], None);
    assert_eq!(zeros.to_string(), "Ix97e6180423a596d2f079e93efc92fcb0");
    assert_eq!(written(&writer, b"hello world\n", None).to_string(), "b54eb2954d3ec33443a3fa23029f9dbe");
    assert_eq!(written(&writer, b"", None).to_string(), "3bc03c12d36c553fa417835ad1bb8018");
}

#[test]
fn it_is_read_from_any_place() {
    let writer = writer();
    let bytes = stream(1_000_000);
    let id = written(&writer, &bytes, Some(Splitter::FIXED_128K));
    writer.flush().unwrap();
    let mut reader = ObjectReader::open(&**writer.repository(), id).unwrap();
    for place in [999_999, 0, 131_071, 131_072, 500_000, 1_000_000, 9_000_000] {
        let mut buffer = [0; 10];
        let count = reader.read_at(place, &mut buffer).unwrap();
        let expected = bytes.get(place as usize..).unwrap_or_default();
        assert_eq!(buffer[..count], expected[..count]);
        assert_eq!(count == 0, expected.is_empty(), "{place}");
    }
    reader.seek(SeekFrom::End(-3)).unwrap();
    let mut end = Vec::new();
    reader.read_to_end(&mut end).unwrap();
    assert_eq!(end, bytes[999_997..]);
    assert!(reader.seek(SeekFrom::Current(-2_000_000)).is_err());
}

#[test]
fn lists_that_are_long_are_cut_too() {
    let writer = writer();
    // 62 bytes for each part: more than one content of a list
    let content = writer.put(None, b"x", None).unwrap();
    let parts: Vec<Part> =
        (0..150_000).map(|start| Part { start, length: 1, object: ObjectId::direct(content) }).collect();
    let mut list = ObjectWriter::with_splitter(&writer, Some(Prefix::LIST), None, Splitter::FIXED_1M);
    list::write(&parts, &mut list).unwrap();
    let id = list.finish().unwrap().listed().unwrap();
    assert!(id.to_string().starts_with("IIx"), "{id}");
    assert_eq!(read(&writer, id), vec![b'x'; 150_000]);
}

#[test]
fn directories_keep_their_letter_in_lists() {
    let writer = writer();
    let mut object =
        ObjectWriter::with_splitter(&writer, Some(Prefix::DIRECTORY), None, Splitter::FIXED_128K);
    object.append(&stream(300_000)).unwrap();
    let id = object.finish().unwrap();
    assert!(id.to_string().starts_with("Ik"), "{id}");
}

#[test]
fn parts_are_put_together() {
    let writer = writer();
    let bytes = stream(600_000);
    let part = |bytes: &[u8]| written(&writer, bytes, Some(Splitter::FIXED_128K));
    let ids = [part(&bytes[..300_000]), part(&bytes[300_000..310_000]), part(&bytes[310_000..]), part(b"")];
    let whole = concatenate(&writer, &ids).unwrap();
    assert_eq!(read(&writer, whole), bytes);
    assert_eq!(ObjectReader::open(&writer, whole).unwrap().parts().len(), 3 + 1 + 3 + 1);
    assert_eq!(concatenate(&writer, &ids[..1]).unwrap(), ids[0]);
    assert_eq!(concatenate(&writer, &[]).unwrap_err().kind(), ErrorKind::Invalid);
    // lists may lie in each other
    let nested = [
        Part { start: 0, length: 600_000, object: whole },
        Part { start: 600_000, length: 300_000, object: ids[0] },
    ];
    let mut list = Vec::new();
    list::write(&nested, &mut list).unwrap();
    let id = ObjectId::direct(writer.put(Some(Prefix::LIST), &list, None).unwrap()).listed().unwrap();
    assert_eq!(read(&writer, id), [&bytes[..], &bytes[..300_000]].concat());
}

/// Contents by name, of which any can be made up.
#[derive(Default)]
struct MadeUp(BTreeMap<ContentId, Vec<u8>>);

impl MadeUp {
    fn put(&mut self, id: &str, bytes: impl Into<Vec<u8>>) {
        self.0.insert(id.parse().unwrap(), bytes.into());
    }
}

impl Contents for MadeUp {
    fn content(&self, id: &ContentId) -> Result<Vec<u8>> {
        let absent = || Error::new(ErrorKind::NotFound, id.to_string(), "there is no such content");
        self.0.get(id).cloned().ok_or_else(absent)
    }
}

fn list_of(rows: &str) -> String {
    format!("{{\"stream\":\"kopia:indirect\",\"entries\":{rows}}}\n")
}

#[test]
fn lists_that_make_no_sense_are_errors_that_name_the_object() {
    for (list, kind) in [
        (list_of("[]"), ErrorKind::Corrupt),
        (list_of("null"), ErrorKind::Corrupt),
        (list_of(r#"[{"s":1,"l":1,"o":"00"}]"#), ErrorKind::Corrupt),
        (list_of(r#"[{"l":1,"o":"00"},{"s":2,"l":1,"o":"00"}]"#), ErrorKind::Corrupt),
        (
            list_of(r#"[{"l":18446744073709551615,"o":"00"},{"s":18446744073709551615,"l":1,"o":"00"}]"#),
            ErrorKind::Corrupt,
        ),
        (list_of(r#"[{"l":-1,"o":"00"}]"#), ErrorKind::Corrupt),
        (list_of(r#"[{"l":1,"o":"?"}]"#), ErrorKind::Corrupt),
        (list_of(r#"[{"l":1,"o":"00"}]"#).replace("indirect", "directory"), ErrorKind::Corrupt),
        (list_of(r#"[{"l":1,"o":"00"}]"#) + "more", ErrorKind::Corrupt),
        ("{".to_owned(), ErrorKind::Corrupt),
    ] {
        let mut contents = MadeUp::default();
        contents.put("x00", list.as_bytes());
        let error = ObjectReader::open(&contents, "Ix00".parse().unwrap()).err().expect(&list);
        assert_eq!((error.kind(), error.subject()), (kind, "Ix00"), "{list}: {error}");
    }
    let error = ObjectReader::open(&MadeUp::default(), "Ix00".parse().unwrap()).err().unwrap();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::NotFound, "x00"));
}

#[test]
fn parts_of_another_length_and_circles_are_errors() {
    let mut contents = MadeUp::default();
    contents.put("00", "abc");
    contents.put("x00", list_of(r#"[{"l":2,"o":"00"}]"#));
    // a hash never holds its own name; a reader that does not compare them cannot know
    contents.put("x11", list_of(r#"[{"l":9,"o":"Ix11"}]"#));
    for (id, subject) in [("Ix00", "00"), ("Ix11", "x11")] {
        let mut reader = ObjectReader::open(&contents, id.parse().unwrap()).unwrap();
        let error = reader.read_at(0, &mut [0; 10]).unwrap_err();
        assert_eq!((error.kind(), error.subject()), (ErrorKind::Corrupt, subject), "{id}");
    }
}

#[test]
fn what_the_oldest_repositories_compressed_is_read() {
    let mut contents = MadeUp::default();
    let text = "as it was then ".repeat(100);
    let framed = crate::compression::Compression::named("gzip").unwrap().compress(text.as_bytes());
    contents.put("00", framed.unwrap().unwrap());
    assert_eq!(read(&contents, "Z00".parse().unwrap()), text.as_bytes());
    contents.put("00", "abc");
    assert!(ObjectReader::open(&contents, "Z00".parse().unwrap()).is_err());
}

proptest! {
    #[test]
    fn damaged_lists_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let mut list = list_of(r#"[{"l":3,"o":"00"},{"s":3,"l":3,"o":"Ix11"}]"#).into_bytes();
        let mut contents = MadeUp::default();
        contents.put("00", "abc");
        contents.put("x11", list_of(r#"[{"l":3,"o":"00"}]"#));
        let at = at.index(list.len());
        list[at] = byte;
        for list in [list.clone(), list[..cut.index(list.len())].to_vec()] {
            contents.put("x00", list);
            if let Ok(mut reader) = ObjectReader::open(&contents, "Ix00".parse().unwrap()) {
                let mut bytes = Vec::new();
                let _ = (&mut reader).take(1 << 20).read_to_end(&mut bytes);
                prop_assert!(bytes.len() as u64 <= reader.length());
            }
        }
    }
}

#[test]
fn holes_are_what_zeros_are_however_they_lie() {
    let writer = writer();
    for name in ["FIXED-128K", "DYNAMIC-128K-BUZHASH", "DYNAMIC-128K-RABINKARP"] {
        let splitter = crate::splitter::Splitter::named(name).unwrap();
        let begin = || ObjectWriter::with_splitter(&writer, None, None, splitter);
        for (before, hole, after) in
            [(0, 1 << 20, 0), (0, 1_000_003, 7), (77, 2_000_000, 300_000), (200_000, 40, 200_000), (9, 0, 1)]
        {
            let (before, after) = (vec![1; before], vec![2; after]);
            let mut plain = begin();
            plain.append(&[&before[..], &vec![0; hole], &after].concat()).unwrap();
            let mut sparse = begin();
            sparse.append(&before).unwrap();
            sparse.append_zeros(hole as u64).unwrap();
            sparse.append(&after).unwrap();
            assert_eq!(sparse.length(), plain.length());
            assert_eq!(sparse.finish().unwrap(), plain.finish().unwrap(), "{name} {hole}");
        }
    }
    let mut hole = ObjectWriter::new(&writer, None, None).unwrap();
    hole.append_zeros(1 << 34).unwrap();
    let object = hole.finish().unwrap();
    assert_eq!(ObjectReader::open(&writer, object).unwrap().length(), 1 << 34);
}

#[test]
fn threads_that_help_change_nothing() {
    let writer = writer();
    let bytes = crate::splitter::tests::stream(3_000_000);
    let splitter = crate::splitter::Splitter::named("DYNAMIC-128K-BUZHASH").unwrap();
    let crew = crate::parallel::Crew::new(4);
    let alone = ObjectWriter::with_splitter(&writer, None, None, splitter);
    let helped = alone.clone().with_helpers(&crew);
    let ids = [alone, helped].map(|mut object| {
        object.append(&bytes).unwrap();
        object.clone().finish().unwrap();
        object.append(&bytes).unwrap();
        object.finish().unwrap()
    });
    assert_eq!(ids[0], ids[1]);
}
