//! Names of persons, for systems that keep them in one field.

use serde_json::{Value, json};

/// Words that begin a last name, though they look like a first one.
const PARTICLES: [&str; 24] = [
    "af", "av", "da", "de", "dei", "del", "della", "den", "der", "di", "dos", "du", "el", "la", "le", "ten", "ter", "van", "vom",
    "von", "y", "zu", "zum", "zur",
];

/// A person's name in two, each a text or null: the last word, with small words before it (`van der Berg`), is the last name.
/// What begins with a particle has no first name. [`join`] makes the same name of them again, but for double spaces.
pub fn split(name: &str) -> (Value, Value) {
    let words: Vec<&str> = name.split_whitespace().collect();
    let mut at = words.len().saturating_sub(1);
    while at > 1 && words[at - 1].chars().all(char::is_lowercase) {
        at -= 1;
    }
    if at == 1 && PARTICLES.contains(&words[0]) {
        at = 0;
    }
    let part = |words: &[&str]| {
        if words.is_empty() { Value::Null } else { json!(words.join(" ")) }
    };
    (part(&words[..at]), part(&words[at..]))
}

/// A person's name from its two parts; null where both are empty.
pub fn join(first: &Value, last: &Value) -> Value {
    let words: Vec<&str> =
        [first, last].into_iter().filter_map(Value::as_str).map(str::trim).filter(|part| !part.is_empty()).collect();
    if words.is_empty() { Value::Null } else { json!(words.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_and_put_together() {
        for (name, first, last) in [
            ("Ada Lovelace", json!("Ada"), json!("Lovelace")),
            ("Mary Jane Watson", json!("Mary Jane"), json!("Watson")),
            ("Jan van der Berg", json!("Jan"), json!("van der Berg")),
            ("van der Berg", Value::Null, json!("van der Berg")),
            ("de boar", Value::Null, json!("de boar")),
            ("mary boar", json!("mary"), json!("boar")),
            ("Cher", Value::Null, json!("Cher")),
            ("von Trapp", Value::Null, json!("von Trapp")),
            ("", Value::Null, Value::Null),
        ] {
            assert_eq!(split(name), (first.clone(), last.clone()));
            assert_eq!(join(&first, &last).as_str().unwrap_or_default(), name);
        }
    }
}
