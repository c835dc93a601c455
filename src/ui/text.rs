//! Words and numbers for people.

use std::borrow::Cow;
use std::time::Duration;

/// A text that others wrote, made harmless for a terminal: control characters and the marks that turn the direction
/// of writing are shown as escapes. Further lines are indented, so that they cannot pass for lines of ours.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for char in text.trim_end().chars() {
        match char {
            '\n' => clean.push_str("\n    "),
            '\t' => clean.push_str("    "),
            '\r' => {}
            char if is_harmful(char) => clean.extend(char.escape_unicode()),
            char => clean.push(char),
        }
    }
    Cow::Owned(clean)
}

fn is_harmful(char: char) -> bool {
    // C0, DEL and C1; then line and paragraph separators and the marks of the Unicode bidirectional algorithm.
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `0.2 s`, `12 s`, `2 min 5 s`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// `812 B`, `1.2 kB`, `34.0 MB`.
pub fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1000.0;
    let mut unit = 0;
    // What would be printed as 1000.0 is 1.0 of the next unit.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_move_the_cursor_is_shown_instead() {
        let table = [
            ("plain", "plain"),
            ("breit: 幅広い 🚀", "breit: 幅広い 🚀"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("a\u{7f}b\u{9b}31m", "a\\u{7f}b\\u{9b}31m"),
            ("abc\u{202e}fed", "abc\\u{202e}fed"),
            ("a\u{2067}b", "a\\u{2067}b"),
            ("one\r\ntwo\n", "one\n    two"),
            ("\tat main", "    at main"),
        ];
        for (text, expected) in table {
            assert_eq!(harmless(text), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in "\\PC*|[\u{0}-\u{9f}\u{200e}-\u{202e}\u{2066}-\u{2069}a-z]*") {
            prop_assert!(!harmless(&text).replace('\n', "").chars().any(is_harmful));
        }
    }

    #[test]
    fn numbers_fit_people() {
        for (millis, expected) in
            [(0, "0.0 s"), (240, "0.2 s"), (9_940, "9.9 s"), (12_400, "12 s"), (125_000, "2 min 5 s")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        let table = [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (34_000_000, "34.0 MB")];
        for (count, expected) in table {
            assert_eq!(bytes(count), expected);
        }
    }
}
