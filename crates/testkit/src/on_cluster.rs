//! What the test kit makes is taken by a real API server. Runs where `SALVOR_TEST_KUBECONFIG` names a cluster.

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use crate::client::Client;
use crate::compare::compare;
use crate::fixture::{self, Images};
use crate::objects::{self, Catalog, name_of};
use crate::wait::{Look, until};
use crate::zoo;

/// What the zoo is made from, unless `SALVOR_TEST_SEED` says another.
const SEED: u64 = 20_261_121;
const PATIENCE: Duration = Duration::from_secs(180);

/// One test at a time: they make definitions of the same names.
static TURN: Mutex<()> = Mutex::const_new(());

async fn client() -> Option<(Client, MutexGuard<'static, ()>)> {
    let Some(path) = env::var_os("SALVOR_TEST_KUBECONFIG").map(PathBuf::from) else {
        println!("skipped: SALVOR_TEST_KUBECONFIG is not set");
        return None;
    };
    let turn = TURN.lock().await;
    Some((Client::from_kubeconfig(&path).unwrap(), turn))
}

/// Deletes documents, the last first, and waits until all are gone.
async fn delete_all(client: &Client, documents: &[Value]) {
    let catalog = Catalog::read(client).await.unwrap();
    let within = |document: &&Value| document["metadata"]["namespace"].is_string();
    let paths: Vec<String> =
        documents.iter().rev().filter(|d| !within(d)).filter_map(|d| catalog.path(d).ok()).collect();
    for path in &paths {
        client.delete(path).await.unwrap();
    }
    until("the objects do not go", PATIENCE, || async {
        for path in &paths {
            if client.get(path).await?.is_some() {
                return Ok(Look::NotYet(path.clone()));
            }
        }
        Ok(Look::Done(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_server_takes_every_object_of_a_zoo_and_gives_it_back() {
    let Some((client, _turn)) = client().await else { return };
    let asked = env::var("SALVOR_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = asked.unwrap_or(SEED);
    println!("SALVOR_TEST_SEED={seed}");
    let documents = zoo::generate(seed);
    delete_all(&client, &documents).await;
    let created = objects::create_all(&client, &documents).await;
    let found = objects::read_namespaces(&client, &zoo::NAMESPACES).await.unwrap();
    delete_all(&client, &documents).await;
    created.unwrap();
    let wanted = documents.iter().filter(|document| document["metadata"]["namespace"].is_string());
    let missing: Vec<String> = wanted.map(name_of).filter(|name| !found.contains_key(name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

#[tokio::test]
async fn the_application_answers_and_is_itself_again_when_made_twice() {
    let Some((client, _turn)) = client().await else { return };
    let documents = fixture::application(11, &Images::local());
    let mut seen: Vec<(Vec<String>, BTreeMap<String, Value>)> = Vec::new();
    for _ in 0..2 {
        delete_all(&client, &documents).await;
        objects::create_all(&client, &documents).await.unwrap();
        fixture::settled(&client, PATIENCE).await.unwrap();
        let answers = fixture::answers(&client, PATIENCE).await.unwrap();
        println!("{answers:?}");
        seen.push((answers, objects::read_namespaces(&client, &fixture::NAMESPACES).await.unwrap()));
    }
    delete_all(&client, &documents).await;
    assert_eq!(seen[0].0, seen[1].0);
    let differences = compare(&seen[0].1, &seen[1].1);
    assert!(differences.none(), "{differences:#?}");
}
