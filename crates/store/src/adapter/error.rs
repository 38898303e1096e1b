//! What a store's answer means, in the port's terms and in words that a person understands.

use std::error::Error as StdError;

use object_store::client::{HttpError, HttpErrorKind};

use crate::layer::redact;
use crate::{Error, ErrorKind};

/// The longest message that is passed on.
const MESSAGE_CHARS: usize = 600;

/// An error of the client in the port's terms.
pub(super) fn translate(action: &'static str, key: &str, error: &object_store::Error) -> Error {
    let text = deepest(error).to_string();
    let answer = Answer::parse(&error.to_string());
    let kind = match (kind_of_answer(&answer), error) {
        (Some(kind), _) => kind,
        (None, object_store::Error::NotFound { .. }) => ErrorKind::NotFound,
        (
            None,
            object_store::Error::AlreadyExists { .. }
            | object_store::Error::Precondition { .. }
            | object_store::Error::NotModified { .. },
        ) => ErrorKind::Precondition,
        (
            None,
            object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. },
        ) => ErrorKind::Denied,
        (None, object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. }) => {
            ErrorKind::Unsupported
        }
        (None, object_store::Error::InvalidPath { .. }) => ErrorKind::Config,
        (None, _) => kind_of_transport(error, &text),
    };
    let message = redact::text(&explain(kind, &answer, &text));
    Error { kind, action, key: key.to_owned(), message: message.chars().take(MESSAGE_CHARS).collect() }
}

/// What the store said, as far as it can be told from the client's words.
#[derive(Debug, Default)]
struct Answer {
    status: Option<u16>,
    code: String,
    message: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let status =
            text.split_once("status code: ").map(|(_, rest)| rest.chars().take(3).collect::<String>());
        Self {
            status: status.and_then(|digits| digits.parse().ok()),
            code: element(text, "Code").unwrap_or_default().to_owned(),
            message: plain(element(text, "Message").unwrap_or_default()),
        }
    }
}

/// The text of the first element of this name in an answer's XML.
pub(super) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// A text of XML without its escapes.
pub(super) fn plain(text: &str) -> String {
    let escapes =
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#34;", "\""), ("&apos;", "'"), ("&#39;", "'")];
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).replace("&amp;", "&")
}

/// What the store's own words decide.
fn kind_of_answer(answer: &Answer) -> Option<ErrorKind> {
    match answer.code.as_str() {
        "NoSuchBucket" | "ContainerNotFound" => return Some(ErrorKind::NoBucket),
        "ConditionalRequestConflict"
        | "OperationAborted"
        | "SlowDown"
        | "InternalError"
        | "RequestTimeout"
        | "ServiceUnavailable" => return Some(ErrorKind::Unavailable),
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "AccessDenied"
        | "RequestTimeTooSkewed"
        | "XAdminUserNotFound" => {
            return Some(ErrorKind::Denied);
        }
        "NotImplemented" => return Some(ErrorKind::Unsupported),
        "AuthorizationHeaderMalformed" | "PermanentRedirect" => return Some(ErrorKind::Config),
        "NoSuchUpload" => return Some(ErrorKind::Other),
        _ => {}
    }
    match answer.status? {
        408 | 429 | 500 | 502..=504 => Some(ErrorKind::Unavailable),
        501 | 405 => Some(ErrorKind::Unsupported),
        // Without a word on why: what a gateway says, and the answer to a HEAD.
        401 | 403 if answer.code.is_empty() => Some(ErrorKind::Denied),
        _ => None,
    }
}

/// What the failure of a connection means.
fn kind_of_transport(error: &object_store::Error, text: &str) -> ErrorKind {
    let text = text.to_ascii_lowercase();
    if text.contains("certificate") || text.contains("unknownissuer") || text.contains("tls handshake") {
        return ErrorKind::Certificate;
    }
    match causes(error).find_map(|cause| cause.downcast_ref::<HttpError>()).map(HttpError::kind) {
        Some(HttpErrorKind::Decode) => ErrorKind::Other,
        Some(_) => ErrorKind::Unavailable,
        None if text.contains("without location") => ErrorKind::Config,
        None if text.contains("error sending request") || text.contains("timed out") => {
            ErrorKind::Unavailable
        }
        None => ErrorKind::Other,
    }
}

/// The error and what caused it, outermost first.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| <dyn StdError>::source(error))
}

/// The first cause: the one with the facts.
fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}

/// Words that say what is wrong, before the store's own.
fn explain(kind: ErrorKind, answer: &Answer, text: &str) -> String {
    let said = match (answer.code.as_str(), answer.message.as_str(), answer.status) {
        ("", "", Some(status)) => format!("the store answered {status}"),
        ("", "", None) => text.trim().to_owned(),
        (code, "", _) => code.to_owned(),
        (code, message, _) => format!("{code}: {message}"),
    };
    let meaning = match kind {
        ErrorKind::NotFound => return "there is no such object".to_owned(),
        ErrorKind::Precondition => return "the object exists, or is another version".to_owned(),
        ErrorKind::NoBucket => "the bucket does not exist",
        ErrorKind::Denied => "the credentials are wrong, or do not allow this",
        ErrorKind::Certificate => "the store's certificate is not trusted; is caCert its authority's?",
        ErrorKind::Unavailable => "the store cannot be reached, or does not answer as it should",
        ErrorKind::Config => "the location's region or address is wrong",
        ErrorKind::Unsupported => "the store cannot do this",
        ErrorKind::Other => return said,
    };
    format!("{meaning} ({said})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: &str, body: &str) -> object_store::Error {
        let text = format!("Server returned non-2xx status code: {status}: {body}");
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    #[test]
    fn answers_have_their_kinds() {
        let cases = [
            ("404 Not Found", "<Error><Code>NoSuchBucket</Code></Error>", ErrorKind::NoBucket),
            ("503 Slow", "<Error><Code>SlowDown</Code></Error>", ErrorKind::Unavailable),
            ("500 Oh", "", ErrorKind::Unavailable),
            ("429 Too Many", "", ErrorKind::Unavailable),
            (
                "409 Conflict",
                "<Error><Code>ConditionalRequestConflict</Code></Error>",
                ErrorKind::Unavailable,
            ),
            ("403 Forbidden", "<Error><Code>SignatureDoesNotMatch</Code></Error>", ErrorKind::Denied),
            ("403 Forbidden", "", ErrorKind::Denied),
            ("403 Forbidden", "<Error><Code>InvalidObjectState</Code></Error>", ErrorKind::Other),
            ("501 Not Implemented", "", ErrorKind::Unsupported),
            (
                "400 Bad Request",
                "<Error><Code>AuthorizationHeaderMalformed</Code></Error>",
                ErrorKind::Config,
            ),
            ("416 Range", "", ErrorKind::Other),
        ];
        for (status, body, kind) in cases {
            assert_eq!(translate("get", "k", &answer(status, body)).kind, kind, "{status} {body}");
        }
    }

    #[test]
    fn messages_say_what_is_wrong_and_hide_secrets() {
        let body = "<Error><Code>InvalidAccessKeyId</Code><Message>The key is unknown</Message>\
                    <AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId></Error>";
        let error = translate("list", "", &answer("403 Forbidden", body));
        assert_eq!(
            error.message,
            "the credentials are wrong, or do not allow this (InvalidAccessKeyId: The key is unknown)"
        );
        let source = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        let error = object_store::Error::Generic { store: "S3", source: Box::new(source) };
        assert_eq!(translate("list", "", &error).kind, ErrorKind::Certificate);
    }
}
