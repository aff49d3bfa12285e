//! TOML text: quoted, and comments that stay comments.

/// Characters of a remark; more is a page of a manual.
const REMARK_CHARS_MAX: usize = 160;

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key, in quotes where it needs them.
pub(super) fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if bare { text.to_owned() } else { quoted(text) }
}

/// A text on one line, of a bounded length: what a vendor wrote never ends a comment.
pub(super) fn plain(text: &str) -> String {
    let mut line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(REMARK_CHARS_MAX).collect();
    line.truncate(line.trim_end().len());
    line
}

/// A name as settings have it: a-z, 0-9 and -.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::new();
    let mut small = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() {
            // customerId → customer-id
            if c.is_ascii_uppercase() && small {
                slug.push('-');
            }
            small = c.is_ascii_lowercase();
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
            small = false;
        }
    }
    let slug = slug.trim_matches('-');
    if slug.is_empty() { "value".to_owned() } else { slug.chars().take(60).collect() }
}

/// Letters and digits alone, small: `Updated_At` and `updatedAt` are one.
pub(super) fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

/// A step of a JSON pointer.
pub(super) fn step(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

/// A question that the document does not answer.
pub(super) fn todo(what: &str, candidates: &[String]) -> String {
    let candidates: Vec<String> = candidates.iter().take(12).map(|candidate| plain(candidate)).collect();
    match candidates.as_slice() {
        [] => format!("# TODO {}\n", plain(what)),
        _ => format!("# TODO {} Candidates: {}\n", plain(what), candidates.join(", ")),
    }
}
