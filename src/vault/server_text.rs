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
mod tests;
