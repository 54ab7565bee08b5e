//! `[pure]` Escapes text from outside, such as names of keys, for messages. It must not move the cursor, start a line that
//! looks like a message of vault-exec, or reverse the reading direction.

use std::fmt::{Display, Write};

/// Escapes text that is part of one line.
#[must_use]
pub fn escape_line(text: impl Display) -> String {
    escape(&text.to_string(), is_unsafe_to_print, char::escape_default)
}

/// Escapes text of several lines.
#[must_use]
pub fn escape_text(text: &str) -> String {
    escape(text, |character| character != '\n' && is_unsafe_to_print(character), char::escape_default)
}

/// Escapes a JSON document as JSON does. It contains line ends only between its strings.
#[must_use]
pub fn escape_json(json: &str) -> String {
    let escaped = |character: char| format!("\\u{:04x}", u32::from(character));
    escape(json, |character| character != '\n' && is_unsafe_to_print(character), escaped)
}

fn escape<E: Display>(text: &str, is_unsafe: impl Fn(char) -> bool, escaped: impl Fn(char) -> E) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "{}", escaped(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Control characters and those that change the direction of text, see <https://www.unicode.org/reports/tr9/>.
fn is_unsafe_to_print(character: char) -> bool {
    let is_bidi = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    is_bidi || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_terminal_control_character_is_printed() {
        assert_eq!(escape_line("a\x1b[31m\r\nb\u{202e}é"), "a\\u{1b}[31m\\r\\nb\\u{202e}é");
        assert_eq!(escape_text("path {\n}"), "path {\n}");
        assert_eq!(escape_json("\"\u{7f}\u{202e}é\"\n"), "\"\\u007f\\u202eé\"\n");
    }
}
