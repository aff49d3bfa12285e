//! Over which text a request is signed with a key. Decides; computes no digest and knows no key.

use serde::{Deserialize, Serialize};

/// Digest under a signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum HmacAlgorithm {
    #[default]
    Sha256,
    Sha512,
}

/// A part of the text that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it stands in the template.
    Literal(String),
    /// Time of sending, as its header has it.
    Time,
    /// `POST`.
    Method,
    /// `api.example.com:8443`, as the header `Host` has it.
    Host,
    /// Path with the query, as it is sent.
    Target,
    /// Path alone.
    Path,
    /// Query alone, without its `?`.
    Query,
    /// The body's bytes.
    Body,
    /// The key's public name.
    Id,
}

/// Words of a template and what they stand for.
const WORDS: [(&str, Part); 8] = [
    ("{time}", Part::Time),
    ("{method}", Part::Method),
    ("{host}", Part::Host),
    ("{target}", Part::Target),
    ("{path}", Part::Path),
    ("{query}", Part::Query),
    ("{body}", Part::Body),
    ("{id}", Part::Id),
];

/// The parts of a template such as `{time}\n{method}\n{target}\n{body}`, in one pass: nothing that is put in is a template.
///
/// # Errors
/// A word that stands for nothing, in words for people.
pub fn template(text: &str) -> Result<Vec<Part>, String> {
    let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while !rest.is_empty() {
        if let Some((word, part)) = WORDS.iter().find(|(word, _)| rest.starts_with(word)) {
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(part.clone());
            rest = &rest[word.len()..];
            continue;
        }
        if rest.starts_with(['{', '}']) {
            let words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
            let shown: String = rest.chars().take(20).collect();
            return Err(format!("`{shown}` stands for nothing; there are {}", words.join(" ")));
        }
        let mut chars = rest.chars();
        literal.extend(chars.next());
        rest = chars.as_str();
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// What is wrong with what a manifest signs, in words.
///
/// # Errors
/// A text that does not cover what it must: the body can then be exchanged, or the request be made another one.
pub fn check(over: &str, time: bool, id: bool) -> Result<(), String> {
    let parts = template(over)?;
    let has = |part: Part| parts.contains(&part);
    if !has(Part::Body) {
        return Err("`over` must cover {body}".to_owned());
    }
    if !has(Part::Method) || !(has(Part::Target) || has(Part::Path)) {
        return Err("`over` must cover {method}, and {target} or {path}: or the signature is good for other calls".to_owned());
    }
    if has(Part::Time) && !time {
        return Err("`over` covers {time}, and `time` names no header of it".to_owned());
    }
    if time && !has(Part::Time) {
        return Err("`time` is sent, and `over` does not cover {time}".to_owned());
    }
    if has(Part::Id) && !id {
        return Err("`over` covers {id}, and `id-header` names no header of it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_read_in_one_pass() {
        let literal = |text: &str| Part::Literal(text.to_owned());
        assert_eq!(
            template("{time}\n{method} {target}\n{body}").unwrap(),
            [Part::Time, literal("\n"), Part::Method, literal(" "), Part::Target, literal("\n"), Part::Body]
        );
        assert_eq!(template("").unwrap(), []);
        assert_eq!(template("é{id}é").unwrap(), [literal("é"), Part::Id, literal("é")]);
        for broken in ["{secret}", "{Body}", "{body", "}"] {
            assert!(template(broken).is_err(), "{broken}");
        }
    }

    #[track_caller]
    fn refused(over: &str, time: bool, id: bool) -> bool {
        check(over, time, id).is_err()
    }

    #[test]
    fn a_signature_covers_what_it_must() {
        assert!(!refused("{method}{path}{body}", false, false));
        assert!(!refused("{time}{method}{target}{id}{body}", true, true));
        assert!(refused("{method}{path}", false, false), "no body");
        assert!(refused("{path}{body}", false, false), "no method");
        assert!(refused("{method}{query}{body}", false, false), "no path");
        assert!(refused("{time}{method}{path}{body}", false, false), "no header for the time");
        assert!(refused("{method}{path}{body}", true, false), "a time that is not covered");
        assert!(refused("{method}{path}{body}{id}", false, false), "no header for the id");
    }
}
