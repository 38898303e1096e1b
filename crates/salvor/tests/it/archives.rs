//! Archives that no backup tool made: each a way in which a bucket's content can be wrong or hostile.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

type Tarball = Builder<GzEncoder<Vec<u8>>>;

/// An archive of a namespace and one config map in it, and more.
fn archive(namespace: &str, more: impl FnOnce(&mut Tarball)) -> Vec<u8> {
    let mut tarball = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    file(&mut tarball, "metadata/version", b"1.1.0");
    let good = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "good", "namespace": namespace},
    });
    object(&mut tarball, namespace, "good", &good);
    more(&mut tarball);
    tarball.into_inner().unwrap().finish().unwrap()
}

fn object(tarball: &mut Tarball, namespace: &str, name: &str, document: &Value) {
    let path = format!("resources/configmaps/namespaces/{namespace}/{name}.json");
    file(tarball, &path, document.to_string().as_bytes());
}

fn file(tarball: &mut Tarball, path: &str, content: &[u8]) {
    entry(tarball, EntryType::Regular, path, content);
}

/// Paths are written as they are: the library would refuse the ones that lead elsewhere.
fn entry(tarball: &mut Tarball, kind: EntryType, path: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    if kind.is_symlink() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    tarball.append(&header, content).unwrap();
}

/// Archives that a restore refuses as a whole, by name, with the words that say why.
pub(crate) fn refused(namespace: &str) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let whole = archive(namespace, |_| {});
    let path = |name: &str| format!("resources/configmaps/namespaces/{namespace}/{name}.json");
    vec![
        ("truncated", whole[..whole.len() / 2].to_vec(), "truncated"),
        ("not-gzip", b"this is no archive".to_vec(), "not gzip"),
        ("not-tar", gzip(&[7; 4096]), "corrupt"),
        (
            "leads-up",
            archive(namespace, |tarball| file(tarball, "resources/../../etc/passwd", b"{}")),
            "leads out of the archive",
        ),
        ("absolute", archive(namespace, |tarball| file(tarball, "/etc/passwd", b"{}")), "is absolute"),
        (
            "link",
            archive(namespace, |tarball| entry(tarball, EntryType::Symlink, &path("link"), b"")),
            "neither a file nor a folder",
        ),
        (
            "large",
            archive(namespace, |tarball| file(tarball, &path("large"), &vec![b' '; 64 << 20])),
            "are allowed",
        ),
        ("bomb", bomb(path), "decompresses to more than 250 times its size"),
        (
            "million",
            archive(namespace, |tarball| {
                for number in 0..1_000_000 {
                    file(tarball, &path(&number.to_string()), b"");
                }
            }),
            "more than 900000 entries",
        ),
    ]
}

/// An archive of entries that are no larger than many true ones, and that unpack to a thousand times its size.
fn bomb(path: impl Fn(&str) -> String) -> Vec<u8> {
    const ENTRIES: usize = 32;
    const ENTRY: usize = 4 << 20;
    let mut tarball = Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    file(&mut tarball, "metadata/version", b"1.1.0");
    let blanks = vec![b' '; ENTRY];
    for number in 0..ENTRIES {
        file(&mut tarball, &path(&format!("blank-{number}")), &blanks);
    }
    let packed = tarball.into_inner().unwrap().finish().unwrap();
    let ratio = ENTRIES * ENTRY / packed.len();
    assert!(ratio >= 1000, "no bomb: 1:{ratio}");
    packed
}

/// An archive of which one object is none.
pub(crate) fn with_a_list(namespace: &str) -> Vec<u8> {
    archive(namespace, |tarball| object(tarball, namespace, "list", &json!(["no", "object"])))
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
