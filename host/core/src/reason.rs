//! Whether a reason says anything.

/// Whether nothing stands in a text: no character but blanks, control characters and those that are not seen.
pub fn is_blank(text: &str) -> bool {
    let unseen = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().all(|c| c.is_whitespace() || c.is_control() || unseen(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing() {
        for (text, expected) in [
            ("", true),
            (" ", true),
            ("\t\n\r", true),
            ("\u{a0}\u{3000}", true),
            ("\u{200b}", true),
            ("\u{feff}\u{2060} ", true),
            ("\u{7f}\u{0}", true),
            (".", false),
            (" x ", false),
            ("もう一度", false),
            ("👍", false),
        ] {
            assert_eq!(is_blank(text), expected, "{text:?}");
        }
    }
}
