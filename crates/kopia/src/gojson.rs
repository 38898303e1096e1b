//! JSON to the byte as Go writes it: where the same bytes make the same content, an unchanged directory is stored once, whoever writes it.

use crate::Time;

/// An object that is being written, field by field in the order of Go's structure.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    is_empty: bool,
}

impl<'a> Object<'a> {
    /// Begins an object.
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Begins a field; its value is to be written behind it.
    pub(crate) fn field(&mut self, name: &str) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.is_empty) {
            self.out.push(b',');
        }
        write_string(self.out, name.as_bytes());
        self.out.push(b':');
        self.out
    }

    pub(crate) fn string(&mut self, name: &str, value: &[u8]) {
        write_string(self.field(name), value);
    }

    /// A field that Go leaves out when it is empty.
    pub(crate) fn string_if_any(&mut self, name: &str, value: &[u8]) {
        if !value.is_empty() {
            self.string(name, value);
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        self.field(name).extend_from_slice(value.to_string().as_bytes());
    }

    /// A field that Go leaves out when it is zero.
    pub(crate) fn number_if_any(&mut self, name: &str, value: u64) {
        if value > 0 {
            self.number(name, value);
        }
    }

    pub(crate) fn time(&mut self, name: &str, value: Time) {
        write_string(self.field(name), value.to_string().as_bytes());
    }

    /// A time that Go leaves out when its number is zero.
    pub(crate) fn time_if_any(&mut self, name: &str, value: Time) {
        if value != Time::EPOCH {
            self.time(name, value);
        }
    }

    /// Ends the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Writes things with commas between them, in brackets; none at all are `null`, as Go has it.
pub(crate) fn write_list<T>(out: &mut Vec<u8>, items: &[T], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    if items.is_empty() {
        out.extend_from_slice(b"null");
        return;
    }
    for (index, item) in items.iter().enumerate() {
        out.push(if index == 0 { b'[' } else { b',' });
        write(out, item);
    }
    out.push(b']');
}

/// What becomes of bytes that are written as a text.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| text.push(char::REPLACEMENT_CHARACTER));
    }
    text
}

/// Writes a text. Each byte that is no part of a character becomes the escape of a question mark's sign: what was there is lost.
pub(crate) fn write_string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            write_char(out, char);
        }
        for _ in chunk.invalid() {
            out.extend_from_slice(br"\ufffd");
        }
    }
    out.push(b'"');
}

fn write_char(out: &mut Vec<u8>, char: char) {
    let short: &[u8] = match char {
        '"' => br#"\""#,
        '\\' => br"\\",
        '\n' => br"\n",
        '\r' => br"\r",
        '\t' => br"\t",
        '\u{8}' => br"\b",
        '\u{c}' => br"\f",
        '\0'..='\x1f' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            return out.extend_from_slice(format!("\\u{:04x}", u32::from(char)).as_bytes());
        }
        char => return out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
    };
    out.extend_from_slice(short);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_string(&mut out, bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn texts_are_escaped_as_go_does() {
        for (bytes, text) in [
            (&b"plain"[..], r#""plain""#),
            (b"\"\\\n\r\t\x08\x0c", r#""\"\\\n\r\t\b\f""#),
            (b"\x00\x1f\x7f", "\"\\u0000\\u001f\x7f\""),
            (b"<>&", r#""\u003c\u003e\u0026""#),
            ("ü\u{2028}\u{2029}\u{fffd}".as_bytes(), "\"ü\\u2028\\u2029\u{fffd}\""),
            (b"a\xff\xfeb\xe2\x82", r#""a\ufffd\ufffdb\ufffd\ufffd""#),
        ] {
            assert_eq!(string(bytes), text);
        }
    }

    #[test]
    fn fields_are_left_out_as_go_does() {
        let mut out = Vec::new();
        let mut object = Object::begin(&mut out);
        object.string_if_any("a", b"");
        object.number_if_any("b", 0);
        object.time_if_any("c", Time::EPOCH);
        object.number("d", 0);
        object.time("e", Time::EPOCH);
        object.string("f", b"");
        write_list(object.field("g"), &[1, 2], |out, item| out.push(b'0' + item));
        write_list(object.field("h"), &[0; 0], |_, _| ());
        object.end();
        let text = r#"{"d":0,"e":"1970-01-01T00:00:00Z","f":"","g":[1,2],"h":null}"#;
        assert_eq!(String::from_utf8(out).unwrap(), text);
    }

    proptest! {
        #[test]
        fn any_text_is_read_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&string(text.as_bytes())).unwrap(), text);
        }

        #[test]
        fn any_bytes_make_the_text_that_is_left_of_them(bytes in prop::collection::vec(any::<u8>(), 0..50)) {
            prop_assert_eq!(serde_json::from_str::<String>(&string(&bytes)).unwrap(), lossy(&bytes));
        }
    }
}
