//! What the API server or the transport said, as the errors of the port.

use std::error::Error as _;
use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use crate::port::{Error, ErrorKind};

/// Longest answer that is not a `Status` and is still repeated in a message, in characters.
const FOREIGN_WORDS_MAX: usize = 300;

impl Error {
    /// An error of our own making.
    pub fn new(kind: ErrorKind, action: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, action: action.into(), message: message.into(), status: None, retry_after: None }
    }

    /// The reason in the server's `Status`; empty where there is none.
    pub fn reason(&self) -> &str {
        self.status.as_ref().and_then(|status| status["reason"].as_str()).unwrap_or_default()
    }

    /// The reasons of the causes in the server's `Status`, such as `NamespaceTerminating`.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        let causes = self.status.as_ref().and_then(|status| status["details"]["causes"].as_array());
        causes.into_iter().flatten().filter_map(|cause| cause["reason"].as_str())
    }

    /// Whether a create failed because its namespace is on its way out.
    pub fn is_namespace_terminating(&self) -> bool {
        self.causes().any(|cause| cause == "NamespaceTerminating")
    }

    /// Whether a webhook that guards the object does not answer: that is no judgement of the webhook's.
    pub fn is_webhook_away(&self) -> bool {
        refused_by_webhook(&self.message)
    }

    /// Whether the object (or its type) is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

/// The error in an answer that is no success.
pub(crate) fn from_answer(action: &str, code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let status = serde_json::from_slice::<Value>(body).ok().filter(|document| document["kind"] == "Status");
    let message = match &status {
        Some(status) => status["message"].as_str().unwrap_or_default().to_owned(),
        None => foreign_words(body),
    };
    let message = if message.is_empty() { format!("the server answered {code}") } else { message };
    let reason = status.as_ref().and_then(|status| status["reason"].as_str()).unwrap_or_default();
    let kind = judged(code.as_u16(), reason, &message);
    let retry_after = retry_after(headers, status.as_ref());
    Error { kind, action: action.to_owned(), message, status: status.map(Box::new), retry_after }
}

/// The error in a `Status` document that came in a stream.
pub(crate) fn from_status(action: &str, status: Value) -> Error {
    let code = status["code"].as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(500);
    let message = status["message"].as_str().unwrap_or_default().to_owned();
    let kind = judged(code, status["reason"].as_str().unwrap_or_default(), &message);
    Error { kind, action: action.to_owned(), message, status: Some(Box::new(status)), retry_after: None }
}

/// What a quota that is new refuses with until its controller has counted once, which is a matter of seconds.
const UNCOUNTED_QUOTA: &str = "status unknown for quota";

/// A webhook that does not answer fails what it guards or converts with a 500, and for as long as it is away: that is no
/// state of the server.
fn refused_by_webhook(message: &str) -> bool {
    let words = ["failed calling webhook", "failed calling admission webhook", "conversion webhook for"];
    words.iter().any(|words| message.contains(words))
}

/// The kind of an error by code, reason and, where those say too little, words.
fn judged(code: u16, reason: &str, message: &str) -> ErrorKind {
    match kind_of(code, reason) {
        _ if refused_by_webhook(message) => ErrorKind::Other,
        ErrorKind::Forbidden if message.contains(UNCOUNTED_QUOTA) => ErrorKind::Unavailable,
        kind => kind,
    }
}

fn kind_of(code: u16, reason: &str) -> ErrorKind {
    match (reason, code) {
        ("AlreadyExists", _) => ErrorKind::AlreadyExists,
        ("Conflict", _) | (_, 409) => ErrorKind::Conflict,
        ("Expired" | "Gone", _) | (_, 410) => ErrorKind::Expired,
        (_, 404) => ErrorKind::NotFound,
        (_, 400 | 413 | 422) => ErrorKind::Invalid,
        (_, 401) => ErrorKind::Unauthorized,
        (_, 403) => ErrorKind::Forbidden,
        (_, 405 | 406 | 415 | 501) => ErrorKind::Unsupported,
        (_, 429) => ErrorKind::TooManyRequests,
        (_, 408 | 500..=599) => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

fn foreign_words(body: &[u8]) -> String {
    let words = String::from_utf8_lossy(body);
    words.trim().chars().take(FOREIGN_WORDS_MAX).collect()
}

fn retry_after(headers: &HeaderMap, status: Option<&Value>) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let detail = status.and_then(|status| status["details"]["retryAfterSeconds"].as_u64());
    header.or(detail).filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// The error of a call that got no answer.
pub(crate) fn from_transport(action: &str, error: &kube::Error) -> Error {
    use kube::client::AuthError;
    let (kind, message) = match root_auth(error) {
        // What a credential command printed may hold a credential.
        Some(AuthError::AuthExecRun { cmd, out, .. }) => {
            (ErrorKind::Unauthorized, format!("the credential command {cmd:?} ended with {}", out.status))
        }
        Some(AuthError::AuthExecParse(_)) => (
            ErrorKind::Unauthorized,
            "the output of the credential command could not be understood".to_owned(),
        ),
        Some(auth) => (ErrorKind::Unauthorized, chain(auth)),
        None => transport(error),
    };
    Error::new(kind, action, message)
}

fn transport(error: &kube::Error) -> (ErrorKind, String) {
    let message = chain(error);
    // The names of layers help nobody.
    let message = message.strip_prefix("ServiceError: ").unwrap_or(&message);
    let message = match message.strip_prefix("client error (Connect): ") {
        Some(why) => format!("the API server cannot be reached: {why}"),
        None => message.to_owned(),
    };
    let certificate = message.contains("invalid peer certificate");
    match error {
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) if !certificate => {
            (ErrorKind::Unavailable, message)
        }
        kube::Error::UpgradeConnection(_) => (ErrorKind::Unavailable, message),
        _ => (ErrorKind::Other, message),
    }
}

fn root_auth(error: &kube::Error) -> Option<&kube::client::AuthError> {
    if let kube::Error::Auth(auth) = error {
        return Some(auth);
    }
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(auth) = cause.downcast_ref() {
            return Some(auth);
        }
        source = cause.source();
    }
    None
}

/// An error and its causes in one line, without saying anything twice.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !words.contains(&more) {
            words = format!("{words}: {more}");
        }
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_webhook_that_is_away_is_no_state_of_the_server() {
        let message =
            "Internal error occurred: failed calling webhook \"guard.example.com\": no endpoints available";
        let body = json!({"kind": "Status", "reason": "InternalError", "message": message, "code": 500});
        let body = body.to_string();
        let error =
            from_answer("create", StatusCode::INTERNAL_SERVER_ERROR, &HeaderMap::new(), body.as_bytes());
        assert!(error.is_a_judgement(), "{error:?}");
    }

    #[test]
    fn a_quota_that_has_not_counted_yet_is_worth_waiting_for() {
        let message = "animals \"a\" is forbidden: status unknown for quota: feed, resources: count/animals";
        let body =
            json!({"kind": "Status", "reason": "Forbidden", "message": message, "code": 403}).to_string();
        let error = from_answer("create", StatusCode::FORBIDDEN, &HeaderMap::new(), body.as_bytes());
        assert!(error.is_transient(), "{error:?}");
    }

    #[test]
    fn answers_become_kinds() {
        let cases = [
            (404, "NotFound", ErrorKind::NotFound),
            (409, "AlreadyExists", ErrorKind::AlreadyExists),
            (409, "Conflict", ErrorKind::Conflict),
            (410, "Expired", ErrorKind::Expired),
            (422, "Invalid", ErrorKind::Invalid),
            (400, "BadRequest", ErrorKind::Invalid),
            (401, "Unauthorized", ErrorKind::Unauthorized),
            (403, "Forbidden", ErrorKind::Forbidden),
            (405, "MethodNotAllowed", ErrorKind::Unsupported),
            (429, "TooManyRequests", ErrorKind::TooManyRequests),
            (500, "InternalError", ErrorKind::Unavailable),
            (503, "ServiceUnavailable", ErrorKind::Unavailable),
            (504, "Timeout", ErrorKind::Unavailable),
            (418, "", ErrorKind::Other),
        ];
        for (code, reason, kind) in cases {
            let body =
                json!({"kind": "Status", "reason": reason, "message": "words", "code": code}).to_string();
            let code = StatusCode::from_u16(code).unwrap();
            let error = from_answer("get pods a/b", code, &HeaderMap::new(), body.as_bytes());
            assert_eq!((error.kind, error.message.as_str(), error.reason()), (kind, "words", reason));
        }
    }

    #[test]
    fn the_server_says_how_long_to_wait() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "3".parse().unwrap());
        let error = from_answer("list pods", StatusCode::TOO_MANY_REQUESTS, &headers, b"too many requests");
        assert_eq!(error.retry_after, Some(Duration::from_secs(3)));
        assert_eq!(error.to_string(), "list pods: too many requests");
        let body = json!({"kind": "Status", "details": {"retryAfterSeconds": 7}}).to_string();
        let error = from_answer("list pods", StatusCode::GATEWAY_TIMEOUT, &HeaderMap::new(), body.as_bytes());
        assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(error.message, "the server answered 504 Gateway Timeout");
    }

    #[test]
    fn causes_tell_a_terminating_namespace() {
        let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no",
            "details": {"causes": [{"reason": "NamespaceTerminating"}]}});
        let error = from_status("create pods a/b", status);
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(error.is_namespace_terminating());
    }
}
