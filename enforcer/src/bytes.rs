//! Bytes in documents: as text where they are UTF-8, as `{base64: …}` where they are not.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that a document shows as text when they can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TextOrBytes(pub Vec<u8>);

/// Bytes that a document never shows as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Base64(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InBase64 {
    base64: Base64,
}

impl Serialize for TextOrBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => InBase64 { base64: Base64(self.0.clone()) }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TextOrBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrBytesVisitor)
    }
}

struct TextOrBytesVisitor;

impl<'de> Visitor<'de> for TextOrBytesVisitor {
    type Value = TextOrBytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text (a number in quotes) or `{base64: …}`")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(TextOrBytes(text.as_bytes().to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        InBase64::deserialize(MapAccessDeserializer::new(map)).map(|bytes| TextOrBytes(bytes.base64.0))
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(|error| D::Error::custom(format_args!("not base64: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"/etc/passwd", "\"/etc/passwd\"")]
    #[case(b"\0\"\n", "\"\\u0000\\\"\\n\"")]
    #[case(b"\xff\xfe", "{\"base64\":\"//4=\"}")]
    fn bytes_are_text_where_they_can_be(#[case] bytes: &[u8], #[case] json: &str) {
        let own = TextOrBytes(bytes.to_vec());
        assert_eq!(serde_json::to_string(&own).unwrap(), json);
        assert_eq!(serde_json::from_str::<TextOrBytes>(json).unwrap(), own);
    }

    #[rstest]
    #[case("{\"base64\":\"*\"}")]
    #[case("{\"base64\":\"\",\"more\":1}")]
    #[case("7")]
    fn what_is_neither_is_refused(#[case] json: &str) {
        assert!(serde_json::from_str::<TextOrBytes>(json).is_err());
    }
}
