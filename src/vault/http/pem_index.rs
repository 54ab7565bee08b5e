//! `[pure]` The names in certificates of a PEM text, found without decoding the rest of it.

use std::ops::Range;

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----\n";
const END: &[u8] = b"-----END CERTIFICATE-----\n";

/// Characters of Base64 in each line but the last (RFC 7468, section 2).
const LINE: usize = 64;

/// Where the certificates of a PEM text are, and the offset of the rest: it begins with one that has other lines than RFC
/// 7468 asks for, or with another object.
pub(super) fn index(pem: &[u8]) -> (Vec<Range<usize>>, usize) {
    let (mut certificates, mut at) = (Vec::new(), 0);
    loop {
        let text = &pem[at..];
        if let Some(length) = regular_length(text) {
            certificates.push(at..at + length);
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

/// Whether a certificate that [`index`] returned can have one of these subjects; an invalid one may seem to.
pub(super) fn has_subject(certificate: &[u8], names: &[&[u8]]) -> bool {
    let byte = |at| decoded(certificate.get(BEGIN.len()..)?, at);
    let Some((_, subject)) = issuer_and_subject(&byte) else { return true };
    let is_subject = |name: &&[u8]| {
        name.len() == subject.len() && subject.clone().zip(*name).all(|(at, expected)| byte(at) == Some(*expected))
    };
    names.iter().any(is_subject)
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
