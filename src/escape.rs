//! `[pure]` Text that others may have chosen, such as the names of keys, as it can be shown.

use std::fmt::Write;

/// Makes characters visible that could move the cursor, start a line that looks like ours, or reverse what is read.
#[must_use]
pub fn printable(text: &str, lines: bool) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if misleads(character) && !(lines && character == '\n') {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// The same for JSON, which has line ends between its strings alone and an escape of its own.
#[must_use]
pub fn printable_json(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if misleads(character) && character != '\n' {
            // Writing to a string cannot fail.
            let _ = write!(printable, "\\u{:04x}", u32::from(character));
        } else {
            printable.push(character);
        }
    }
    printable
}

fn misleads(character: char) -> bool {
    let reverses = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    reverses || character.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_terminal_obeys_is_printed() {
        assert_eq!(printable("a\x1b[31m\r\nb\u{202e}é", false), "a\\u{1b}[31m\\r\\nb\\u{202e}é");
        assert_eq!(printable("path {\n}", true), "path {\n}");
        assert_eq!(printable_json("\"\u{7f}\u{202e}é\"\n"), "\"\\u007f\\u202eé\"\n");
    }
}
