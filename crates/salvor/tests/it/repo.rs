//! `salvor repo` as a person uses it: our program on repositories in folders and on the object store, with no cluster. What Kopia's and restic's
//! commands have to say about the same repositories is asked where they are.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::commands::Ran;
use crate::world::SALVOR;

const PASSWORD: &str = "correct horse";

/// A place to work at: a folder of one's own, a tree in it, and a repository.
struct Desk {
    folder: TempDir,
    /// Where the repository is, with the flags that it takes to get there.
    repository: Vec<String>,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Self { repository: Vec::new(), folder };
        desk.write("password", PASSWORD);
        desk.write("tree/below/file", "what is in it\n");
        desk.write("tree/large", &"0123456789abcdef".repeat(200_000));
        std::os::unix::fs::symlink("below/file", desk.path("tree/link")).unwrap();
        let repository = desk.path("repository").display().to_string();
        Self { repository: vec!["--repository".to_owned(), repository], ..desk }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command on the repository.
    fn repo(&self, arguments: &[&str]) -> Ran {
        self.repo_with("password", arguments)
    }

    fn repo_with(&self, password: &str, arguments: &[&str]) -> Ran {
        let mut program = Command::new(SALVOR);
        program.arg("repo").args(arguments).args(&self.repository);
        program.arg("--password-file").arg(self.path(password)).env_remove("SALVOR_REPOSITORY");
        let ran = Ran::from(program.output().unwrap());
        println!("$ salvor repo {arguments:?}: {}\n{}{}", ran.code, ran.out, ran.err);
        assert!(!ran.out.contains(PASSWORD) && !ran.err.contains(PASSWORD), "the password was printed");
        ran
    }

    /// Runs a command that succeeds; what it prints.
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.repo(arguments);
        assert_eq!(ran.code, 0, "salvor repo {arguments:?}: {}", ran.err);
        ran.out
    }

    fn facts(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.done(&[arguments, &["-o", "json"]].concat())).unwrap()
    }

    fn snapshot(&self) -> Value {
        self.facts(&["snapshot", "create", &self.text("tree")])
    }

    fn ids(&self) -> Vec<String> {
        let listed = self.facts(&["snapshot", "list"]);
        let ids = listed["snapshots"].as_array().unwrap().iter();
        ids.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Looks whether the latest snapshot, restored, is the tree.
    fn restores_the_tree(&self) {
        let target = tempfile::tempdir_in(self.folder.path()).unwrap();
        self.done(&["snapshot", "restore", "latest", &target.path().display().to_string()]);
        assert_eq!(tree(target.path()), tree(&self.path("tree")));
    }
}

/// What is in a folder, by path.
fn tree(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(tree(&entry.path()).into_iter().map(|(path, data)| (format!("{name}/{path}"), data)));
        } else if kind.is_symlink() {
            all.push((name, fs::read_link(entry.path()).unwrap().into_os_string().into_encoded_bytes()));
        } else {
            all.push((name, fs::read(entry.path()).unwrap()));
        }
    }
    all.sort();
    all
}

/// The way from a new repository to a maintained one.
fn whole_way(desk: &Desk) {
    assert_eq!(desk.facts(&["create"])["maintainedBy"], "default@default");
    assert_eq!(desk.repo(&["create"]).code, 1, "there is one already");
    let first = desk.snapshot();
    assert_eq!(
        (&first["files"], &first["directories"], &first["problemCount"]),
        (&json!(3), &json!(2), &json!(0))
    );
    let listing = desk.done(&["snapshot", "ls", "latest", "-r"]);
    assert!(listing.lines().any(|line| line.ends_with(" below/file")), "{listing}");
    assert_eq!(desk.done(&["snapshot", "cat", "latest", "below/file"]), "what is in it\n");
    desk.restores_the_tree();

    desk.write("tree/below/file", "something else\n");
    desk.write("tree/new", "");
    let second = desk.snapshot();
    assert_eq!(second["cachedFiles"], json!(2), "what has not changed is not read again");
    let changes = desk.facts(&["snapshot", "diff", first["id"].as_str().unwrap()]);
    let of = |path: &str| {
        let rows = changes["changes"].as_array().unwrap().iter();
        rows.filter(|row| row["path"] == path).map(|row| row["change"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (of("new"), of("below/file"), of("large")),
        (vec!["added".into()], vec!["changed".into()], vec![])
    );
    desk.restores_the_tree();

    assert_eq!(desk.facts(&["verify"])["problemCount"], json!(0));
    desk.done(&["snapshot", "delete", first["id"].as_str().unwrap()]);
    assert_eq!(desk.ids(), [second["id"].as_str().unwrap()]);
    assert_eq!(desk.facts(&["maintain", "--full", "--without-margins"])["mode"], "full");
    assert_eq!(desk.facts(&["maintain", "--quick"])["mode"], "quick");
    assert_eq!(desk.repo(&["maintain", "--identity", "other@host"]).code, 1, "somebody else maintains it");
    assert_eq!(desk.facts(&["verify"])["problemCount"], json!(0));
    desk.restores_the_tree();
}

#[test]
fn a_person_works_on_a_repository_without_a_cluster() {
    whole_way(&Desk::new());
}

#[test]
fn integration_a_person_works_on_a_repository_on_the_object_store() {
    let Ok(url) = std::env::var("SALVOR_TEST_S3") else {
        eprintln!("skipped: SALVOR_TEST_S3 names no object store (run `cargo xtask test`)");
        return;
    };
    let mut desk = Desk::new();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (keys, place) = rest.split_once('@').unwrap();
    let ((id, secret), (host, bucket)) = (keys.split_once(':').unwrap(), place.split_once('/').unwrap());
    desk.write("keys", &format!("[default]\naws_access_key_id={id}\naws_secret_access_key={secret}\n"));
    let prefix = desk.path("").file_name().unwrap().to_string_lossy().into_owned();
    desk.repository = [
        "--repository".to_owned(),
        format!("s3://{bucket}/repo{prefix}/kopia/ns"),
        "--credentials-file".to_owned(),
        desk.text("keys"),
        "--config".to_owned(),
        format!("region=us-east-1,s3ForcePathStyle=true,s3Url={scheme}://{host}"),
    ]
    .into();
    whole_way(&desk);
    desk.repository.extend(["--config".to_owned(), "s3Url=nonsense".to_owned()]);
    let ran = desk.repo(&["status"]);
    assert!(ran.code == 1 && !ran.err.contains(secret), "{}", ran.err);
}

#[test]
fn a_repository_in_a_location_on_a_volume_is_found_by_its_folder() {
    let mut desk = Desk::new();
    let place = desk.path("locations/bucket/kopia/ns");
    desk.done(&["create"]);
    desk.snapshot();
    fs::create_dir_all(&place).unwrap();
    // as it lies in a bucket: no folders, no endings
    for (path, data) in tree(&desk.path("repository")) {
        if let Some(name) = path.replace('/', "").strip_suffix(".f") {
            fs::write(place.join(name), data).unwrap();
        }
    }
    desk.repository = vec!["--repository".to_owned(), place.display().to_string()];
    desk.restores_the_tree();
    desk.snapshot();
    assert_eq!(desk.ids().len(), 2);
    assert!(!place.join(".shards").exists());
}

#[test]
fn the_password_changes_and_is_never_told() {
    let desk = Desk::new();
    desk.done(&["create"]);
    desk.write("new", "battery staple\r\n");
    desk.done(&["change-password", "--new-password-file", &desk.text("new")]);
    let ran = desk.repo(&["status"]);
    assert!(ran.code == 1 && ran.err.contains("password"), "{}", ran.err);
    assert_eq!(desk.repo_with("new", &["status"]).code, 0);
    desk.write("empty", "\n");
    assert!(desk.repo_with("empty", &["status"]).err.contains("SALVOR_REPOSITORY_PASSWORD"));
    assert_eq!(desk.repo_with("nowhere", &["status"]).code, 1);
}

#[test]
fn lost_indexes_are_made_anew_and_damage_is_named() {
    let desk = Desk::new();
    desk.done(&["create"]);
    desk.snapshot();
    let blobs = |first: char| -> Vec<PathBuf> {
        let all = tree(&desk.path("repository")).into_iter().map(|(path, _)| path);
        all.filter(|path| path.starts_with(first)).map(|path| desk.path("repository").join(path)).collect()
    };
    let indexes = blobs('x');
    assert!(!indexes.is_empty());
    indexes.iter().for_each(|index| fs::remove_file(index).unwrap());
    assert_eq!(desk.ids().len(), 0, "without an index nothing is found");
    assert!(desk.facts(&["rebuild-indexes"])["contents"].as_u64().unwrap() > 0);
    desk.restores_the_tree();

    let pack = blobs('p').remove(0);
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let ran = desk.repo(&["verify"]);
    let name: String = pack.strip_prefix(desk.path("repository")).unwrap().to_string_lossy().replace('/', "");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains(name.trim_end_matches(".f")), "{name}: {}", ran.err);
    let target = desk.text("target");
    assert_eq!(desk.repo(&["snapshot", "restore", "latest", &target]).code, 2);
    assert!(!desk.path("target/large").exists(), "nothing is half restored");
}

#[test]
fn policies_are_set_and_gone_by_and_snapshots_expire() {
    let desk = Desk::new();
    desk.done(&["create"]);
    desk.write("tree/left.tmp", "out");
    desk.write("tree/.kopiaignore", "below\n");
    desk.done(&[
        "policy",
        "set",
        "(global)",
        "--ignore",
        "*.tmp",
        "--compression",
        "zstd",
        "--keep-latest",
        "1",
    ]);
    for field in ["keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-annual"] {
        desk.done(&["policy", "set", "(global)", &format!("--{field}"), "0"]);
    }
    let made = desk.snapshot();
    assert_eq!(
        (&made["excludedFiles"], &made["files"]),
        (&json!(1), &json!(4)),
        "the tree itself leaves out nothing"
    );
    let obeying = desk.facts(&["snapshot", "create", &desk.text("tree"), "--obey-tree"]);
    assert_eq!(obeying["excludedDirectories"], json!(1));
    assert_eq!(desk.facts(&["policy", "list"])["policies"][0]["policy"]["files"]["ignore"], json!(["*.tmp"]));
    assert!(desk.repo(&["policy", "set", "(global)", "--compression", "zip"]).err.contains("zip"));
    assert_eq!(desk.facts(&["snapshot", "expire"])["expired"].as_array().unwrap().len(), 1);
    assert_eq!(desk.ids().len(), 2, "it was only told");
    desk.done(&["snapshot", "expire", "--delete"]);
    assert_eq!(desk.ids(), [obeying["id"].as_str().unwrap()]);
    desk.done(&["policy", "delete", "(global)"]);
    assert_eq!(desk.repo(&["policy", "show"]).code, 1);
}

#[test]
fn snapshots_are_copied_into_another_repository() {
    let desk = Desk::new();
    desk.done(&["create"]);
    desk.snapshot();
    desk.write("tree/more", "more");
    desk.snapshot();
    let mut other = Desk { folder: tempfile::tempdir().unwrap(), repository: Vec::new() };
    other.write("password", "another");
    other.repository = vec!["--repository".to_owned(), other.text("repository")];
    other.done(&["create"]);
    let to =
        ["--to", &other.text("repository"), "--to-password-file", &other.text("password")].map(str::to_owned);
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    assert_eq!(desk.facts(&[&["copy"][..], &to].concat())["copied"].as_array().unwrap().len(), 2);
    assert_eq!(desk.facts(&[&["copy", "latest"][..], &to].concat())["copied"].as_array().unwrap().len(), 1);
    assert_eq!(other.ids().len(), 2, "what is there is not copied again");
    let target = other.text("target");
    other.done(&["snapshot", "restore", "latest", &target]);
    assert_eq!(tree(Path::new(&target)), tree(&desk.path("tree")));
}

#[test]
fn wrong_usage_is_refused_before_anything_is_asked() {
    let desk = Desk { repository: Vec::new(), ..Desk::new() };
    for (arguments, word) in [
        (&["status"][..], "--repository"),
        (&["status", "--repository", "ftp://x/y"], "ftp://"),
        (&["status", "--repository", "/nowhere/at/all"], "no repository"),
        (&["snapshot", "create"], "FOLDER"),
        (&["maintain", "--quick", "--full"], "--full"),
        (&["get"], "get"),
    ] {
        let ran = desk.repo(arguments);
        assert!(ran.code == 1 && ran.err.contains(word), "{arguments:?}: {}", ran.err);
    }
}

/// Repositories that restic wrote, and what was in them.
fn recorded() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../restic/tests/data")
}

#[test]
fn repositories_of_restic_are_read_and_not_written() {
    for version in ["v1", "v2"] {
        let mut desk = Desk::new();
        desk.write("password", "recorded");
        desk.repository = vec!["--repository".to_owned(), recorded().join(version).display().to_string()];
        let status = desk.facts(&["status"]);
        assert_eq!((&status["kind"], &status["snapshots"]), (&json!("restic"), &json!(2)), "{version}");
        assert_eq!(desk.ids().len(), 2);
        assert_eq!(desk.facts(&["verify"])["problemCount"], json!(0));
        let listing = desk.done(&["snapshot", "ls", "latest", "-r"]);
        assert!(listing.lines().any(|line| line.ends_with(" tree/below/deep")), "{listing}");
        assert_eq!(desk.done(&["snapshot", "cat", "latest", "tree/below/deep"]), "deep\n");
        let target = desk.text("target");
        let restore =
            ["snapshot", "restore", "latest", &target, "--path", "tree", "--ignore-permission-errors"];
        let ran = desk.repo(&restore);
        assert!(ran.code == 0 && ran.err.is_empty(), "{}", ran.err);
        assert!(fs::symlink_metadata(desk.path("target/pipe")).unwrap().file_type().is_fifo());
        assert_eq!(fs::read(desk.path("target/below/deep")).unwrap(), b"deep\n");
        let ran = desk.repo(&["snapshot", "create", &desk.text("tree")]);
        assert!(ran.code == 1 && ran.err.contains("restic"), "{}", ran.err);
    }
}

mod interop {
    use super::*;

    /// The kopia command on a repository in a folder.
    struct Kopia<'a> {
        program: PathBuf,
        desk: &'a Desk,
    }

    impl Kopia<'_> {
        fn run(&self, arguments: &[&str]) -> String {
            let mut program = Command::new(&self.program);
            program.args(arguments).arg(format!("--config-file={}", self.desk.text("kopia.config")));
            program.args(["--no-use-keyring", "--disable-file-logging", "--no-progress"]);
            program.env("KOPIA_PASSWORD", PASSWORD).env("KOPIA_CHECK_FOR_UPDATES", "false");
            program.env("HOME", self.desk.path("home")).env("KOPIA_CACHE_DIRECTORY", self.desk.path("cache"));
            let ran = Ran::from(program.output().unwrap());
            assert_eq!(ran.code, 0, "kopia {arguments:?}: {}{}", ran.out, ran.err);
            ran.out
        }
    }

    #[test]
    fn kopia_reads_what_our_command_wrote_and_goes_on_with_it() {
        let Some(program) = std::env::var_os("SALVOR_TEST_KOPIA") else {
            eprintln!("skipped: SALVOR_TEST_KOPIA names no kopia command (run `cargo xtask test interop`)");
            return;
        };
        let desk = Desk::new();
        whole_way(&desk);
        let kopia = Kopia { program: program.into(), desk: &desk };
        let path = format!("--path={}", desk.text("repository"));
        let identity = ["--override-hostname=default", "--override-username=default"];
        kopia.run(&[&["repository", "connect", "filesystem", &path][..], &identity].concat());
        kopia.run(&["snapshot", "verify", "--verify-files-percent=100"]);
        let id = desk.ids().remove(0);
        let restored = desk.text("by-kopia");
        kopia.run(&["snapshot", "restore", &id, &restored]);
        assert_eq!(tree(Path::new(&restored)), tree(&desk.path("tree")));
        kopia.run(&["maintenance", "run", "--full"]);
        desk.write("tree/third", "3");
        kopia.run(&["snapshot", "create", &desk.text("tree")]);
        desk.restores_the_tree();
        assert_eq!(desk.facts(&["verify"])["problemCount"], json!(0));
    }
}

mod long {
    use super::*;

    /// The restic command on a repository, which is made.
    struct Restic {
        program: PathBuf,
        place: TempDir,
    }

    impl Restic {
        fn run(&self, arguments: &[&str]) {
            let mut program = Command::new(&self.program);
            program.args(arguments).arg("--quiet").env("RESTIC_PASSWORD", PASSWORD);
            program.env("RESTIC_REPOSITORY", self.place.path().join("repository"));
            program.env("RESTIC_CACHE_DIR", self.place.path().join("cache"));
            let ran = Ran::from(program.output().unwrap());
            assert_eq!(ran.code, 0, "restic {arguments:?}: {}{}", ran.out, ran.err);
        }
    }

    /// A tree with files of many sizes: shorter and longer than a blob, of text and of noise.
    fn fill(desk: &Desk, round: usize) {
        let mut random = testkit::zoo::Random::new(round as u64);
        for number in 0..300 {
            let length = (random.number() % 40_000) as usize;
            let text: String = (0..length / 16).map(|_| format!("{:016x}", random.number())).collect();
            desk.write(&format!("tree/folder-{}/file-{number}", number % 7), &text);
        }
        let noise: String = (0..600_000).map(|_| format!("{:016x}", random.number())).collect();
        desk.write("tree/noise", &noise);
    }

    #[test]
    #[ignore = "long"]
    fn what_the_restic_command_writes_prunes_and_migrates_is_read() {
        let Some(program) = std::env::var_os("SALVOR_TEST_RESTIC") else {
            eprintln!("skipped: SALVOR_TEST_RESTIC names no restic command (run `cargo xtask test long`)");
            return;
        };
        let restic = Restic { program: program.into(), place: tempfile::tempdir().unwrap() };
        let mut desk = Desk::new();
        let at = restic.place.path().join("repository").display().to_string();
        desk.repository = vec!["--repository".to_owned(), at];
        let source = desk.text("tree");
        let same = || {
            let target = tempfile::tempdir().unwrap();
            let to = target.path().display().to_string();
            desk.done(&["snapshot", "restore", "latest", &to, "--path", &source]);
            assert_eq!(tree(target.path()), tree(&desk.path("tree")));
            assert_eq!(desk.facts(&["verify"])["problemCount"], json!(0));
        };
        restic.run(&["init", "--repository-version", "1"]);
        for round in 0..3 {
            fill(&desk, round);
            restic.run(&["backup", &source]);
            same();
        }
        restic.run(&["forget", "--keep-last", "1", "--prune", "--max-unused", "0"]);
        same();
        restic.run(&["migrate", "upgrade_repo_v2"]);
        restic.run(&["prune", "--repack-uncompressed"]);
        same();
        restic.run(&["repair", "index", "--read-all-packs"]);
        fill(&desk, 3);
        restic.run(&["backup", &source, "--compression", "max", "--pack-size", "4"]);
        same();
        assert_eq!(desk.facts(&["status"])["formatVersion"], json!(2));
    }
}
