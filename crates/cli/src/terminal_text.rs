//! Text of others on a terminal: sandboxes print what they like, and must not steer it.

/// The text on one line, without control sequences and characters.
pub(crate) fn plain(text: &str) -> String {
    console::strip_ansi_codes(text).chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// The same for a text that may have tabs and lines.
pub(crate) fn plain_lines(text: &str) -> String {
    let text = console::strip_ansi_codes(text.trim_end_matches(['\n', '\r'])).replace("\r\n", "\n");
    text.chars().map(|c| if steers(c) && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// Control characters, and those that turn the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON text in which characters that steer a terminal stand as `\uXXXX`. They are part of strings only, so the value
/// stays the same.
pub(crate) fn escaped_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        // Line ends of the layout; those in strings are escaped already.
        if c != '\n' && (steers(c) || marks(c)) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Characters that mark a direction or end a line. They are right in texts of some languages.
fn marks(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steers_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mred\u{1b}[0m"), "ared");
        assert_eq!(plain("\u{1b}]0;title\u{7}a\rb\nc"), "a\u{fffd}b\u{fffd}c");
        assert!(!plain("\u{1b}[").contains('\u{1b}') && !plain("\u{9b}31m").contains('\u{9b}'));
        assert_eq!(plain("evil\u{202e}txt"), "evil\u{fffd}txt");
    }

    #[test]
    fn json_keeps_its_value_without_characters_that_steer() {
        let value = serde_json::json!({ "a\u{7f}b": ["\u{1b}[31m\u{9b}2J", "x\u{202e}\u{2066}\u{200f}\u{2028}y", "größer\n👍"] });
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            let escaped = escaped_json(&text);
            assert!(!escaped.chars().any(|c| c != '\n' && (steers(c) || marks(c))), "{escaped}");
            assert!(escaped.contains("\\u202e") && escaped.contains("größer"), "{escaped}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), value);
        }
    }

    #[test]
    fn words_of_all_languages_stay() {
        assert_eq!(plain("größer 你好 👍"), "größer 你好 👍");
        assert_eq!(plain_lines("one\r\n\ttwo\n"), "one\n\ttwo");
    }
}
