//! What the program relies on in every store, as checks that run on each: memory, a mounted volume, real
//! servers, bare or through all layers.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::BoxFuture;
use object_store::ClientOptions;
use object_store::client::{HttpConnector, HttpRequest, HttpRequestBody, ReqwestConnector};

use crate::{ErrorKind, Put, Result, Store};

/// What all keys of the checks begin with: where stock Velero tolerates ours.
const FOLDER: &str = "plugins/salvor/conformance/";
/// More keys than one page of a listing holds.
const MANY: usize = 1100;

/// A check that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The name of the check.
    pub check: &'static str,
    /// What was seen.
    pub why: String,
}

/// The outcome of one check.
type Held = std::result::Result<(), String>;

/// A check by name.
type Check = (&'static str, for<'a> fn(&'a dyn Store, String) -> BoxFuture<'a, Held>);

/// All checks.
const CHECKS: [Check; 19] = [
    ("what was put is read", |store, at| Box::pin(put_and_get(store, at))),
    ("a put replaces", |store, at| Box::pin(overwrite(store, at))),
    ("ranges are cut at the end", |store, at| Box::pin(ranges(store, at))),
    ("head tells size and version", |store, at| Box::pin(head(store, at))),
    ("streams hold everything", |store, at| Box::pin(streams(store, at))),
    ("lists are sorted and below their prefix", |store, at| Box::pin(lists(store, at))),
    ("folders are those with objects", |store, at| Box::pin(folders(store, at))),
    ("deleting what is absent succeeds", |store, at| Box::pin(deletes(store, at))),
    ("absent objects are not found", |store, at| Box::pin(absent(store, at))),
    ("create refuses what is there", |store, at| Box::pin(create(store, at))),
    ("of many creators one wins", |store, at| Box::pin(race(store, at))),
    ("replace refuses other versions", |store, at| Box::pin(replace(store, at))),
    ("uploads of any pieces are whole", |store, at| Box::pin(uploads(store, at))),
    ("an upload replaces only when complete", |store, at| Box::pin(late_upload(store, at))),
    ("aborted uploads leave nothing", |store, at| Box::pin(aborted(store, at))),
    ("dropped uploads leave nothing", |store, at| Box::pin(dropped(store, at))),
    ("odd keys are kept as they are", |store, at| Box::pin(odd_keys(store, at))),
    ("unsound keys are refused", |store, at| Box::pin(unsound_keys(store, at))),
    ("long lists are whole", |store, at| Box::pin(many(store, at))),
];

/// Runs all checks; those that do not hold.
pub async fn all(store: &dyn Store) -> Vec<Broken> {
    let mut broken = all_but_links(store).await;
    if let Err(why) = links(store, "with space+%.gz").await {
        broken.push(Broken { check: "links read for a while", why });
    }
    broken
}

/// Runs all checks that ask for no signed links, each in a folder of its own; those that do not hold.
pub async fn all_but_links(store: &dyn Store) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (number, (check, run)) in CHECKS.into_iter().enumerate() {
        let at = format!("{FOLDER}{number:02}/");
        let held = match clean(store, &at).await {
            Ok(()) => run(store, at.clone()).await,
            Err(why) => Err(why),
        };
        let cleaned = clean(store, &at).await;
        if let Err(why) = held.and(cleaned) {
            broken.push(Broken { check, why });
        }
    }
    broken
}

/// Removes what a check leaves.
async fn clean(store: &dyn Store, at: &str) -> Held {
    let keys: Vec<String> = ok(store.list(at)).await?.into_iter().map(|meta| meta.key).collect();
    for batch in keys.chunks(1000) {
        ok(store.delete(batch)).await?;
    }
    same("what is left after deletion", ok(store.list(at)).await?.len(), 0)
}

/// A call that has to succeed.
async fn ok<T>(call: impl Future<Output = Result<T>>) -> std::result::Result<T, String> {
    call.await.map_err(|error| format!("failed to {error}"))
}

/// A call that has to fail in this way.
async fn fails<T>(what: &str, call: impl Future<Output = Result<T>>, kind: ErrorKind) -> Held {
    match call.await {
        Ok(_) => Err(format!("{what} succeeded")),
        Err(error) => same(format!("{what} failed to {error}; its kind"), error.kind, kind),
    }
}

/// Two values that have to be the same.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a check reads better with values than with references to them"
)]
fn same<T: PartialEq + std::fmt::Debug>(what: impl Display, found: T, expect: T) -> Held {
    if found == expect { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expect:?}")) }
}

/// Two contents that have to be the same; they are not shown.
fn same_bytes(what: impl Display, found: &[u8], expect: &[u8]) -> Held {
    same(format!("length of {what}"), found.len(), expect.len())?;
    if found == expect { Ok(()) } else { Err(format!("{what} has other bytes")) }
}

/// Bytes without a pattern that shifts could hide in.
fn noise(length: usize) -> Bytes {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(next).collect::<Vec<u8>>().into()
}

async fn put(store: &dyn Store, key: &str, content: &'static str) -> Held {
    ok(store.put(key, Bytes::from_static(content.as_bytes()), Put::Overwrite)).await.map(drop)
}

async fn put_and_get(store: &dyn Store, at: String) -> Held {
    for (number, length) in [0, 1, 70_000].into_iter().enumerate() {
        let (key, content) = (format!("{at}{number}"), noise(length));
        ok(store.put(&key, content.clone(), Put::Overwrite)).await?;
        same_bytes(&key, &ok(store.get(&key)).await?, &content)?;
    }
    Ok(())
}

async fn overwrite(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    put(store, &key, "first, and longer").await?;
    put(store, &key, "second").await?;
    same_bytes("the object", &ok(store.get(&key)).await?, b"second")
}

async fn ranges(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    put(store, &key, "0123456789").await?;
    for (start, end, expect) in
        [(0, 10, "0123456789"), (2, 5, "234"), (8, 99, "89"), (10, 12, ""), (4, 4, "")]
    {
        let found = ok(store.get_range(&key, start, end)).await?;
        same_bytes(format!("{start}..{end}"), &found, expect.as_bytes())?;
    }
    fails("a range of what is absent", store.get_range(&format!("{at}no"), 0, 4), ErrorKind::NotFound).await
}

async fn head(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    put(store, &key, "one").await?;
    let first = ok(store.head(&key)).await?;
    same("key", first.key, key.clone())?;
    same("size", first.size, 3)?;
    let again = ok(store.head(&key)).await?;
    same("version of an unchanged object", again.tag, first.tag.clone())?;
    put(store, &key, "two").await?;
    let second = ok(store.head(&key)).await?;
    if second.tag.is_some() && second.tag == first.tag {
        return Err("another content has the same version".to_owned());
    }
    Ok(())
}

async fn streams(store: &dyn Store, at: String) -> Held {
    let (key, content) = (format!("{at}key"), noise(3_000_001));
    ok(store.put(&key, content.clone(), Put::Overwrite)).await?;
    let pieces: Vec<Bytes> = ok(ok(store.stream(&key)).await?.try_collect()).await?;
    same_bytes("the stream", &pieces.concat(), &content)?;
    put(store, &key, "").await?;
    let pieces: Vec<Bytes> = ok(ok(store.stream(&key)).await?.try_collect()).await?;
    same_bytes("the stream of an empty object", &pieces.concat(), b"")
}

async fn lists(store: &dyn Store, at: String) -> Held {
    for name in ["b", "a/2", "a/1", "a-b", "ab/x", "a/sub/3"] {
        put(store, &format!("{at}{name}"), "12").await?;
    }
    let cases: [(&str, &[&str]); 6] = [
        ("", &["a-b", "a/1", "a/2", "a/sub/3", "ab/x", "b"]),
        ("a/", &["a/1", "a/2", "a/sub/3"]),
        ("a", &["a-b", "a/1", "a/2", "a/sub/3", "ab/x"]),
        ("a/s", &["a/sub/3"]),
        ("b", &["b"]),
        ("none/", &[]),
    ];
    for (prefix, expect) in cases {
        let found = ok(store.list(&format!("{at}{prefix}"))).await?;
        let names: Vec<&str> = found.iter().filter_map(|meta| meta.key.strip_prefix(&at)).collect();
        same(format!("list of {prefix:?}"), names, expect.to_vec())?;
        same("their sizes", found.iter().all(|meta| meta.size == 2), true)?;
    }
    Ok(())
}

async fn folders(store: &dyn Store, at: String) -> Held {
    for name in ["a/1", "a/2", "a-b/1", "c/d/e", "file"] {
        put(store, &format!("{at}{name}"), "").await?;
    }
    same("folders", ok(store.folders(&at)).await?, vec!["a".to_owned(), "a-b".to_owned(), "c".to_owned()])?;
    same("folders of c/", ok(store.folders(&format!("{at}c/"))).await?, vec!["d".to_owned()])?;
    ok(store.delete(&[format!("{at}c/d/e")])).await?;
    same("folders later", ok(store.folders(&at)).await?, vec!["a".to_owned(), "a-b".to_owned()])?;
    same("folders of none/", ok(store.folders(&format!("{at}none/"))).await?, Vec::<String>::new())
}

async fn deletes(store: &dyn Store, at: String) -> Held {
    put(store, &format!("{at}there"), "").await?;
    let keys = [format!("{at}absent"), format!("{at}there"), format!("{at}a/b/c")];
    ok(store.delete(&keys)).await?;
    ok(store.delete(&keys[..1])).await?;
    ok(store.delete(&[])).await?;
    fails("a deleted object", store.head(&keys[1]), ErrorKind::NotFound).await
}

async fn absent(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}no/such");
    fails("head", store.head(&key), ErrorKind::NotFound).await?;
    fails("get", store.get(&key), ErrorKind::NotFound).await?;
    match store.stream(&key).await {
        Err(error) => same("kind of the stream's failure", error.kind, ErrorKind::NotFound),
        Ok(pieces) => fails("stream", pieces.try_collect::<Vec<Bytes>>(), ErrorKind::NotFound).await,
    }
}

async fn create(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    ok(store.put(&key, Bytes::from_static(b"first"), Put::Create)).await?;
    let again = store.put(&key, Bytes::from_static(b"second"), Put::Create);
    fails("a second create", again, ErrorKind::Precondition).await?;
    same_bytes("the object", &ok(store.get(&key)).await?, b"first")?;
    ok(store.delete(std::slice::from_ref(&key))).await?;
    ok(store.put(&key, Bytes::from_static(b"third"), Put::Create)).await.map(drop)
}

async fn race(store: &dyn Store, at: String) -> Held {
    if !store.capabilities().create {
        return Ok(());
    }
    let key = format!("{at}key");
    let contents: Vec<String> = (0..12).map(|number| format!("creator {number}")).collect();
    let puts = contents.iter().map(|content| store.put(&key, content.clone().into(), Put::Create));
    let outcomes = futures::future::join_all(puts).await;
    let winners: Vec<&String> = contents
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_ok())
        .map(|(content, _)| content)
        .collect();
    let [winner] = winners[..] else { return Err(format!("{} creators won", winners.len())) };
    same_bytes("the object", &ok(store.get(&key)).await?, winner.as_bytes())
}

async fn replace(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    put(store, &key, "first").await?;
    let Some(first) = ok(store.head(&key)).await?.tag else { return Ok(()) };
    let second = ok(store.put(&key, Bytes::from_static(b"second"), Put::Replace(first.clone()))).await?;
    let stale = store.put(&key, Bytes::from_static(b"third"), Put::Replace(first.clone()));
    fails("a replace of an old version", stale, ErrorKind::Precondition).await?;
    same_bytes("the object", &ok(store.get(&key)).await?, b"second")?;
    let known = ok(store.head(&key)).await?.tag;
    same("the version that the put told", second.clone(), second.and(known))?;
    let absent = format!("{at}absent");
    let nowhere = store.put(&absent, Bytes::new(), Put::Replace(first));
    fails("a replace of what is absent", nowhere, ErrorKind::Precondition).await
}

async fn uploads(store: &dyn Store, at: String) -> Held {
    let sizes: [&[usize]; 5] =
        [&[], &[0], &[5], &[1, 0, 70_001, 3], &[5_000_011, 1, 9_000_000, 33, 5_242_880, 700_003]];
    for (number, sizes) in sizes.into_iter().enumerate() {
        let (key, content) = (format!("{at}{number}"), noise(sizes.iter().sum()));
        let mut upload = ok(store.upload(&key)).await?;
        let mut rest = content.clone();
        for size in sizes {
            ok(upload.write(rest.split_to(*size))).await?;
        }
        ok(upload.complete()).await?;
        same_bytes(&key, &ok(store.get(&key)).await?, &content)?;
    }
    Ok(())
}

async fn late_upload(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    put(store, &key, "before").await?;
    let mut upload = ok(store.upload(&key)).await?;
    ok(upload.write(noise(9_000_000))).await?;
    same_bytes("the object meanwhile", &ok(store.get(&key)).await?, b"before")?;
    ok(upload.complete()).await?;
    same("its size afterwards", ok(store.head(&key)).await?.size, 9_000_000)
}

async fn aborted(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    let mut upload = ok(store.upload(&key)).await?;
    ok(upload.write(noise(17_000_000))).await?;
    ok(upload.abort()).await?;
    fails("the object", store.head(&key), ErrorKind::NotFound).await?;
    same("list", ok(store.list(&at)).await?.len(), 0)
}

async fn dropped(store: &dyn Store, at: String) -> Held {
    let key = format!("{at}key");
    let mut upload = ok(store.upload(&key)).await?;
    ok(upload.write(noise(17_000_000))).await?;
    drop(upload);
    fails("the object", store.head(&key), ErrorKind::NotFound).await?;
    same("list", ok(store.list(&at)).await?.len(), 0)
}

async fn odd_keys(store: &dyn Store, at: String) -> Held {
    let names = [
        "with space",
        "plus+sign",
        "per%cent",
        "per%20cent",
        "a=b&c",
        "hash#",
        "question?",
        "colon:",
        "comma,",
        "quote\"'",
        "star*",
        "tilde~",
        "at@x",
        "semi;",
        "[x]{y}",
        "dollar$",
        "größe",
        "日本",
        ".dot",
        "two..dots",
        "a|b",
        "<x>",
        "^`",
    ];
    let mut expect: Vec<String> = names.iter().map(|name| format!("{at}{name}/{name}")).collect();
    for key in &expect {
        ok(store.put(key, key.clone().into(), Put::Overwrite))
            .await
            .map_err(|why| format!("{key}: {why}"))?;
        let found = ok(store.get(key)).await.map_err(|why| format!("{key}: {why}"))?;
        same_bytes(key, &found, key.as_bytes())?;
    }
    expect.sort();
    let found: Vec<String> = ok(store.list(&at)).await?.into_iter().map(|meta| meta.key).collect();
    same("list", found, expect)
}

async fn unsound_keys(store: &dyn Store, at: String) -> Held {
    for name in ["../x", "a//b", "a/../b", "./x", "line\nend", "end/", "back\\slash"] {
        let key = format!("{at}{name}");
        if store.put(&key, Bytes::new(), Put::Overwrite).await.is_ok() {
            return Err(format!("a put of {key:?} succeeded"));
        }
    }
    Ok(())
}

async fn many(store: &dyn Store, at: String) -> Held {
    let keys: Vec<String> = (0..MANY).map(|number| format!("{at}{number:05}/x")).collect();
    for batch in keys.chunks(50) {
        let puts = batch.iter().map(|key| store.put(key, Bytes::new(), Put::Overwrite));
        ok(futures::future::try_join_all(puts)).await?;
    }
    let found: Vec<String> = ok(store.list(&at)).await?.into_iter().map(|meta| meta.key).collect();
    same("length of the list", found.len(), MANY)?;
    same("whether the list is right", found == keys, true)?;
    same("number of folders", ok(store.folders(&at)).await?.len(), MANY)
}

/// Links are checked where the store signs ones that this process can follow.
async fn links(store: &dyn Store, name: &str) -> Held {
    let at = format!("{FOLDER}links/");
    let key = format!("{at}{name}");
    put(store, &key, "linked").await?;
    let link = ok(store.presign(&key, Duration::from_secs(600))).await?;
    same("whether there is a link", link.is_some(), store.capabilities().presign)?;
    let Some(link) = link.filter(|link| link.starts_with("http")) else { return clean(store, &at).await };
    same("answer to the link", fetch(&link).await?, (200, Bytes::from_static(b"linked")))?;
    let short = ok(store.presign(&key, Duration::from_secs(1))).await?.unwrap_or_default();
    for _ in 0..100 {
        if fetch(&short).await?.0 == 403 {
            return clean(store, &at).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("a link for one second is read after ten".to_owned())
}

/// Follows a link as a client without credentials does.
async fn fetch(link: &str) -> std::result::Result<(u16, Bytes), String> {
    let options = ClientOptions::new().with_allow_http(true).with_allow_invalid_certificates(true);
    let client = ReqwestConnector::default().connect(&options).map_err(|error| error.to_string())?;
    let mut request = HttpRequest::new(HttpRequestBody::empty());
    *request.uri_mut() = link.parse().map_err(|error| format!("{link} is no address: {error}"))?;
    let answer = client.execute(request).await.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    Ok((status, answer.into_body().bytes().await.map_err(|error| error.to_string())?))
}

#[cfg(test)]
mod azure;
#[cfg(test)]
mod tests;
