//! `[pure]` Suggestions for mistyped names.

use crate::escape::{MAX_SHOWN_CHARS, escape_line, is_pastable, truncate};

/// Names in a list of those that exist.
const MAX_LISTED: usize = 10;

/// The known name that was probably meant: at most a third of its letters differ, ignoring case.
///
/// Names of more than [`MAX_SHOWN_CHARS`] characters are never compared, because a comparison takes memory in proportion to
/// the product of the lengths, and those who write secrets control the length of keys. Names that a shell would interpret
/// are not suggested, because a suggestion is pasted.
pub fn suggest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let is_short = |text: &str| text.chars().nth(MAX_SHOWN_CHARS).is_none();
    known
        .filter(|known| is_short(typed) && is_short(known) && is_pastable(known))
        .map(|known| (strsim::damerau_levenshtein(&typed.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance * 3 <= known.len().max(3) && *distance < known.len())
        .min()
        .map(|(_, known)| known.to_owned())
}

/// The hint for unknown names: the ones that were probably meant, or else up to ten of the `known` ones, which are `what`.
pub fn hint_for_unknown<'a>(
    typed: impl IntoIterator<Item = &'a str>,
    what: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let list = |names: Vec<String>| names.join(", ");
    let quoted = |name: &str| format!("`{}`", escape_line(truncate(name)));
    let similar: Vec<_> =
        typed.into_iter().filter_map(|typed| suggest(typed, known.clone())).map(|name| quoted(&name)).collect();
    if !similar.is_empty() {
        return format!("did you mean {}?", list(similar));
    }
    let mut names: Vec<_> = known.map(quoted).collect();
    names.sort_unstable();
    names.dedup();
    let more = names.len().saturating_sub(MAX_LISTED);
    names.truncate(MAX_LISTED);
    match (names.len(), more) {
        (0, _) => format!("there are no {what}"),
        (_, 0) => format!("the {what} are {}", list(names)),
        _ => format!("the {what} are {} and {more} more", list(names)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_suggested() {
        assert_eq!(suggest("PASWORD", ["user", "password"].into_iter()), Some("password".into()));
        assert_eq!(suggest("zzz", ["user", "password", "a"].into_iter()), None);
        assert_eq!(suggest("z", ["a"].into_iter()), None, "no letter is the same");
    }

    #[test]
    fn the_known_names_are_listed_if_none_is_similar() {
        let hint =
            |typed: &[&str], known: &[&str]| hint_for_unknown(typed.iter().copied(), "keys", known.iter().copied());
        assert_eq!(hint(&["usr", "zzz"], &["user", "a"]), "did you mean `user`?");
        assert_eq!(hint(&["zzz"], &["user", "a\n", "user"]), "the keys are `a\\n`, `user`");
        assert_eq!(hint(&["zzz"], &[]), "there are no keys");
        let many: Vec<String> = (10..30).map(|number| format!("k{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let first = "`k10`, `k11`, `k12`, `k13`, `k14`, `k15`, `k16`, `k17`, `k18`, `k19`";
        assert_eq!(hint(&["zzz"], &many), format!("the keys are {first} and 10 more"));
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
