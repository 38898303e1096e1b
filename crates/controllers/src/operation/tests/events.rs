//! What an operation ends with becomes Events on its resource: one for each code, and none where nothing went wrong.

use engine::document::text;

use super::*;

/// The messages of the Events about an object.
fn events_of(world: &World, uid: &str) -> Vec<String> {
    let all = world.fake.objects();
    let about = all.iter().filter(|object| text(object, &["involvedObject", "uid"]) == uid);
    about.map(|event| text(event, &["message"]).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_went_wrong_becomes_one_event_a_code() {
    let world = shop();
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    assert_eq!(events_of(&world, "uid-b"), Vec::<String>::new());
    for name in ["item-1", "item-2"] {
        let resource = ResourceType::addressed("", "v1", "configmaps", "ConfigMap", true);
        let at = ObjectRef { resource, namespace: Some("shop".into()), name: name.into() };
        let patch = cluster::Patch::Merge(json!({"data": {"number": "seven"}}));
        world.fake.patch(&at, None, &patch, Default::default()).await.unwrap();
    }
    restore_of(&world);
    work(&world, &world.deps(), &RESTORE, "r").await.unwrap();
    let told = events_of(&world, "uid-r");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("SLV-2006: configmaps shop/item-1: could not restore"), "{told:?}");
    assert!(told[0].contains("(and 1 more). "), "the remedy is a sentence of its own: {told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backup_that_fails_says_why_in_an_event() {
    let world = shop();
    world.put("backups/b/velero-backup.json", r#"{"metadata": {"name": "b", "uid": "another"}}"#).await;
    work(&world, &world.deps(), &BACKUP, "b").await.unwrap();
    let told = events_of(&world, "uid-b");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("SLV-1403: backup already exists in object storage"), "{told:?}");
}
