//! Refuses secrets that were pasted into configuration: it is under version control. Never repeats what it found.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::File;
use crate::leak::{self, path};

/// Of every finding here.
pub(super) const CODE: &str = "secret-in-configuration";

/// Characters in a row that nobody would call a secret.
const NAME_CHARS_MIN: usize = 12;

/// Beginnings of secrets that vendors mark as such.
const PREFIXES: &[&str] = &[
    "sk-",
    "sk_live_",
    "sk_test_",
    "rk_live_",
    "pk_live_",
    "pat-na1-",
    "pat-eu1-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "SG.",
    "shpat_",
    "dop_v1_",
    "npm_",
    "Bearer ",
    "Basic ",
    "-----BEGIN",
];

/// Keys whose values are secrets, wherever they stand.
const KEYS: &[&str] =
    &["password", "passwd", "pwd", "token", "api-key", "apikey", "access-token", "client-secret", "private-key", "refresh-token"];

/// Whether a text is a secret, as far as one can tell by looking.
pub(super) fn looks_like_secret(text: &str) -> bool {
    let text = text.trim();
    if PREFIXES.iter().any(|prefix| text.len() > prefix.len() + 8 && text.starts_with(prefix)) {
        return true;
    }
    // A signed token: three parts, the first an encoded JSON object.
    if text.starts_with("eyJ") && text.matches('.').count() == 2 {
        return true;
    }
    // A password in an address.
    if let Some((_, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        if authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            return true;
        }
    }
    match path(text) {
        // Where something lies may be named at random; each name is looked at for itself.
        Some(mut names) => names.any(is_random),
        None => is_random(text),
    }
}

fn is_random(text: &str) -> bool {
    let plain =
        text.len() >= 32 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_' | b'-'));
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
    let hexadecimal = text.bytes().all(|b| b.is_ascii_hexdigit()) && has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic);
    plain && (mixed || hexadecimal)
}

/// Whether the name of a secret looks like one: someone has pasted the value where its name goes. Names are words, a year, a number;
/// what scanners look for beside the word `secret` would be too much here.
fn is_pasted(name: &str) -> bool {
    let pieces: Vec<&str> = name.split(['-', '_', '.']).collect();
    let hex = |piece: &&str| piece.bytes().all(|byte| byte.is_ascii_hexdigit());
    let uuid = pieces.iter().map(|piece| piece.len()).eq([8, 4, 4, 4, 12]) && pieces.iter().all(hex);
    let made = |piece: &&str| {
        let word = piece.trim_end_matches(|c: char| c.is_ascii_digit());
        let numbers = word.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty()).count();
        let has = |test: fn(u8) -> bool| piece.bytes().any(test);
        // A product's name has one number: `office365crm`, `s3backupbucket`.
        let by_machine = numbers >= 2 || (hex(piece) && has(|b| b.is_ascii_digit()) && has(|b| b.is_ascii_alphabetic()));
        let of_words = piece.split(|c: char| c.is_ascii_digit()).filter(|run| !run.is_empty()).all(is_word);
        piece.len() >= NAME_CHARS_MIN && by_machine && !of_words
    };
    uuid || pieces.iter().any(made) || leak::made_up("secret", name) || leak::value("", name).is_some()
}

/// Letters that somebody may have typed for a word: `hubspot`, `Token`; not `cret`, `abcdef`, `tUvW`.
fn is_word(run: &str) -> bool {
    let has = |test: fn(char) -> bool| run.chars().any(test);
    run.len() >= 4
        && run.chars().skip(1).all(|c| !c.is_ascii_uppercase())
        && has(|c| "aeiouyAEIOUY".contains(c))
        && has(|c| !c.is_ascii_hexdigit())
}

/// Notes every secret in a file.
pub(super) fn scan(file: &File<'_>, table: &DeTable<'_>) {
    for (key, value) in table {
        value_of(file, key.get_ref(), value);
    }
}

fn value_of(file: &File<'_>, key: &str, value: &Spanned<DeValue<'_>>) {
    match value.get_ref() {
        DeValue::Table(table) => scan(file, table),
        DeValue::Array(list) => list.iter().for_each(|element| value_of(file, key, element)),
        DeValue::String(text) => {
            let named = KEYS.contains(&key.to_lowercase().replace('_', "-").as_str()) && !text.is_empty() && !text.contains('{');
            // A secret that came with its connection is called as that is.
            let pasted = || file.stem() != text && is_pasted(text);
            let found = || if key == "secret" { pasted() } else { leak::value(key, text).is_some() };
            // A log-in names its token by a pointer or a cookie: `token = "/token"`, `token = "cookie:session"`.
            let certain = (named && !text.starts_with('/') && !text.starts_with("cookie:")) || looks_like_secret(text);
            if certain || (found() && !file.line(value.span().start).contains(leak::ALLOWED)) {
                let way_out = if certain { String::new() } else { format!(". {}", leak::way_out()) };
                file.error(
                    value.span(),
                    CODE,
                    format!("`{key}` holds what looks like a secret; it would end up in version control"),
                    Some(format!(
                        "keep it with `nave secret set NAME`, and write secret = \"NAME\" here. If it was committed already, have it replaced{way_out}"
                    )),
                );
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_and_what_was_pasted_for_one_is_not() {
        for (name, pasted) in [
            ("crm", false),
            ("hubspot-dev", false),
            ("crm-2024q1-token", false),
            ("shopkey2024", false),
            ("Shop.Token_2", false),
            ("internationalization20241130", false),
            ("hubspot2024token1", false),
            ("k-1234567890abcdef", true),
            ("zX8q1LmN0pQ7rS2tUvW3xY", true),
            ("550e8400-e29b-41d4-a716-446655440000", true), // nave:no-secret
            ("office365crm", false),
            ("dynamics365crm", false),
            ("s3backupbucket", false),
            ("k8sproduction", false),
            ("b2bportaltoken", false),
            ("deadbeefcafe42", true),
            ("S3cretPass99", true),
            ("a1b2c3d4e5f6g7", true),
        ] {
            assert_eq!(is_pasted(name), pasted, "{name}");
        }
    }

    #[test]
    fn a_path_is_no_secret_and_base64_is_one() {
        let letters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0";
        let hex = "0123456789abcdef0123456789abcdef01234567";
        for (text, expected) in [
            ("/tmp/nave-tests-Ab3dE6gH9jK/project/exports".to_owned(), false),
            ("/tmp/tmpAbCdEf123456789/T/x1Y2z3W4/inbox".to_owned(), false),
            ("/home/Ann/Projects1/hub/Exports2024/drop".to_owned(), false),
            ("./Exports/Of2024/Q1/Sales/AbCd1234EfGh/drop".to_owned(), false),
            ("../Exports/Of2024/Q1/Sales/AbCd1234EfGh/x".to_owned(), false),
            ("~/Exports/Of2024/Q1/Sales/AbCd1234EfGh/xy".to_owned(), false),
            ("exports-of-the-old-system-in-2024".to_owned(), false),
            (letters.to_owned(), true),
            (hex.to_owned(), true),
            // Base64, with slashes wherever they fall.
            (format!("/{}/{}", &letters[..12], &letters[12..]), true),
            (format!("{}/{}==", &letters[..16], &letters[16..]), true),
            (format!("/tmp/{}+{}", &letters[..16], &letters[16..]), true),
            // Pasted where a file is named.
            (format!("/run/secrets/{letters}"), true),
            (format!("./{hex}"), true),
        ] {
            assert_eq!(looks_like_secret(&text), expected, "{text}");
        }
    }
}
