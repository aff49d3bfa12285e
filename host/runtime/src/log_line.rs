//! Makes a guest's text safe to write as one log line: nothing in it can end the line, move a terminal's cursor,
//! or turn the reading direction.

/// Escapes control and direction characters, and cuts to `bytes_max` bytes with a mark.
pub(crate) fn clean(text: &str, bytes_max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(bytes_max));
    for character in text.chars() {
        let before = line.len();
        if is_unsafe(character) {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
        if line.len() > bytes_max {
            line.truncate(before);
            line.push('…');
            break;
        }
    }
    line
}

/// Control characters, line and paragraph separators, and what changes direction or hides.
pub(crate) fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_clean() {
        for (text, bytes_max, expected) in [
            ("plain, grüß dich", 40, "plain, grüß dich"),
            ("a\nb\r\0", 40, "a\\u{a}b\\u{d}\\u{0}"),
            ("\u{1b}[31mred", 40, "\\u{1b}[31mred"),
            ("abc\u{202e}fed", 40, "abc\\u{202e}fed"),
            ("x\u{2028}y", 40, "x\\u{2028}y"),
            ("0123456789abc", 10, "0123456789…"),
            ("012345678é", 11, "012345678é"),
            ("0123456789é", 11, "0123456789…"),
        ] {
            assert_eq!(clean(text, bytes_max), expected);
        }
    }
}
