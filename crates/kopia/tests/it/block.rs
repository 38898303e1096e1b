//! Devices, for which files stand in: what is read, what is taken over, and what comes back.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use kopia::block::{BlockUpload, Layout, Since, Uploaded, restore, root};
use kopia::snapshot::{Snapshot, Source};
use kopia::{ErrorKind, ObjectId, Repository, Result, Writer, manifest::Changes};

use crate::command::world;
use crate::interop::{created, has_kopia_verify};
use crate::tree::noise;
use crate::upload::repository;

const MIB: u64 = 1 << 20;

/// A device with a hole, and no whole number of blocks.
fn device(path: &Path) -> (File, u64) {
    let file = File::create_new(path).unwrap();
    file.write_all_at(&noise(1, 3 << 20), 0).unwrap();
    file.write_all_at(&noise(2, 500_000), 20 * MIB).unwrap();
    let length = 40 * MIB + 12_345;
    file.set_len(length).unwrap();
    (File::options().read(true).write(true).open(path).unwrap(), length)
}

fn upload(
    writer: &Writer,
    device: &File,
    length: u64,
    layout: Layout,
    since: Option<Since<'_>>,
) -> Result<Uploaded> {
    let cancel = AtomicBool::new(false);
    BlockUpload { writer, threads: 4, layout, since, compression: None, cancel: &cancel }.run(device, length)
}

fn restored(repository: &Repository, object: ObjectId, path: &Path, length: u64) -> u64 {
    let target = File::create(path).unwrap();
    target.set_len(length).unwrap();
    restore(repository, object, &target, length, true, 4, &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_device_comes_back_and_holes_are_neither_read_nor_written() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let path = folder.path().join("device");
    let (file, length) = device(&path);
    for layout in [Layout::File, Layout::Blocks] {
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        let uploaded = upload(&writer, &file, length, layout, None).unwrap();
        writer.flush().unwrap();
        assert!(uploaded.bytes_read < 5 * MIB, "{layout:?} {uploaded:?}");
        let expected = if layout == Layout::Blocks { 41 * MIB } else { length };
        assert_eq!(uploaded.length, expected);
        let back = folder.path().join("back");
        let written = restored(&repository, uploaded.object, &back, length);
        assert!(written < 8 * MIB, "{layout:?} {written}");
        assert!(fs::read(&back).unwrap() == fs::read(&path).unwrap(), "{layout:?}");
    }
}

#[test]
fn only_what_has_changed_is_read() {
    let (folder, repository) = (tempfile::tempdir().unwrap(), repository());
    let path = folder.path().join("device");
    let (file, length) = device(&path);
    let writer = Writer::new(Arc::clone(&repository)).unwrap();
    let first = upload(&writer, &file, length, Layout::Blocks, None).unwrap();
    writer.flush().unwrap();
    file.write_all_at(&noise(3, 100), 5 * MIB - 50).unwrap();
    file.write_all_at(b"not told of", 20 * MIB).unwrap();
    let longer = length + MIB;
    file.set_len(longer).unwrap();
    file.write_all_at(b"new", longer - 3).unwrap();
    let changed = [5 * MIB - 50..5 * MIB, 5 * MIB..5 * MIB + 50];
    let since = || Some(Since { object: first.object, changed: &changed });
    let second = upload(&writer, &file, longer, Layout::Blocks, since()).unwrap();
    writer.flush().unwrap();
    assert!(second.bytes_read <= 4 * MIB, "two blocks, and what has been added: {second:?}");
    let back = folder.path().join("back");
    restored(&repository, second.object, &back, longer);
    file.write_all_at(&noise(2, 11), 20 * MIB).unwrap();
    assert!(fs::read(&back).unwrap() == fs::read(&path).unwrap(), "all but what nobody was told of");
    let as_file = upload(&writer, &file, length, Layout::File, None).unwrap();
    let since = Some(Since { object: as_file.object, changed: &changed });
    assert_eq!(upload(&writer, &file, length, Layout::Blocks, since).unwrap_err().kind(), ErrorKind::Invalid);
}

#[test]
fn kopia_verifies_devices() {
    let Some(world) = world() else { return };
    let path = world.path("device");
    let (file, length) = device(&path);
    let repository = created(&world, &kopia::format::Options::default());
    for (layout, name) in [(Layout::File, "/dev/xvda"), (Layout::Blocks, "disk")] {
        let writer = Writer::new(Arc::clone(&repository)).unwrap();
        let now = repository.storage().now();
        let uploaded = upload(&writer, &file, length, layout, None).unwrap();
        let root = root(&writer, name, &uploaded, layout, now).unwrap();
        let source = Source { host: "default".to_owned(), user: "default".to_owned(), path: name.to_owned() };
        let snapshot = Snapshot { source, root, started: now, ended: now, ..Snapshot::default() };
        let mut changes = Changes::default();
        let id = changes.put(&repository, snapshot.labels().unwrap(), snapshot.to_bytes()).unwrap();
        changes.write(&writer).unwrap();
        writer.flush().unwrap();
        if layout == Layout::File {
            world.connect();
        }
        has_kopia_verify(&world);
        if layout == Layout::Blocks {
            let target = world.path("restored");
            world.kopia(&["snapshot", "restore", &id, &target.display().to_string()]);
            let mut expected = fs::read(&path).unwrap();
            expected.resize(uploaded.length as usize, 0);
            assert!(fs::read(target.join("disk")).unwrap() == expected);
        }
    }
}
