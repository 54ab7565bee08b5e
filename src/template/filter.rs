//! `[pure]` The filters of a placeholder: `{key|unbase64|json:/a/b}` applies them from left to right.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use serde::de::{Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::secret::Secret;

/// A change to a value.
#[derive(Debug)]
pub(super) enum Filter {
    /// Percent-encodes all but the unreserved characters, see RFC 3986, section 2.3.
    Url,
    /// Encodes with the alphabet of RFC 4648, section 4, with padding.
    Base64,
    /// Decodes one of the two alphabets of RFC 4648, with or without padding; line breaks are skipped.
    Unbase64,
    /// Selects a member by the tokens of a JSON pointer, see RFC 6901; without tokens, the whole value.
    Json(Vec<String>),
}

/// For a filter that does not exist.
pub(super) const HINT: &str = "the filters are url, base64, unbase64 and json:/NAME/INDEX, a JSON pointer (RFC 6901)";

const NOT_UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const PADDING_OPTIONAL: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, PADDING_OPTIONAL);

const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, PADDING_OPTIONAL);

/// Why a filter cannot be applied. Contains nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the messages below say it")]
pub enum FilterError {
    NotBase64,
    NotJson,
    NoMember,
    NullMember,
}

impl Filter {
    /// Parses a filter; `None` if there is no such filter. A pointer is percent-decoded, as in a URL (RFC 6901, section 6),
    /// so that it can contain `|` and braces.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "url" => Some(Self::Url),
            "base64" => Some(Self::Base64),
            "unbase64" => Some(Self::Unbase64),
            _ => {
                let pointer = percent_decode_str(text.strip_prefix("json:")?).decode_utf8().ok()?;
                let mut tokens = pointer.split('/');
                let tokens = if tokens.next()?.is_empty() { tokens.map(unescape).collect() } else { None };
                tokens.map(Self::Json)
            }
        }
    }

    /// # Errors
    /// If the value has not the form that the filter takes.
    pub(super) fn apply(&self, value: &[u8]) -> Result<Secret, FilterError> {
        Ok(match self {
            Self::Url => {
                let mut encoded = Vec::with_capacity(value.len() * 3);
                percent_encode(value, NOT_UNRESERVED).for_each(|piece| encoded.extend_from_slice(piece.as_bytes()));
                Secret::new(encoded)
            }
            Self::Base64 => {
                let mut encoded = vec![0; value.len().div_ceil(3) * 4];
                let written = STANDARD.encode_slice(value, &mut encoded).unwrap_or_default();
                encoded.truncate(written);
                Secret::new(encoded)
            }
            Self::Unbase64 => {
                let digits = Secret::new(value.iter().copied().filter(|byte| !b"\r\n".contains(byte)).collect());
                let digits = digits.expose();
                let is_url_safe = digits.iter().any(|byte| b"-_".contains(byte));
                let engine = if is_url_safe { ANY_URL_SAFE } else { ANY_STANDARD };
                let mut decoded = vec![0; digits.len()];
                // An error of the decoder contains a byte of the value.
                let written = engine.decode_slice(digits, &mut decoded).map_err(|_| FilterError::NotBase64)?;
                decoded.truncate(written);
                Secret::new(decoded)
            }
            Self::Json(tokens) => {
                // serde's errors quote what they reject.
                let mut member = serde_json::from_slice::<&RawValue>(value).map_err(|_| FilterError::NotJson)?;
                for token in tokens {
                    let found = serde_json::Deserializer::from_str(member.get()).deserialize_any(Member(token));
                    member = found.ok().flatten().ok_or(FilterError::NoMember)?;
                }
                let secret: Option<Secret> = serde_json::from_str(member.get()).map_err(|_| FilterError::NotJson)?;
                secret.ok_or(FilterError::NullMember)?
            }
        })
    }
}

/// A token of a pointer; `None` if a `~` is followed by neither 0 nor 1.
fn unescape(token: &str) -> Option<String> {
    let is_valid = token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    is_valid.then(|| token.replace("~1", "/").replace("~0", "~"))
}

/// Finds the member of an object or array with this name or index; of two with the same name, the last.
struct Member<'a>(&'a str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    /// Nothing: no error of serde is printed.
    fn expecting(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some((name, value)) = map.next_entry::<String, _>()? {
            found = if name == self.0 { Some(value) } else { found };
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let index = self.0.parse().ok().filter(|index: &usize| index.to_string() == self.0);
        let (mut found, mut position) = (None, 0);
        while let Some(item) = items.next_element()? {
            found = if Some(position) == index { Some(item) } else { found };
            position += 1;
        }
        Ok(found)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotBase64 => "unbase64: the value is not valid Base64",
            Self::NotJson => "json: the value is not valid JSON",
            Self::NoMember => "json: the value has no such member",
            Self::NullMember => "json: the member is null",
        })
    }
}
