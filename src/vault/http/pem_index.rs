//! `[pure]` The names in certificates of a PEM text, found without decoding the rest of it.

use std::ops::Range;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----\n";
const END: &[u8] = b"-----END CERTIFICATE-----\n";

/// Characters of Base64 in each line but the last (RFC 7468, section 2).
const LINE: usize = 64;

/// A certificate in a PEM text.
#[derive(Debug)]
pub(super) struct Entry {
    /// Where it is.
    pub(super) range: Range<usize>,
    /// The [`digest`] of its subject. None if it is not valid.
    subject: Option<u64>,
}

impl Entry {
    /// Whether its subject can be one of these.
    pub(super) fn may_be(&self, names: &[&[u8]]) -> bool {
        let digest_of = |name: &&[u8]| digest(&|at| name.get(at).copied(), 0..name.len());
        self.subject.is_some() && names.iter().any(|name| digest_of(name) == self.subject)
    }
}

/// The certificates of a PEM text, and the offset of the rest: it begins with one that has other lines than RFC 7468 asks
/// for, or with another object.
pub(super) fn index(pem: &[u8]) -> (Vec<Entry>, usize) {
    let (mut certificates, mut at) = (Vec::new(), 0);
    loop {
        let text = &pem[at..];
        if let Some(length) = regular_length(text) {
            let byte = |at| decoded(&text[BEGIN.len()..], at);
            let subject = issuer_and_subject(&byte).and_then(|(_, subject)| digest(&byte, subject));
            certificates.push(Entry { range: at..at + length, subject });
            at += length;
        } else if text.is_empty() || text.starts_with(b"-----BEGIN ") {
            return (certificates, at);
        } else {
            let line_end = text.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            at += line_end.map_or(text.len(), |end| end + 1);
        }
    }
}

/// The length of the certificate that a text begins with, if its lines are regular: then each byte of a valid certificate
/// is at a known offset.
fn regular_length(text: &[u8]) -> Option<usize> {
    let base64 = text.strip_prefix(BEGIN)?;
    let characters = contents(&|at| decoded(base64, at), 0)?.end.div_ceil(3) * 4;
    let (base64, end) = base64.split_at_checked(characters + characters.div_ceil(LINE))?;
    let is_regular = base64.chunks(LINE + 1).all(|line| line.ends_with(b"\n")) && !base64.contains(&b'-');
    (is_regular && end.starts_with(END)).then_some(BEGIN.len() + base64.len() + END.len())
}

/// The length of a name and its end, where names differ most. Equal names have equal ones.
fn digest(byte: &impl Fn(usize) -> Option<u8>, name: Range<usize>) -> Option<u64> {
    let mut end = name.end.saturating_sub(7).max(name.start)..name.end;
    end.try_fold(name.len() as u64 & 0xff, |digest, at| Some(digest << 8 | u64::from(byte(at)?)))
}

/// The issuer that a certificate in DER names.
pub(super) fn issuer(der: &[u8]) -> Option<&[u8]> {
    der.get(issuer_and_subject(&|at| der.get(at).copied())?.0)
}

/// Where the contents of the two names are in a certificate (RFC 5280, section 4.1).
fn issuer_and_subject(byte: &impl Fn(usize) -> Option<u8>) -> Option<(Range<usize>, Range<usize>)> {
    let mut field = contents(byte, contents(byte, 0)?.start)?.start;
    let has_version = byte(field)? == 0xa0;
    // With the serial number and the signature's algorithm.
    for _ in 0..usize::from(has_version) + 2 {
        field = contents(byte, field)?.end;
    }
    let issuer = contents(byte, field)?;
    let validity = contents(byte, issuer.end)?;
    Some((issuer, contents(byte, validity.end)?))
}

/// Where the contents of the DER value at this offset are. None if they are longer than rustls accepts.
fn contents(byte: &impl Fn(usize) -> Option<u8>, at: usize) -> Option<Range<usize>> {
    let (start, length) = match byte(at + 1)? {
        length @ 0..=0x7f => (at + 2, length.into()),
        0x81 => (at + 3, byte(at + 2)?.into()),
        0x82 => (at + 4, u16::from_be_bytes([byte(at + 2)?, byte(at + 3)?])),
        _ => return None,
    };
    Some(start..start + usize::from(length))
}

/// The byte at this offset of what Base64 in regular lines encodes.
fn decoded(base64: &[u8], at: usize) -> Option<u8> {
    let first = at / 3 * 4;
    let mut bytes = 0;
    for character in base64.get(first + first / LINE..)?.first_chunk::<4>()? {
        bytes = bytes << 6 | sextet(*character)?;
    }
    Some(bytes.to_be_bytes()[1 + at % 3])
}

fn sextet(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}
