//! Names as restic writes them: what Go puts between double quotes, so that names that are no text survive in JSON.

/// The bytes that a quoted name stands for; `None` if it is not quoted soundly.
pub(crate) fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '"', '\n']) {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let escape = rest[at..].strip_prefix('\\')?;
        rest = escaped(escape, &mut bytes)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}

/// Adds what an escape stands for, of which the backslash is taken; what follows it.
fn escaped<'t>(text: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let letter = text.chars().next()?;
    let rest = &text[letter.len_utf8()..];
    let simple = match letter {
        'a' => 0x07,
        'b' => 0x08,
        't' => b'\t',
        'n' => b'\n',
        'v' => 0x0b,
        'f' => 0x0c,
        'r' => b'\r',
        '\\' | '"' => letter as u8,
        'x' => return number(rest, 2, 16).and_then(|(value, rest)| byte(value, rest, bytes)),
        'u' => return number(rest, 4, 16).and_then(|(value, rest)| scalar(value, rest, bytes)),
        'U' => return number(rest, 8, 16).and_then(|(value, rest)| scalar(value, rest, bytes)),
        '0'..='7' => return number(text, 3, 8).and_then(|(value, rest)| byte(value, rest, bytes)),
        _ => return None,
    };
    bytes.push(simple);
    Some(rest)
}

fn number(text: &str, digits: usize, radix: u32) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let is_number = number.chars().all(|digit| digit.is_digit(radix));
    u32::from_str_radix(number, radix).ok().filter(|_| is_number).map(|value| (value, rest))
}

fn byte<'t>(value: u32, rest: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    bytes.push(u8::try_from(value).ok()?);
    Some(rest)
}

fn scalar<'t>(value: u32, rest: &'t str, bytes: &mut Vec<u8>) -> Option<&'t str> {
    let letter = char::from_u32(value)?;
    bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_read_as_go_quotes_them() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("plain ü", "plain ü".as_bytes()),
            (r#"a\"b\\c"#, br#"a"b\c"#),
            (r"\a\b\f\n\r\t\v", b"\x07\x08\x0c\n\r\t\x0b"),
            (r"\xff\x00z", b"\xff\0z"),
            (r"\u00e9\U0001f600", "é😀".as_bytes()),
            (r"\101", b"A"),
        ] {
            assert_eq!(unquote(text).as_deref(), Some(bytes), "{text}");
        }
        for text in
            ["\"", "\n", "\\", r"\x", r"\xf", r"\x+f", r"\ud800", r"\U11111111", r"\400", r"\'", r"\q"]
        {
            assert_eq!(unquote(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_it_panic(text in any::<String>(), escape in "\\\\[xuU0-7a-z][0-9a-fé]{0,9}") {
            let _ = unquote(&text);
            let _ = unquote(&escape);
        }
    }
}
