//! What one may wait for, as values for [`crate::wait::until`].

use serde_json::Value;

use crate::wait::Verdict;

const ABSENT: &str = "it is not there";

/// The object is there.
pub fn exists(object: Option<&Value>) -> Verdict {
    Verdict::when(object.is_some(), || ABSENT.into())
}

/// The object is not there: a deleted namespace, for one, is gone only when its contents are.
pub fn gone(object: Option<&Value>) -> Verdict {
    Verdict::when(object.is_none(), || remaining(object))
}

/// The object of this UID is not there; another of its name may be.
pub fn gone_uid(uid: &str) -> impl Fn(Option<&Value>) -> Verdict + use<> {
    let uid = uid.to_owned();
    move |object| {
        let other = object.is_none_or(|object| object["metadata"]["uid"] != *uid);
        Verdict::when(other, || remaining(object))
    }
}

/// A custom resource definition is served.
pub fn established(object: Option<&Value>) -> Verdict {
    match object.map(|object| condition(object, "NamesAccepted")) {
        Some(Some(names)) if names["status"] == "False" => Verdict::Never(words(names)),
        _ => has("Established")(object),
    }
}

/// The object has a condition of this type, and it is `True`.
pub fn has(kind: &str) -> impl Fn(Option<&Value>) -> Verdict + use<> {
    let kind = kind.to_owned();
    move |object| {
        let Some(object) = object else { return Verdict::NotYet(ABSENT.into()) };
        match condition(object, &kind) {
            Some(found) if found["status"] == "True" => Verdict::Met,
            Some(found) => Verdict::NotYet(words(found)),
            None => Verdict::NotYet(format!("it has no condition {kind}")),
        }
    }
}

/// The object's `status.phase` is one of these.
pub fn phase(wanted: &[&str]) -> impl Fn(Option<&Value>) -> Verdict + use<> {
    let wanted: Vec<String> = wanted.iter().map(|&phase| phase.to_owned()).collect();
    move |object| {
        let Some(object) = object else { return Verdict::NotYet(ABSENT.into()) };
        let phase = object["status"]["phase"].as_str().unwrap_or_default();
        Verdict::when(wanted.iter().any(|wanted| wanted == phase), || format!("its phase is {phase:?}"))
    }
}

/// A Deployment runs as many pods as it should, all of its newest form.
pub fn rolled_out(object: Option<&Value>) -> Verdict {
    let Some(object) = object else { return Verdict::NotYet(ABSENT.into()) };
    let status = |field: &str| object["status"][field].as_i64().unwrap_or(0);
    let wanted = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let seen = status("observedGeneration") >= object["metadata"]["generation"].as_i64().unwrap_or(0);
    let all = seen
        && status("updatedReplicas") == wanted
        && status("availableReplicas") == wanted
        && status("replicas") == wanted;
    Verdict::when(all, || format!("{} of {wanted} replicas are available", status("availableReplicas")))
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"].as_array()?.iter().find(|condition| condition["type"] == *kind)
}

fn words(condition: &Value) -> String {
    let text = |field: &str| condition[field].as_str().unwrap_or_default();
    format!("{} is {}: {} {}", text("type"), text("status"), text("reason"), text("message"))
        .trim_end()
        .to_owned()
}

fn remaining(object: Option<&Value>) -> String {
    let finalizers = object.and_then(|object| object["metadata"]["finalizers"].as_array());
    match finalizers
        .map(|finalizers| finalizers.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    {
        Some(names) if !names.is_empty() => format!("it waits for its finalizers: {names}"),
        _ => object.map_or_else(|| "it is still there".into(), leftovers),
    }
}

/// What a namespace says of the contents that keep it.
fn leftovers(object: &Value) -> String {
    let content =
        ["NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure"];
    let holding =
        content.iter().filter_map(|kind| condition(object, kind)).filter(|found| found["status"] == "True");
    let said: Vec<String> = holding.map(words).collect();
    if said.is_empty() { "it is still there".into() } else { said.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(kind: &str, status: &str) -> Value {
        json!({"status": {"conditions": [{"type": kind, "status": status, "reason": "R", "message": "m"}]}})
    }

    fn not_yet(why: &str) -> Verdict {
        Verdict::NotYet(why.into())
    }

    #[test]
    fn definitions_are_served_when_established() {
        assert_eq!(established(Some(&with("Established", "True"))), Verdict::Met);
        assert_eq!(established(Some(&with("Established", "False"))), not_yet("Established is False: R m"));
        assert_eq!(
            established(Some(&with("NamesAccepted", "False"))),
            Verdict::Never("NamesAccepted is False: R m".into())
        );
        assert_eq!(established(None), not_yet(ABSENT));
    }

    #[test]
    fn what_keeps_an_object_is_told() {
        assert_eq!(gone(None), Verdict::Met);
        let kept = json!({"metadata": {"uid": "1", "finalizers": ["a/b", "c/d"]}});
        assert_eq!(gone(Some(&kept)), not_yet("it waits for its finalizers: a/b, c/d"));
        assert_eq!(gone_uid("2")(Some(&kept)), Verdict::Met);
        let namespace = with("NamespaceContentRemaining", "True");
        assert_eq!(gone(Some(&namespace)), not_yet("NamespaceContentRemaining is True: R m"));
    }

    #[test]
    fn a_rollout_is_over_when_all_replicas_are_new_and_available() {
        let deployment = |observed: i64, available: i64| {
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 2}, "status": {"observedGeneration": observed,
                "replicas": 2, "updatedReplicas": 2, "availableReplicas": available}})
        };
        assert_eq!(rolled_out(Some(&deployment(2, 2))), Verdict::Met);
        assert_eq!(rolled_out(Some(&deployment(1, 2))), not_yet("2 of 2 replicas are available"));
        assert_eq!(rolled_out(Some(&deployment(2, 1))), not_yet("1 of 2 replicas are available"));
    }
}
