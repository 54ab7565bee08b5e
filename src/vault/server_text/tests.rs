//! Which text of the server is shown, and in which forms a secret is recognized.

use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use http::StatusCode;
use proptest::prelude::*;

use super::*;

fn known(secrets: &[&[u8]]) -> KnownSecrets {
    let known = KnownSecrets::default();
    known.add_credentials(secrets.iter().map(|secret| Secret::new(secret.to_vec())));
    known
}

fn shown(errors: &[&str], secrets: &[&[u8]]) -> Option<String> {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    known(secrets).reason(&join(&errors, StatusCode::FORBIDDEN)?)
}

#[test]
fn a_name_repeats_no_secret_wherever_it_comes_from() {
    let known = known(&[b"hvs.CAESIJ-5kD", b"root"]);
    known.add_headers([&HeaderValue::from_static("Bearer eyJ-of-github")]);
    known.add_values([&Rc::new(Secret::new(b"p@ss word/of+db".to_vec()))]);
    for secret in ["hvs.CAESIJ-5kD", "eyJ-of-github", "p@ss word/of+db"] {
        let encoded = STANDARD.encode(format!("x{secret}"));
        let twice = STANDARD.encode(&encoded);
        let pieces: String = secret.as_bytes().chunks(4).map(|piece| STANDARD.encode(piece)).collect();
        for text in [secret, &secret.to_uppercase(), &encoded, &encoded.to_lowercase(), &twice, &pieces] {
            assert_eq!(known.name(&format!("https://{text}.test:1")), HIDDEN, "{text}");
        }
        let pieces: Vec<_> = secret.as_bytes().chunks(6).map(|piece| String::from_utf8_lossy(piece).into()).collect();
        assert_eq!(known.names(&pieces), [HIDDEN]);
        assert_eq!(known.names(&["db", secret].map(Into::into)), ["db", HIDDEN]);
    }
    for text in ["kv", "root", "https://hvs.test", "aesij-5"] {
        assert_eq!(known.name(text), text);
    }
    assert_eq!(known.names(&["default", "root"].map(Into::into)), ["default", "root"]);
    assert_eq!(known.name(&"é".repeat(101)), "é".repeat(100) + "…");
    assert_eq!(known.name(&"é".repeat(900_000)), "é".repeat(100) + "…");
    let policies: Vec<_> = (0..100).map(|index| format!("policy-{index}-{}", "x".repeat(100))).collect();
    assert_eq!(known.names(&policies), [HIDDEN]);
}

/// Whoever chooses text and secrets, or has many of them, delays no start.
#[test]
fn no_text_is_shown_that_takes_long_to_compare() {
    let known = known(&[&[b'v'; 1000]]);
    known.work.set(MAX_WORK - 1500);
    assert_eq!([known.name("kv"), known.name("kv")], ["kv", HIDDEN]);
    assert!(!known.is_credential_in(&("v".repeat(127) + "x").repeat(10_000)));
}

#[test]
fn a_key_holds_no_whole_credential() {
    let known = known(&[b"hvs.CAESIJ-5kDx3q", b"password"]);
    for (key, holds) in [("xHVS.CAESIJ-5kDx3q", true), ("hvs.CAESIJ-5kDx3", false), ("a_password_of_mine", false)] {
        assert_eq!(known.is_credential_in(key), holds, "{key}");
    }
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
