//! Errors never carry secrets.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use super::{Call, Layer};
use crate::{Error, Result};

/// What stands in the place of a secret.
const HIDDEN: &str = "***REDACTED***";

/// Names of parameters and headers whose values are secrets, or let one in: of links signed for S3, Google
/// and Azure, and of requests.
const PARAMETERS: [&str; 17] = [
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
    "x-goog-signature",
    "x-goog-credential",
    "awsaccesskeyid",
    "signature",
    "credential",
    "sig",
    "skoid",
    "sktid",
    "ske",
    "authorization",
    "access_token",
    "client_secret",
    "assertion",
    "password",
];

/// Elements of answers that repeat what was signed.
const ELEMENTS: [&str; 7] = [
    "AWSAccessKeyId",
    "SignatureProvided",
    "StringToSign",
    "StringToSignBytes",
    "CanonicalRequest",
    "CanonicalRequestBytes",
    "AuthenticationErrorDetail",
];

/// A text without secrets.
pub fn text(text: &str) -> String {
    user_info(&parameters(elements(text.to_owned())))
}

/// Hides the content of elements that repeat what was signed.
fn elements(mut text: String) -> String {
    for name in ELEMENTS {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        if let Some(start) = text.find(&open).map(|at| at + open.len()) {
            let end = text[start..].find(&close).map_or(text.len(), |at| start + at);
            text.replace_range(start..end, HIDDEN);
        }
    }
    text
}

/// Hides the values of `NAME=VALUE` and `NAME: VALUE`.
fn parameters(mut text: String) -> String {
    for name in PARAMETERS {
        let mut from = 0;
        while let Some(found) = text[from..].to_ascii_lowercase().find(name) {
            let (at, after) = (from + found, from + found + name.len());
            from = after;
            let begins = at == 0 || !text.as_bytes()[at - 1].is_ascii_alphanumeric();
            let header = name == "authorization";
            let rest = &text[after..];
            let sign = rest.strip_prefix('=').or_else(|| rest.strip_prefix(": ").filter(|_| header));
            if let (true, Some(value)) = (begins, sign) {
                let start = text.len() - value.len();
                let ends =
                    |c: char| if header { matches!(c, '\n' | '\r') } else { "&\"' \n\t<>;,)".contains(c) };
                let end = value.find(ends).map_or(text.len(), |length| start + length);
                text.replace_range(start..end, HIDDEN);
                from = start + HIDDEN.len();
            }
        }
    }
    text
}

/// Hides `USER:PASSWORD@` of addresses.
fn user_info(text: &str) -> String {
    let mut parts = text.split("://");
    let mut hidden = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        hidden.push_str("://");
        let host = part.find(['/', '?', ' ', '"', '\'']).unwrap_or(part.len());
        match part[..host].rfind('@') {
            Some(at) => hidden.push_str(&format!("{HIDDEN}{}", &part[at..])),
            None => hidden.push_str(part),
        }
    }
    hidden
}

/// Takes secrets out of errors: those known, and what looks like one.
#[derive(Clone)]
pub struct Redact {
    secrets: Arc<[SecretString]>,
}

impl Redact {
    /// Hides these secrets.
    pub fn new(secrets: Vec<SecretString>) -> Self {
        let long = secrets.into_iter().filter(|secret| secret.expose_secret().len() >= 6);
        Self { secrets: long.collect() }
    }

    fn error(&self, mut error: Error) -> Error {
        for secret in self.secrets.iter() {
            error.message = error.message.replace(secret.expose_secret(), HIDDEN);
        }
        error.message = text(&error.message);
        error
    }
}

#[async_trait]
impl Layer for Redact {
    async fn once<T: Send>(&self, _call: Call<'_>, run: BoxFuture<'_, Result<T>>) -> Result<T> {
        run.await.map_err(|error| self.error(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::layer::Verb;

    #[test]
    fn what_looks_like_a_secret_is_hidden() {
        let cases = [
            (
                "get https://h/b?X-Amz-Credential=AK%2F1&X-Amz-Signature=abc&x=1 failed",
                "get https://h/b?X-Amz-Credential=***REDACTED***&X-Amz-Signature=***REDACTED***&x=1 failed",
            ),
            ("https://a.blob/c?sv=2020&sig=S%3D&se=1", "https://a.blob/c?sv=2020&sig=***REDACTED***&se=1"),
            ("dial http://user:pass@host:1/x", "dial http://***REDACTED***@host:1/x"),
            (
                "Authorization: AWS4-HMAC-SHA256 Credential=A, Signature=B\nnext",
                "Authorization: ***REDACTED***\nnext",
            ),
            (
                "<AWSAccessKeyId>AK</AWSAccessKeyId><StringToSign>x",
                "<AWSAccessKeyId>***REDACTED***</AWSAccessKeyId><StringToSign>***REDACTED***",
            ),
            ("the signature = wrong; design=1", "the signature = wrong; design=1"),
            ("größe sig=ü&x", "größe sig=***REDACTED***&x"),
        ];
        for (before, after) in cases {
            assert_eq!(text(before), after);
        }
    }

    #[tokio::test]
    async fn known_secrets_are_hidden() {
        let layer = Redact::new(vec!["wJalrXUtnFEMI".to_owned().into()]);
        let failed = Box::pin(async {
            let message = "wJalrXUtnFEMI is no key".to_owned();
            Err::<(), _>(Error { kind: ErrorKind::Denied, action: "get", key: String::new(), message })
        });
        let error = layer.once(Call { verb: Verb::Get, key: "" }, failed).await.unwrap_err();
        assert_eq!(error.message, "***REDACTED*** is no key");
    }
}
