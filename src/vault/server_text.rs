//! `[pure]` Text of the server, such as a name or its reason for an error, for messages: bounded, and without a secret of this
//! start. The server chose it when it knew the secrets.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode;

use crate::escape::{escape_line, truncate};
use crate::secret::Secret;

/// Bytes of a reason in a message.
const MAX_SHOWN_BYTES: usize = 200;

/// Bytes of a text that are compared with secrets: more than can be shown.
const MAX_COMPARED_BYTES: usize = 512;

/// Bytes of secrets that a whole start compares with text of the server: about a second of work.
const MAX_WORK: usize = 4 * 1024 * 1024;

/// Bytes of secrets whose comparison takes as long as the preparation of a byte of text.
const WORK_PER_BYTE: usize = 64;

/// Bytes of a secret that a text must not hold together.
const PART_BYTES: usize = size_of::<u64>();

/// Bytes of a credential that no key holds by chance.
const MIN_KEY_CREDENTIAL_BYTES: usize = 2 * PART_BYTES;

/// Bytes of a longer credential that are compared with keys.
const MAX_KEY_CREDENTIAL_BYTES: usize = 128;

/// Names of a list that are shown.
const MAX_NAMES: usize = 100;

/// What stands for a name that is not shown.
pub(super) const HIDDEN: &str = "…";

/// The credentials and values of this start that are known so far.
#[derive(Default)]
pub(super) struct KnownSecrets {
    credentials: RefCell<Vec<Secret>>,
    /// Headers that carry a credential.
    headers: RefCell<Vec<HeaderValue>>,
    values: RefCell<Vec<Rc<Secret>>>,
    /// See [`MAX_WORK`].
    work: Cell<usize>,
}

impl KnownSecrets {
    pub(super) fn add_credentials(&self, credentials: impl IntoIterator<Item = Secret>) {
        self.credentials.borrow_mut().extend(credentials);
    }

    pub(super) fn add_headers<'a>(&self, headers: impl IntoIterator<Item = &'a HeaderValue>) {
        self.headers.borrow_mut().extend(headers.into_iter().cloned());
    }

    pub(super) fn add_values<'a>(&self, values: impl IntoIterator<Item = &'a Rc<Secret>>) {
        self.values.borrow_mut().extend(values.into_iter().cloned());
    }

    /// A reason on one line and escaped; `None` if it repeats a secret.
    pub(super) fn reason(&self, reason: &Secret) -> Option<String> {
        let reason = &reason.expose()[..reason.expose().len().min(MAX_COMPARED_BYTES)];
        if self.are_repeated(reason, 1) {
            return None;
        }
        let mut line = String::new();
        for character in String::from_utf8_lossy(reason).chars() {
            let shown = if character == '\n' { "; ".into() } else { escape_line(character) };
            if line.len() + shown.len() > MAX_SHOWN_BYTES - HIDDEN.len() {
                line.push_str(HIDDEN);
                break;
            }
            line.push_str(&shown);
        }
        Some(line)
    }

    /// A name or a host, shortened; [`HIDDEN`] if it repeats a secret. One of less than [`PART_BYTES`] is a word like any.
    pub(super) fn name(&self, text: &str) -> String {
        let name = truncate(text);
        if self.are_repeated(name.as_bytes(), PART_BYTES) { HIDDEN.to_owned() } else { name.into_owned() }
    }

    /// The same for the first [`MAX_NAMES`] names of a list, over which a secret may be divided. One [`HIDDEN`] if they are
    /// too long to be compared.
    pub(super) fn names(&self, texts: &[String]) -> Vec<String> {
        let names: Vec<_> = texts.iter().take(MAX_NAMES).map(|text| truncate(text).into_owned()).collect();
        let may_be_shown = |names: &[String]| {
            let list = names.join("\n");
            list.len() <= 8 * MAX_COMPARED_BYTES && !self.are_repeated(list.as_bytes(), PART_BYTES)
        };
        // Most lists repeat nothing, so that one comparison is enough.
        if may_be_shown(&names) {
            return names;
        }
        let names: Vec<_> = names.iter().map(|name| self.name(name)).collect();
        if may_be_shown(&names) { names } else { vec![HIDDEN.to_owned()] }
    }

    /// Whether the key of a secret holds a whole credential, or the start of a long one, which is then not there by chance.
    pub(super) fn is_credential_in(&self, key: &str) -> bool {
        let is_in_key = |credential: &[u8]| {
            let credential = &credential[..credential.len().min(MAX_KEY_CREDENTIAL_BYTES)];
            let mut windows = key.as_bytes().windows(credential.len().max(MIN_KEY_CREDENTIAL_BYTES));
            windows.any(|window| window.eq_ignore_ascii_case(credential))
        };
        self.credentials.borrow().iter().any(|secret| is_in_key(secret.expose()))
            || self.headers.borrow().iter().any(|header| is_in_key(header.as_bytes()))
    }

    /// Whether a text contains [`PART_BYTES`] of a secret, or a whole shorter one of at least `min_bytes`: plain,
    /// percent-encoded or in Base64, also twice, in one piece or with something in between. Also if it would take more
    /// [work](MAX_WORK) to know.
    fn are_repeated(&self, text: &[u8], min_bytes: usize) -> bool {
        let (credentials, headers, values) = (self.credentials.borrow(), self.headers.borrow(), self.values.borrow());
        let secrets = credentials.iter().map(Secret::expose).chain(values.iter().map(|value| value.expose()));
        let mut secrets = secrets.chain(headers.iter().map(HeaderValue::as_bytes));
        let work = text.len() * WORK_PER_BYTE + secrets.clone().map(<[u8]>::len).sum::<usize>();
        self.work.set(self.work.get().saturating_add(work));
        if self.work.get() > MAX_WORK {
            return true;
        }
        let forms = decoded(text);
        let mut known = BTreeSet::new();
        forms.iter().flat_map(|form| decoded(form)).for_each(|form| known.extend(parts(&form)));
        let is_part_known = |text: &[u8]| parts(text).any(|part| known.contains(&part));
        let is_repeated = |secret: &[u8]| match secret.len() {
            length if length < min_bytes => false,
            length if length < PART_BYTES => forms.iter().any(|form| form.windows(length).any(|part| part == secret)),
            // A host has Base64 in lower case, which cannot be decoded.
            _ => {
                is_part_known(secret)
                    || (0..3).any(|at| is_part_known(STANDARD_NO_PAD.encode(&secret[at..]).as_bytes()))
            }
        };
        secrets.any(is_repeated)
    }
}

/// The `errors` of a response, one on each line, without the frame that Go's `multierror` puts around them; `None` if they
/// add nothing to the status.
pub(super) fn join(errors: &[String], status: StatusCode) -> Option<Secret> {
    let adds_nothing = |line: &str| {
        let standard = status.canonical_reason().unwrap_or_default();
        line.is_empty()
            || line.ends_with("occurred:")
            || line.eq_ignore_ascii_case(standard)
            || (status == StatusCode::FORBIDDEN && line == "permission denied")
    };
    let lines = errors.iter().flat_map(|error| error.lines()).map(|line| line.trim().trim_start_matches("* "));
    let text = lines.filter(|line| !adds_nothing(line)).collect::<Vec<_>>().join("\n");
    (!text.is_empty()).then(|| Secret::new(text.into_bytes()))
}

/// A text, with and without line ends, and what it may be an encoding of.
fn decoded(text: &[u8]) -> BTreeSet<Vec<u8>> {
    let joined: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'\n').collect();
    let texts = [text.to_vec(), percent_decode(text).collect(), percent_decode(&joined).collect(), joined];
    let mut forms = BTreeSet::from(texts.clone());
    // A `%` before Base64 is not always percent-encoding.
    for text in &texts[2..] {
        let standard = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            _ => *byte,
        };
        let text: Vec<u8> = text.iter().map(standard).collect();
        let pieces = text.split(|byte| !byte.is_ascii_alphanumeric() && !b"+/".contains(byte));
        // Pieces that were encoded one by one, each with its padding.
        forms.insert(pieces.clone().filter_map(|piece| STANDARD_NO_PAD.decode(piece).ok()).flatten().collect());
        let mut encoded = pieces.collect::<Vec<_>>().concat();
        // Completes the last group.
        encoded.extend(b"AAA");
        // The encoding of a secret begins anywhere in the text, and a byte begins at every fourth character of it.
        for start in 0..4 {
            let rest = &encoded[start.min(encoded.len())..];
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
            let pieces: Vec<_> =
                secret.as_bytes().chunks(6).map(|piece| String::from_utf8_lossy(piece).into()).collect();
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
}
