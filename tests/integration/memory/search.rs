//! The search for secrets in memory: whole ones or pieces, plain or encoded.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::traced_process::Region;

/// The shortest part of a secret, or of one of its forms, that counts as a copy. No random text of this length is in
/// memory by chance.
pub(super) const PIECE: usize = 12;

/// In a register, which takes eight bytes, or sixteen where a vector is copied.
const IN_REGISTER: usize = 8;

/// Of a longer form only every second, third … piece is searched for.
const DENSE: usize = 8 * 1024;

/// The pieces of every form of every secret.
#[derive(Default)]
pub(super) struct Search {
    pieces: HashMap<[u8; PIECE], usize>,
    in_registers: HashSet<[u8; IN_REGISTER]>,
    /// Which first four bytes of a piece there may be, as a table of bits.
    begins: Vec<u64>,
    /// What the numbers in `pieces` stand for.
    names: Vec<String>,
}

/// Bytes that are part of a secret.
pub(super) struct Copy {
    pub(super) range: Range<u64>,
    secret: String,
    whose: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

/// The table by which the program percent-encodes, which contains every four characters that follow each other in ASCII.
static ENCODING_TABLE: LazyLock<Vec<u8>> =
    LazyLock::new(|| (0..=u8::MAX).flat_map(|byte| format!("%{byte:02X}").into_bytes()).collect());

impl Search {
    /// Adds a secret.
    pub(super) fn add(&mut self, name: &str, secret: &[u8]) {
        self.begins.resize(1 << 14, 0);
        for (form, bytes) in forms(secret) {
            let number = self.names.len();
            self.names.push(format!("{name}, {form}"));
            let step = bytes.len() / DENSE + 1;
            let pieces = bytes.windows(PIECE).step_by(step).filter_map(|piece| <[u8; PIECE]>::try_from(piece).ok());
            // Such as `%63%64%65%66` of a UUID with `cdef`.
            for piece in pieces.filter(|piece| !ENCODING_TABLE.windows(PIECE).any(|part| part == piece)) {
                self.pieces.entry(piece).or_insert(number);
                let begin = slot(u32::from_be_bytes([piece[0], piece[1], piece[2], piece[3]]));
                self.begins[begin / 64] |= 1 << (begin % 64);
            }
            for piece in bytes.windows(IN_REGISTER).step_by(step).filter_map(|piece| piece.try_into().ok()) {
                self.in_registers.insert(piece);
            }
        }
    }

    /// The number of different pieces.
    pub(super) fn pieces(&self) -> usize {
        self.pieces.len()
    }

    /// Every place in memory that holds a piece, with pieces side by side as one.
    pub(super) fn in_memory(&self, memory: &[Region]) -> Vec<Copy> {
        memory.iter().flat_map(|region| self.in_region(region)).collect()
    }

    /// Whether there is a piece in these bytes.
    pub(super) fn in_bytes(&self, bytes: &[u8]) -> bool {
        bytes.windows(PIECE).any(|piece| self.pieces.contains_key(piece))
    }

    /// Whether a register, or two neighbours, hold a part of a secret.
    pub(super) fn in_registers(&self, registers: &[u8]) -> bool {
        registers.windows(IN_REGISTER).any(|piece| self.in_registers.contains(piece))
    }

    fn in_region(&self, Region { start, whose, bytes }: &Region) -> Vec<Copy> {
        let mut found: Vec<(Range<usize>, usize)> = Vec::new();
        let mut four = 0_u32;
        for (at, &byte) in bytes.iter().enumerate() {
            four = four << 8 | u32::from(byte);
            let begin = slot(four);
            if self.begins[begin / 64] >> (begin % 64) & 1 == 0 {
                continue;
            }
            let Some(begin) = at.checked_sub(3) else { continue };
            let piece = bytes.get(begin..begin + PIECE).and_then(|piece| self.pieces.get(piece));
            let Some(&number) = piece else { continue };
            match found.last_mut() {
                Some((before, _)) if before.end >= begin => before.end = begin + PIECE,
                _ => found.push((begin..begin + PIECE, number)),
            }
        }
        let copy = |(Range { start: from, end: to }, number): (Range<usize>, usize)| Copy {
            range: start + from as u64..start + to as u64,
            secret: self.names[number].clone(),
            whose: whose.clone(),
            before: bytes[from.saturating_sub(24)..from].to_vec(),
            after: bytes[to..bytes.len().min(to + 24)].to_vec(),
        };
        found.into_iter().map(copy).collect()
    }
}

/// The place in the table of bits.
fn slot(four: u32) -> usize {
    (four.wrapping_mul(0x9e37_79b1) >> 12) as usize
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { range, secret, whose, before, after } = self;
        write!(f, "{} bytes of {secret}, at {:#x} in {whose}, ", range.end - range.start, range.start)?;
        write!(f, "between \"{}\" and \"{}\"", before.escape_ascii(), after.escape_ascii())
    }
}

/// The locations of these bytes.
pub(super) fn places(memory: &[Region], bytes: &[u8]) -> Vec<Range<u64>> {
    let in_region = |region: &Region| {
        let mut places = Vec::new();
        let mut at = 0;
        // The first byte alone is found fast.
        while let Some(next) = region.bytes[at..].iter().position(|&byte| byte == bytes[0]) {
            if region.bytes[at + next..].starts_with(bytes) {
                let start = region.start + (at + next) as u64;
                places.push(start..start + bytes.len() as u64);
            }
            at += next + 1;
        }
        places
    };
    memory.iter().flat_map(in_region).collect()
}

/// A secret and its encodings: JSON, URL, base64 after any prefix, hexadecimal.
fn forms(secret: &[u8]) -> Vec<(String, Vec<u8>)> {
    let each = |write: fn(u8) -> String| secret.iter().copied().map(write).collect::<String>().into_bytes();
    let mut forms = vec![
        ("plain".to_owned(), secret.to_vec()),
        ("hexadecimal".to_owned(), each(|byte| format!("{byte:02x}"))),
        ("HEXADECIMAL".to_owned(), each(|byte| format!("{byte:02X}"))),
        ("percent-encoded whole".to_owned(), each(|byte| format!("%{byte:02X}"))),
        ("percent-encoded".to_owned(), each(percent_encoded)),
    ];
    if let Ok(text) = str::from_utf8(secret) {
        let quoted = serde_json::to_string(text).unwrap();
        forms.push(("in JSON".to_owned(), quoted.trim_matches('"').into()));
    }
    for (name, engine) in [("base64", &STANDARD_NO_PAD), ("base64url", &URL_SAFE_NO_PAD)] {
        for ahead in 0..3 {
            // Characters that hold no bit of anything but the secret.
            let (first, last) = ((ahead * 8_usize).div_ceil(6), (ahead + secret.len()) * 8 / 6);
            let text = engine.encode([&vec![0; ahead], secret].concat());
            forms.push((format!("{name} behind {ahead}"), text.as_bytes()[first..last].to_vec()));
        }
    }
    forms
}

fn percent_encoded(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
