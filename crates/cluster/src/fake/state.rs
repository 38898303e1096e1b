//! What the fake cluster holds, and the rules of reading it and of putting objects into it.

use std::collections::BTreeMap;

use api::meta::{GroupResource, ResourceType};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use super::answers::Refusal;
use super::selector::Selector;
use super::types::{Served, built_in, of_definition};
use crate::port::{ListPage, ObjectRef, Page, Result, WatchEvent};

/// Group-resource, namespace (empty for the cluster), name.
pub(super) type Key = (GroupResource, String, String);

/// Refuses creates with a code and words.
pub(super) type Guard =
    Box<dyn Fn(&Value, &dyn Fn(&str, &str) -> bool) -> Option<(u16, String)> + Send + Sync>;

/// Somebody who watches.
struct Watcher {
    of: ResourceType,
    namespace: Option<String>,
    name: Option<String>,
    selector: Selector,
    to: UnboundedSender<WatchEvent>,
}

/// Everything in the fake cluster.
pub(super) struct State {
    pub(super) types: Vec<Served>,
    pub(super) objects: BTreeMap<Key, Value>,
    pub(super) now: Timestamp,
    pub(super) hold_definitions: bool,
    pub(super) guards: Vec<Guard>,
    pub(super) runs_pods: bool,
    pub(super) commands: Vec<String>,
    version: u64,
    uids: u64,
    watchers: Vec<Watcher>,
}

impl State {
    pub(super) fn new(now: Timestamp) -> Self {
        let mut state = Self {
            types: built_in(),
            objects: BTreeMap::new(),
            now,
            hold_definitions: false,
            guards: Vec::new(),
            runs_pods: false,
            commands: Vec::new(),
            version: 1,
            uids: 0,
            watchers: Vec::new(),
        };
        for name in ["default", "kube-system"] {
            state.seed(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name,
                "labels": {"kubernetes.io/metadata.name": name}}, "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"}}));
        }
        state
    }

    /// The type that is asked for, if it is served in that version.
    pub(super) fn served(&self, of: &ResourceType) -> Option<&Served> {
        let same = |has: &ResourceType| {
            (&has.group, &has.version, &has.plural) == (&of.group, &of.version, &of.plural)
        };
        self.types.iter().find(|served| same(&served.of))
    }

    pub(super) fn must_serve(&self, verb: &'static str, at: &ObjectRef) -> Result<&Served> {
        self.served(&at.resource).ok_or_else(|| Refusal { verb, at }.no_such_type())
    }

    pub(super) fn now(&self) -> Value {
        self.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
    }

    pub(super) fn next_uid(&mut self) -> Value {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids).into()
    }

    /// Five letters that follow from how many objects there were.
    pub(super) fn next_suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        self.uids += 1;
        let mut number = self.uids.wrapping_mul(2_654_435_761) % 14_348_907;
        let mut letter = || {
            let index = usize::try_from(number % 27).unwrap_or(0);
            number /= 27;
            char::from(LETTERS[index])
        };
        (0..5).map(|_| letter()).collect()
    }

    pub(super) fn get(&self, at: &ObjectRef) -> Result<Value> {
        let served = self.must_serve("get", at)?;
        let object = self.objects.get(&key(at)).ok_or_else(|| Refusal { verb: "get", at }.not_found())?;
        Ok(viewed(object, &served.of))
    }

    pub(super) fn list(&self, of: &ResourceType, namespace: Option<&str>, page: &ListPage) -> Result<Page> {
        let at =
            ObjectRef { resource: of.clone(), namespace: namespace.map(str::to_owned), name: String::new() };
        let refusal = Refusal { verb: "list", at: &at };
        let served = self.must_serve("list", &at)?;
        let selector =
            Selector::parse(&page.selector).ok_or_else(|| refusal.bad_request("unable to parse selector"))?;
        let after = match &page.resume {
            Some(token) => Some(token.split_once('/').ok_or_else(|| refusal.expired())?),
            None => None,
        };
        let limit =
            if page.limit == 0 { usize::MAX } else { usize::try_from(page.limit).unwrap_or(usize::MAX) };
        let mut found = self.all(of, namespace).filter(|(key, object)| {
            selector.matches(object) && after.is_none_or(|after| (key.1.as_str(), key.2.as_str()) > after)
        });
        let taken: Vec<_> = found.by_ref().take(limit).collect();
        let last = taken.last().map(|(key, _)| format!("{}/{}", key.1, key.2));
        Ok(Page {
            items: taken.iter().map(|(_, object)| viewed(object, &served.of)).collect(),
            resume: if found.next().is_some() { last } else { None },
            resource_version: self.version.to_string(),
        })
    }

    /// The objects of a type, in the order of namespace and name.
    pub(super) fn all<'a>(
        &'a self,
        of: &ResourceType,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Key, &'a Value)> {
        let wanted = of.group_resource();
        let namespace = namespace.filter(|_| of.namespaced);
        let ours = move |key: &Key| key.0 == wanted && namespace.is_none_or(|namespace| key.1 == namespace);
        self.objects.iter().filter(move |(key, _)| ours(key))
    }

    /// Reports what is there, and from now on what changes.
    pub(super) fn watch(&mut self, at: &ObjectRef, selector: &str, to: UnboundedSender<WatchEvent>) {
        let watcher = Watcher {
            of: at.resource.clone(),
            namespace: at.namespace.clone().filter(|_| at.resource.namespaced),
            name: Some(at.name.clone()).filter(|name| !name.is_empty()),
            selector: Selector::parse(selector).unwrap_or_default(),
            to,
        };
        for (key, object) in self.all(&watcher.of, watcher.namespace.as_deref()) {
            if watcher.sees(key, object) {
                watcher.tell(WatchEvent::Applied(viewed(object, &watcher.of)));
            }
        }
        watcher.tell(WatchEvent::Ready);
        self.watchers.push(watcher);
    }

    /// Stores an object in a new version, and tells whoever watches.
    pub(super) fn store(&mut self, key: &Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let before = self.objects.insert(key.clone(), object.clone());
        self.tell(key, before.as_ref(), Some(&object));
        object
    }

    /// Takes an object out, and tells whoever watches.
    pub(super) fn take(&mut self, key: &Key) {
        if let Some(mut object) = self.objects.remove(key) {
            self.version += 1;
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            self.tell(key, Some(&object), None);
        }
    }

    fn tell(&mut self, key: &Key, before: Option<&Value>, after: Option<&Value>) {
        self.watchers.retain(|watcher| !watcher.to.is_closed());
        for watcher in &self.watchers {
            let saw = before.is_some_and(|object| watcher.sees(key, object));
            match (saw, after.filter(|object| watcher.sees(key, object))) {
                (_, Some(object)) => watcher.tell(WatchEvent::Applied(viewed(object, &watcher.of))),
                (true, None) => {
                    let gone = after.or(before).cloned().unwrap_or_default();
                    watcher.tell(WatchEvent::Deleted(viewed(&gone, &watcher.of)));
                }
                (false, None) => {}
            }
        }
    }

    /// Puts an object in as it is, rules or not: how tests furnish the cluster. False where the type is unknown.
    pub(super) fn seed(&mut self, mut object: Value) -> bool {
        let kind = |served: &&Served| {
            object["kind"] == *served.of.kind && object["apiVersion"] == *served.of.api_version()
        };
        let Some(of) = self.types.iter().find(kind).map(|served| served.of.clone()) else { return false };
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = self.next_uid();
        }
        if object["metadata"]["creationTimestamp"].is_null() {
            object["metadata"]["creationTimestamp"] = self.now();
        }
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let namespace = if of.namespaced { text("namespace") } else { String::new() };
        let key = (of.group_resource(), namespace, text("name"));
        let stored = self.store(&key, object);
        if of.kind == "CustomResourceDefinition" {
            self.establish(&stored);
        }
        true
    }

    /// Serves the types of a definition, and says so in its status.
    pub(super) fn establish(&mut self, definition: &Value) {
        let types = of_definition(definition);
        for served in types {
            self.types.retain(|has| {
                has.of.group_resource() != served.of.group_resource() || has.of.version != served.of.version
            });
            self.types.push(served);
        }
        let condition = |kind: &str, reason: &str| json!({"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": self.now()});
        let conditions = json!([
            condition("NamesAccepted", "NoConflicts"),
            condition("Established", "InitialNamesAccepted")
        ]);
        let mut definition = definition.clone();
        definition["status"] = json!({"conditions": conditions, "acceptedNames": definition["spec"]["names"],
            "storedVersions": stored_versions(&definition)});
        let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key =
            (GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"), String::new(), name);
        self.store(&key, definition);
    }
}

impl Watcher {
    fn sees(&self, key: &Key, object: &Value) -> bool {
        key.0 == self.of.group_resource()
            && self.namespace.as_ref().is_none_or(|namespace| key.1 == *namespace)
            && self.name.as_ref().is_none_or(|name| key.2 == *name)
            && self.selector.matches(object)
    }

    fn tell(&self, event: WatchEvent) {
        // Whoever does not listen any more is dropped at the next change.
        let _gone = self.to.send(event);
    }
}

fn stored_versions(definition: &Value) -> Vec<Value> {
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    versions.filter(|version| version["storage"] == true).map(|version| version["name"].clone()).collect()
}

/// An object as one version of its type shows it.
pub(super) fn viewed(object: &Value, of: &ResourceType) -> Value {
    let mut object = object.clone();
    object["apiVersion"] = of.api_version().into();
    object
}

pub(super) fn key(at: &ObjectRef) -> Key {
    let namespace = at.namespace.clone().filter(|_| at.resource.namespaced).unwrap_or_default();
    (at.resource.group_resource(), namespace, at.name.clone())
}
