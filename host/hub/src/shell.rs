//! Words of commands that people copy into a shell: whatever is in one, it is one word there.

use std::borrow::Cow;

/// A text as one word of a shell. What cannot be typed, a line end or another control character, is left out.
pub(crate) fn word(text: &str) -> Cow<'_, str> {
    let plain = |character: char| character.is_alphanumeric() || "-_.,:/@+=".contains(character);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let typed: String = text.chars().filter(|character| !character.is_control()).collect();
    Cow::Owned(format!("'{}'", typed.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shell itself says what it takes for one word.
    #[track_caller]
    fn check(text: &str, expected: &str) {
        let script = format!("printf '%s|' {}", word(text));
        let said = std::process::Command::new("sh").args(["-c", &script]).output().expect("a shell").stdout;
        assert_eq!(String::from_utf8_lossy(&said), format!("{expected}|"), "{script}");
    }

    /// Line 117 of the attack list.
    #[test]
    fn a_word_is_one_word() {
        assert_eq!(word("too-long"), "too-long");
        for text in [
            "length",
            "a b",
            "O'Brien",
            "$(id)",
            "`id`",
            "; id",
            "x' ; id '",
            "\"$HOME\"",
            "a\\b",
            "*",
            "",
            "~",
            "-x",
            "&& id",
            "|",
            "#",
        ] {
            check(text, text);
        }
        check("a\nid\0", "aid");
        check("\u{1b}[31mred", "[31mred");
    }
}
