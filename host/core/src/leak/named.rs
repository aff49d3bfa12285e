//! Values beside a word that says that they are secret: `client_secret = "…"`, `"apiKey": "…"`, `<SessionToken>…</SessionToken>`.

use std::sync::LazyLock;

use regex::Regex;

use super::{is_name, is_placeholder, is_random, path};

/// What a machine or a person made, beside a secret's name.
pub(super) const BESIDE: &str = "value beside a secret's name";
/// What a person made up.
pub(super) const PASSWORD: &str = "password";

/// Characters of a name of a file or folder that somebody may have pasted a secret as: names made at random are shorter.
const PIECE_CHARS_MIN: usize = 32;
/// Letters of a password that is a word and nothing else: shorter ones are labels and names of types.
const WORD_CHARS_MIN: usize = 20;
/// Characters of what is no password any more.
const PASSWORD_CHARS_MAX: usize = 200;

/// `client_secret = "…"`, `"apiKey": "…"`, `--token …`, `<SessionToken>…`.
static NAMES: LazyLock<Regex> = LazyLock::new(|| {
    let words = r"passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?";
    let value = r"([A-Za-z0-9+/=_.~!@#%^&*-]{8,})";
    let pattern = format!(
        r#"(?i)\b[a-z0-9_.-]*(?:{words})[a-z0-9_-]*(?:['"]?\s*(?:[:=]|=>|:=|\s)\s*['"]?{value}|(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?{value})"#
    );
    Regex::new(&pattern).expect("the names are a pattern")
});

/// `password = "…"`, `DB_PASSWORD=…`, `"pwd": "…"`, `--password …`, `<Password>…`; the name, then the value in quotes, or without.
static PASSWORDS: LazyLock<Regex> = LazyLock::new(|| {
    let name = r"([a-z0-9_.-]*(?:passw(?:or)?d|passphrase|passwort|pwd|secret)[a-z0-9_-]*)";
    let quoted = r#"(?:"([^"\s]{8,})"|'([^'\s]{8,})')"#;
    let bare = r#"([^\s"'<>(){}\[\],;|`]{8,})(?:$|[\s"',;<|`])"#;
    let pattern = format!(
        r#"(?i)(?:^|[^a-z0-9_.-]){name}(?:["']?\s*(?:=>|:=|[:=])\s*(?:{quoted}|{bare})|(?:\s[^<>]*)?>\s*(?:<!\[CDATA\[)?{bare})"#
    );
    Regex::new(&pattern).expect("the names are a pattern")
});

/// Where in a line a value stands that its name calls a secret, and what it looks like.
pub(super) fn find(line: &str) -> Option<(usize, &'static str)> {
    let secret = |value: &str| match path(value) {
        Some(mut names) => names.any(|name| name.len() >= PIECE_CHARS_MIN && is_random(name)),
        None => is_random(value),
    };
    let random = NAMES.captures_iter(line).filter_map(|found| found.iter().skip(1).flatten().next());
    let random = random.filter(|value| secret(value.as_str())).map(|value| (value.start(), BESIDE));
    let passwords = PASSWORDS.captures_iter(line).filter_map(|found| {
        let name = found.get(1)?.as_str();
        let quoted = found.get(2).or_else(|| found.get(3));
        let value = quoted.or_else(|| found.get(4)).or_else(|| found.get(5))?;
        is_password(name, value.as_str(), quoted.is_some()).then_some((value.start(), PASSWORD))
    });
    random.chain(passwords).min_by_key(|(at, _)| *at)
}

/// Whether a person made this up to be kept to themselves. In a file of this hub `secret` has a name beside it.
pub(super) fn is_password(name: &str, value: &str, quoted: bool) -> bool {
    let has = |test: fn(char) -> bool| value.chars().any(test);
    let (digit, letter) = (has(|c| c.is_ascii_digit()), has(char::is_alphabetic));
    let sign = has(|c| matches!(c, '!' | '@' | '#' | '^' | '&' | '*' | '?' | '+' | '~' | '€' | '§'));
    let (upper, lower) = (has(char::is_uppercase), has(char::is_lowercase));
    let shape = if name.eq_ignore_ascii_case("secret") {
        letter && digit && ((upper && lower) || sign)
    } else if quoted {
        (letter && (digit || sign)) || (letter && value.chars().all(char::is_alphabetic) && value.len() >= WORD_CHARS_MIN)
    } else {
        letter && digit
    };
    shape
        && value.len() <= PASSWORD_CHARS_MAX
        && !is_placeholder(value)
        && !is_reference(value)
        && path(value).is_none()
        && !is_name(value)
}

/// What says where a password is, and what in a program stands for one.
fn is_reference(value: &str) -> bool {
    let starts = [
        "$", "%", "@", "/", "&", "#", "secret:", "vault:", "env:", "file:", "cookie:", "http:", "https:", "sha256", "argon2",
        "self.",
    ];
    let within = ["://", "::", "->", "()", "=>", "==", "&&", "||", "\\", "(", ")", "{", "}", "[", "]", "<", ">", "…", "|", "?;"];
    let lower = value.to_ascii_lowercase();
    starts.iter().any(|start| lower.starts_with(start)) || within.iter().any(|part| value.contains(part))
}
