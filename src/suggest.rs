//! `[pure]` Suggestions for mistyped names.

use crate::escape::{MAX_SHOWN_CHARS, is_pastable};

/// The known name that was probably meant: at most a third of its letters differ, ignoring case.
///
/// Names of more than [`MAX_SHOWN_CHARS`] characters are never compared, because a comparison takes memory in proportion to
/// the product of the lengths, and those who write secrets control the length of keys. Names that a shell would interpret
/// are not suggested, because a suggestion is pasted.
#[must_use]
pub fn suggest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_short = |text: &str| text.chars().nth(MAX_SHOWN_CHARS).is_none();
    known
        .filter(|known| is_short(typed) && is_short(known) && is_pastable(known))
        .map(|known| (strsim::damerau_levenshtein(&typed.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance * 3 <= known.len().max(3))
        .min()
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(suggest("PASWORD", ["user", "password"].into_iter()), Some("password".into()));
        assert_eq!(suggest("zzz", ["user", "password"].into_iter()), None);
    }

    #[test]
    fn no_name_is_suggested_that_a_shell_interprets() {
        assert_eq!(suggest("password", ["pass`x`word", "pa$(x)word"].into_iter()), None);
    }

    #[test]
    fn very_long_names_are_not_compared() {
        let (one, other) = ("k".repeat(1 << 20), "k".repeat((1 << 20) + 1));
        assert_eq!(suggest(&one, [other.as_str()].into_iter()), None);
        assert_eq!(suggest("key", [other.as_str(), "keys"].into_iter()), Some("keys".into()));
    }
}
