//! Contents of manifests, packed and unpacked, and the documents in them: a snapshot that is written again is read the same.

use super::{Target, of};
use crate::content::{ContentId, Prefix};
use crate::hash::Hash;
use crate::manifest::{Manifest, parse, parse_json};
use crate::policy::{self, Policy};
use crate::snapshot::Snapshot;

pub(super) const TARGET: Target = Target { name: "manifest", samples, read };

/// A deletion, as kopia 0.22.3 packed it.
const DELETION: &str = "1f8b08000000000000ff25cb410a83301046e17d8f316b857f26566dced155c545342304a6166c5c89776fa4cb07ef3b48d7bc25fd921f0e4a913c0160081c1adcd1a2438f070226cc88502c54918549ad907537abe8fd8969497a5981b89ab9e6e629e2d979c1abfc514df335e46dd79221873f3ec7f3f6034896132183000000";
/// Manifests that are not packed.
const SAMPLES: [&str; 2] = [
    r#"{"entries":[{"id":"000102030405060708090a0b0c0d0e0f","labels":{"type":"snapshot","hostname":"h","username":"u","path":"/p"},
        "modified":"2023-11-14T22:13:20Z","data":{"id":"","source":{"host":"h","userName":"u","path":"/p"},"description":"d",
        "startTime":"2026-11-20T23:26:30.01Z","endTime":"2026-11-20T23:26:30.04Z","stats":{"totalSize":12,"excludedTotalSize":0,"fileCount":1,
        "cachedFiles":0,"nonCachedFiles":1,"dirCount":1,"excludedFileCount":0,"excludedDirCount":0,"ignoredErrorCount":0,"errorCount":0},
        "incomplete":"canceled","rootEntry":{"name":"vol","type":"d","mode":"0755","mtime":"2022-01-01T00:00:00Z","obj":"k00"},
        "tags":{"k":"v"},"pins":["velero-pin"]}}]}"#,
    r#"{"entries":[{"id":"01","labels":{"type":"policy","policyType":"global"},"modified":"2023-11-14T22:13:20Z","data":{"retention":{"keepLatest":10,
        "keepDaily":7},"files":{"ignore":["*.tmp"],"ignoreDotFiles":[".kopiaignore"],"ignoreCacheDirs":true,"maxFileSize":5},
        "errorHandling":{"ignoreFileErrors":true},"compression":{"compressorName":"zstd","onlyCompress":[".log"],"minSize":100},
        "scheduling":{"intervalSeconds":60},"noParent":true}},{"id":"02","labels":null,"modified":"2023-11-14T22:13:20Z","deleted":true,"data":null}]}"#,
];

fn samples() -> Vec<Vec<u8>> {
    let open = SAMPLES.map(|sample| sample.as_bytes().to_vec());
    open.into_iter().chain([hex::decode(DELETION).unwrap_or_default()]).collect()
}

fn read(bytes: &[u8]) -> bool {
    let Some(hash) = Hash::from_bytes(&[0]) else { return false };
    let id = ContentId::new(Some(Prefix::MANIFEST), hash);
    let packed = of("m00", parse(&id, bytes));
    // packed bytes have a checksum, which damage would not get past
    let Some(manifests) = packed.or_else(|| of("m00", parse_json(&id, bytes))) else { return false };
    for manifest in &manifests {
        let name = format!("manifest {}", manifest.id());
        drop(of(&name, Policy::read(manifest)));
        drop(policy::check(manifest.data()));
        if let Some(snapshot) = of(&name, Snapshot::read(manifest)) {
            check_written(&id, &snapshot);
        }
    }
    true
}

fn check_written(id: &ContentId, snapshot: &Snapshot) {
    let written = snapshot.to_bytes();
    let document = [
        br#"{"entries":[{"id":"0","labels":{"type":"snapshot"},"modified":"1970-01-01T00:00:00Z","data":"#,
        &written[..],
        b"}]}",
    ];
    let again: Vec<Manifest> = of("m00", parse_json(id, &document.concat())).unwrap_or_default();
    let again: Vec<Vec<u8>> = again
        .iter()
        .filter_map(|manifest| of("manifest 0", Snapshot::read(manifest)))
        .map(|again| again.to_bytes())
        .collect();
    assert_eq!(again, [written]);
}
