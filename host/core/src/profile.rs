//! What does not fit, by rule: counted, with a few examples. Values of people are shown by their shape only.

use std::collections::BTreeMap;

use crate::value::Value;

/// Examples that are kept of a rule.
pub const EXAMPLES_MAX: usize = 5;
/// Characters of an example.
const EXAMPLE_CHARS_MAX: usize = 80;

/// One thing that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The system's own id.
    pub remote_id: String,
    /// What is there, or its shape; none where nothing is.
    pub value: Option<String>,
}

/// One rule that things break.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// How many things.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
    /// What was said of the first; none where that may hold a person's value.
    pub message: Option<String>,
}

/// Which rule: where it is broken (a destination's flow; none on the way in), class and field.
pub type Rule = (Option<String>, String, String);

/// All rules that were broken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Things read.
    pub read: u64,
    /// Of these: left out by the flow's filter, or gone.
    pub left_out: u64,
    /// Of these: do not come in.
    pub misfit: u64,
    /// Of those that come in: would be refused by a destination.
    pub refused: u64,
    /// By rule.
    pub rules: BTreeMap<Rule, Broken>,
    /// The same of its children, by their stream. One whose parent does not come in is left out.
    pub children: BTreeMap<String, Profile>,
}

impl Profile {
    /// Counts one thing that breaks a rule.
    pub fn note(&mut self, rule: Rule, remote_id: &str, value: Option<&Value>, personal: bool, message: &str) {
        let broken = self.rules.entry(rule).or_default();
        broken.count += 1;
        if broken.count == 1 && !personal {
            broken.message = Some(message.to_owned());
        }
        if broken.examples.len() < EXAMPLES_MAX {
            let shown = value.map(Value::display).map(|text| if personal { shape(&text) } else { text });
            let value = shown.map(|text| match text.char_indices().nth(EXAMPLE_CHARS_MAX) {
                Some((at, _)) => format!("{}…", &text[..at]),
                None => text,
            });
            broken.examples.push(Example { remote_id: remote_id.to_owned(), value });
        }
    }

    /// Rules, the one that most things break first.
    pub fn by_count(&self) -> Vec<(&Rule, &Broken)> {
        let mut all: Vec<_> = self.rules.iter().collect();
        all.sort_by(|left, right| right.1.count.cmp(&left.1.count).then(left.0.cmp(right.0)));
        all
    }
}

/// The field that a path means, whichever element of a list it is in: `mails[3].address` is `mails[].address`.
pub fn field(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '[' => inside = true,
            ']' => inside = false,
            letter if inside && letter.is_ascii_digit() => continue,
            _ => {}
        }
        out.push(letter);
    }
    out
}

/// What a text looks like without what it says: letters are `a` and `A`, digits `9`, all else stays, since it is what is wrong with
/// most values that do not fit.
pub fn shape(text: &str) -> String {
    let letter = |letter: char| match letter {
        letter if letter.is_numeric() => '9',
        letter if letter.is_uppercase() => 'A',
        letter if letter.is_alphabetic() => 'a',
        other => other,
    };
    text.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_says_what_is_wrong_and_nothing_else() {
        for (text, expected) in [("31.02.1980", "99.99.9999"), ("Ada@@x.test", "Aaa@@a.aaaa"), ("Ünal٣", "Aaaa9"), ("", "")] {
            assert_eq!(shape(text), expected);
        }
    }

    #[test]
    fn elements_of_a_list_break_one_rule() {
        for (path, expected) in
            [("mails[3].address", "mails[].address"), ("x", "x"), ("a[12].b[0]", "a[].b[]"), ("a[x1]", "a[x]")]
        {
            assert_eq!(field(path), expected);
        }
    }

    #[test]
    fn a_person_is_not_told_apart() {
        let mut profile = Profile::default();
        let rule = || (None, "type".to_owned(), "born".to_owned());
        for number in 0..9 {
            profile.note(rule(), &number.to_string(), Some(&Value::text("31.02.1980")), true, "`31.02.1980` is no date");
        }
        let broken = &profile.rules[&rule()];
        assert_eq!((broken.count, broken.examples.len()), (9, EXAMPLES_MAX));
        assert!(!format!("{broken:?}").contains("1980"), "{broken:?}");
    }
}
