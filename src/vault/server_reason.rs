//! `[pure]` The server's reason for an error, as part of a message: bounded, and without a secret of this start.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use percent_encoding::percent_decode;

use crate::escape::escape_line;
use crate::secret::Secret;

/// Bytes of a reason in a message.
const MAX_SHOWN_BYTES: usize = 200;

/// Bytes of a reason that are compared with secrets: more than can be shown.
const MAX_COMPARED_BYTES: usize = 4096;

/// Bytes of a secret that may not occur together in a reason. A shorter secret must not occur as a whole.
const PART_BYTES: usize = size_of::<u64>();

/// The `errors` of a response, one on each line, without the frame that Go's `multierror` puts around them; `None` if they
/// add nothing to the status.
pub(super) fn join(errors: &[String], status: http::StatusCode) -> Option<Secret> {
    let adds_nothing = |line: &str| {
        let standard = status.canonical_reason().unwrap_or_default();
        line.is_empty()
            || line.ends_with("occurred:")
            || line.eq_ignore_ascii_case(standard)
            || (status == http::StatusCode::FORBIDDEN && line == "permission denied")
    };
    let lines = errors.iter().flat_map(|error| error.lines()).map(|line| line.trim().trim_start_matches("* "));
    let text = lines.filter(|line| !adds_nothing(line)).collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then(|| Secret::new(text.into_bytes()))
}

/// The text for a message, on one line and escaped; `None` if it contains one of `secrets` or a part of one: plain,
/// percent-encoded or in Base64, in one piece or with something in between.
pub(super) fn printable<'a>(reason: &Secret, secrets: impl Iterator<Item = &'a Secret>) -> Option<String> {
    let reason = &reason.expose()[..reason.expose().len().min(MAX_COMPARED_BYTES)];
    let forms = decoded(reason);
    let parts: BTreeSet<u64> = forms.iter().flat_map(|form| parts(form)).collect();
    let is_in_reason = |secret: &[u8]| match secret.len() {
        0 => false,
        length if length < PART_BYTES => forms.iter().any(|form| form.windows(length).any(|window| window == secret)),
        _ => self::parts(secret).any(|part| parts.contains(&part)),
    };
    for secret in secrets {
        if is_in_reason(secret.expose()) {
            return None;
        }
    }
    let mut line = String::new();
    for character in String::from_utf8_lossy(reason).chars() {
        let shown = if character == '\n' { "; ".into() } else { escape_line(character) };
        if line.len() + shown.len() > MAX_SHOWN_BYTES - "…".len() {
            line.push('…');
            break;
        }
        line.push_str(&shown);
    }
    Some(line)
}

/// A text, with and without line ends, and what it may be an encoding of.
fn decoded(text: &[u8]) -> Vec<Vec<u8>> {
    let joined: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\n').collect();
    let mut forms = vec![percent_decode(text).collect(), percent_decode(&joined).collect(), text.to_vec(), joined];
    let base64 = |byte: &u8| match byte {
        b'-' => Some(b'+'),
        b'_' => Some(b'/'),
        b'+' | b'/' => Some(*byte),
        _ => byte.is_ascii_alphanumeric().then_some(*byte),
    };
    // A `%` before Base64 is not always percent-encoding.
    for joined in [forms[1].clone(), forms[3].clone()] {
        let mut encoded: Vec<u8> = joined.iter().filter_map(base64).collect();
        // Completes the last group.
        encoded.extend(b"AAA");
        // The encoding of a secret begins anywhere in the text, and a byte begins at every fourth character of it.
        for start in 0..4.min(encoded.len()) {
            let rest = &encoded[start..];
            forms.extend(STANDARD_NO_PAD.decode(&rest[..rest.len() / 4 * 4]));
        }
    }
    forms
}

/// Every [`PART_BYTES`] consecutive bytes, and every [`PART_BYTES`] consecutive letters and digits in lower case.
fn parts(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase);
    windows(bytes.iter().copied()).chain(windows(letters))
}

fn windows(bytes: impl Iterator<Item = u8>) -> impl Iterator<Item = u64> {
    let shift = |window: &mut u64, byte| {
        *window = *window << 8 | u64::from(byte);
        Some(*window)
    };
    bytes.scan(0, shift).skip(PART_BYTES - 1)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
    use http::StatusCode;
    use proptest::prelude::*;

    use super::*;

    fn shown(errors: &[&str], secrets: &[&[u8]]) -> Option<String> {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        let secrets: Vec<_> = secrets.iter().map(|secret| Secret::new(secret.to_vec())).collect();
        printable(&join(&errors, StatusCode::FORBIDDEN)?, secrets.iter())
    }

    #[test]
    fn a_reason_is_one_line_without_words_that_add_nothing() {
        let multierror = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n";
        assert_eq!(shown(&[multierror], &[]).as_deref(), Some("invalid token"));
        assert_eq!(shown(&["a\r\n b", "c"], &[]).as_deref(), Some("a; b; c"));
        assert_eq!(shown(&["1 error occurred:\n\t* permission denied\n\n"], &[]), None);
        assert_eq!(shown(&["", "Forbidden"], &[]), None);
    }

    #[test]
    fn a_reason_is_escaped_and_bounded() {
        assert_eq!(shown(&["a\x1b[2Jb\u{202e}"], &[]).as_deref(), Some("a\\u{1b}[2Jb\\u{202e}"));
        for text in ["x".repeat(5000), "é".repeat(5000), "\x1b".repeat(5000)] {
            let line = shown(&[&text], &[]).unwrap();
            assert!(line.len() <= MAX_SHOWN_BYTES && line.len() > MAX_SHOWN_BYTES - 10 && line.ends_with('…'));
        }
    }

    #[test]
    fn a_short_secret_is_compared_as_a_whole() {
        for text in ["is pin42 wrong", "p%69n42", "pi\nn42", &STANDARD.encode("x pin42")] {
            assert_eq!(shown(&[text], &[b"", b"pin42"]), None, "{text}");
        }
        assert_eq!(shown(&["pin4 2"], &[b"", b"pin42"]).as_deref(), Some("pin4 2"));
    }

    proptest! {
        /// Whatever stands around it, and wherever it is cut.
        #[test]
        fn no_part_of_a_secret_is_shown(
            secret in prop::collection::vec(any::<u8>(), 8..40),
            before in "[ -~]{0,9}",
            at in 0_usize..32,
        ) {
            let at = at.min(secret.len() - 8);
            let part = &secret[at..];
            let around = [before.as_bytes(), part].concat();
            let percent: String = part.iter().map(|byte| percent_encoding::percent_encode_byte(*byte)).collect();
            let mut texts = vec![format!("{before}{percent}")];
            texts.extend([STANDARD.encode(&around), URL_SAFE.encode(&around), URL_SAFE_NO_PAD.encode(&around)]);
            texts.extend([STANDARD.encode(part), URL_SAFE.encode(part)].map(|text| format!("{before}{text}")));
            for text in texts {
                prop_assert_eq!(shown(&[&text], &[&secret]), None);
                let (one, other) = text.split_at(text.len() / 2);
                prop_assert_eq!(shown(&[one, other], &[&secret]), None);
            }
        }

        #[test]
        fn no_part_of_a_word_is_shown(
            secret in "[a-zA-Z0-9+/._-]{8,40}",
            separator in "[ ,;:.|\n]{1,3}",
            at in 0_usize..32,
        ) {
            let part = &secret[at.min(secret.len() - 8)..];
            let cut: Vec<_> = part.as_bytes().chunks(3).map(|chunk| str::from_utf8(chunk).unwrap()).collect();
            prop_assert_eq!(shown(&[part], &[secret.as_bytes()]), None);
            prop_assert_eq!(shown(&cut, &[secret.as_bytes()]), None);
            if part.bytes().filter(u8::is_ascii_alphanumeric).count() >= PART_BYTES {
                prop_assert_eq!(shown(&[&cut.join(&separator)], &[secret.as_bytes()]), None);
            }
        }
    }
}
