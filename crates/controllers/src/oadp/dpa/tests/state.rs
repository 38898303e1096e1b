//! What the status says.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{base, found, settings};
use crate::oadp::dpa::status::{Outcome, next};
use crate::oadp::dpa::{Applied, Found, Resources, Valid, build, validate};

/// What was built, as if the cluster had taken it so.
fn applied(found: &Found, deployment: &Value, location: &Value) -> (Valid, Resources<Applied>) {
    let valid = validate(found, &settings()).unwrap();
    let prepared = build(&valid, found, &settings());
    let status = |mut object: Value, status: &Value| {
        object["status"] = status.clone();
        object
    };
    let applied = Resources {
        namespace: prepared.namespace,
        secrets: prepared.secrets,
        service_account: prepared.service_account,
        services: prepared.services,
        locations: prepared.locations.into_iter().map(|object| status(object, location)).collect(),
        snapshot_locations: prepared.snapshot_locations,
        obstacle: prepared.obstacle,
        deployment: status(prepared.deployment, deployment),
        surplus: prepared.surplus,
        state: std::marker::PhantomData,
    };
    (valid, applied)
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    status["conditions"].as_array().unwrap().iter().find(|condition| condition["type"] == kind).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

const RUNNING: &str = r#"{"observedGeneration": 1, "availableReplicas": 1, "updatedReplicas": 1}"#;

#[test]
fn available_means_that_the_server_runs_and_its_locations_answer() {
    let running: Value = serde_json::from_str(RUNNING).unwrap();
    let (answers, fails) =
        (json!({"phase": "Available"}), json!({"phase": "Unavailable", "message": "no bucket"}));
    for (deployment, location, status, reason, words) in [
        (&running, &answers, "True", "Available", "The server runs"),
        (&json!({}), &answers, "False", "ServerNotReady", "Deployment velero is progressing"),
        (&running, &fails, "False", "LocationNotReady", "no bucket"),
        (&running, &json!({}), "False", "LocationNotReady", "dpa-1 is progressing"),
    ] {
        let found = found(base());
        let (valid, applied) = applied(&found, deployment, location);
        let said = next(&Outcome::Done(&valid, &applied), &json!({}), at(1));
        let available = condition(&said, "Available");
        assert_eq!((&available["status"], &available["reason"]), (&json!(status), &json!(reason)));
        assert!(available["message"].as_str().unwrap().contains(words), "{available}");
        assert_eq!(condition(&said, "Reconciled")["message"], "Reconcile complete");
        assert_eq!(said["versions"]["server"], "salvor:0.1.0");
        assert_eq!(said["objects"][0]["version"], "salvor:0.1.0");
    }
}

#[test]
fn a_condition_keeps_its_time_until_it_changes() {
    let running: Value = serde_json::from_str(RUNNING).unwrap();
    let found = found(base());
    let (valid, good) = applied(&found, &running, &json!({"phase": "Available"}));
    let first = next(&Outcome::Done(&valid, &good), &json!({}), at(1));
    let stored = json!({"status": first});
    assert_eq!(next(&Outcome::Done(&valid, &good), &stored, at(9)), stored["status"], "nothing new to write");
    let (valid, bad) = applied(&found, &running, &json!({"phase": "Unavailable"}));
    let then = next(&Outcome::Done(&valid, &bad), &stored, at(9));
    assert_eq!(condition(&then, "Available")["lastTransitionTime"], "1970-01-01T00:00:09Z");
    assert_eq!(condition(&then, "Reconciled")["lastTransitionTime"], "1970-01-01T00:00:01Z");
}

#[test]
fn a_refusal_names_everything_and_leaves_what_was_said_of_the_server() {
    let mut wrong = found(base());
    wrong.others.push("other".to_owned());
    wrong.secrets.clear();
    let problems = validate(&wrong, &settings()).unwrap_err();
    let before = json!({"lastTransitionTime": "1970-01-01T00:00:01Z", "message": "m", "reason": "Available",
        "status": "True", "type": "Available"});
    let stored = json!({"metadata": {"generation": 2}, "status": {"conditions": [before]}});
    let said = next(&Outcome::Refused(&problems), &stored, at(9));
    let reconciled = condition(&said, "Reconciled");
    assert_eq!((&reconciled["status"], &reconciled["reason"]), (&json!("False"), &json!("Error")));
    let message = reconciled["message"].as_str().unwrap();
    assert!(message.contains("SLV-4002") && message.contains("SLV-4007"), "{message}");
    assert_eq!(reconciled["observedGeneration"], 2);
    assert_eq!(condition(&said, "Available")["status"], "True");
    assert!(said.get("versions").is_none());
}

#[test]
fn what_is_not_verified_and_what_has_no_effect_is_said() {
    let mut spec = base();
    spec["backupLocations"][0]["velero"]["config"]["insecureSkipTLSVerify"] = json!("true");
    spec["configuration"]["nodeAgent"] = json!({"uploaderType": "kopia"});
    let found = found(spec);
    let (valid, applied) = applied(&found, &json!({}), &json!({}));
    let said = next(&Outcome::Done(&valid, &applied), &json!({}), at(1));
    let verified = condition(&said, "TLSVerified");
    assert_eq!(verified["status"], "False");
    assert!(verified["message"].as_str().unwrap().contains("dpa-1"));
    let honoured = condition(&said, "AllFieldsHonoured");
    assert!(honoured["message"].as_str().unwrap().contains("configuration.nodeAgent"));
}
