//! Lists of parts, read and written piece by piece: that of a large device has a million.

use std::fmt;
use std::io::{self, Read, Write};

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ObjectId, Part};
use crate::{Error, Result};

/// What the document is called.
const STREAM: &str = "kopia:indirect";
/// The most parts of one object.
const PARTS_MAX: usize = 1 << 23;

/// Writes a list.
pub(super) fn write(parts: &[Part], out: &mut impl Write) -> io::Result<()> {
    write!(out, r#"{{"stream":"{STREAM}","entries":["#)?;
    for (index, part) in parts.iter().enumerate() {
        out.write_all(if index == 0 { b"{" } else { b",{" })?;
        for (name, value) in
            [("s", part.start), ("l", part.length)].into_iter().filter(|(_, value)| *value > 0)
        {
            write!(out, r#""{name}":{value},"#)?;
        }
        write!(out, r#""o":"{}"}}"#, part.object)?;
    }
    out.write_all(b"]}\n")
}

/// Reads a list, which must have its parts one after the other; `subject` names it in errors.
pub(super) fn read(subject: &ObjectId, input: impl Read) -> Result<Vec<Part>> {
    let mut deserializer = serde_json::Deserializer::from_reader(io::BufReader::new(input));
    let parts = deserializer.deserialize_map(ListVisitor);
    let parts = parts
        .and_then(|parts| deserializer.end().map(|()| parts))
        .map_err(|error| Error::from_json(subject, "list of parts", error))?;
    if parts.is_empty() {
        return Err(Error::corrupt(subject, "lists no parts"));
    }
    Ok(parts)
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "s", default)]
    start: u64,
    #[serde(rename = "l", default)]
    length: u64,
    #[serde(rename = "o")]
    object: String,
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Vec<Part>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of parts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut stream, mut parts) = (String::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "stream" => stream = map.next_value()?,
                "entries" => parts = map.next_value_seed(PartsVisitor)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if stream == STREAM { Ok(parts) } else { Err(de::Error::custom(format_args!("it is {stream:.40?}"))) }
    }
}

struct PartsVisitor;

impl<'de> DeserializeSeed<'de> for PartsVisitor {
    type Value = Vec<Part>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Vec<Part>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("parts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut parts, mut end) = (Vec::new(), 0_u64);
        while let Some(Row { start, length, object }) = rows.next_element()? {
            if start != end || parts.len() >= PARTS_MAX {
                return Err(de::Error::custom("there are too many parts, or gaps between them"));
            }
            end = start.checked_add(length).ok_or_else(|| de::Error::custom("it is too long"))?;
            parts.push(Part { start, length, object: object.parse().map_err(de::Error::custom)? });
        }
        Ok(parts)
    }
}
