//! `[pure]` What `--write` sends: `pki/issue/web?common_name=web.test&csr=@FILE`. No error shows it: it may be a secret.

use percent_encoding::percent_decode_str;

use super::error::Error;
use super::setting::{CredentialSource, Setting};
use crate::secret::Secret;
use crate::secret_path::SecretPath;

/// A field of a request, a string in its JSON. Fields of the same name are a list.
#[derive(Debug)]
pub struct WriteField {
    /// Not empty.
    pub name: String,
    /// UTF-8, unless it is the content of a file.
    pub value: CredentialSource,
}

const FIELDS: &str = "PATH?FIELD=VALUE&FIELD=VALUE, with UTF-8, and %25 for a percent sign";

/// Parses the fields, of which there may be none.
///
/// # Errors
/// [`Error::Invalid`]
pub(super) fn parse(query: &str, setting: &Setting) -> Result<Vec<WriteField>, Error> {
    let invalid = || setting.clone().invalid_unshown(FIELDS);
    let field = |piece: &str| {
        let (name, text) = piece.split_once('=')?;
        let (name, source) = (decode(name).filter(|name| !name.is_empty())?, setting.source.clone());
        let value = match text.strip_prefix('@') {
            Some(path) => {
                let path = decode(path).filter(|path| !path.is_empty())?;
                CredentialSource::File(Setting::new(&path, &format!("{source}: the file of `{name}`")))
            }
            None => CredentialSource::Value { secret: Secret::new(decode(text)?.into_bytes()), source },
        };
        Some(WriteField { name, value })
    };
    let pieces = query.split('&').filter(|_| !query.is_empty());
    pieces.map(|piece| field(piece).ok_or_else(invalid)).collect()
}

/// The text that is percent-encoded; `None` if it is not UTF-8, or a `%` encodes nothing.
fn decode(text: &str) -> Option<String> {
    let is_digit = |index: usize| text.as_bytes().get(index).is_some_and(u8::is_ascii_hexdigit);
    let is_valid = text.match_indices('%').all(|(index, _)| is_digit(index + 1) && is_digit(index + 2));
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|_| is_valid)?;
    Some(decoded.into_owned())
}

/// Completes the path of a write: none that a proxy or a server could take for another one.
///
/// # Errors
/// What the path must be instead.
pub(super) fn require_target(path: SecretPath) -> Result<SecretPath, &'static str> {
    let path = path.in_mount(None);
    if path.version.is_some() || path.segment_count() < 2 || path.api_path().contains(['%', '\\', ';', '=', '&']) {
        return Err("PATH?FIELD=VALUE, with a path such as pki/issue/web: no version, and no %, \\, ;, = or & in it");
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::secret_path::PathError;

    /// The fields as `name=value` or `name=@file`; `None` if they are malformed.
    fn parsed(query: &str) -> Option<Vec<String>> {
        let field = |WriteField { name, value }: WriteField| match value {
            CredentialSource::Value { secret, .. } => format!("{name}={}", str::from_utf8(secret.expose()).unwrap()),
            CredentialSource::File(file) => format!("{name}=@{}", file.value),
        };
        let fields = parse(query, &Setting::new("shown?", "--write"));
        fields.map(|fields| fields.into_iter().map(field).collect()).ok()
    }

    #[test]
    fn names_and_values_are_percent_decoded_once() {
        for (query, expected) in [
            ("", &[][..]),
            ("a=1&b=", &["a=1", "b="]),
            ("a=1&a=2", &["a=1", "a=2"]),
            ("a%3Db=1%262%3d3=4", &["a=b=1&2=3=4"]),
            ("a=1+1%2B1", &["a=1+1+1"]),
            ("a=%2541", &["a=%41"]),
            ("a=%40x", &["a=@x"]),
            ("a=b@c", &["a=b@c"]),
            ("a=@dir/x%20y%26", &["a=@dir/x y&"]),
            ("a=?b#c/%C3%A9", &["a=?b#c/é"]),
        ] {
            assert_eq!(parsed(query).unwrap(), expected, "{query}");
        }
        for wrong in ["a", "=1", "a=1&", "&a=1", "a=1&&b=2", "a=%", "a=%4", "a=%zz", "%=1", "a=%ff", "a=@", "a=@%"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_percent_encoded_is_sent(fields in vec(("\\PC{1,8}", "\\PC{0,8}"), 1..4)) {
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let pairs: Vec<_> = fields.iter().map(|(name, text)| format!("{}={}", encode(name), encode(text))).collect();
            let expected: Vec<_> = fields.iter().map(|(name, text)| format!("{name}={text}")).collect();
            prop_assert_eq!(parsed(&pairs.join("&")), Some(expected));
        }

        #[test]
        fn no_error_shows_a_part_of_a_write(query in "\\PC{0,20}hunter2\\PC{0,20}", file in any::<bool>()) {
            let query = if file { format!("{query}=@") } else { query };
            if let Err(error) = parse(&query, &Setting::new(&query, "--write")) {
                let shown = format!("{error:?}");
                prop_assert!(!shown.contains("hunter2"), "{}", shown);
            }
        }
    }

    #[test]
    fn a_target_is_canonical() {
        let target = |text: &str| SecretPath::parse(text).map_err(PathError::expected).and_then(require_target);
        assert_eq!(target("/v1/pki/issue/web/").unwrap().api_path(), "pki/issue/web");
        for wrong in
            ["pki", "", "a//b", "a/../sys/b", "a/./b", "a/b@1", "a/b@", "a%2fb/c", "a\\b/c", "a/..;/b", "a/b&c=d"]
        {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
