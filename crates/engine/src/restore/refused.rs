//! What can be hoped for when the server refuses to create an object: that other objects of the restore make it possible,
//! that time does, or nothing.

use serde_json::Value;

/// What can be hoped for of a create that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hope {
    /// Nothing: it is refused for what it is.
    None,
    /// That another object makes it possible: a class, an account, a quota with room.
    Others,
    /// That something starts: a webhook's pod, a type that was just defined.
    Time,
}

/// Words of refusals that pass when something has started.
const STARTING: &[&str] = &[
    "failed calling webhook",
    "failed calling admission webhook",
    "conversion webhook for",
    "could not find the requested resource",
];
/// Words of refusals that are about our rights: nothing that is restored changes them.
const OURS: &[&str] = &[" cannot create resource "];
/// Words of a webhook that has judged the object, whatever the code of its answer is.
const JUDGED: &str = "denied the request";

/// What can be hoped for, by the server's words and its `Status`, where there is one.
pub fn hope(message: &str, status: Option<&Value>) -> Hope {
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    let code = status.and_then(|status| status["code"].as_u64()).unwrap_or_default();
    match code {
        _ if says(STARTING) => Hope::Time,
        _ if says(OURS) => Hope::None,
        403 | 404 | 409 => Hope::Others,
        _ if message.contains(JUDGED) => Hope::Others,
        _ => Hope::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(code: u16, message: &str, expect: Hope) {
        assert_eq!(hope(message, Some(&json!({"code": code}))), expect, "{code} {message}");
    }

    #[test]
    fn words_and_codes_tell_what_may_pass() {
        check(500, "Internal error occurred: failed calling webhook \"a.b\": connection refused", Hope::Time);
        check(500, "conversion webhook for example.com/v1, Kind=W failed: no endpoints", Hope::Time);
        check(404, "the server could not find the requested resource", Hope::Time);
        check(403, "pods \"a\" is forbidden: no PriorityClass with name high was found", Hope::Others);
        check(403, "pods \"a\" is forbidden: exceeded quota: few", Hope::Others);
        check(400, "admission webhook \"a.b\" denied the request: no", Hope::Others);
        check(404, "namespaces \"shop\" not found", Hope::Others);
        check(
            403,
            "roles is forbidden: User \"x\" cannot create resource \"roles\" in API group",
            Hope::None,
        );
        check(422, "Pod \"a\" is invalid: spec.containers: Required value", Hope::None);
        assert_eq!(hope("connection reset", None), Hope::None);
    }
}
