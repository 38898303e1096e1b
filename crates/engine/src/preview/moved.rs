//! What has moved between two previews of one restore.

use std::collections::BTreeMap;

use api::meta::ObjectKey;

use super::restore::{Object, RestorePreview};

/// What is told of one preview to the next, in sentences. Empty where both have the same digest.
pub fn moved(before: &RestorePreview, now: &RestorePreview) -> Vec<String> {
    if before.outcome.digest == now.outcome.digest {
        return Vec::new();
    }
    let mut told = Vec::new();
    if before.asked.archive != now.asked.archive {
        told.push(format!("the archive of backup {} is another one", now.asked.backup));
    }
    if before.asked.spec != now.asked.spec || before.asked.backup != now.asked.backup {
        told.push("the restore asks for something else".to_owned());
    }
    let (old, new) = (index(before), index(now));
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    told.extend(gone.map(|(key, _)| format!("{key} is not part of the restore any more")));
    told.extend(new.iter().filter_map(|(key, now)| match old.get(key) {
        None => Some(format!("{key} is part of the restore now")),
        Some(before) => of_object(before, now).map(|how| format!("{key} {how}")),
    }));
    if told.is_empty() {
        told.push("other objects are left out, or volumes are treated in another way".to_owned());
    }
    told
}

fn index(preview: &RestorePreview) -> BTreeMap<&ObjectKey, &Object> {
    preview.objects.iter().map(|object| (&object.key, object)).collect()
}

fn of_object(before: &Object, now: &Object) -> Option<&'static str> {
    match (&before.seen, &now.seen) {
        (None, Some(_)) => Some("is in the cluster now"),
        (Some(_), None) => Some("is not in the cluster any more"),
        (Some(old), Some(new)) if old.uid != new.uid => Some("is another object of the same name"),
        (Some(old), Some(new)) if old.state != new.state => Some("was changed in the cluster"),
        _ if before.action != now.action => Some("is answered differently by the API server"),
        _ if (&before.kind, &before.wanted) != (&now.kind, &now.wanted) => {
            Some("is to become something else than before")
        }
        _ => None,
    }
}
