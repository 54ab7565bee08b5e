//! `[pure]` Escapes text from outside, such as names of keys, for messages. It must not move the cursor, start a line that
//! looks like a message of vault-exec, or reverse the reading direction.

use std::borrow::Cow;
use std::fmt::{Display, Write};

/// Characters of a name or another text that a server or a file chose the length of.
pub const MAX_SHOWN_CHARS: usize = 100;

/// Characters of a message before it is escaped.
const MAX_MESSAGE_CHARS: usize = 8 * 1024;

/// Escapes text that is part of one line, and [shortens](shorten) it.
pub fn escape_line(text: impl Display) -> String {
    escape(&shorten(&text.to_string()), is_unsafe_to_print, push_default)
}

/// Escapes text that is part of one line, whatever its length, for a user who decides by what it says: no two texts look
/// alike.
pub fn escape_whole_line(text: &str) -> String {
    escape(text, |character| character == '\\' || is_unsafe_to_print(character), push_default)
}

/// Escapes text of several lines, and [shortens](shorten) it.
pub fn escape_text(text: &str) -> String {
    escape(&shorten(text), is_unsafe_between_lines, push_default)
}

/// Escapes a JSON document as JSON does, in UTF-16. It contains line ends only between its strings.
pub fn escape_json(json: &str) -> String {
    escape(json, is_unsafe_between_lines, |character, safe| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{unit:04x}");
        }
    })
}

/// Cuts the end off a name that is longer than [`MAX_SHOWN_CHARS`].
pub fn truncate(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

/// Cuts the middle out of a long message. Its end, the reason, is kept.
pub fn shorten(text: &str) -> Cow<'_, str> {
    const HALF: usize = MAX_MESSAGE_CHARS / 2;
    match (text.char_indices().nth(HALF), text.char_indices().nth_back(HALF - 1)) {
        (Some((start, _)), Some((end, _))) if start < end => format!("{}…{}", &text[..start], &text[end..]).into(),
        _ => text.into(),
    }
}

/// Whether text may be part of a command or a policy in a hint: no shell, and no policy in HCL, interprets any of its
/// characters, and no program takes it for an option.
pub fn is_pastable(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
}

fn is_unsafe_between_lines(character: char) -> bool {
    character != '\n' && is_unsafe_to_print(character)
}

fn push_default(character: char, safe: &mut String) {
    safe.extend(character.escape_default());
}

fn escape(text: &str, must_escape: impl Fn(char) -> bool, push_escaped: impl Fn(char, &mut String)) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if must_escape(character) {
            push_escaped(character, &mut safe);
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Control and format characters, such as those that change the direction of text, separators other than the space, and
/// characters that are private or not assigned: those that the standard library does not print in a string. Also those
/// that look like nothing.
fn is_unsafe_to_print(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    if is_blank(character) {
        return true;
    }
    // Behind a letter, because it also escapes an accent that has none to stand on.
    let mut text = *b"a\0\0\0\0";
    let length = 1 + character.encode_utf8(&mut text[1..]).len();
    str::from_utf8(&text[..length]).is_ok_and(|text| text.escape_debug().count() > 2)
}

/// The code points of `Default_Ignorable_Code_Point` in <https://www.unicode.org/Public/UCD/latest/ucd/> that are not
/// format characters, and the Braille, Khitan and musical symbols without ink.
const fn is_blank(character: char) -> bool {
    matches!(
        character,
        '\u{34f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{ffa0}'
            | '\u{16fe4}'
            | '\u{1d159}'
            | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_format_characters_are_escaped_and_letters_are_not() {
        for range in [
            0..=0x1f,
            0x7f..=0x9f,
            0xad..=0xad,
            0x600..=0x605,
            0x61c..=0x61c,
            0xa0..=0xa0,
            0x1680..=0x1680,
            0x2000..=0x200f,
            0x2028..=0x202f,
            0x205f..=0x206f,
            0x3000..=0x3000,
            0xfff0..=0xfffb,
            0xe000..=0xf8ff,
            // Default_Ignorable_Code_Point, as of Unicode 17.
            0x34f..=0x34f,
            0x115f..=0x1160,
            0x17b4..=0x17b5,
            0x180b..=0x180f,
            0x3164..=0x3164,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0x1bca0..=0x1bca3,
            0x1d173..=0x1d17a,
            0xe0000..=0xe0fff,
            // Symbols without ink.
            0x2800..=0x2800,
            0x16fe4..=0x16fe4,
            0x1d159..=0x1d159,
        ] {
            for character in range.filter_map(char::from_u32) {
                assert!(is_unsafe_to_print(character), "{character:?}");
                let json = serde_json::to_string(&character).unwrap();
                let escaped = escape_json(&json);
                assert!(
                    escaped.is_ascii() && serde_json::from_str::<char>(&escaped).unwrap() == character,
                    "{escaped}"
                );
            }
        }
        let letters = "azAZ09 ~é\u{301}日本ไทยहिन्दी한국어ខ្មែរ⠿😀…`'\"\\";
        assert_eq!(escape_line(letters), letters);
    }

    #[test]
    fn names_and_messages_are_bounded() {
        assert_eq!(truncate(&"é".repeat(100)), "é".repeat(100));
        assert_eq!(truncate(&"é".repeat(101)), "é".repeat(100) + "…");
        assert_eq!(shorten(&"é".repeat(8192)), "é".repeat(8192));
        let long = format!("read {}: no such secret", "é".repeat(450_000));
        for shortened in [escape_line(&long), escape_text(&long)] {
            assert!(shortened.starts_with("read é") && shortened.ends_with("é: no such secret"), "{shortened}");
            assert_eq!(shortened.chars().count(), MAX_MESSAGE_CHARS + 1);
        }
        assert_eq!(escape_whole_line(&format!("{long}\n")), format!("{long}\\n"));
    }

    #[test]
    fn only_plain_text_is_pasted() {
        for text in ["secret/my-app_1.2", "team/kv/a@b:c"] {
            assert!(is_pastable(text), "{text}");
        }
        let others =
            ["", "-a", "a b", "$(x)", "`x`", "a;b", "a\"b", "a'b", "a\\b", "${a}", "*", "a+", "a\n", "é", "~", "%"];
        for text in others {
            assert!(!is_pastable(text), "{text}");
        }
    }

    #[test]
    fn no_terminal_control_character_is_printed() {
        assert_eq!(escape_line("a\x1b[31m\r\nb\u{202e}é"), "a\\u{1b}[31m\\r\\nb\\u{202e}é");
        assert_eq!(escape_whole_line("a\nb\\nc"), "a\\nb\\\\nc");
        assert_eq!(escape_text("path {\n}"), "path {\n}");
        assert_eq!(escape_json("\"\u{7f}\u{202e}é\"\n"), "\"\\u007f\\u202eé\"\n");
    }
}
