//! Documents as Kubernetes itself would write them.
//!
//! The data of a ControllerRevision is kept as the bytes that came, and its controller compares them with those that it
//! would write. It is a Go program, whose JSON escapes what is special in HTML. A revision that was restored without the
//! escapes is another one for it: it tries to replace what cannot change, and its StatefulSet or DaemonSet stands still.

use std::io;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

/// A document as JSON, byte for byte as Go's `encoding/json` has it.
pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, Go);
    match document.serialize(&mut serializer) {
        Ok(()) => bytes,
        // Memory takes whatever is written, and a `Value` has no keys that are no strings.
        Err(_) => document.to_string().into_bytes(),
    }
}

struct Go;

impl Formatter for Go {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut plain = 0;
        for (at, found) in fragment.match_indices(['&', '<', '>', '\u{2028}', '\u{2029}']) {
            to.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in found.encode_utf16() {
                write!(to, "\\u{unit:04x}")?;
            }
            plain = at + found.len();
        }
        to.write_all(&fragment.as_bytes()[plain..])
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_special_in_html_is_escaped() {
        let document =
            json!({"<b>": "a && b > c", "plain": ["\"\\\n\t", "ü", "\u{2028}\u{2029}", 1, 2.5, null]});
        let expected = concat!(
            r#"{"\u003cb\u003e":"a \u0026\u0026 b \u003e c","#,
            r#""plain":["\"\\\n\t","ü","\u2028\u2029",1,2.5,null]}"#
        );
        let bytes = bytes(&document);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), expected);
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), document);
    }
}
