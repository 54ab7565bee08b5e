//! `[pure]` The type of every secret value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;
use zeroize::Zeroize;

/// Secret bytes: wiped on drop, without `Clone` and `Display`, and redacted in `Debug`.
///
/// Only [`Secret::expose`] gives access to the bytes, so a search for that word finds all code that handles them.
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes ownership of the bytes; copies nothing.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Appends bytes. A block that grows is moved, and the allocator wipes the old one.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// The plain bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Accepts any JSON value except `null`, which makes an `Option<Secret>` `None`. The secret of a string is its unescaped
/// text, that of any other value its JSON text as sent, so that `1e400` and `12345678901234567890` survive.
///
/// Errors never quote the value; those of serde's own types would.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&RawValue>::deserialize(deserializer)?.get();
        if text.starts_with('"') {
            serde_json::from_str::<String>(text)
                .map(|string| Self(string.into_bytes()))
                .map_err(|_| D::Error::custom("a string is not valid JSON text"))
        } else {
            Ok(Self(text.as_bytes().to_vec()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<Secret> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_string_becomes_its_unescaped_text() {
        assert_eq!(read(r#""a\u003cb\n \"q\" é ""#).unwrap().expose(), "a<b\n \"q\" é ".as_bytes());
        assert_eq!(read(r#""""#).unwrap().expose(), b"");
    }

    #[test]
    fn other_values_become_their_json_text_as_sent() {
        for text in ["1e400", "12345678901234567890", "-0.0", "true", "[1, 2]", r#"{"b":1,"a":[null]}"#] {
            assert_eq!(read(text).unwrap().expose(), text.as_bytes());
        }
    }

    #[test]
    fn null_is_none() {
        assert!(read("null").is_none());
    }

    #[test]
    fn neither_debug_nor_an_error_contains_the_value() {
        assert_eq!(format!("{:?}", read(r#""hunter2""#)), "Some(Secret(..))");
        for wrong in [r#""hunter2\ud800""#, r#""hunter2"#, "hunter2"] {
            let error = serde_json::from_str::<Secret>(wrong).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }
}
