//! `[pure]` Patterns for names, with an index that the compiler makes.

/// Patterns, separated by spaces.
pub(super) struct Table {
    pub(super) patterns: &'static str,
    /// For each pattern the first letter, in upper case, or `*`, and its position. A position needs no relocation when the
    /// program is loaded, as a `&str` would.
    pub(super) index: &'static [(u8, u16)],
}

impl Table {
    /// Whether a pattern matches the name.
    pub(super) fn contains(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let Some(first) = name.first().map(u8::to_ascii_uppercase) else { return false };
        let mut candidates = self.index.iter().filter(|(letter, _)| *letter == first || *letter == b'*');
        candidates.any(|(_, start)| matches(&self.patterns.as_bytes()[usize::from(*start)..], name))
    }
}

/// Whether the pattern that ends at the first space matches the whole name. `*` matches any text, and no text; after a
/// `~`, case is ignored.
pub(super) fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [b'~', pattern @ ..] => matches_with(pattern, name, |one, other| one.eq_ignore_ascii_case(&other)),
        pattern => matches_with(pattern, name, |one, other| one == other),
    }
}

fn matches_with(mut pattern: &[u8], mut name: &[u8], is_same: impl Fn(u8, u8) -> bool + Copy) -> bool {
    loop {
        (pattern, name) = match (pattern, name) {
            ([] | [b' ', ..], _) => return name.is_empty(),
            ([b'*', rest @ ..], _) => {
                let length = rest.iter().position(|byte| matches!(byte, b' ' | b'*')).unwrap_or(rest.len());
                let ends = if rest.get(length) == Some(&b'*') { 0 } else { name.len().saturating_sub(length) };
                return (ends..=name.len()).any(|start| matches_with(rest, &name[start..], is_same));
            }
            ([expected, pattern @ ..], [byte, name @ ..]) if is_same(*expected, *byte) => (pattern, name),
            _ => return false,
        };
    }
}

const fn is_start(text: &[u8], index: usize) -> bool {
    text[index] != b' ' && (index == 0 || text[index - 1] == b' ')
}

pub(super) const fn count(text: &[u8]) -> usize {
    let (mut count, mut index) = (0, 0);
    while index < text.len() {
        count += is_start(text, index) as usize;
        index += 1;
    }
    count
}

#[allow(clippy::cast_possible_truncation, reason = "evaluated by the compiler, which stops if a text is too long")]
pub(super) const fn index<const N: usize>(text: &[u8]) -> [(u8, u16); N] {
    assert!(text.len() <= u16::MAX as usize);
    let (mut entries, mut count, mut start) = ([(0, 0); N], 0, 0);
    while start < text.len() {
        if is_start(text, start) {
            let first = if text[start] == b'~' { text[start + 1] } else { text[start] };
            entries[count] = (first.to_ascii_uppercase(), start as u16);
            count += 1;
        }
        start += 1;
    }
    entries
}

/// A table of the patterns in the texts.
macro_rules! table {
    ($($group:literal)*) => {{
        use $crate::dangerous::table::{Table, count, index};
        const PATTERNS: &str = concat!($($group, " "),*);
        const INDEX: [(u8, u16); count(PATTERNS.as_bytes())] = index(PATTERNS.as_bytes());
        Table { patterns: PATTERNS, index: &INDEX }
    }};
}

pub(super) use table;
