//! How a vendor spells a value again that was written.

/// A spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spelling {
    Upper,
    Lower,
    /// Without blanks at either end.
    Trim,
    /// `+49 301 234 567`
    Phone,
    /// With a number at the end that grows: never the same twice.
    Number,
}

impl Spelling {
    const ALL: [(&'static str, Self); 5] =
        [("upper", Self::Upper), ("lower", Self::Lower), ("trim", Self::Trim), ("phone", Self::Phone), ("number", Self::Number)];

    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(|(name, _)| name).join(", ");
        let found = Self::ALL.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, spelling)| spelling).ok_or_else(|| format!("how is one of {}, not `{name}`", names()))
    }

    /// `nth` is the number at the end.
    pub(crate) fn apply(self, text: &str, nth: u64) -> String {
        match self {
            Self::Upper => text.to_uppercase(),
            Self::Lower => text.to_lowercase(),
            Self::Trim => text.trim().to_owned(),
            Self::Phone => phone(text),
            Self::Number => {
                let stem = text.rsplit_once(" #").filter(|(_, end)| end.parse::<u64>().is_ok()).map_or(text, |(stem, _)| stem);
                format!("{stem} #{nth}")
            }
        }
    }
}

/// Digits in groups of three, the plus kept. What holds no digit stays as it is.
fn phone(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return text.to_owned();
    }
    let plus = if text.trim_start().starts_with('+') { "+" } else { "" };
    let first = if plus.is_empty() { 3 } else { 2 }.min(digits.len());
    let (head, tail) = digits.split_at(first);
    let groups = std::iter::once(head).chain(tail.chunks(3)).map(|group| group.iter().collect::<String>());
    format!("{plus}{}", groups.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for (name, given, want) in [
            ("upper", "Weiß", "WEISS"),
            ("lower", "ANN", "ann"),
            ("trim", " Ann ", "Ann"),
            ("phone", "+49 (30) 1234-567", "+49 301 234 567"),
            ("phone", "030/1234567", "030 123 456 7"),
            ("phone", "none", "none"),
            ("number", "Ann", "Ann #4"),
            ("number", "Ann #3", "Ann #4"),
        ] {
            assert_eq!(Spelling::from_name(name).unwrap().apply(given, 4), want, "{name} {given}");
        }
        assert!(Spelling::from_name("loud").unwrap_err().contains("upper, lower"));
    }
}
