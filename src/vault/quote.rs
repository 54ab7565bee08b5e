//! `[pure]` Text of a server, such as a host or a name, for messages. The server chose it after it saw the credential.

use crate::escape::truncate;

/// Bytes in a row that text may not have in common with a credential.
const MAX_COMMON_BYTES: usize = 8;

/// What stands for text that repeats a credential.
pub(super) const HIDDEN: &str = "…";

/// The text, shortened; [`HIDDEN`] if it has [`MAX_COMMON_BYTES`] in common with one of `sent`, whatever their case.
pub(super) fn quote<'a>(text: &str, sent: impl IntoIterator<Item = &'a [u8]>) -> String {
    let text = truncate(text);
    let repeats = |sent: &[u8]| {
        let mut parts = sent.windows(MAX_COMMON_BYTES);
        parts.any(|part| text.as_bytes().windows(MAX_COMMON_BYTES).any(|own| own.eq_ignore_ascii_case(part)))
    };
    if sent.into_iter().any(repeats) { HIDDEN.to_owned() } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_credential_is_quoted_and_long_text_is_shortened() {
        let token = [&b"hvs.CAESIJ-5kD"[..]];
        for text in ["hvs.CAESIJ-5kD", "https://hvs.caesij-5kd.test:1", "caesij-5"] {
            assert_eq!(quote(text, token), HIDDEN, "{text}");
        }
        for text in ["kv", "default", "https://hvs.test", "aesij-5"] {
            assert_eq!(quote(text, token), text);
        }
        assert_eq!(quote("root", [&b"root"[..]]), "root", "a short token is a word like any other");
        assert_eq!(quote(&"é".repeat(900_000), []).chars().count(), 101);
    }
}
